# For the cases about DKIM. Sourced after lib.sh.
# shellcheck shell=bash

# publish LINE...: adds to what the world's name server has.
publish() {
    printf '%s\n' "$@" >> "$RUN/dns/root.zone"
    reload_zones
}

# records OF_NEW: the lines for a zone file that `mxpost dkim new` has printed.
records() {
    grep ' IN TXT ' "$1"
}

# configure LINE...: the lines that a case adds to the configuration, in place of the earlier ones.
configure() {
    [ -e /etc/mxpost.conf.base ] || cp /etc/mxpost.conf /etc/mxpost.conf.base
    { cat /etc/mxpost.conf.base; printf '%s\n' "$@"; } > /etc/mxpost.conf
}

key_is_published() {
    mxpost dkim check > "$RUN/check"
}

# judged COUNT FILE...: that many signatures each, which others verify; --not: which they don't.
judged() {
    "$LAB/dkim_judged.py" "$@" || fail "others don't agree"
}
