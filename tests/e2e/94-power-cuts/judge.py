#!/usr/bin/python3
"""Cuts the power in all places of a record (recording_disk.py), and looks at what is left.

    judge.py RECORD SPOOL LIMIT SINK_LOG SINK_FOLDER

SPOOL: where the disk's file system was mounted, now free. LIMIT: how many places at most, spread over
the record. SINK_…: what the server that takes everything has recorded (mx.py).

A place is what lies between a flush of the disk and the next, behind the mark "begin". Two disks are
looked at for each: the one that has what was written until the flush; and one that also has any of
the sectors that were written after it, for a disk may write them in any order. On each the file
system recovers. Then every message that had been accepted before the next flush is there and whole;
or its recipient had been refused, and the bounce is there; or the server had all of it at that moment,
and it was accepted before a run of the engine began ("run"). Whatever else is in the queue is whole as
well. And nothing is left that would be sent a second time: nothing that had arrived before a run of
the engine ended ("ran"), nothing that was returned, nothing twice. Within a run there is a window
between the server's answer and the disk's, which isn't judged here.
"""
import collections
import json
import os
import random
import re
import subprocess
import sys

from record import entries

SECTOR = 4096  # what disks of today write whole or not at all, and btrfs and XFS count on
ROUNDING = 0.001  # of the times in the server's log


def text(number):
    """The body of message `number`: between a line and some hundred kilobytes."""
    return f"line {number}\n" * (1 + number * number * 37 % 9000)


def is_whole(number, content):
    return text(number).replace("\n", "\r\n") in content


def number_of(content):
    return int(re.search(r"^Subject: number (\d+)\r?$", content, re.M)[1])


def read(path):
    with open(path, "rb") as file:
        return file.read().decode("latin-1")


def arrivals(log, folder):
    """Of each message the times at which the server had all of it. It answers after that, so that
    nobody can have known of it before. Ends where one arrived that isn't whole."""
    times, recipients = collections.defaultdict(list), {}
    with open(log, encoding="latin-1") as lines:
        for line in lines:
            when, session, said = line.split(" ", 2)
            if found := re.match(r"C> RCPT TO:<u(\d+)@", said):
                recipients[session] = int(found[1])
            elif re.match(r"C> \(\d+ octets\)", said):
                times[recipients[session]].append(float(when) - ROUNDING)
    arrived = collections.Counter()
    for name in os.listdir(folder):
        if name.endswith(".eml"):
            content = read(os.path.join(folder, name))
            arrived[number_of(content)] += 1
            if not is_whole(number_of(content), content):
                sys.exit(f"{name} isn't the whole message {number_of(content)}")
    if arrived != {number: len(all_times) for number, all_times in times.items()}:
        sys.exit(f"the server's log and its folder differ: {dict(times)}, {dict(arrived)}")
    return times


class Disk:
    """A disk image of what has been written so far."""

    def __init__(self, path, size):
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.ftruncate(self.fd, size)

    def write(self, offset, octets):
        os.pwrite(self.fd, octets, offset)

    def copy_to(self, path):
        subprocess.run(["cp", "--sparse=always", self.path, path], check=True)


class Judge:
    def __init__(self, spool, image, arrived):
        self.spool = spool
        self.image = image
        self.arrived = arrived  # see arrivals()
        self.accepted = {}  # number: kind
        self.tried = set()  # accepted before a run began: nothing else can have left the queue
        self.settled = set()  # had arrived before a run ended: on disk, says the run by ending
        self.messages_seen = 0
        self.gone_seen = 0  # messages that had arrived, and were rightly not there
        self.unmountable = 0

    def mark(self, words, when):
        if words[0] == "accepted":
            self.accepted[int(words[1])] = words[2]
        elif words[0] == "run":
            self.tried = set(self.accepted)
        elif words[0] == "ran":
            self.settled |= {number for number in self.tried if self.has_arrived(number, when)}

    def has_arrived(self, number, moment):
        return number in self.tried and any(when <= moment for when in self.arrived.get(number, ()))

    def look(self, place, moment, is_torn):
        """Mounts the image, as a machine would after the power cut."""
        mounted = subprocess.run(["mount", "-o", "loop,nodiscard", self.image, self.spool],
                                 stderr=subprocess.PIPE, text=True)
        if mounted.returncode != 0 and is_torn:
            self.unmountable += 1  # more than this file system can bear, whatever is on it
            return
        if mounted.returncode != 0:
            sys.exit(f"{place}: {mounted.stderr}")
        try:
            self.judge(place, moment)
        finally:
            subprocess.run(["umount", self.spool], check=True)

    def message_files(self, place):
        for folder, _, names in os.walk(self.spool):
            if os.path.basename(folder) == "corrupt" and names:
                sys.exit(f"{place}: set aside: {names}")
            yield from (os.path.join(folder, name) for name in names
                        if folder != self.spool and not name.startswith("."))

    def listed(self, place):
        """By id: is somebody still to get the message?"""
        done = subprocess.run(["mxpost", "queue", "list", "--json"], capture_output=True, text=True)
        if done.returncode != 0 or done.stderr:
            sys.exit(f"{place}: mxpost queue list: {done.returncode} {done.stderr}")
        messages = [json.loads(line) for line in done.stdout.splitlines()]
        return {message["queue_id"]: bool(message["recipients"]) for message in messages}

    def found(self, place):
        """The messages and the bounces that are there; by number, whether somebody is still to get them."""
        originals, returned, listed = {}, {}, self.listed(place)
        for path in self.message_files(place):
            name = os.path.basename(path)
            queue_id = name.partition(".")[0]
            if queue_id not in listed:
                sys.exit(f"{place}: {name} isn't in the list: {list(listed)}")
            content = read(path)
            number, is_bounce = number_of(content), "multipart/report" in content
            if not is_bounce and not is_whole(number, content):
                sys.exit(f"{place}: {name} isn't the whole message {number}")
            if number in (returned if is_bounce else originals):
                sys.exit(f"{place}: message {number} or its bounce is there twice")
            (returned if is_bounce else originals)[number] = listed[queue_id]
        return originals, returned

    def judge(self, place, moment):
        originals, returned = self.found(place)
        self.messages_seen += len(originals) + len(returned)
        for number, kind in self.accepted.items():
            is_excused = {"waits": False, "bounces": number in returned,
                          "arrives": self.has_arrived(number, moment)}[kind]
            if number not in originals and not is_excused:
                sys.exit(f"{place}: message {number} ({kind}) is lost")
            if originals.get(number) and (number in self.settled or number in returned):
                sys.exit(f"{place}: message {number} ({kind}) would be sent again")
            self.gone_seen += kind == "arrives" and number not in originals


def stretches(events):
    """Pairs: a flush, and what follows it until the next. The first has None, and what comes before
    all flushes."""
    flush, following = None, []
    for event in events:
        if event.kind == "F":
            yield flush, following
            flush, following = event, []
        else:
            following.append(event)
    yield flush, following


def tear(image, flush, following, chance):
    """Writes some of the sectors that follow the flush. When the last of them was written."""
    moment, fd = flush.time, os.open(image, os.O_RDWR)
    for event in following:
        for part in range(0, len(event.octets) if event.kind == "W" else 0, SECTOR):
            if chance.random() < 0.5:
                os.pwrite(fd, event.octets[part:part + SECTOR], event.offset + part)
                moment = event.time
    os.close(fd)
    return moment


def choose(parts, limit, chance):
    """How many flushes there are, and the numbers of those stretches at which the power goes off."""
    begin = next(number for number, (_, following) in enumerate(parts)
                 if any(event.octets == b"begin\n" for event in following if event.kind == "M"))
    numbers = range(begin + 1, len(parts))
    step = max(1, -(-len(numbers) // limit))
    return len(numbers), set(numbers[chance.randrange(step)::step])


def cut(parts, chosen, judge, disk, chance):
    for number, (flush, following) in enumerate(parts):
        for event in following:  # at the latest now, as it happens, the power goes off
            if event.kind == "M":
                judge.mark(event.octets.decode().split(), event.time)
        if number in chosen:
            disk.copy_to(judge.image)
            judge.look(f"flush {number}", flush.time, is_torn=False)
            disk.copy_to(judge.image)
            moment = tear(judge.image, flush, following, chance)
            judge.look(f"flush {number} and sectors of what follows", moment, is_torn=True)
        for event in following:
            if event.kind == "W":
                disk.write(event.offset, event.octets)


def main():
    record, spool, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
    chance = random.Random(1)
    parts = list(stretches(entries(record)))
    size = max(event.offset + len(event.octets) for _, following in parts for event in following
               if event.kind == "W")
    flushes, chosen = choose(parts, limit, chance)
    judge = Judge(spool, "/tmp/cut.img", arrivals(*sys.argv[4:]))
    cut(parts, chosen, judge, Disk("/tmp/disk.img", int(os.environ.get("DISK_SIZE", size))), chance)
    for number, kind in judge.accepted.items():
        if kind == "arrives" and len(judge.arrived.get(number, ())) != 1:
            sys.exit(f"message {number} arrived {len(judge.arrived.get(number, ()))} times, without any cut")
    print(f"{flushes} flushes, {len(chosen)} of them cut, twice each: {judge.messages_seen} messages "
          f"seen, {judge.gone_seen} gone that had arrived, {len(judge.accepted)} accepted, none lost, torn "
          f"or to be sent again; the file system itself was lost {judge.unmountable} times")
    if (len(chosen) < min(limit, 20) // 2 or judge.messages_seen < len(chosen) or judge.gone_seen == 0
            or judge.unmountable > len(chosen) // 5):
        sys.exit("too little happened for this to prove anything")


if __name__ == "__main__":
    main()
