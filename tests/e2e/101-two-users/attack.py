#!/usr/bin/env python3
"""Tries, as an ordinary user who knows all names, what must not be possible with another's mail.

    attack.py SPOOL BOX MESSAGE ID      prints what was possible; nothing is well
"""
import ctypes
import errno
import fcntl
import os
import socket
import sys

SPOOL, BOX, MESSAGE, ID = sys.argv[1:]
OWN = f"{SPOOL}/{os.getuid()}"
LIBC = ctypes.CDLL(None, use_errno=True)


def lock(path, flags):
    fcntl.flock(os.open(path, flags), fcntl.LOCK_EX | fcntl.LOCK_NB)


def create(path):
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o660))


def watch(path):
    if LIBC.inotify_add_watch(LIBC.inotify_init(), path.encode(), 0xFFF) < 0:
        raise OSError(ctypes.get_errno(), "inotify_add_watch")


def file_handle(path):
    """By handle there is no way past the directory's mode."""
    handle = (ctypes.c_char * 136)()
    ctypes.cast(handle, ctypes.POINTER(ctypes.c_uint))[0] = 128
    mount = ctypes.c_int()
    if LIBC.name_to_handle_at(-100, path.encode(), handle, ctypes.byref(mount), 0) < 0:
        raise OSError(ctypes.get_errno(), "name_to_handle_at")


def connect(path):
    socket.socket(socket.AF_UNIX).connect(path)


name = os.path.basename(MESSAGE)
TRIES = {
    "list the box": lambda: os.listdir(BOX),
    "enter the box": lambda: os.chdir(BOX),
    "open the box by descriptor": lambda: os.open(BOX, os.O_RDONLY),
    "lock the box": lambda: lock(BOX, os.O_RDONLY),
    "look at the message": lambda: os.stat(MESSAGE),
    "read the message": lambda: os.open(MESSAGE, os.O_RDONLY),
    "write the message": lambda: os.open(MESSAGE, os.O_WRONLY),
    "truncate the message": lambda: os.truncate(MESSAGE, 0),
    "lock the message": lambda: lock(MESSAGE, os.O_RDONLY),
    "delete the message": lambda: os.unlink(MESSAGE),
    "rename the message": lambda: os.rename(MESSAGE, MESSAGE + "x"),
    "take the message": lambda: os.rename(MESSAGE, f"{OWN}/{name}"),
    "link the message into one's own box": lambda: os.link(MESSAGE, f"{OWN}/{name}"),
    "open the message's rights": lambda: os.chmod(MESSAGE, 0o777),
    "own the message": lambda: os.chown(MESSAGE, os.getuid(), -1),
    "touch the message": lambda: os.utime(MESSAGE),
    "watch the box": lambda: watch(BOX),
    "get a handle of the message": lambda: file_handle(MESSAGE),
    "forge a message": lambda: create(f"{BOX}/{ID}.zzzzzzz"),
    "move one's own message there": lambda: os.rename(f"{OWN}/mine", f"{BOX}/mine"),
    "link one's own message there": lambda: os.link(f"{OWN}/mine", f"{BOX}/mine"),
    "ask for its deletion": lambda: create(f"{BOX}/.ask-{ID}-delete"),
    "take the box's lock entry": lambda: create(f"{BOX}/.system"),
    "lock the lock entry": lambda: lock(f"{BOX}/.system", os.O_RDONLY),
    "make corrupt/ there": lambda: os.mkdir(f"{BOX}/corrupt"),
    "rename the box": lambda: os.rename(BOX, f"{SPOOL}/{os.getuid()}-stolen"),
    "remove the box": lambda: os.rmdir(BOX),
    "open the box's rights": lambda: os.chmod(BOX, 0o777),
    "rename the spool": lambda: os.rename(SPOOL, SPOOL + "-old"),
    "open the spool's rights": lambda: os.chmod(SPOOL, 0o777),
    "list what the engine has learned": lambda: [
        os.close(os.open(f"/var/lib/mxpost/{entry}", os.O_RDONLY)) for entry in os.listdir("/var/lib/mxpost")
    ] or create("/var/lib/mxpost/mine"),
    "trace the engine": lambda: open(f"/proc/{os.environ['ENGINE']}/environ", "rb").read(),
    "reach the engine's descriptors": lambda: os.listdir(f"/proc/{os.environ['ENGINE']}/fd"),
    "signal the engine": lambda: os.kill(int(os.environ["ENGINE"]), 15),
}


def main():
    with open(f"{OWN}/mine", "wb") as file:
        file.write(b"forged")
    for what, attempt in TRIES.items():
        try:
            attempt()
            print(what)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EXDEV):
                print(f"{what}: {error}")
    os.unlink(f"{OWN}/mine")


main()
