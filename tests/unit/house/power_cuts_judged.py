#!/usr/bin/env python3
"""Shows e2e 94's judge what it must not let pass, and what it must.

usage: power_cuts_judged.py SOURCE_DIR

The disk is one whose file system is simple: each sector that isn't empty is a message's number.
"""
import os
import pathlib
import random
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(sys.argv.pop(1)) / "tests/e2e/94-power-cuts"))
import judge  # noqa: E402
import record  # noqa: E402

AT = 100.0  # the power goes off
BEFORE, AFTER = AT - 1, AT + 1


class Told(judge.Judge):
    """Takes the queue's state from the sectors, or from files that a test has made."""

    def __init__(self, spool, arrived):
        super().__init__(spool, os.path.join(spool, ".image"), arrived)
        self.waiting = {}  # by id, as `mxpost queue list` tells it

    def put(self, number, is_waiting=True, is_bounce=False, name=None, body=None):
        queue_id = name or f"{'bounce' if is_bounce else 'message'}{number}"
        box = pathlib.Path(self.spool, "1500")
        box.mkdir(exist_ok=True)
        kind = "Content-Type: multipart/report\r\n" if is_bounce else ""
        body = judge.text(number).replace("\n", "\r\n") if body is None else body
        (box / f"{queue_id}.1js5aa0").write_text(
            f"{kind}Subject: number {number}\r\n\r\n{body}", encoding="latin-1", newline="")
        self.waiting[queue_id] = is_waiting

    def clear(self):
        for path in pathlib.Path(self.spool).glob("*/*"):
            path.unlink()
        self.waiting.clear()

    def listed(self, place):
        return self.waiting

    def look(self, place, moment, is_torn):
        self.clear()
        octets = pathlib.Path(self.image).read_bytes()
        for sector in range(0, len(octets), judge.SECTOR):
            if number := int(octets[sector:sector + judge.SECTOR].strip(b"\0") or b"0"):
                self.put(number)
        self.judge(place, moment)


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def judge_of(self, *marks, arrived=None):
        told = Told(self.folder, arrived or {})
        for mark, when in marks:
            told.mark(mark.split(), when)
        return told

    def expect(self, complaint, told):
        with self.assertRaisesRegex(SystemExit, complaint):
            told.judge("here", AT)


TO_ARRIVE = (("accepted 3 arrives", BEFORE), ("run", BEFORE))


class WhatIsThere(Case):
    def test_is_well(self):
        told = self.judge_of(("accepted 1 waits", BEFORE), ("accepted 2 bounces", BEFORE), *TO_ARRIVE)
        for number in (1, 2, 3):
            told.put(number)
        told.judge("here", AT)
        self.assertEqual(told.messages_seen, 3)

    def test_was_not_yet_told_to_be_accepted(self):
        told = self.judge_of()
        told.put(1)
        told.judge("here", AT)

    def test_must_be_whole(self):
        told = self.judge_of()
        told.put(2, body="line 2\r\n")
        self.expect("isn't the whole message 2", told)

    def test_must_be_in_the_list(self):
        told = self.judge_of()
        told.put(1)
        told.waiting.clear()
        self.expect("isn't in the list", told)

    def test_must_not_be_there_twice(self):
        told = self.judge_of(("accepted 1 waits", BEFORE))
        told.put(1)
        told.put(1, name="another")
        self.expect("there twice", told)

    def test_must_not_be_set_aside(self):
        told = self.judge_of()
        os.makedirs(os.path.join(self.folder, "1500", "corrupt"))
        pathlib.Path(self.folder, "1500", "corrupt", "x").touch()
        self.expect("set aside", told)


class WhatIsGone(Case):
    def test_had_arrived(self):
        told = self.judge_of(*TO_ARRIVE, arrived={3: [BEFORE]})
        told.judge("here", AT)
        self.assertEqual(told.gone_seen, 1)

    def test_is_lost_when_it_never_arrived(self):
        self.expect(r"message 3 \(arrives\) is lost", self.judge_of(*TO_ARRIVE))

    def test_is_lost_when_it_arrived_after_the_cut(self):
        self.expect("message 3 .* is lost", self.judge_of(*TO_ARRIVE, arrived={3: [AFTER]}))

    def test_is_lost_when_only_another_one_arrived(self):
        self.expect("message 3 .* is lost", self.judge_of(*TO_ARRIVE, arrived={6: [BEFORE]}))

    def test_is_lost_when_it_was_accepted_after_the_run_began(self):
        told = self.judge_of(("run", BEFORE), ("ran", BEFORE), ("accepted 3 arrives", BEFORE),
                             arrived={3: [BEFORE]})
        self.expect("message 3 .* is lost", told)

    def test_is_lost_when_it_waited(self):
        told = self.judge_of(("accepted 1 waits", BEFORE), ("run", BEFORE), ("ran", BEFORE),
                             arrived={1: [BEFORE]})
        self.expect(r"message 1 \(waits\) is lost", told)

    def test_was_returned(self):
        told = self.judge_of(("accepted 2 bounces", BEFORE), ("run", BEFORE))
        self.expect(r"message 2 \(bounces\) is lost", told)
        told.put(2, is_bounce=True)
        told.judge("here", AT)


class WhatWouldBeSentAgain(Case):
    def test_had_arrived_before_the_run_ended(self):
        told = self.judge_of(*TO_ARRIVE, ("ran", BEFORE), arrived={3: [BEFORE]})
        told.put(3)
        self.expect(r"message 3 \(arrives\) would be sent again", told)

    def test_is_in_the_window_while_the_run_goes_on(self):
        told = self.judge_of(*TO_ARRIVE, arrived={3: [BEFORE]})
        told.put(3)
        told.judge("here", AT)

    def test_is_only_what_somebody_is_still_to_get(self):
        told = self.judge_of(*TO_ARRIVE, ("ran", BEFORE), arrived={3: [BEFORE]})
        told.put(3, is_waiting=False)
        told.judge("here", AT)

    def test_is_not_what_that_run_could_not_deliver(self):
        told = self.judge_of(*TO_ARRIVE, ("ran", BEFORE), ("run", AT), arrived={3: [AT]})
        told.put(3)
        told.judge("here", AT)

    def test_was_returned(self):
        told = self.judge_of(("accepted 2 bounces", BEFORE), ("run", BEFORE))
        told.put(2)
        told.put(2, is_bounce=True)
        self.expect(r"message 2 \(bounces\) would be sent again", told)


class TheRecord(Case):
    """Written message by message; the disk keeps them in the sectors of their numbers."""

    def cut(self, *events, arrived=None):
        path = os.path.join(self.folder, ".record")
        with open(path, "wb") as file:
            for when, (kind, *rest) in enumerate(events):
                offset, octets = (0, b"")
                if kind == "M":
                    octets = f"{rest[0]}\n".encode()
                elif kind == "W":
                    text = str(rest[1] or "")
                    offset, octets = rest[0] * judge.SECTOR, text.encode().ljust(judge.SECTOR, b"\0")
                file.write(record.entry(kind.encode(), offset, octets, when=float(when)))
        chance = random.Random(1)
        parts = list(judge.stretches(record.entries(path)))
        flushes, chosen = judge.choose(parts, 100, chance)
        self.assertEqual(len(chosen), flushes)
        told = Told(self.folder, arrived or {})
        disk = judge.Disk(os.path.join(self.folder, ".disk"), 16 * judge.SECTOR)
        judge.cut(parts, chosen, told, disk, chance)
        os.close(disk.fd)
        return told

    def test_a_promise_behind_the_flush_is_kept(self):
        told = self.cut(("W", 0, 0), ("M", "begin"), ("W", 1, 1), ("F",), ("M", "accepted 1 waits"), ("F",))
        self.assertEqual(told.messages_seen, 4)  # two flushes, two disks

    def test_a_promise_without_a_flush_is_broken(self):
        with self.assertRaisesRegex(SystemExit, r"flush 1.*: message 1 \(waits\) is lost"):
            self.cut(("M", "begin"), ("F",), ("W", 1, 1), ("M", "accepted 1 waits"), ("F",))

    def test_a_message_may_go_when_it_has_arrived(self):
        told = self.cut(("M", "begin"), ("W", 3, 3), ("F",), ("M", "accepted 3 arrives"), ("M", "run"),
                        *[("W", 3, 0)] * 8, ("F",), ("M", "ran"), arrived={3: [4.5]})
        self.assertEqual(told.gone_seen, 3)  # all but the first flush without what follows it

    def test_a_message_that_goes_first_is_lost(self):
        with self.assertRaisesRegex(SystemExit, r"message 3 \(arrives\) is lost"):
            self.cut(("M", "begin"), ("W", 3, 3), ("F",), ("M", "accepted 3 arrives"), ("M", "run"),
                     ("W", 3, 0), ("F",), ("F",), arrived={3: [6.5]})

    def test_a_removal_that_is_not_flushed_sends_it_again(self):
        with self.assertRaisesRegex(SystemExit, r"message 3 \(arrives\) would be sent again"):
            self.cut(("M", "begin"), ("W", 3, 3), ("F",), ("M", "accepted 3 arrives"), ("M", "run"),
                     ("W", 3, 0), ("M", "ran"), ("F",), arrived={3: [4.5]})


class TheServersLog(Case):
    LOG = """100.000 1 S> 220 mx.fine.test ESMTP
100.001 1 C> RCPT TO:<u3@fine.test>
100.002 2 C> RCPT TO:<u6@fine.test>
100.003 1 C> (12 octets)
100.004 2 C> (12 octets)
"""

    def arrivals(self, *messages):
        for number, message in enumerate(messages):
            octets = f"Subject: number {message}\n\n{judge.text(message)}".replace("\n", "\r\n")
            pathlib.Path(self.folder, f"{number}.eml").write_bytes(octets.encode())
        log = pathlib.Path(self.folder, "log")
        log.write_text(self.LOG, encoding="latin-1")
        return judge.arrivals(log, self.folder)

    def test_tells_when_each_message_had_come(self):
        times = self.arrivals(3, 6)
        self.assertEqual(sorted(times), [3, 6])
        self.assertAlmostEqual(times[3][0], 100.003, delta=0.0011)
        self.assertLess(times[3][0], 100.0025)  # rounded it could be

    def test_is_held_against_what_the_server_kept(self):
        with self.assertRaisesRegex(SystemExit, "differ"):
            self.arrivals(3)

    def test_a_torn_message_has_not_arrived(self):
        pathlib.Path(self.folder, "9.eml").write_bytes(b"Subject: number 2\r\n\r\nline 2\r\n")
        with self.assertRaisesRegex(SystemExit, "isn't the whole message 2"):
            self.arrivals(3, 6)


if __name__ == "__main__":
    unittest.main()
