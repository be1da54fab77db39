# A caller that waits for end-of-file on sendmail's stdout and stderr, as PHP-FPM, cron and every
# popen() with captured output do, while the delivery takes long.
#
#   python (alice) -> sh -c sendmail -> engine -> mx.a.test, which doesn't greet yet
#
# The caller is free at once; the engine keeps nothing of it: session, descriptors, directory,
# environment, umask, limits, nice value.
. "$LAB/lib.sh"

as_user alice python3 - <<'PYTHON' || fail "the caller wasn't free"
import os
import resource
import signal
import subprocess

os.mkdir("/tmp/caller")
os.chdir("/tmp/caller")
os.umask(0o077)
os.nice(5)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 256))
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
signal.signal(signal.SIGHUP, signal.SIG_IGN)
extra = os.open("/dev/null", os.O_RDONLY)
os.set_inheritable(extra, True)
child = subprocess.Popen(
    ["/bin/sh", "-c", "/usr/sbin/sendmail -t -i"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT, env=dict(os.environ, SECRET="x", LD_LIBRARY_PATH="/tmp"),
    close_fds=False)
out, _ = child.communicate(b"To: u@a.test\nSubject: popen\n\nbody\n", timeout=5)
assert child.returncode == 0 and out == b"", (child.returncode, out)
PYTHON
wait_mark connected
expect_count a 0

engine=$(engines)
[ "$(echo "$engine" | wc -w)" = 1 ] || fail "engines: $engine"
[ "$(readlink "/proc/$engine/cwd")" = / ] || fail "cwd $(readlink "/proc/$engine/cwd")"
for fd in 0 1 2; do
    [ "$(readlink "/proc/$engine/fd/$fd")" = /dev/null ] || fail "fd $fd: $(readlink "/proc/$engine/fd/$fd")"
done
[ "$(ps -o sid= -p "$engine" | tr -d ' ')" = "$engine" ] || fail "not its own session"
# RLIMIT_NOFILE's hard limit can't be raised again; the soft ones go up to the hard ones.
grep -Eq '^Max file size +unlimited' "/proc/$engine/limits" || fail "$(cat "/proc/$engine/limits")"
tr '\0' '\n' < "/proc/$engine/environ" | grep -Eq '^(SECRET|LD_|HOME|PWD)' &&
    fail "environment: $(tr '\0' ' ' < "/proc/$engine/environ")"
(((0x$(sed -n 's/^SigIgn:\s*//p' "/proc/$engine/status") & 1) == 0)) || fail "SIGHUP is ignored"
! grep -Eq '^Umask:\s*0077' "/proc/$engine/status" || fail "$(grep Umask "/proc/$engine/status")"

release go
wait_mail a 1
wait_empty
