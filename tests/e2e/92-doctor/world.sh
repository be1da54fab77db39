# Makes an authority that this host trusts, and a certificate by it that has expired.
set -eu -o pipefail
mkdir -p /lab/certs
cd /lab/certs
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key \
        -out root.pem -days 30 -subj /CN=root
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout expired.key \
        -out expired.csr -subj /CN=expired
    echo 'subjectAltName=DNS:mx.expired.test' > names
    openssl x509 -req -in expired.csr -CA root.pem -CAkey root.key -CAcreateserial -extfile names \
        -days -1 -out expired.pem
} 2> openssl.log
cp root.pem "/etc/ssl/certs/$(openssl x509 -in root.pem -noout -hash).0"
# What changes must be seen at once.
sed -i 's/^\$TTL 60/$TTL 1/' "$RUN/dns/root.zone"
