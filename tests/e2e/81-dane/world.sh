# Makes the certificates and adds to the root zone what the table's domains have.
#
#   own            self-signed, for own.example       own-expired     the same, expired
#   leaf           by the root                        below           by the issuer, which is by the root
#   late           by the root, expired
set -eu -o pipefail
mkdir -p /lab/certs
cd /lab/certs

key() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
}

# certificate NAME ISSUER EXTENSIONS [VALIDITY OPTION…]: by ISSUER's key, or its own where that is "-".
certificate() {
    local name=$1 issuer=$2 extensions=$3
    shift 3
    key "$name"
    openssl req -new -key "$name.key" -subj "/CN=$name" -out "$name.csr"
    printf '%b' "$extensions" > "$name.ext"
    if [ "$issuer" = - ]; then
        openssl x509 -req -in "$name.csr" -signkey "$name.key" -extfile "$name.ext" "$@" -out "$name.pem"
    else
        openssl x509 -req -in "$name.csr" -CA "$issuer.pem" -CAkey "$issuer.key" -CAcreateserial \
            -extfile "$name.ext" "$@" -out "$name.pem"
    fi
}

authority='basicConstraints=critical,CA:true\nkeyUsage=keyCertSign\nsubjectKeyIdentifier=hash\n'
leaf_names=DNS:mx.issuer.example,DNS:next-hop.example,DNS:mx.from-record.example,DNS:mx.no-issuer.example
leaf_names+=,DNS:canonical-domain.example
{
    certificate own - 'subjectAltName=DNS:own.example\n' -days 30
    certificate own-expired - 'subjectAltName=DNS:own.example\n' -days -1
    certificate root - "$authority" -days 30
    certificate issuer root "$authority" -days 30
    certificate leaf root "subjectAltName=$leaf_names\n" -days 30
    certificate below issuer 'subjectAltName=DNS:mx.intermediate.example\n' -days 30
    certificate late root 'subjectAltName=DNS:mx.late.example\n' -days -1
} 2> openssl.log
cat leaf.pem root.pem > leaf+root.pem
cat below.pem issuer.pem root.pem > below+issuer+root.pem
cat late.pem root.pem > late+root.pem

# tlsa USAGE SELECTOR MATCHING-TYPE CERTIFICATE: the record's data.
tlsa() {
    local form=(openssl x509 -in "$4.pem" -outform DER)
    [ "$2" = 0 ] || form=(eval "openssl x509 -in $4.pem -noout -pubkey | openssl pkey -pubin -outform DER")
    case $3 in
        0) printf '%s %s 0 ' "$1" "$2" && "${form[@]}" | od -An -v -tx1 | tr -d ' \n' ;;
        1) printf '%s %s 1 ' "$1" "$2" && "${form[@]}" | sha256sum | cut -d ' ' -f 1 ;;
        2) printf '%s %s 2 ' "$1" "$2" && "${form[@]}" | sha512sum | cut -d ' ' -f 1 ;;
    esac
    echo
}

wrong="3 1 1 $(printf '%064d' 0)"

# domain NAME ADDRESS [TLSA DATA…]: one MX host, mx.NAME, with these records.
domain() {
    local name=$1 address=$2 data
    shift 2
    echo "$name.example. MX 10 mx.$name.example."
    echo "mx.$name.example. A $address"
    for data in "$@"; do
        echo "_25._tcp.mx.$name.example. TLSA $data"
    done
}

own=198.51.100.40 expired=198.51.100.41 leaf=198.51.100.42 below=198.51.100.43 late=198.51.100.44
leaf_alone=198.51.100.45 clear=198.51.100.20
{
    domain none $own
    domain key $own "$(tlsa 3 1 1 own)"
    domain key512 $own "$(tlsa 3 1 2 own)"
    domain certificate $own "$(tlsa 3 0 1 own)"
    domain whole $own "$(tlsa 3 0 0 own)"
    domain whole-key $own "$(tlsa 3 1 0 own)"
    domain expired-key $expired "$(tlsa 3 1 1 own-expired)"
    domain wrong $own "$wrong"
    domain rollover $own "$wrong" "$(tlsa 3 1 1 own)"
    domain agility $own "$(tlsa 3 1 1 own)" "3 1 2 $(printf '%0128d' 0)"
    domain issuer $leaf "$(tlsa 2 0 1 root)"
    domain issuer-key $leaf "$(tlsa 2 1 1 root)"
    domain next-hop $leaf "$(tlsa 2 1 1 root)"
    domain intermediate $below "$(tlsa 2 1 1 issuer)"
    domain other-name $leaf "$(tlsa 2 0 1 root)"
    domain late $late "$(tlsa 2 0 1 root)"
    domain no-issuer $leaf_alone "$(tlsa 2 0 1 root)"
    domain from-record $leaf_alone "$(tlsa 2 0 0 root)"
    domain pkix $own "$(tlsa 1 1 1 own)"
    domain malformed $own '3 1 1 00'
    domain pkix-and-wrong $own "$(tlsa 1 1 1 own)" "$wrong"
    domain clear $clear "$(tlsa 3 1 1 own)"
    domain clear-pkix $clear "$(tlsa 1 1 1 own)"
    domain clear-none $clear
    # Names and aliases.
    echo "address-only.example. A $own"
    echo "_25._tcp.address-only.example. TLSA $(tlsa 3 1 1 own)"
    echo "alias-domain.example. CNAME canonical-domain.example."
    echo "canonical-domain.example. MX 10 mx.shared.example."
    echo "mx.shared.example. A $leaf"
    echo "_25._tcp.mx.shared.example. TLSA $(tlsa 2 1 1 root)"
    echo "mx-alias.example. MX 10 mx.mx-alias.example."
    echo "mx.mx-alias.example. CNAME server.mx-alias.example."
    echo "server.mx-alias.example. A $own"
    echo "_25._tcp.server.mx-alias.example. TLSA $(tlsa 3 1 1 own)"
    echo "_25._tcp.mx.mx-alias.example. TLSA $wrong"
    echo "at-alias.example. MX 10 mx.at-alias.example."
    echo "mx.at-alias.example. CNAME server.at-alias.example."
    echo "server.at-alias.example. A $own"
    echo "_25._tcp.mx.at-alias.example. TLSA $wrong"
    echo "out-of-zone.example. MX 10 mx.out-of-zone.example."
    echo "mx.out-of-zone.example. CNAME host.unsigned.example."
    echo "_25._tcp.mx.out-of-zone.example. TLSA $wrong"
    echo "tlsa-alias.example. MX 10 mx.tlsa-alias.example."
    echo "mx.tlsa-alias.example. A $own"
    echo "_25._tcp.mx.tlsa-alias.example. CNAME records.tlsa-alias.example."
    echo "records.tlsa-alias.example. TLSA $(tlsa 3 1 1 own)"
    # DNSSEC ends, or fails.
    echo "insecure-host.example. MX 10 mx.unsigned.example."
    echo "forged.example. MX 10 mx.forged.example."
    echo "mx.forged.example. A $own"
    echo "unanswered.example. MX 10 mx.unanswered.example."
    echo "mx.unanswered.example. A $own"
    # Or the root's NSEC records would prove that there is nothing to ask for.
    echo "_tcp.mx.unanswered.example. NS ns.lab.example."
    echo "_tcp.mx1.second-a.example. NS ns.lab.example."
    # Two hosts.
    for name in second-a second-b second-c; do
        echo "$name.example. MX 10 mx1.$name.example."
        echo "$name.example. MX 20 mx2.$name.example."
        echo "mx2.$name.example. A $own"
    done
    echo "mx1.second-a.example. A $own"
    echo "mx1.second-b.example. A $own"
    echo "_25._tcp.mx1.second-b.example. TLSA $wrong"
    echo "_25._tcp.mx2.second-b.example. TLSA $(tlsa 3 1 1 own)"
    echo "mx1.second-c.example. A $clear"
    echo "_25._tcp.mx1.second-c.example. TLSA $(tlsa 3 1 1 own)"
    echo "_25._tcp.mx2.second-c.example. TLSA $(tlsa 3 1 1 own)"
} >> "$RUN/dns/root.zone"
