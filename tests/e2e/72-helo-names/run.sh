# What EHLO says on hosts that have no proper name, as containers have.
#
#   sendmail (alice) -> mail.mx.test, which records the EHLO name
#
# 192.0.2.1 has the name host.example, which leads back to it; 192.0.2.7 and 2001:db8::1 have none.
# Never a container's id, never what is no valid name, and with no resolver an address literal, soon.
. "$LAB/lib.sh"

printf '127.0.0.1 localhost\n::1 localhost\n' > /etc/hosts
ip addr add 192.0.2.7/24 dev eth0

configure() { # LINE...
    kill_engines
    { echo 'from-domain = corp.example'; printf '%s\n' "$@"; } > /etc/mxpost.conf
}

name_host() { # NAME; hostname(1) would refuse some of them
    python3 -c 'import socket, sys; socket.sethostname(sys.argv[1])' "$1"
}

arrived=0
says() { # EHLO_NAME [RECIPIENT]
    letter "$1" | as_user alice sendmail -i -f s@corp.example -- "${2:-u@mx.test}"
    arrived=$((arrived + 1))
    wait_mail mx $arrived
    [ "$(field mx $arrived helo)" = "$1" ] ||
        fail "$(hostname) says EHLO $(field mx $arrived helo), not $1"
    wait_empty   # or the message would come again
    kill_engines # the next one would use the session again
}

part "names that are none"
configure
for name in 3f2a9c 3f2a9c81d4e7 MYBOX my_host my_host.example '' localhost localhost.localdomain \
    box.local ip-10-0-0-5.compute.internal 192.0.2.1; do
    name_host "$name"
    says host.example
done

part "full names"
name_host Web1.Example.NET
says web1.example.net
name_host 3f2a9c
echo '192.0.2.1 web2.example.net 3f2a9c' >> /etc/hosts
says web2.example.net
printf '127.0.0.1 localhost\n::1 localhost\n' > /etc/hosts

part "the settings"
configure 'host-name = web3.example.net'
says web3.example.net
configure 'helo-name = out.example.net' 'host-name = web3.example.net'
says out.example.net
configure 'helo-name = [192.0.2.9]'
says '[192.0.2.9]'

part "addresses without a name"
configure 'source-address-ipv4 = 192.0.2.7'
says '[192.0.2.7]'
if ip -6 addr show dev eth0 | grep -q 2001:db8::1; then
    says '[IPv6:2001:db8::1]' 'u@[IPv6:2001:db8:1::20]'
fi

part "no resolver"
configure
echo 'nameserver 203.0.113.99' > /etc/resolv.conf # answers nothing
says '[192.0.2.1]' 'u@[198.51.100.20]'
echo 'nameserver 203.0.113.5' > /etc/resolv.conf # refuses
says '[192.0.2.1]' 'u@[198.51.100.20]'
