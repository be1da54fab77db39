# Aliases to mailboxes, commands and files, served by the system engine and its helper.
#
#   team -> bob's mailbox, \alice, a command, x@a.test: each once, each with its own outcome
#
. "$LAB/lib.sh"

sed -i '/^from-domain/d' /etc/mxpost.conf # names are completed with the host's own
rm -f /etc/mailname

install -m 755 /dev/stdin /usr/local/bin/keep <<'EOT'
#!/bin/sh
{ id -un; cat; } > /tmp/kept.$$ && mv /tmp/kept.$$ /tmp/kept
EOT
cat > /etc/aliases <<'EOT'
team: bob, \alice, "|/usr/local/bin/keep", x@a.test
root: bob
EOT
touch -d '1 minute ago' /etc/aliases # a name that isn't there would wait else
echo 'y@a.test' > /home/alice/.forward
chown alice: /home/alice/.forward

has_box() { # USER COUNT
    [ "$(grep -c '^From ' "/var/mail/$1" 2>/dev/null)" = "$2" ]
}

system_is_up() {
    [ -n "$(pgrep -x -u mxpost mxpost || true)" ]
}

start_system_engine
wait_until 10 system_is_up
letter team | as_user bob sendmail -i -f bob@corp.example team
wait_mail a 1
expect_envelope a 1 bob@corp.example x@a.test
wait_until 20 has_box bob 1
wait_until 20 has_box alice 1
wait_until 20 test -e /tmp/kept
grep -q '^Subject: team' /tmp/kept || fail "$(cat /tmp/kept)"
grep -q '^nobody$' /tmp/kept || fail "the command ran as $(head -1 /tmp/kept)"
wait_empty

part "alice herself has a .forward"
letter forward | as_user bob sendmail -i -f bob@corp.example alice
wait_mail a 2
expect_envelope a 2 bob@corp.example y@a.test
expect_text '^Delivered-To: alice@host\.example$' a 2

part "a single way needs no copy, and who isn't there is returned"
letter root | as_user bob sendmail -i -f bob@corp.example root
wait_until 20 has_box bob 2
letter nobody | as_user bob sendmail -i -f bob@corp.example nobodyhere
wait_mail corp 1
expect_text '^Status: 5\.1\.1' corp 1
wait_empty
stop_system_engine
