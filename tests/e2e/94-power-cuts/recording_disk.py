#!/usr/bin/python3
"""A disk that keeps a record: a file `disk` for a loop device, in a file system of its own (FUSE).

    recording_disk.py MOUNT_POINT SIZE RECORD

Each write and each flush that the loop device makes is appended to RECORD (record.py), in the order
in which they come and with the time; so is what is written to the file `mark`.
"""
import errno
import os
import stat
import sys

from fusepy import FUSE, FuseOSError, Operations

from record import entry


class RecordingDisk(Operations):
    def __init__(self, size, record):
        self.size = size
        self.record = open(record, "wb", buffering=0)
        self.store = os.memfd_create("disk")
        os.ftruncate(self.store, size)

    def note(self, kind, offset=0, octets=b""):
        self.record.write(entry(kind, offset, octets))

    def getattr(self, path, fh=None):
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path not in ("/disk", "/mark"):
            raise FuseOSError(errno.ENOENT)
        size = self.size if path == "/disk" else 0
        return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": size}

    def readdir(self, path, fh):
        return [".", "..", "disk", "mark"]

    def truncate(self, path, length, fh=None):
        if path == "/disk":
            raise FuseOSError(errno.EPERM)

    def read(self, path, size, offset, fh):
        return os.pread(self.store, size, offset) if path == "/disk" else b""

    def write(self, path, data, offset, fh):
        if path == "/mark":
            self.note(b"M", 0, data)
        else:
            os.pwrite(self.store, data, offset)
            self.note(b"W", offset, data)
        return len(data)

    def fsync(self, path, datasync, fh):
        if path == "/disk":
            self.note(b"F")


if __name__ == "__main__":
    FUSE(RecordingDisk(int(sys.argv[2]), sys.argv[3]), sys.argv[1], foreground=True, nothreads=True,
         big_writes=True)
