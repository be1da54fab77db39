#!/usr/bin/env python3
"""Makes strange things of messages: all that a box's owner, or root, could put in a message's place.

    strange.py GOOD     GOOD: a message's file; prints "KIND NAME" for each thing that it puts beside it;
                        the engine has no right to open or move those whose KIND begins with "closed"
"""
import os
import socket
import stat
import sys

OUTSIDE = "/home/alice/outside"


def flipped(octets, at):
    return octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1:]


def files(good):
    """Those that are regular files of the owner's, by their content."""
    yield "empty", b""
    yield "short-preamble", good[:63]
    yield "no-envelope", good[:64]
    yield "cut", good[:-20]
    yield "other-version", good[:6] + b"2" + good[7:]
    yield "other-magic", b"#!/bin/sh\n" + good[10:]
    yield "flipped-size", flipped(good, 9)
    yield "flipped-envelope", flipped(good, 80)
    yield "flipped-header", flipped(good, good.index(b"Subject:"))
    yield "flipped-body", flipped(good, good.index(b"body of"))
    yield "zeros", bytes(len(good))
    yield "noise", os.urandom(5000)


def make_other(kind, path):
    """Those that aren't."""
    if kind.endswith("directory"):
        os.mkdir(path, 0o700 if kind.startswith("closed") else 0o770)
        os.close(os.open(path + "/inside", os.O_CREAT | os.O_WRONLY))
    elif kind == "closed":
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    elif kind == "fifo":
        os.mkfifo(path, 0o660)
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(path)
    elif kind == "device":
        os.mknod(path, 0o660 | stat.S_IFCHR, os.makedev(1, 5))
    elif kind == "link":
        os.symlink(OUTSIDE, path)
    elif kind == "dangling-link":
        os.symlink("/nowhere", path)
    elif kind == "link-to-itself":
        os.symlink(path, path)
    elif kind == "link-to-a-message":
        os.symlink(sys.argv[1], path)
    elif kind == "hard-link":
        with open(path, "wb") as file:
            file.write(open(sys.argv[1], "rb").read())
        os.link(path, os.path.dirname(path) + "/second-name")
    elif kind == "foreign":
        with open(path, "wb") as file:
            file.write(open(sys.argv[1], "rb").read())


def main():
    box, name = os.path.split(sys.argv[1])
    with open(sys.argv[1], "rb") as file:
        good = file.read()
    os.umask(0)
    contents = dict(files(good))
    others = ["directory", "fifo", "socket", "device", "link", "dangling-link", "link-to-itself",
              "link-to-a-message", "hard-link", "foreign", "closed",
              "closed-directory"]
    owner, group = os.stat(box).st_uid, os.stat(box).st_gid
    kinds = [*contents, *others]
    numbers = [number for number in range(10, 11 + len(kinds)) if str(number) != name[16:18]]  # GOOD's own stays
    for number, kind in zip(numbers, kinds):
        path = os.path.join(box, f"{name[:16]}{number}{name[18:]}")
        if kind in contents:
            with open(path, "wb") as file:
                file.write(contents[kind])
        else:
            make_other(kind, path)
        if kind != "foreign":
            os.chown(path, owner, group, follow_symlinks=False)
        print(kind, os.path.basename(path))


main()
