# Makes an authority that this host trusts, certificates, and the records of the table's domains.
#
#   good      for each domain's mail and policy server       other     for www.other.example
#   expired   as good, expired                               self      self-signed, as good
set -eu -o pipefail
mkdir -p /lab/certs
cd /lab/certs

domains=$(sed 's/#.*//' "$CASE/table" | awk 'NF { print $1 }')
names=
for name in $domains; do
    names+=DNS:mx.$name.example,DNS:mta-sts.$name.example,
done
names+=DNS:mx2.second.example,DNS:mx2.both.example,DNS:mx.a.deep.example

# certificate NAME NAMES ISSUER [OPTION…]: by ISSUER's key, or its own where that is "-".
certificate() {
    local name=$1 names=$2 issuer=$3 by
    shift 3
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$name.key"
    openssl req -new -key "$name.key" -subj "/CN=$name" -out "$name.csr"
    printf 'subjectAltName=%s\n' "$names" > "$name.ext"
    by=(-signkey "$name.key")
    [ "$issuer" = - ] || by=(-CA "$issuer.pem" -CAkey "$issuer.key" -CAcreateserial)
    openssl x509 -req -in "$name.csr" "${by[@]}" -extfile "$name.ext" -days 30 "$@" -out "$name.pem"
}

{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key \
        -out root.pem -days 30 -subj /CN=root
    certificate good "$names" root
    certificate expired "$names" root -days -1
    certificate other DNS:www.other.example root
    certificate self "$names" -
} 2> openssl.log
cp root.pem "/etc/ssl/certs/$(openssl x509 -in root.pem -noout -hash).0"

declare -A mail=([good]=40 [self]=30 [expired]=41 [other-name]=42 [clear]=20)
declare -A policies=([good]=60 [expired]=61 [other-name]=62 [self]=63 [down]=64)
{
    while read -r name server policy _; do
        case $name in
            deep) echo "deep.example. MX 10 mx.a.deep.example." ;;
            *) echo "$name.example. MX 10 mx.$name.example." ;;
        esac
        echo "mx.$name.example. A 198.51.100.${mail[$server]}"
        if [ "$policy" != - ] && [ "$name" != hosted ]; then
            echo "mta-sts.$name.example. A 198.51.100.${policies[$policy]}"
        fi
        case $name in
            none) ;;
            bad-record) echo "_mta-sts.$name.example. TXT \"v=STSv1; ids=1\"" ;;
            *) echo "_mta-sts.$name.example. TXT \"v=STSv1; id=1;\"" ;;
        esac
    done < <(sed 's/#.*//' "$CASE/table" | grep .)
    echo 'mx.a.deep.example. A 198.51.100.40'
    echo 'mta-sts.none.example. A 198.51.100.60'
    echo 'second.example. MX 20 mx2.second.example.'
    echo 'mx2.second.example. A 198.51.100.40'
    echo 'both.example. MX 20 mx2.both.example.'
    echo 'mx2.both.example. A 198.51.100.40'
    echo 'mta-sts.hosted.example. CNAME policies.provider.example.'
    echo 'policies.provider.example. A 198.51.100.60'
    echo '_mta-sts.two-records.example. TXT "v=STSv1; id=2;"'
    echo '_mta-sts.two-ids.example. TXT "v=spf1 -all"'
} >> "$RUN/dns/root.zone"
