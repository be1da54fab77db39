"""The record that recording_disk.py keeps and judge.py reads."""
import struct
import time
from typing import NamedTuple

HEAD = struct.Struct("<cdQI")  # kind, time, offset, octets that follow


class Entry(NamedTuple):
    kind: str  # W a write, F a flush (what came before it lasts), M a mark
    time: float
    offset: int
    octets: bytes


def entry(kind, offset=0, octets=b"", when=None):
    return HEAD.pack(kind, time.time() if when is None else when, offset, len(octets)) + octets


def entries(path):
    with open(path, "rb") as record:
        while head := record.read(HEAD.size):
            kind, when, offset, size = HEAD.unpack(head)
            yield Entry(kind.decode(), when, offset, record.read(size))
