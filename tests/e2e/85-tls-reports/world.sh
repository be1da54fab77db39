# An authority that this host trusts, and a certificate of the web server by it.
set -eu -o pipefail
mkdir -p /lab/certs
cd /lab/certs
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key \
        -out root.pem -days 30 -subj /CN=root
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout web.key -out web.csr \
        -subj /CN=web
    printf 'subjectAltName=DNS:*.bymail.example,DNS:*.byhttps.example,DNS:*.silent.example,DNS:*.notls.example\n' > web.ext
    openssl x509 -req -in web.csr -CA root.pem -CAkey root.key -CAcreateserial -extfile web.ext \
        -days 30 -out web.pem
} 2> openssl.log
cp root.pem "/etc/ssl/certs/$(openssl x509 -in root.pem -noout -hash).0"
