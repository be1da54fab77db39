#!/usr/bin/python3
"""Cuts the power in all places of a record (recording_disk.py), and looks at what is left.

    judge.py RECORD SPOOL LIMIT     SPOOL: where the disk's file system was mounted, now free

A place is each flush of the disk that follows the mark "begin". Two disks are looked at for each:
the one that has what was written until then; and one that also has any of the sectors that were
written between that flush and the next, for a disk may write them in any order. On each the file
system recovers; then every message that had been accepted before must be there and whole, or, when
its recipient had been refused, the bounce; and what else is in the queue must be whole as well.
LIMIT: how many places at most, spread over the record.
"""
import json
import os
import random
import re
import subprocess
import sys

from recording_disk import entries

SECTOR = 4096  # what disks of today write whole or not at all, and btrfs and XFS count on
IMAGE = "/tmp/cut.img"


def text(number):
    """The body of message `number`: between a line and some hundred kilobytes."""
    return f"line {number}\n" * (1 + number * number * 37 % 9000)


class Disk:
    """A disk image of what has been written so far."""

    def __init__(self, path, size):
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.ftruncate(self.fd, size)

    def write(self, offset, octets):
        os.pwrite(self.fd, octets, offset)


class Judge:
    def __init__(self, spool):
        self.spool = spool
        self.accepted = {}  # number: kind
        self.is_attempting = False
        self.messages_seen = 0
        self.unmountable = 0

    def mark(self, words):
        if words[0] == "accepted":
            self.accepted[int(words[1])] = words[2]
        elif words[0] == "attempts":
            self.is_attempting = True

    def look(self, place, is_torn):
        """Mounts the image, as a machine would after the power cut."""
        mounted = subprocess.run(["mount", "-o", "loop,nodiscard", IMAGE, self.spool],
                                 stderr=subprocess.PIPE, text=True)
        if mounted.returncode != 0 and is_torn:
            self.unmountable += 1  # more than this file system can bear, whatever is on it
            return
        if mounted.returncode != 0:
            sys.exit(f"{place}: {mounted.stderr}")
        try:
            self.judge(place)
        finally:
            subprocess.run(["umount", self.spool], check=True)

    def message_files(self, place):
        for folder, _, names in os.walk(self.spool):
            if os.path.basename(folder) == "corrupt" and names:
                sys.exit(f"{place}: set aside: {names}")
            yield from (os.path.join(folder, name) for name in names
                        if folder != self.spool and not name.startswith("."))

    def judge(self, place):
        listed = subprocess.run(["mxpost", "queue", "list", "--json"], capture_output=True, text=True)
        if listed.returncode != 0 or listed.stderr:
            sys.exit(f"{place}: mxpost queue list: {listed.returncode} {listed.stderr}")
        queued = [json.loads(line)["queue_id"] for line in listed.stdout.splitlines()]
        originals, returned = set(), set()
        for path in self.message_files(place):
            name = os.path.basename(path)
            if not any(queue_id in name for queue_id in queued):
                sys.exit(f"{place}: {name} isn't in the list: {queued}")
            with open(path, "rb") as file:
                content = file.read().decode("latin-1")
            number = int(re.search(r"^Subject: number (\d+)\r?$", content, re.M)[1])
            if "multipart/report" in content:
                returned.add(number)
            elif text(number).replace("\n", "\r\n") in content:
                originals.add(number)
            else:
                sys.exit(f"{place}: {name} isn't the whole message {number}")
        self.messages_seen += len(originals) + len(returned)
        for number, kind in self.accepted.items():
            is_excused = {"waits": False, "bounces": number in returned,
                          "arrives": self.is_attempting}[kind]
            if number not in originals and not is_excused:
                sys.exit(f"{place}: message {number} ({kind}) is lost")


def main():
    record, spool, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
    chance = random.Random(1)
    events = list(entries(record))
    size = max(offset + len(octets) for kind, offset, octets in events if kind == "W")
    begin = next(i for i, (kind, _, octets) in enumerate(events) if kind == "M" and octets == b"begin\n")
    flushes = [i for i, (kind, *_) in enumerate(events) if kind == "F" and i > begin]
    step = max(1, -(-len(flushes) // limit))
    chosen = set(flushes[chance.randrange(step)::step])
    judge, disk, places = Judge(spool), Disk("/tmp/disk.img", int(os.environ.get("DISK_SIZE", size))), 0
    for i, (kind, offset, octets) in enumerate(events):
        if kind == "W":
            disk.write(offset, octets)
        elif kind == "M":
            judge.mark(octets.decode().split())
        elif i in chosen:
            subprocess.run(["cp", "--sparse=always", disk.path, IMAGE], check=True)
            judge.look(f"flush {places}, entry {i}", is_torn=False)
            subprocess.run(["cp", "--sparse=always", disk.path, IMAGE], check=True)
            torn = os.open(IMAGE, os.O_RDWR)
            for after, at, data in events[i + 1:]:
                if after == "F":
                    break
                if after == "W":
                    for part in range(0, len(data), SECTOR):
                        if chance.random() < 0.5:
                            os.pwrite(torn, data[part:part + SECTOR], at + part)
            os.close(torn)
            judge.look(f"flush {places}, entry {i}, and sectors of what follows", is_torn=True)
            places += 1
    print(f"{len(flushes)} flushes, {places} of them cut, twice each: {judge.messages_seen} messages "
          f"seen, {len(judge.accepted)} accepted, none lost or torn; the file system itself was lost "
          f"{judge.unmountable} times")
    if places < min(limit, 20) // 2 or judge.messages_seen < places or judge.unmountable > places // 5:
        sys.exit("too little happened for this to prove anything")


if __name__ == "__main__":
    main()
