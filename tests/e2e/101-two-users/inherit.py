#!/usr/bin/env python3
"""Has whatever is made in a directory be the caller's to write to, and nobody else's to see.

    inherit.py DIRECTORY     exit status 1 where the file system has no access control lists
"""
import os
import struct
import sys

WRITE, NOBODY = 7, 0
OWNER, USER, GROUP, MASK, OTHER = 1, 2, 4, 16, 32
entries = [(OWNER, WRITE, -1), (USER, WRITE, os.getuid()), (GROUP, WRITE, -1), (MASK, WRITE, -1), (OTHER, NOBODY, -1)]
octets = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, rights, who & 0xFFFFFFFF)
                                         for tag, rights, who in entries)
try:
    os.setxattr(sys.argv[1], "system.posix_acl_default", octets)
except OSError as error:
    sys.exit(str(error))
