# sendmail -bi, -bv and -bt: the alias files checked, and where mail would go, without sending any.
. "$LAB/lib.sh"

sed -i '/^from-domain/d' /etc/mxpost.conf # names are completed with the host's own
rm -f /etc/mailname

said() { # REGEX
    grep -Eq -- "$1" "$RUN/said" || fail "no line matches $1 in: $(cat "$RUN/said" "$RUN/stderr")"
}
# check STATUS COMMAND...: as alice, with what it says in $RUN/said.
check() {
    local expected=$1
    shift
    expect_exit "$expected" as_user alice "$@" > "$RUN/said"
}

part "newaliases"
check 0 newaliases
said '^/etc/aliases: no such file'
printf 'root: ops@a.test\n\nalice: \\alice, x@b.test\n' > /etc/aliases
check 0 sendmail -bi
said '^/etc/aliases: 2 aliases, 0 bad lines'
check 0 sendmail -I
cat > /etc/aliases <<'EOT'
root: ops@a.test
nonsense
open: "x
one: two
two: one
list: :include:/nowhere/list
log: |/bin/log
none: /dev/null
shell: "|/bin/cat > /tmp/x"
EOT
check 65 newaliases
grep -q "^sendmail: /etc/aliases:9: .*shell syntax" "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
grep -q '^sendmail: /etc/aliases:2: no colon behind the name$' "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
grep -q '/etc/aliases:3: unbalanced quote$' "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
grep -q '/etc/aliases:4: alias loop: one -> two -> one$' "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
grep -q "/etc/aliases:6: can't read /nowhere/list" "$RUN/stderr" || fail "$(cat "$RUN/stderr")"

part "sendmail -bv"
check 0 sendmail -bv u@a.test
said '^u@a\.test\.\.\. deliverable: mailer esmtp, host mx\.a\.test mx2\.a\.test, user u@a\.test$'
check 0 sendmail -bv root alice none log
said '^root@host\.example\.\.\. aliased to ops@a\.test$'
said '^ops@a\.test\.\.\. deliverable: mailer esmtp, host mx\.a\.test mx2\.a\.test, user ops@a\.test$'
said '^alice@host\.example\.\.\. deliverable: mailer local, user alice$'
said 'deliverable: mailer \*file\*, user /dev/null$'
said 'deliverable: mailer prog, alias log$'
check 67 sendmail -bv nobodyhere u@a.test
said '^nobodyhere@host\.example\.\.\. undeliverable: 5\.1\.1 User unknown$'
said '^u@a\.test\.\.\. deliverable'
check 68 sendmail -bv u@nowhere.test
said '^u@nowhere\.test\.\.\. undeliverable: 5\.1\.2'
check 75 sendmail -bv u@broken.test
said '^u@broken\.test\.\.\. deferred: 4\.'
check 75 sendmail -bv list
said "^list@host\.example\.\.\. deferred: 4\.2\.4 can't read /nowhere/list"
check 65 sendmail -bv 'a@b@c'
said 'bad address'
check 64 sendmail -bv
check 0 sendmail -bv 'u@a.test, alice'
said '^u@a\.test\.\.\. deliverable'
said '^alice@host\.example\.\.\. deliverable: mailer local'
check 65 sendmail -bv u@a.test -odi
! grep -q -- '-odi@' "$RUN/said" || fail "$(cat "$RUN/said")"
check 0 sendmail -bv 'alice@[127.0.0.1]' "alice@[IPv6:::1]" "alice@$(hostname)"
[ "$(grep -c 'deliverable: mailer local, user alice' "$RUN/said")" = 3 ] || fail "$(cat "$RUN/said")"
expect_exit 74 sh -c 'sendmail -bv u@a.test > /dev/full'
queue_is_empty || fail "-bv has queued something"

part "sendmail -bt"
printf '%s\n' '/mx a.test' '3,0 u@a.test' '/try esmtp root' '' '# nothing' /quit u@nowhere.test > "$RUN/lines"
check 0 sendmail -bt < "$RUN/lines"
said '^getmxrr\(a\.test\) returns 2 value\(s\):$'
said '^	mx\.a\.test \(10\) 198\.51\.100\.20$'
said '^	mx2\.a\.test \(20\) 198\.51\.100\.21$'
said '^u@a\.test\.\.\. deliverable'
said '^root@host\.example\.\.\. aliased to ops@a\.test$'
! grep -q nowhere "$RUN/said" || fail "/quit doesn't end it"
check 64 sendmail -bt /map
said '^no such test'
check 0 mxpost route u@a.test
said '^u@a\.test\.\.\. deliverable'

part "where a relay takes it"
echo 'relay = smtp.b.test:587' >> /etc/mxpost.conf
check 0 sendmail -bv u@a.test
said '^u@a\.test\.\.\. deliverable: mailer relay, host smtp\.b\.test:587, user u@a\.test$'
expect_count a 0
