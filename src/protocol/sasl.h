// How a client shows a server who it is (SASL, RFC 4422), without I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digests.h"
#include "base/result.h"
#include "base/secret.h"

namespace mxpost::protocol {

/// The strongest first: so they are tried.
enum class Mechanism : std::uint8_t {
    scram_sha_256,  // RFC 7677: the server, too, must show that it knows the password
    cram_md5,       // RFC 2195: the password isn't sent
    plain,          // RFC 4616
    login,          // draft-murchison-sasl-login
    xoauth2         // Google's and Microsoft's: the secret is a token
};

std::string_view name_of(Mechanism mechanism);
/// By name, in any case.
std::optional<Mechanism> find_mechanism(std::string_view name);
/// Whoever listens learns the secret.
bool shows_secret(Mechanism mechanism);

class Mechanisms {
public:
    void add(Mechanism mechanism) { bits_ |= bit(mechanism); }
    bool has(Mechanism mechanism) const { return (bits_ & bit(mechanism)) != 0; }
    bool is_empty() const { return bits_ == 0; }
    /// The strongest first.
    std::vector<Mechanism> all() const;

private:
    static unsigned bit(Mechanism mechanism) { return 1U << static_cast<unsigned>(mechanism); }
    unsigned bits_ = 0;
};

struct Credentials {
    std::string user;
    Secret secret;  // password or token
};

/// One attempt to log in.
class SaslExchange {
public:
    virtual ~SaslExchange() = default;
    /// What can be sent along with AUTH; nullopt: the server speaks first. Called once. The caller
    /// wipes it.
    virtual std::optional<std::string> initial_response() { return std::nullopt; }
    /// To a challenge (decoded; hostile). Error: the exchange must be broken off. The caller wipes
    /// the response.
    virtual Result<std::string> respond(std::string_view challenge) = 0;
    /// The server says that all is well. Error: it has not shown what it had to.
    virtual Result<void> accepted() { return {}; }
};

/// `credentials` and `digests` must outlive it. `nonce`: printable ASCII without comma that nobody
/// can guess and that is used once.
std::unique_ptr<SaslExchange> begin_sasl(
    Mechanism mechanism, const Credentials& credentials, const Digests& digests, std::string nonce
);

}  // namespace mxpost::protocol
