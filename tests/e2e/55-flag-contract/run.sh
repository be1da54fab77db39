# Each row of compat/flags.tsv and compat/options.tsv with the real programs: what is said to send
# sends once, what isn't said to sends nothing, exit codes are those of compat/exit-codes.tsv, and
# no file that a caller names is made, whoever calls.
#
#   replay.py -> sendmail (alice, then root) -> mx.a.test
#
. "$LAB/lib.sh"

for name in hoststat purgestat smtpd rmail; do
    ln -s /usr/sbin/sendmail "/usr/local/bin/$name"
done
for user in alice root; do
    part "$user"
    as_user "$user" python3 "$CASE/replay.py" /lab/compat "$user" > "$RUN/$user.expected" ||
        fail "as $user: see above"
    as_user "$user" sendmail -qf
    wait_empty 60
done

part "what arrived"
cat "$RUN/alice.expected" "$RUN/root.expected" | LC_ALL=C sort > "$RUN/expected"
cat "$RUN"/got/a/*.eml | tr -d '\r' | sed -n 's/^Subject: //p' | LC_ALL=C sort > "$RUN/arrived"
[ "$(wc -l < "$RUN/expected")" -gt 400 ] || fail "the tables gave few calls"
diff "$RUN/expected" "$RUN/arrived" > "$RUN/difference" || fail "$(head -20 "$RUN/difference")"
[ ! -e /tmp/x ] || fail "/tmp/x was made"
