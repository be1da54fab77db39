set -eu -o pipefail
mkdir -p /lab/certs
cd /lab/certs
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout own.key -out own.pem \
    -days 30 -subj /CN=mx.right.example 2> openssl.log
digest=$(openssl pkey -in own.key -pubout -outform DER | sha256sum | cut -d ' ' -f 1)
{
    for name in right wrong forged; do
        echo "$name.example. MX 10 mx.$name.example."
        echo "mx.$name.example. A 198.51.100.40"
    done
    echo "_25._tcp.mx.right.example. TLSA 3 1 1 $digest"
    echo "_25._tcp.mx.wrong.example. TLSA 3 1 1 $(printf '%064d' 0)"
} >> "$RUN/dns/root.zone"
