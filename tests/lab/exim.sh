# An Exim as MX of x.test at 198.51.100.31, and of xd.test at .33 where it doesn't offer CHUNKING. It
# passes mail on to a sink: what it has taken is recorded as server "exim". Sourced after lib.sh. Its
# package can't be installed beside Postfix's; `prepare` unpacks it in /opt/lab.
# shellcheck shell=bash

start_exim() {
    local exim=/opt/lab/usr/sbin/exim4
    [ -x $exim ] || { echo "no Exim in the lab's image"; return 1; }
    # It starts itself for each run of its queue, by the path that it was built for.
    ln -s $exim /usr/sbin/exim4
    # It looks for its user before it reads its configuration.
    echo 'Debian-exim:x:698:698::/nonexistent:/usr/sbin/nologin' >> /etc/passwd
    echo 'Debian-exim:x:698:' >> /etc/group
    mkdir -p /lab/exim/spool
    chown -R mail:mail /lab/exim
    cat > /lab/exim/exim.conf <<EXIM
exim_user = mail
exim_group = mail
never_users =
spool_directory = /lab/exim/spool
log_file_path = $RUN/log/exim.%slog
primary_hostname = mx.x.test
local_interfaces = 198.51.100.31 : 198.51.100.33
chunking_advertise_hosts = \${if eq{\$received_ip_address}{198.51.100.31}{*}{}}
daemon_smtp_ports = 25
domainlist local_domains = x.test : xd.test
acl_smtp_rcpt = accept
message_size_limit = 100M
tls_advertise_hosts =
dkim_verify_signers =
disable_ipv6 = true
begin acl
accept:
  accept
begin routers
sink:
  driver = accept
  transport = sink
begin transports
sink:
  driver = lmtp
  socket = /lab/exim/sink
  batch_max = 1
begin retry
* * F,1h,1s
EXIM
    chown root:root /lab/exim/exim.conf
    chmod 644 /lab/exim/exim.conf
    nsenter --net="/proc/$WORLD/ns/net" -- "$LAB/mx.py" "$RUN" --lmtp /lab/exim/sink exim \
        > "$RUN/log/exim-sink.out" 2>&1 &
    wait_until 20 test -S /lab/exim/sink
    chmod 666 /lab/exim/sink
    touch "$RUN"/log/exim.{main,reject,panic}log
    chown mail "$RUN"/log/exim.*log
    nsenter --net="/proc/$WORLD/ns/net" -- $exim -C /lab/exim/exim.conf -bdf -q1s \
        > "$RUN/log/exim.out" 2>&1 &
    wait_until 20 nsenter --net="/proc/$WORLD/ns/net" -- bash -c 'exec 3<>/dev/tcp/198.51.100.31/25'
}
