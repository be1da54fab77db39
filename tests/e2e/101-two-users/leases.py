#!/usr/bin/env python3
"""Holds what can be held of one's own box: each file's lease and lock, the box's and the spool's lock.

    leases.py BOX MARK      creates MARK when all is held, and holds it until killed
"""
import fcntl
import os
import signal
import sys

box, mark = sys.argv[1:]
signal.signal(signal.SIGIO, signal.SIG_IGN)  # a lease that somebody wants broken
held = []
for folder in (box, os.path.dirname(box)):
    held.append(os.open(folder, os.O_RDONLY))
    try:
        fcntl.flock(held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass  # the engine has it
for name in os.listdir(box):
    path = os.path.join(box, name)
    if os.path.isfile(path) and os.stat(path).st_uid == os.getuid():
        held.append(os.open(path, os.O_RDWR))
        fcntl.flock(held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.fcntl(held[-1], fcntl.F_SETLEASE, fcntl.F_WRLCK)
open(mark, "w", encoding="utf-8").close()
signal.pause()
