#include "protocol/sasl.h"

#include <array>
#include <utility>

#include "base/text.h"
#include "protocol/scram.h"

namespace mxpost::protocol {
namespace {

struct Row {
    Mechanism mechanism;
    std::string_view name;
};

constexpr std::array kRows = {
    Row{Mechanism::scram_sha_256, "SCRAM-SHA-256"},
    Row{Mechanism::cram_md5, "CRAM-MD5"},
    Row{Mechanism::plain, "PLAIN"},
    Row{Mechanism::login, "LOGIN"},
    Row{Mechanism::xoauth2, "XOAUTH2"},
};

Error unexpected_challenge() {
    return Error::invalid("a challenge that the mechanism doesn't have");
}

/// RFC 4616: authorization identity (none), user, password.
class Plain final : public SaslExchange {
public:
    explicit Plain(const Credentials& credentials) : credentials_(credentials) {}

    std::optional<std::string> initial_response() override {
        std::string response;
        // Room at once: growing would leave copies behind.
        response.reserve(credentials_.user.size() + credentials_.secret.view().size() + 2);
        response += '\0';
        response += credentials_.user;
        response += '\0';
        response += credentials_.secret.view();
        return response;
    }
    Result<std::string> respond(std::string_view) override { return unexpected_challenge(); }

private:
    const Credentials& credentials_;
};

/// Two prompts, whose words mean nothing.
class Login final : public SaslExchange {
public:
    explicit Login(const Credentials& credentials) : credentials_(credentials) {}

    Result<std::string> respond(std::string_view) override {
        switch (step_++) {
            case 0:
                return credentials_.user;
            case 1:
                return std::string(credentials_.secret.view());
            default:
                return unexpected_challenge();
        }
    }

private:
    const Credentials& credentials_;
    int step_ = 0;
};

class CramMd5 final : public SaslExchange {
public:
    CramMd5(const Credentials& credentials, const Digests& digests)
        : credentials_(credentials), digests_(digests) {}

    Result<std::string> respond(std::string_view challenge) override {
        if (std::exchange(has_answered_, true)) {
            return unexpected_challenge();
        }
        const std::string digest = digests_.hmac_md5(credentials_.secret.view(), challenge);
        if (digest.empty()) {
            return Error::invalid("this system's OpenSSL refuses MD5");
        }
        constexpr std::string_view kHex = "0123456789abcdef";
        std::string response = credentials_.user + " ";
        for (const char c : digest) {
            const auto octet = static_cast<unsigned char>(c);
            response += kHex[octet >> 4U];
            response += kHex[octet & 15U];
        }
        return response;
    }

private:
    const Credentials& credentials_;
    const Digests& digests_;
    bool has_answered_ = false;
};

/// A refusal comes as a challenge with its reasons in JSON, to be answered with nothing; then
/// follows the 535.
class Xoauth2 final : public SaslExchange {
public:
    explicit Xoauth2(const Credentials& credentials) : credentials_(credentials) {}

    std::optional<std::string> initial_response() override {
        const std::string_view token = credentials_.secret.view();
        std::string response;
        response.reserve(credentials_.user.size() + token.size() + 32);
        response += "user=" + credentials_.user + "\x01" + "auth=Bearer ";
        response += token;
        response += "\x01\x01";
        return response;
    }
    Result<std::string> respond(std::string_view) override {
        if (std::exchange(has_answered_, true)) {
            return unexpected_challenge();
        }
        return std::string();
    }

private:
    const Credentials& credentials_;
    bool has_answered_ = false;
};

}  // namespace

std::string_view name_of(Mechanism mechanism) {
    return kRows.at(static_cast<std::size_t>(mechanism)).name;
}

std::optional<Mechanism> find_mechanism(std::string_view name) {
    for (const Row& row : kRows) {
        if (ascii_iequals(row.name, name)) {
            return row.mechanism;
        }
    }
    return std::nullopt;
}

bool shows_secret(Mechanism mechanism) {
    return mechanism != Mechanism::scram_sha_256 && mechanism != Mechanism::cram_md5;
}

std::vector<Mechanism> Mechanisms::all() const {
    std::vector<Mechanism> found;
    for (const Row& row : kRows) {
        if (has(row.mechanism)) {
            found.push_back(row.mechanism);
        }
    }
    return found;
}

std::unique_ptr<SaslExchange> begin_sasl(
    Mechanism mechanism, const Credentials& credentials, const Digests& digests, std::string nonce
) {
    switch (mechanism) {
        case Mechanism::scram_sha_256:
            return std::make_unique<Scram>(credentials, digests, std::move(nonce));
        case Mechanism::cram_md5:
            return std::make_unique<CramMd5>(credentials, digests);
        case Mechanism::login:
            return std::make_unique<Login>(credentials);
        case Mechanism::xoauth2:
            return std::make_unique<Xoauth2>(credentials);
        default:
            return std::make_unique<Plain>(credentials);
    }
}

}  // namespace mxpost::protocol
