#include "tls/client_context.h"

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include <unistd.h>

#include "support/certificate.h"

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

/// A handshake through memory.
Handshake shake_hands(
    const ClientContext& context, SSL_CTX* server_context, const std::string& host
) {
    auto client = context.new_connection(host, TlsUse::may);
    EXPECT_TRUE(client);
    const SslPointer server(SSL_new(server_context));
    BIO* client_end = nullptr;
    BIO* server_end = nullptr;
    BIO_new_bio_pair(&client_end, 0, &server_end, 0);
    SSL_set_bio(client->get(), client_end, client_end);
    SSL_set_bio(server.get(), server_end, server_end);
    SSL_set_connect_state(client->get());
    SSL_set_accept_state(server.get());
    Handshake result;
    for (int i = 0; i < 20 && !result.is_done; ++i) {
        const int client_done = SSL_do_handshake(client->get());
        const int server_done = SSL_do_handshake(server.get());
        result.is_done = client_done == 1 && server_done == 1;
    }
    if (result.is_done) {
        result.established = established(client->get());
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
    EXPECT_FALSE(result.established.is_verified);
    EXPECT_EQ(result.established.problem, "self-signed certificate");
    EXPECT_EQ(result.established.text(), "TLSv1.3 " + result.established.cipher + " untrusted");
    EXPECT_EQ(result.server_name, "mx.example");
}

TEST(ClientContext, VerifiesChainAndName) {
    const Certificate certificate("DNS:mx.example");
    const TemporaryFile file(certificate.pem());
    const auto context = trusting(file.path());
    const auto server = certificate.server_context();
    const auto good = shake_hands(*context, server.get(), "mx.example.");
    EXPECT_TRUE(good.established.is_verified) << good.established.problem;
    EXPECT_EQ(good.server_name, "mx.example");
    const auto other = shake_hands(*context, server.get(), "other.example");
    EXPECT_TRUE(other.is_done);
    EXPECT_FALSE(other.established.is_verified);
    EXPECT_EQ(other.established.problem, "hostname mismatch");
}

TEST(ClientContext, VerifiesAddressesAndKeepsThemOutOfTheServerName) {
    const Certificate certificate("IP:192.0.2.1");
    const TemporaryFile file(certificate.pem());
    const auto context = trusting(file.path());
    const auto server = certificate.server_context();
    const auto good = shake_hands(*context, server.get(), "192.0.2.1");
    EXPECT_TRUE(good.established.is_verified) << good.established.problem;
    EXPECT_EQ(good.server_name, "");
    EXPECT_FALSE(shake_hands(*context, server.get(), "192.0.2.2").established.is_verified);
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

TEST(ClientContext, RefusesTls11) {
    auto context = ClientContext::make(TrustSettings());
    ASSERT_TRUE(context);
    const Certificate certificate("DNS:mx.example");
    const auto old = certificate.server_context(TLS1_1_VERSION);
    EXPECT_FALSE(shake_hands(**context, old.get(), "mx.example").is_done);
    const auto newer = certificate.server_context(TLS1_2_VERSION);
    EXPECT_EQ(shake_hands(**context, newer.get(), "mx.example").established.protocol, "TLSv1.2");
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
