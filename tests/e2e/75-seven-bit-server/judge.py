"""judge.py make DIRECTORY COUNT         messages in files
judge.py judge EIGHT SEVEN COUNT      what two servers got of them: the same to who decodes it
judge.py report FILE ACTION ADDRESS   a report in seven bits
"""
import email
import os
import quopri
import sys

sys.path.insert(0, os.environ["LAB"])
import recode_judged  # noqa: E402


def generated(count):
    for seed in range(count):
        generator = recode_judged.Generator(seed)
        yield generator, generator.message()


def make(directory, count):
    os.mkdir(directory)
    for i, (_, message) in enumerate(generated(int(count))):
        with open(os.path.join(directory, "%04d" % i), "wb") as out:
            out.write(message)


def read(directory, number):
    return open(os.path.join(directory, "%04d.eml" % number), "rb").read()


def judge(eight, seven, count):
    changed = 0
    for i, (generator, _) in enumerate(generated(int(count))):
        message, out = read(eight, i + 1), read(seven, i + 1)
        changed += message != out
        if found := recode_judged.judge(generator, message, out):
            sys.exit("message %d: %s" % (i, found))
    print("%s messages, %d of them in seven bits, all the same" % (count, changed))
    assert changed > int(count) // 3


def report(path, action, address):
    octets = open(path, "rb").read()
    assert octets.isascii()
    mail = email.message_from_bytes(octets)
    assert mail.get_content_type() == "multipart/report"
    human, status, returned = mail.get_payload()
    assert "<grauß@eight.test>" in human.get_payload(decode=True).decode("utf-8")
    assert "come back later" in human.get_payload(decode=True).decode("utf-8")
    about, recipient = status.get_payload()
    assert recipient["Action"] == action and recipient["Final-Recipient"] == address
    assert recipient["Status"].startswith("4." if action == "delayed" else "5.")
    assert recipient["Last-Attempt-Date"] and about["Arrival-Date"]
    assert (action == "delayed") == ("Will-Retry-Until" in recipient)
    kind = "text/rfc822-headers" if action == "delayed" else "message/rfc822"
    assert returned.get_content_type() == kind, returned.get_content_type()
    text = returned.as_bytes()
    assert b"Subject: late" in text
    if action == "failed":
        assert "Grüße" in quopri.decodestring(text).decode("utf-8")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
