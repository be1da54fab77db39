#!/usr/bin/python3
"""Asks three other implementations what they think of the DKIM signatures of messages: OpenDKIM
(opendkim-testmsg), Perl's Mail::DKIM, and Python's dkimpy. Keys come from the DNS.

usage: dkim_judged.py [--not] COUNT MESSAGE...

Each message must have COUNT signatures that each of them verifies; with --not none that any of them
does. A verifier that doesn't know a signature's algorithm doesn't judge it, which is said once.
Debian 12's Mail::DKIM knows no Ed25519; at least two must know RSA, and one Ed25519.
"""
import collections
import re
import subprocess
import sys

import dkim

FIELD = re.compile(rb"^DKIM-Signature:.*?\r\n(?![ \t])", re.IGNORECASE | re.DOTALL | re.MULTILINE)
PERL = """
use Mail::DKIM::Verifier;
my $verifier = Mail::DKIM::Verifier->new();
binmode STDIN;
$verifier->load(*STDIN);
my ($signature) = $verifier->signatures;
print $signature ? $signature->result_detail : "none", "\\n";
"""


def run(command, message):
    done = subprocess.run(command, input=message, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace").strip()


def opendkim(message):
    status, said = run(["opendkim-testmsg", "-C"], message)
    if "nsupported" in said or "nknown algorithm" in said:
        return None
    return status == 0 and not said or said or f"exit {status}"


def mail_dkim(message):
    _, said = run(["perl", "-e", PERL], message)
    if "unsupported algorithm" in said:
        return None
    return said == "pass" or said


def dkimpy(message):
    try:
        return dkim.DKIM(message).verify() or "no"
    except dkim.DKIMException as error:
        return str(error)


VERIFIERS = {"OpenDKIM": opendkim, "Mail::DKIM": mail_dkim, "dkimpy": dkimpy}


def main():
    arguments = sys.argv[1:]
    wants_good = arguments[0] != "--not"
    arguments = arguments[0 if wants_good else 1:]
    count, faults, verdicts = int(arguments[0]), [], collections.Counter()
    for path in arguments[1:]:
        with open(path, "rb") as file:
            message = file.read()
        header, _, body = message.partition(b"\r\n\r\n")
        header += b"\r\n"
        fields = FIELD.findall(header)
        if len(fields) != count:
            faults.append(f"{path}: {len(fields)} signatures, not {count}")
        rest = FIELD.sub(b"", header)
        for field in fields:
            # Each alone, since a verifier is content with one of several.
            single = field + rest + b"\r\n" + body
            algorithm = re.search(rb"a=([a-z0-9-]+)", field).group(1).decode()
            for name, verify in VERIFIERS.items():
                verdict = verify(single)
                if verdict is None:
                    verdicts[f"{name} doesn't know {algorithm}"] += 1
                    continue
                verdicts[f"{algorithm} {name}"] += 1
                if (verdict is True) != wants_good:
                    faults.append(f"{path}: {name} of {algorithm}: {verdict}")
    print("\n".join(f"{count} x {what}" for what, count in sorted(verdicts.items())))
    print("\n".join(faults[:50]))
    judges = collections.Counter(what.split()[0] for what in verdicts if "doesn't" not in what)
    missing = [what for what in judges if judges[what] < (2 if what.startswith("rsa") else 1)]
    return bool(faults or missing or (count and not judges))


sys.exit(main())
