# Servers that answer nothing, beside one of the same preference that lives.
#
#   sendmail (alice) -> 203.0.113.97, .98, .99 (packets vanish), 198.51.100.20
#
# The order is by chance. Each dead address that is tried first costs two seconds, not thirty: the mail
# arrives within a few seconds, always.
. "$LAB/lib.sh"

for address in 203.0.113.97 203.0.113.98; do
    nsenter --net="/proc/$WORLD/ns/net" -- ip route add blackhole $address/32 table local
done

arrived=0
arrives() { # DOMAIN
    letter "$1" | as_user alice sendmail -i -f s@corp.example -- "u@$1"
    arrived=$((arrived + 1))
    wait_mail good $arrived 10
    expect_envelope good $arrived s@corp.example "u@$1"
    wait_empty   # or the message would come again
    kill_engines # the next one would use the session again
}

part "several addresses of one server"
for _ in 1 2 3; do
    arrives one.test
done

part "several servers of one preference"
for _ in 1 2 3; do
    arrives several.test
done
expect_no_log 'status=deferred'
expect_no_log 'timed out'

part "a better server that refuses"
arrives worse.test

part "none that takes a connection"
letter dead | as_user alice sendmail -i -f s@corp.example -- u@dead.test
wait_log 'to=<u@dead\.test>.*status=deferred.*\[203\.0\.113\.[56]\]:25: Connection refused \(and 1 more address fails\)'
