# A one-shot unit sends mail and ends; its control group is killed at once, as systemd does with
# KillMode=control-group, and the on-demand engine with it.
#
#   cgroup { job (alice) -> sendmail -> engine }, killed -> `mxpost run --once` -> mx.a.test
#
# Exit 0 meant safe: the timer's run delivers the mail, once.
. "$LAB/lib.sh"

mkdir /tmp/cgroup
mount -t cgroup2 none /tmp/cgroup 2> /dev/null || skip "no cgroup2 here"
group=/tmp/cgroup/mxpost-lab-$(readlink /proc/self/ns/pid | tr -dc 0-9)
mkdir "$group" 2> /dev/null || skip "can't make a control group here"
trap 'rmdir "$group" 2> /dev/null || true' EXIT
[ -e "$group/cgroup.kill" ] || skip "this kernel has no cgroup.kill"

in_group() {
    # shellcheck disable=SC2016  # expands in the inner shell
    sh -c 'echo $$ > "$0/cgroup.procs" && exec "$@"' "$group" "$@"
}
group_is_empty() {
    [ -z "$(cat "$group/cgroup.procs")" ]
}

part "killed while the engine talks"
letter busy | in_group setpriv --reuid alice --regid alice --init-groups sendmail -i u@a.test
wait_mark connected
echo 1 > "$group/cgroup.kill"
wait_until 5 group_is_empty
release go
expect_count a 0
timeout 30 mxpost run --once
wait_mail a 1
wait_empty

part "killed the moment that sendmail returned"
letter quick | in_group setpriv --reuid alice --regid alice --init-groups sendmail -i v@a.test
echo 1 > "$group/cgroup.kill"
wait_until 5 group_is_empty
timeout 30 mxpost run --once
wait_empty
[ "$(mail_count a)" = 2 ] || [ "$(mail_count a)" = 3 ] || fail "$(mail_count a) mails"
expect_text '^Subject: quick' a 2
