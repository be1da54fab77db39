"""Runs a command on a terminal of its own and prints what it wrote there.

usage: on_terminal.py COMMAND...
"""
import os
import pty
import sys

child, terminal = pty.fork()
if child == 0:
    os.environ["TERM"] = "xterm"
    os.execvp(sys.argv[1], sys.argv[1:])
while True:
    try:
        octets = os.read(terminal, 4096)
    except OSError:  # the child has closed its side
        break
    if not octets:
        break
    sys.stdout.buffer.write(octets)
    sys.stdout.buffer.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
