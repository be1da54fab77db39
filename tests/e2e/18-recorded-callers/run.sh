# What real programs run: PHP, Debian cron, cronie, at, sudo, mailx, s-nail, mutt, git, smartd,
# logwatch, Symfony; see README. Each recorded call is made again with its argv, stdin and uid.
#
#   CALL -> sendmail -> one server that is the MX of every domain in the recordings
#
# Each exits 0 and its recipients are those that the program meant; no Bcc header leaves.
. "$LAB/lib.sh"

check() { # NAME FIRST: the transactions from number FIRST on against expect-envelope
    python3 - "$RUN/got/all" "$2" "$CASE/calls/$1" <<'PYTHON'
import glob
import json
import re
import sys

got, first, call = sys.argv[1], int(sys.argv[2]), sys.argv[3]
lines = open(call + "/expect-envelope").read().split("\n")
wanted = {kind: [l.split("<")[1][:-1] for l in lines if l.startswith(kind + " ")]
          for kind in ("from", "to", "may")}
files = sorted(glob.glob(got + "/*.json"))[first:]
records = [json.load(open(path)) for path in files]
senders = {record["mail"] for record in records}
recipients = sorted(r for record in records for r in record["rcpt"])
problems = []
if senders != set(wanted["from"]):
    problems.append("from %s, expected %s" % (senders, wanted["from"]))
if sorted(r for r in recipients if r not in wanted["may"]) != sorted(wanted["to"]):
    problems.append("to %s, expected %s" % (recipients, wanted["to"]))
for path in files:
    header = open(path[:-5] + ".eml", "rb").read().split(b"\r\n\r\n")[0]
    for field in (b"From", b"Date", b"Message-ID"):
        if len(re.findall(rb"(?im)^%s:" % field, header)) != 1:
            problems.append("not one %s in the header" % field.decode())
    if re.search(rb"(?im)^(resent-)?bcc\s*:", header):
        problems.append("Bcc leaves")
print("\n".join(problems))
sys.exit(bool(problems))
PYTHON
}

problems=0
for call in "$CASE"/calls/*/; do
    name=$(basename "$call")
    mapfile -t argv < "$call/argv"
    uid=$(cat "$call/uid")
    user=$(getent passwd "$uid" | cut -d : -f 1)
    first=$(mail_count all)
    status=0
    as_user "$user" "${argv[@]}" < "$call/stdin" > "$RUN/stdout" 2> "$RUN/stderr" || status=$?
    if [ "$status" != 0 ]; then
        echo "$name: exit $status: $(cat "$RUN/stderr")"
        problems=$((problems + 1))
        continue
    fi
    [ ! -s "$RUN/stdout" ] || [[ " ${argv[*]} " == *" -v "* ]] || echo "$name prints: $(cat "$RUN/stdout")"
    wait_empty
    check "$name" "$first" > "$RUN/check" || {
        echo "$name: $(cat "$RUN/check")"
        problems=$((problems + 1))
    }
done
[ "$problems" = 0 ] || fail "$problems calls went wrong"
