#include "tls/client_context.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include <unistd.h>

#include "support/certificate.h"
#include "support/manual_clock.h"

namespace mxpost::tls {
namespace {

using test::Certificate;
using test::OpenSslPointer;

/// A file that is gone at the end of the test.
class TemporaryFile {
public:
    explicit TemporaryFile(const std::string& content)
        : path_(::testing::TempDir() + "mxpost_tls_" + std::to_string(::getpid()) + ".pem") {
        std::ofstream(path_) << content;
    }
    ~TemporaryFile() { std::remove(path_.c_str()); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

struct Handshake {
    bool is_done = false;
    Established established;
    std::string server_name;  // SNI as the server saw it
};

/// Through memory.
void connect(SSL* client, SSL* server) {
    BIO* client_end = nullptr;
    BIO* server_end = nullptr;
    BIO_new_bio_pair(&client_end, 0, &server_end, 0);
    SSL_set_bio(client, client_end, client_end);
    SSL_set_bio(server, server_end, server_end);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
}

/// False: they don't come to an end.
bool shake_hands(SSL* client, SSL* server) {
    bool is_done = false;
    for (int i = 0; i < 20 && !is_done; ++i) {
        const int client_done = SSL_do_handshake(client);
        const int server_done = SSL_do_handshake(server);
        is_done = client_done == 1 && server_done == 1;
    }
    return is_done;
}

Handshake shake_hands(
    ClientContext& context,
    SSL_CTX* server_context,
    const std::string& host,
    const Demand& demand = Demand(),
    const std::string& endpoint = {}
) {
    auto client = context.new_connection(host, demand, endpoint);
    EXPECT_TRUE(client);
    const SslPointer server(SSL_new(server_context));
    connect(client->get(), server.get());
    Handshake result;
    result.is_done = shake_hands(client->get(), server.get());
    if (result.is_done) {
        // Tickets come behind the handshake, in front of what the server says.
        char octet = 0;
        EXPECT_EQ(SSL_write(server.get(), "2", 1), 1);
        EXPECT_EQ(SSL_read(client->get(), &octet, 1), 1);
        result.established = established(client->get(), demand.use);
        const char* const name = SSL_get_servername(server.get(), TLSEXT_NAMETYPE_host_name);
        result.server_name = name == nullptr ? "" : name;
    }
    return result;
}

std::unique_ptr<ClientContext> trusting(const std::string& ca_file) {
    TrustSettings trust;
    trust.ca_file = ca_file;
    auto context = ClientContext::make(trust);
    EXPECT_TRUE(context);
    return std::move(*context);
}

TEST(ClientContext, TakesAnUnknownCertificateAndSaysSo) {
    auto context = ClientContext::make(TrustSettings());
    ASSERT_TRUE(context);
    const Certificate certificate("DNS:mx.example");
    const auto server = certificate.server_context();
    const auto result = shake_hands(**context, server.get(), "mx.example");
    ASSERT_TRUE(result.is_done);
    EXPECT_EQ(result.established.protocol, "TLSv1.3");
    EXPECT_EQ(result.established.assurance, Assurance::untrusted);
    EXPECT_EQ(result.established.problem, "self-signed certificate");
    EXPECT_EQ(result.established.text(), "TLSv1.3 " + result.established.cipher + " untrusted");
    EXPECT_EQ(result.server_name, "mx.example");
}

TEST(ClientContext, ReadsTheSystemsCertificatesAgainWhereItCouldNot) {
    const Certificate certificate("DNS:mx.example");
    const auto server = certificate.server_context();
    ::setenv("SSL_CERT_DIR", "/nonexistent", 1);
    ::setenv("SSL_CERT_FILE", "/nonexistent", 1);
    auto context = ClientContext::make(TrustSettings());
    ASSERT_TRUE(context);
    const auto early = shake_hands(**context, server.get(), "mx.example");
    EXPECT_EQ(early.established.assurance, Assurance::untrusted);
    const TemporaryFile file(certificate.pem());
    ::setenv("SSL_CERT_FILE", file.path().c_str(), 1);
    const auto late = shake_hands(**context, server.get(), "mx.example");
    EXPECT_EQ(late.established.assurance, Assurance::verified) << late.established.problem;
    ::unsetenv("SSL_CERT_DIR");
    ::unsetenv("SSL_CERT_FILE");
}

TEST(ClientContext, VerifiesChainAndName) {
    const Certificate certificate("DNS:mx.example");
    const TemporaryFile file(certificate.pem());
    const auto context = trusting(file.path());
    const auto server = certificate.server_context();
    const auto good = shake_hands(*context, server.get(), "mx.example.");
    EXPECT_EQ(good.established.assurance, Assurance::verified) << good.established.problem;
    EXPECT_EQ(good.server_name, "mx.example");
    const auto other = shake_hands(*context, server.get(), "other.example");
    EXPECT_TRUE(other.is_done);
    EXPECT_EQ(other.established.assurance, Assurance::untrusted);
    EXPECT_EQ(other.established.failure, Failure::certificate_host_mismatch);
    EXPECT_EQ(other.established.problem, "hostname mismatch");
}

TEST(ClientContext, ANameInTheSubjectAloneIsNone) {
    const Certificate certificate("email:postmaster@mx.example", 86400, "mx.example");
    const TemporaryFile file(certificate.pem());
    const auto context = trusting(file.path());
    const auto server = certificate.server_context();
    const auto result = shake_hands(*context, server.get(), "mx.example");
    EXPECT_TRUE(result.is_done);
    EXPECT_EQ(result.established.failure, Failure::certificate_host_mismatch);
}

TEST(ClientContext, VerifiesAddressesAndKeepsThemOutOfTheServerName) {
    const Certificate certificate("IP:192.0.2.1");
    const TemporaryFile file(certificate.pem());
    const auto context = trusting(file.path());
    const auto server = certificate.server_context();
    const auto good = shake_hands(*context, server.get(), "192.0.2.1");
    EXPECT_EQ(good.established.assurance, Assurance::verified) << good.established.problem;
    EXPECT_EQ(good.server_name, "");
    EXPECT_EQ(
        shake_hands(*context, server.get(), "192.0.2.2").established.assurance, Assurance::untrusted
    );
    const auto literal = shake_hands(*context, server.get(), "[192.0.2.1]");
    EXPECT_EQ(literal.established.assurance, Assurance::verified) << literal.established.problem;
    EXPECT_EQ(literal.server_name, "");
}

TEST(ClientContext, VerifiesAddressLiteralsOfIpv6) {
    const Certificate certificate("IP:2001:db8::1");
    const TemporaryFile file(certificate.pem());
    const auto context = trusting(file.path());
    const auto server = certificate.server_context();
    const auto literal = shake_hands(*context, server.get(), "[IPv6:2001:db8::1]");
    EXPECT_EQ(literal.established.assurance, Assurance::verified) << literal.established.problem;
    EXPECT_EQ(literal.server_name, "");
}

// GnuTLS refuses the handshake.
TEST(ClientContext, DoesNotIndicateANameThatIsNoHostName) {
    const Certificate certificate("DNS:mx_1.example");
    const auto context = ClientContext::make(TrustSettings());
    ASSERT_TRUE(context);
    const auto server = certificate.server_context();
    const auto done = shake_hands(**context, server.get(), "mx_1.example");
    EXPECT_TRUE(done.is_done);
    EXPECT_EQ(done.server_name, "");
    EXPECT_EQ(shake_hands(**context, server.get(), "mx-1.example.").server_name, "mx-1.example");
}

TEST(ClientContext, AnExpiredCertificateIsUntrusted) {
    const Certificate certificate("DNS:mx.example", -60);
    const TemporaryFile file(certificate.pem());
    const auto context = trusting(file.path());
    const auto server = certificate.server_context();
    const auto result = shake_hands(*context, server.get(), "mx.example");
    EXPECT_TRUE(result.is_done);
    EXPECT_EQ(result.established.problem, "certificate has expired");
}

std::string digest(const std::string& octets) {
    std::string result(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    EVP_Digest(
        octets.data(),
        octets.size(),
        reinterpret_cast<unsigned char*>(result.data()),
        &size,
        EVP_sha256(),
        nullptr
    );
    result.resize(size);
    return result;
}

Demand tlsa(std::uint8_t usage, std::uint8_t selector, std::uint8_t type, std::string data) {
    Demand demand(TlsUse::dane);
    dns::TlsaRecord record;
    record.usage = usage;
    record.selector = selector;
    record.matching_type = type;
    record.data = std::move(data);
    demand.tlsa.push_back(record);
    return demand;
}

TEST(ClientContext, TlsaRecordsVouchForACertificate) {
    auto context = ClientContext::make(TrustSettings());
    ASSERT_TRUE(context);
    const Certificate certificate("DNS:mx.example");
    const Certificate expired("DNS:mx.example", -60);
    const Certificate other("DNS:other.example");
    const struct {
        const char* what;
        const Certificate& shown;
        Demand demand;
        bool is_good;
        Failure failure;
    } rows[] = {
        {"3 1 1: RFC 7672 3.1.1",
         certificate,
         tlsa(3, 1, 1, digest(certificate.key_der())),
         true,
         Failure::none},
        {"3 0 0: the whole certificate",
         certificate,
         tlsa(3, 0, 0, certificate.der()),
         true,
         Failure::none},
        {"3 1 1 of an expired one: 3.1.1",
         expired,
         tlsa(3, 1, 1, digest(expired.key_der())),
         true,
         Failure::none},
        {"3 1 1 of one for another name: 3.1.1",
         other,
         tlsa(3, 1, 1, digest(other.key_der())),
         true,
         Failure::none},
        {"3 1 1 of another key",
         certificate,
         tlsa(3, 1, 1, digest(other.key_der())),
         false,
         Failure::validation_failure},
        {"2 0 1 of a certificate that issued nothing: 3.1.2",
         certificate,
         tlsa(2, 0, 1, digest(other.der())),
         false,
         Failure::validation_failure},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        const auto server = row.shown.server_context();
        const auto result = shake_hands(**context, server.get(), "mx.example", row.demand);
        ASSERT_TRUE(result.is_done);
        EXPECT_EQ(result.established.is_enough_for(TlsUse::dane), row.is_good)
            << result.established.problem;
        EXPECT_EQ(result.established.failure, row.failure) << result.established.problem;
        EXPECT_EQ(result.established.text().ends_with(" DANE"), row.is_good);
    }
}

TEST(ClientContext, ADemandsNamesCountInsteadOfTheHosts) {
    const Certificate certificate("DNS:example.org");
    const TemporaryFile file(certificate.pem());
    const auto context = trusting(file.path());
    const auto server = certificate.server_context();
    Demand demand(TlsUse::verify);
    demand.names = {"mx.example", "example.org"};
    const auto good = shake_hands(*context, server.get(), "other.example", demand);
    EXPECT_EQ(good.established.assurance, Assurance::verified) << good.established.problem;
    EXPECT_EQ(good.server_name, "mx.example") << "the first one is indicated";
}

TEST(ClientContext, TlsaRecordsOfNoUseAreAnError) {
    auto context = ClientContext::make(TrustSettings());
    ASSERT_TRUE(context);
    EXPECT_FALSE((*context)->new_connection("mx.example", tlsa(3, 1, 1, "short")));
}

TEST(ClientContext, ResumesOnlySessionsOfTheSameServerNameAndDemand) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        SCOPED_TRACE(version);
        const Certificate certificate("DNS:mx.example");
        const TemporaryFile file(certificate.pem());
        const auto context = trusting(file.path());
        const auto server = certificate.server_context(version);
        const auto is_resumed =
            [&](const std::string& host, const Demand& demand, const std::string& endpoint) {
                const auto result = shake_hands(*context, server.get(), host, demand, endpoint);
                EXPECT_TRUE(result.is_done);
                return result.established.is_resumed;
            };
        const Demand may;
        const Demand verify(TlsUse::verify);
        const Demand dane = tlsa(3, 1, 1, digest(certificate.key_der()));
        const Demand other_dane = tlsa(3, 0, 0, certificate.der());
        EXPECT_FALSE(is_resumed("mx.example", may, "192.0.2.1 25")) << "the first";
        EXPECT_TRUE(is_resumed("mx.example", may, "192.0.2.1 25"));
        EXPECT_TRUE(is_resumed("mx.example", may, "192.0.2.1 25")) << "it left its own";
        EXPECT_FALSE(is_resumed("other.example", may, "192.0.2.1 25"));
        EXPECT_FALSE(is_resumed("mx.example", may, "192.0.2.2 25"));
        EXPECT_FALSE(is_resumed("mx.example", verify, "192.0.2.1 25"));
        EXPECT_FALSE(is_resumed("mx.example", dane, "192.0.2.1 25"));
        EXPECT_FALSE(is_resumed("mx.example", other_dane, "192.0.2.1 25"));
        EXPECT_FALSE(is_resumed("mx.example", may, "")) << "none is wanted";
        const auto resumed =
            shake_hands(*context, server.get(), "mx.example", dane, "192.0.2.1 25");
        EXPECT_TRUE(resumed.established.is_resumed);
        EXPECT_TRUE(resumed.established.is_enough_for(TlsUse::dane)) << "verified when it began";
    }
}

// The server may have another certificate by now.
TEST(ClientContext, ASessionThatWasntGoodEnoughIsntKept) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        SCOPED_TRACE(version);
        auto context = ClientContext::make(TrustSettings());
        ASSERT_TRUE(context);
        const Certificate certificate("DNS:mx.example");
        const auto server = certificate.server_context(version);
        const Demand verify(TlsUse::verify);
        for (int i = 0; i < 2; ++i) {
            const auto result =
                shake_hands(**context, server.get(), "mx.example", verify, "192.0.2.1 25");
            EXPECT_FALSE(result.established.is_enough_for(TlsUse::verify));
            EXPECT_FALSE(result.established.is_resumed);
        }
    }
}

// TLS 1.3 gives another ticket with each resumption.
TEST(ClientContext, ASessionEndsAnHourAfterItsCertificateWasLookedAt) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        SCOPED_TRACE(version);
        test::ManualClock clock;
        const Certificate certificate("DNS:mx.example");
        const TemporaryFile file(certificate.pem());
        TrustSettings trust;
        trust.ca_file = file.path();
        auto context = ClientContext::make(trust, clock);
        ASSERT_TRUE(context);
        const auto server = certificate.server_context(version);
        const Demand verify(TlsUse::verify);
        const auto is_resumed = [&] {
            const auto result =
                shake_hands(**context, server.get(), "mx.example", verify, "192.0.2.1 25");
            EXPECT_TRUE(result.established.is_enough_for(TlsUse::verify));
            return result.established.is_resumed;
        };
        EXPECT_FALSE(is_resumed());
        for (int i = 0; i < 2; ++i) {
            clock.advance(std::chrono::minutes(25));
            EXPECT_TRUE(is_resumed()) << i;
        }
        clock.advance(std::chrono::minutes(25));
        EXPECT_FALSE(is_resumed());
    }
}

TEST(SessionCache, KeepsNothingThatIsOver) {
    test::ManualClock clock;
    const Certificate certificate("DNS:mx.example");
    const auto server_context = certificate.server_context();
    OpenSslPointer<SSL_CTX> client_context(SSL_CTX_new(TLS_client_method()));
    SessionCache cache(client_context.get(), clock);
    const auto visit = [&](const std::string& key) {
        const SslPointer client(SSL_new(client_context.get()));
        const SslPointer server(SSL_new(server_context.get()));
        cache.use(client.get(), key, false);
        connect(client.get(), server.get());
        EXPECT_TRUE(shake_hands(client.get(), server.get()));
        char octet = 0;
        EXPECT_EQ(SSL_write(server.get(), "2", 1), 1);
        EXPECT_EQ(SSL_read(client.get(), &octet, 1), 1);
    };
    visit("a");
    const std::size_t of_one = cache.size();
    EXPECT_GT(of_one, 0U);
    visit("b");
    EXPECT_EQ(cache.size(), 2 * of_one);
    clock.advance(std::chrono::hours(2));
    visit("c");
    EXPECT_EQ(cache.size(), of_one) << "nobody asks for the others again";
    client_context.reset();  // the cache outlives it
}

TEST(ClientContext, RefusesTls11) {
    auto context = ClientContext::make(TrustSettings());
    ASSERT_TRUE(context);
    const Certificate certificate("DNS:mx.example");
    const auto old = certificate.server_context(TLS1_1_VERSION);
    EXPECT_FALSE(shake_hands(**context, old.get(), "mx.example").is_done);
    const auto newer = certificate.server_context(TLS1_2_VERSION);
    EXPECT_EQ(shake_hands(**context, newer.get(), "mx.example").established.protocol, "TLSv1.2");
}

// A server that wants the handshake again would have it as often as it likes (CVE-2011-1473), and
// may show another certificate then than the one that was verified.
TEST(ClientContext, ShakesHandsOnlyOnce) {
    auto context = ClientContext::make(TrustSettings());
    ASSERT_TRUE(context);
    const Certificate certificate("DNS:mx.example");
    const auto server_context = certificate.server_context(TLS1_2_VERSION);
    auto client = (*context)->new_connection("mx.example", Demand(), {});
    ASSERT_TRUE(client);
    const SslPointer server(SSL_new(server_context.get()));
    connect(client->get(), server.get());
    ASSERT_TRUE(shake_hands(client->get(), server.get()));
    ASSERT_EQ(SSL_renegotiate(server.get()), 1);
    for (int i = 0; i < 20; ++i) {
        char octet = 0;
        SSL_do_handshake(server.get());
        SSL_read(client->get(), &octet, 1);
        SSL_read(server.get(), &octet, 1);
    }
    EXPECT_EQ(SSL_total_renegotiations(client->get()), 0);
}

TEST(ClientContext, AMissingTrustFileIsAnError) {
    TrustSettings trust;
    trust.ca_file = "/nonexistent/ca.pem";
    const auto context = ClientContext::make(trust);
    ASSERT_FALSE(context);
    EXPECT_NE(context.error().message().find("/nonexistent/ca.pem"), std::string::npos);
}

}  // namespace
}  // namespace mxpost::tls
