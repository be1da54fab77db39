# What servers tell their administrator: each program as Debian installs it, its mail configured no
# further than its default, sends to root (or to the one address that it was given).
#
#   anacron, mdadm, smartd's scripts, logwatch, logcheck, fail2ban, apt-listchanges,
#   unattended-upgrades, mailx as root -> mx.corp.example, the MX of what completes "root"
#                                      -> mx.a.test
. "$LAB/lib.sh"

arrived=()

# expect_mail SERVER SUBJECT FROM TO BODY: the server's next mail is this, with a line of body that
# matches.
expect_mail() {
    local n
    arrived+=("$1")
    wait_mail "$1" "$(printf '%s\n' "${arrived[@]}" | grep -cx "$1")"
    n=$(find_mail "$1" "^Subject: $2")
    expect_envelope "$1" "$n" "$3" "$4"
    expect_text "$5" "$1" "$n"
    expect_text '^From: .' "$1" "$n"
    expect_text '^To: .*@' "$1" "$n"
}

part "anacron"
printf 'SHELL=/bin/sh\n1 0 job echo output; echo last\n' > /tmp/anacrontab
mkdir /tmp/anacron
anacron -d -f -n -s -t /tmp/anacrontab -S /tmp/anacron 2> "$RUN/stderr" || fail "exit $?"
! grep -q 'exited with' "$RUN/stderr" || fail "$(cat "$RUN/stderr")"
expect_mail corp "Anacron job 'job' on host.example" root@corp.example root@corp.example '^last$'

part "mdadm --monitor"
mdadm --monitor --test --oneshot --mail=ops@a.test /dev/md0
expect_mail a 'TestMessage event on /dev/md0' root@corp.example ops@a.test '^A TestMessage event'

part "smartd"
# What smartd runs, in the environment that it makes.
env SMARTD_MAILER=/usr/share/smartmontools/smartd-runner SMARTD_ADDRESS=root \
    SMARTD_MESSAGE='Device: /dev/sda, FAILED SMART self-check' SMARTD_FAILTYPE=Health \
    SMARTD_DEVICE=/dev/sda SMARTD_DEVICESTRING=/dev/sda SMARTD_DEVICETYPE=ata SMARTD_PREVCNT=0 \
    SMARTD_DEVICEINFO='SuperDisk, S/N:1' SMARTD_NEXTDAYS='' SMARTD_TFIRST=now \
    SMARTD_TFIRSTEPOCH=1 /usr/share/smartmontools/smartd_warning.sh
expect_mail corp 'SMART error \(Health\)' root@corp.example root@corp.example '^SuperDisk, S/N:1$'

part "logwatch"
mkdir -p /var/cache/logwatch
for i in 1 2 3; do
    printf '%s 10:00:0%d host sshd[10%d]: Failed password for root from 198.51.100.9 port 22 ssh2\n' \
        "$(date '+%b %e')" "$i" "$i"
done >> /var/log/auth.log
logwatch --output mail --service sshd --range all
expect_mail corp 'Logwatch for host.example' root@corp.example root@corp.example '198\.51\.100\.9: 3 Times'

part "logcheck"
mkdir -p -m 1777 /run/lock # systemd does
mkdir -m 755 /tmp/logs
echo 'Nov 23 10:00:00 host evil[1]: something odd' > /tmp/logs/log
su -s /bin/bash logcheck -c '/usr/sbin/logcheck -l /tmp/logs/log'
expect_mail corp 'host.example .* System Events' logcheck@corp.example logcheck@corp.example 'something odd'

part "fail2ban"
# Its mail action needs to be asked for; sender, recipient and command are its defaults.
mkdir -p /run/fail2ban
touch /tmp/logs/auth
cat > /etc/fail2ban/jail.local <<'JAIL'
[sshd]
enabled = false
[probe]
enabled = true
filter = sshd
backend = polling
logpath = /tmp/logs/auth
action = sendmail[name=probe]
JAIL
fail2ban-server start > "$RUN/fail2ban" 2>&1
expect_mail corp '\[Fail2Ban\] probe: started on host.example' fail2ban@corp.example \
    root@corp.example 'has been started successfully'
fail2ban-client stop >> "$RUN/fail2ban" 2>&1
expect_mail corp '\[Fail2Ban\] probe: stopped' fail2ban@corp.example root@corp.example 'has been stopped'
! grep -q 'ERROR' /var/log/fail2ban.log || fail "$(cat /var/log/fail2ban.log)"

part "apt-listchanges"
mkdir -p /tmp/probe/DEBIAN /tmp/probe/usr/share/doc/probe
printf 'Package: probe\nVersion: 2\nArchitecture: all\nMaintainer: M <m@a.test>\nDescription: d\n' \
    > /tmp/probe/DEBIAN/control
printf 'probe (2) unstable; urgency=low\n\n  * Something changed.\n\n -- M <m@a.test>  %s\n' \
    'Mon, 01 Jan 2024 00:00:00 +0000' | gzip > /tmp/probe/usr/share/doc/probe/changelog.gz
dpkg-deb -b /tmp/probe /tmp/probe.deb > /dev/null
apt-listchanges --profile=apt -f mail --which=both -a /tmp/probe.deb > "$RUN/listchanges" 2>&1
expect_mail corp 'apt-listchanges: changelogs for host.example' root@corp.example \
    root@corp.example 'Something changed'

part "unattended-upgrades"
# Its two ways to send, as it was loaded; a run would need packages to upgrade.
for how in sendmail mailx; do
    python3 - "$how" <<'PYTHON'
import sys
from importlib import machinery, util
loader = machinery.SourceFileLoader("unattended_upgrade", "/usr/bin/unattended-upgrade")
program = util.module_from_spec(util.spec_from_loader(loader.name, loader))
loader.exec_module(program)
send = getattr(program, "_send_mail_using_" + sys.argv[1])
assert send("root", "root", "upgraded by " + sys.argv[1], "é\n.\nlast\n") == 0
PYTHON
    expect_mail corp "upgraded by $how" root@corp.example root@corp.example '^last$'
done

wait_empty
