#include "tls/server_context.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/certificate.h"
#include "support/temporary_directory.h"

namespace mxpost::tls {
namespace {

using testing::HasSubstr;

class ServerContextTest : public testing::Test {
protected:
    std::string write(const std::string& name, const std::string& text) {
        std::ofstream(directory_ / name) << text;
        return directory_ / name;
    }

    test::TemporaryDirectory directory_;
    test::Certificate certificate_{"DNS:host.example"};
};

TEST_F(ServerContextTest, TakesTheKeyFromEitherFile) {
    const std::string certificate = write("certificate", certificate_.pem());
    const std::string key = write("key", certificate_.key_pem());
    const std::string both = write("both", certificate_.key_pem() + certificate_.pem());
    const auto context = ServerContext::make(certificate, key);
    ASSERT_TRUE(context) << context.error().message();
    EXPECT_TRUE((*context)->new_connection());
    EXPECT_TRUE(ServerContext::make(both, ""));
}

TEST_F(ServerContextTest, NamesTheFileThatIsWrong) {
    const std::string certificate = write("certificate", certificate_.pem());
    const std::string other = write("other", test::Certificate("DNS:other.example").key_pem());
    const auto message = [](const auto& context) {
        return context ? std::string("no error") : context.error().message();
    };
    EXPECT_THAT(message(ServerContext::make(directory_ / "absent", "")), HasSubstr("/absent"));
    EXPECT_THAT(message(ServerContext::make(certificate, other)), HasSubstr("/other"));
    EXPECT_THAT(message(ServerContext::make(certificate, "")), HasSubstr("key in"));
}

/// Both ends of a handshake in memory.
std::string shake_hands(SSL* server, SSL* client) {
    BIO* ends[2] = {nullptr, nullptr};
    BIO_new_bio_pair(&ends[0], 0, &ends[1], 0);
    SSL_set_bio(server, ends[0], ends[0]);
    SSL_set_bio(client, ends[1], ends[1]);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    for (int i = 0; i < 10; ++i) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    return SSL_is_init_finished(server) != 0 ? SSL_get_version(server) : "none";
}

TEST_F(ServerContextTest, SpeaksTls12AndLaterOnly) {
    const auto context = ServerContext::make(
        write("certificate", certificate_.pem()), write("key", certificate_.key_pem())
    );
    ASSERT_TRUE(context);
    const auto version_with = [&](int max_version) {
        const test::OpenSslPointer<SSL_CTX> client_context(SSL_CTX_new(TLS_client_method()));
        SSL_CTX_set_security_level(client_context.get(), 0);
        SSL_CTX_set_min_proto_version(client_context.get(), TLS1_VERSION);
        SSL_CTX_set_max_proto_version(client_context.get(), max_version);
        const SslPointer client(SSL_new(client_context.get()));
        const auto server = (*context)->new_connection();
        return shake_hands(server->get(), client.get());
    };
    EXPECT_EQ(version_with(TLS1_3_VERSION), "TLSv1.3");
    EXPECT_EQ(version_with(TLS1_2_VERSION), "TLSv1.2");
    EXPECT_EQ(version_with(TLS1_1_VERSION), "none");
}

}  // namespace
}  // namespace mxpost::tls
