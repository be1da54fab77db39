# Signatures, as others see them.
#
#   sendmail (alice) -> system engine, signs with an RSA and an Ed25519 key
#       -> a        as it is             -> chunks   by BDAT
#       -> seven    in seven bits        -> p        Postfix, which adds fields and passes it on
#                                        -> x        Exim, the same
#   a bounce -> mx.corp.example
# OpenDKIM, Mail::DKIM and dkimpy verify every signature, with keys from the DNS.
. "$LAB/lib.sh"
. "$LAB/dkim.sh"
. "$LAB/exim.sh"

part "keys are made and published"
mxpost dkim new --type both --selector s1 corp.example > "$RUN/new"
# Bounces are from the host itself.
mxpost dkim new --type ed25519 --selector h host.example > "$RUN/new-host"
publish "$(records "$RUN/new")" "$(records "$RUN/new-host")"
dir=/etc/mxpost/dkim
configure "dkim = corp.example s1 $dir/corp.example.s1.pem,\
 corp.example s1-ed25519 $dir/corp.example.s1-ed25519.pem,\
 host.example h $dir/host.example.h.pem"
wait_until 20 key_is_published
start_system_engine

part "messages of all kinds"
python3 "$CASE/corpus.py" "$RUN/made"
to=(u@a.test u@seven.test u@chunks.test u@p.test)
servers=(a seven chunks postfix)
if start_exim; then
    to+=(u@x.test)
    servers+=(exim)
fi
count=0
for message in "$RUN"/made/*; do
    as_user alice sendmail -i -f s@corp.example "${to[@]}" < "$message"
    count=$((count + 1))
done
for server in "${servers[@]}"; do
    wait_mail "$server" "$count" 120
done
wait_empty
for server in "${servers[@]}"; do
    part "$count messages at $server"
    if [ "$server" != a ]; then
        # The big one once is enough: each verifier takes seconds.
        judged 2 $(find "$RUN/got/$server" -name '*.eml' -size -1024k -exec grep -L 'd=elsewhere' {} +)
    else
        # What is signed elsewhere keeps that signature, which is none here.
        judged 2 $(grep -L 'd=elsewhere' "$RUN/got/$server"/*.eml)
        [ "$(grep -l 'd=elsewhere' "$RUN/got/$server"/*.eml | wc -l)" = 1 ] || fail "no other's"
    fi
done
[ "$(grep -c BDAT "$RUN/log/chunks")" -ge "$count" ] || fail "no BDAT"

part "nothing beyond ASCII in a header"
for file in "$RUN"/got/a/*.eml; do
    ! sed '/^\r$/q' "$file" | LC_ALL=C grep -q '[^ -~[:space:]]' || fail "$file"
    for name in From Date Message-ID; do
        [ "$(sed '/^\r$/q' "$file" | grep -ci "^$name *:")" = 1 ] || fail "$file: $name"
    done
    [ "$(sed '/^\r$/q' "$file" | grep -ci '^Subject *:')" -le 1 ] || fail "$file: Subject"
done

part "what was changed doesn't verify"
sed 's/^Subject: plain/Subject: Plain/' "$RUN/got/a/$(printf %04d "$(find_mail a '^Subject: plain')").eml" \
    > "$RUN/changed.eml"
judged --not 2 "$RUN/changed.eml"

part "a bounce"
letter bounced | as_user alice sendmail -i -f s@corp.example nobody@corp.example
wait_mail corp 1
expect_text '^From: .*MAILER-DAEMON@host\.example' corp 1
judged 1 "$(got corp 1)"
stop_system_engine
