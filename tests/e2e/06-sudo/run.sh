# sudo reports commands by mail from a child that it doesn't wait for, with stdout and stderr on
# /dev/null and without -i.
#
#   sudo (alice) -> sendmail -t -> Postfix, MX of p.test
#
# Each report arrives once; From, which is the bare login name, gets its domain.
. "$LAB/lib.sh"

printf 'Defaults mail_always,mailto=ops@p.test\nalice ALL=(ALL) NOPASSWD: /bin/true\n' \
    > /etc/sudoers.d/lab
chmod 440 /etc/sudoers.d/lab
as_user alice sudo -n /bin/true 2> "$RUN/sudo.err"
# One report at the start of the command, one at its end.
wait_mail postfix 2
for n in 1 2; do
    mail_diff expect/mail postfix $n headers
    expect_text "alice : PWD=/ ; USER=root ; COMMAND=/bin/true" postfix $n
    expect_envelope postfix $n alice@corp.example ops@p.test
done
wait_empty
