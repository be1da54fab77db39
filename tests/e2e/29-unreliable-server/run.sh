# A server that breaks off, refuses for now and hangs up at every step, again and again.
#
#   sendmail (alice, bob; 120 messages, 3 recipients each at 2 domains) -> mx.a.test, every so often
#   421, 45x or a closed connection, at any step
#
# With the retries (1 to 2 s apart here) every recipient gets every message exactly once: the server
# never says 250 to a dot without recording it, so nothing needs to come twice.
. "$LAB/lib.sh"

for n in $(seq 1 60); do
    for user in alice bob; do
        { letter "$user-$n"; filler 30; } |
            as_user $user sendmail -i "$user-x$n@a.test" "$user-y$n@a.test" "$user-z$n@b.test"
    done
done
wait_empty 90
"$LAB/envelope" "$RUN"/got/a/*.json | sed -n 's/^to //p' | sort > "$RUN/recipients"
[ "$(wc -l < "$RUN/recipients")" = 360 ] || fail "$(wc -l < "$RUN/recipients") copies, not 360: $(uniq -d "$RUN/recipients" | head)"
[ "$(uniq "$RUN/recipients" | wc -l)" = 360 ] || fail "twice: $(uniq -d "$RUN/recipients" | head)"
for file in "$RUN"/got/a/*.eml; do
    [ "$(grep -c 'quick brown fox' "$file")" = 30 ] || fail "$file isn't whole"
done
expect_no_log 'status=bounced'
