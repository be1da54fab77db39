# Makes an authority that this host trusts, two certificates, and the records of the table's domains.
set -eu -o pipefail
mkdir -p /lab/certs
cd /lab/certs

rows() {
    sed 's/#.*//' "$CASE/table" | grep .
}

names=$(rows | awk '{ printf "%sDNS:mx.%s.example,DNS:mta-sts.%s.example", (NR > 1 ? "," : ""), $1, $1 }')
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key \
        -out root.pem -days 30 -subj /CN=root
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout good.key -out good.csr \
        -subj /CN=good
    echo "subjectAltName=$names" > names
    openssl x509 -req -in good.csr -CA root.pem -CAkey root.key -CAcreateserial -extfile names \
        -days 30 -out good.pem
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout self.key \
        -out self.pem -days 30 -subj /CN=self -addext "subjectAltName=$names"
} 2> openssl.log
cp root.pem "/etc/ssl/certs/$(openssl x509 -in root.pem -noout -hash).0"

declare -A address=([good]=198.51.100.40 [self]=198.51.100.41)
rows | while read -r name server tlsa _; do
    key=$(openssl x509 -in "$server.pem" -noout -pubkey | openssl pkey -pubin -outform DER |
        sha256sum | cut -d ' ' -f 1)
    echo "$name.example. MX 10 mx.$name.example."
    echo "mx.$name.example. A ${address[$server]}"
    echo "mta-sts.$name.example. A 198.51.100.60"
    echo "_mta-sts.$name.example. TXT \"v=STSv1; id=1;\""
    case $tlsa in
        right) echo "_25._tcp.mx.$name.example. TLSA 3 1 1 $key" ;;
        wrong) echo "_25._tcp.mx.$name.example. TLSA 3 1 1 $(printf '%064d' 0)" ;;
        unusable) echo "_25._tcp.mx.$name.example. TLSA 1 1 1 $key" ;;
    esac
done >> "$RUN/dns/root.zone"
