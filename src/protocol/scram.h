// SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding.
//
// User name and password are taken as they are: RFC 5802 2.2 wants them normalised by SASLprep,
// which changes nothing in ASCII.
#pragma once

#include "protocol/sasl.h"

namespace mxpost::protocol {

class Scram final : public SaslExchange {
public:
    /// A server that asks for more would keep this processor busy; one that asks for less (RFC 7677
    /// 4) makes what it learns too easy to guess the password from.
    static constexpr std::uint32_t kMinIterations = 4096;
    static constexpr std::uint32_t kMaxIterations = 600000;

    Scram(const Credentials& credentials, const Digests& digests, std::string nonce)
        : credentials_(credentials), digests_(digests), nonce_(std::move(nonce)) {}

    std::optional<std::string> initial_response() override;
    Result<std::string> respond(std::string_view challenge) override;
    Result<void> accepted() override;

private:
    enum class State { first, final_message, verified };

    Result<std::string> answer_first(std::string_view challenge);
    Result<std::string> verify(std::string_view challenge);

    const Credentials& credentials_;
    const Digests& digests_;
    std::string nonce_;
    State state_ = State::first;
    std::string server_signature_;  // that the server must send
};

}  // namespace mxpost::protocol
