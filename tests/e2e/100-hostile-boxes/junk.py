#!/usr/bin/env python3
"""Fills the caller's box with what is no mail.

    junk.py BOX COUNT

Most of it has names that mean nothing; of each hundred one is named like a message, one like a
request, and one like a message that is being written.
"""
import os
import random
import sys

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def digits(chance, count):
    return "".join(chance.choice(DIGITS) for _ in range(count))


def main():
    box, count = sys.argv[1], int(sys.argv[2])
    chance = random.Random(1)
    os.umask(0o007)
    for i in range(count):
        name = {0: f"01{digits(chance, 16)}.1{digits(chance, 6)}",
                1: f".ask-01{digits(chance, 16)}-retry",
                2: f".new-01{digits(chance, 16)}"}.get(i % 100, f"junk-{digits(chance, 20)}")
        os.close(os.open(os.path.join(box, name), os.O_CREAT | os.O_WRONLY, 0o660))


main()
