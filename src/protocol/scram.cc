#include "protocol/scram.h"

#include "base/text.h"
#include "mail/base64.h"

namespace mxpost::protocol {
namespace {

/// RFC 5802 5.1: "," and "=" of a user name.
std::string escaped(std::string_view name) {
    std::string result;
    for (const char c : name) {
        if (c == ',') {
            result += "=2C";
        } else if (c == '=') {
            result += "=3D";
        } else {
            result += c;
        }
    }
    return result;
}

std::string first_bare(const Credentials& credentials, const std::string& nonce) {
    return "n=" + escaped(credentials.user) + ",r=" + nonce;
}

struct ServerFirst {
    std::string_view nonce;
    std::string salt;
    std::uint32_t iterations = 0;
};

/// The value of the attribute `name`, when `field` is that.
std::optional<std::string_view> value_of(std::string_view field, char name) {
    return field.size() >= 2 && field[0] == name && field[1] == '=' ? std::optional(field.substr(2))
                                                                    : std::nullopt;
}

/// RFC 5802 7: r=, s=, i= in this order; what follows is optional. A mandatory extension (m=) comes
/// first, and isn't known.
std::optional<ServerFirst> parse_server_first(std::string_view message) {
    const auto fields = split(message, ',');
    if (fields.size() < 3) {
        return std::nullopt;
    }
    const auto nonce = value_of(fields[0], 'r');
    const auto salt = value_of(fields[1], 's');
    const auto iterations = value_of(fields[2], 'i');
    const auto decoded = mail::base64_decoded(salt.value_or("?"));
    const auto number = parse_unsigned(iterations.value_or("?"));
    if (!nonce || !decoded || decoded->empty() || !number || *number > Scram::kMaxIterations ||
        *number < Scram::kMinIterations) {
        return std::nullopt;
    }
    ServerFirst result;
    result.nonce = *nonce;
    result.salt = *decoded;
    result.iterations = static_cast<std::uint32_t>(*number);
    return result;
}

/// In a time that doesn't depend on where they differ.
bool is_same(std::string_view a, std::string_view b) {
    unsigned difference = a.size() == b.size() ? 0 : 1;
    for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
        difference |= static_cast<unsigned>(static_cast<unsigned char>(a[i])) ^
                      static_cast<unsigned>(static_cast<unsigned char>(b[i]));
    }
    return difference == 0;
}

}  // namespace

std::optional<std::string> Scram::initial_response() {
    return "n,," + first_bare(credentials_, nonce_);
}

Result<std::string> Scram::respond(std::string_view challenge) {
    switch (state_) {
        case State::first:
            return answer_first(challenge);
        case State::final_message:
            return verify(challenge);
        default:
            return Error::invalid("SCRAM: a challenge after the last one");
    }
}

/// RFC 5802 3.
Result<std::string> Scram::answer_first(std::string_view challenge) {
    const auto first = parse_server_first(challenge);
    if (!first) {
        return Error::invalid("SCRAM: the server's first message is not acceptable");
    }
    if (!first->nonce.starts_with(nonce_) || first->nonce.size() == nonce_.size()) {
        return Error::invalid("SCRAM: the server's nonce is not acceptable");
    }
    std::string salted_password =
        digests_.pbkdf2_sha256(credentials_.secret.view(), first->salt, first->iterations);
    std::string client_key = digests_.hmac_sha256(salted_password, "Client Key");
    std::string stored_key = digests_.sha256(client_key);
    const std::string without_proof = "c=biws,r=" + std::string(first->nonce);
    const std::string auth_message =
        first_bare(credentials_, nonce_) + "," + std::string(challenge) + "," + without_proof;
    const std::string signature = digests_.hmac_sha256(stored_key, auth_message);
    server_signature_ =
        digests_.hmac_sha256(digests_.hmac_sha256(salted_password, "Server Key"), auth_message);
    if (salted_password.empty() || client_key.empty() || client_key.size() != signature.size() ||
        server_signature_.empty()) {
        return Error::invalid("SCRAM: OpenSSL can't compute SHA-256");
    }
    std::string proof = client_key;
    for (std::size_t i = 0; i < proof.size(); ++i) {
        proof[i] = static_cast<char>(
            static_cast<unsigned char>(proof[i]) ^ static_cast<unsigned char>(signature[i])
        );
    }
    wipe(salted_password);
    wipe(client_key);
    wipe(stored_key);
    state_ = State::final_message;
    return without_proof + ",p=" + mail::base64_encoded(proof);
}

Result<std::string> Scram::verify(std::string_view challenge) {
    const auto fields = split(challenge, ',');
    if (const auto error = value_of(fields.front(), 'e')) {
        return Error::invalid("SCRAM: the server says " + printable(*error, 64));
    }
    const auto signature = mail::base64_decoded(value_of(fields.front(), 'v').value_or("?"));
    if (!signature || !is_same(*signature, server_signature_)) {
        return Error::invalid("SCRAM: the server doesn't know the password that it asks for");
    }
    state_ = State::verified;
    return std::string();
}

Result<void> Scram::accepted() {
    if (state_ != State::verified) {
        return Error::invalid("SCRAM: the server didn't show that it knows the password");
    }
    return {};
}

}  // namespace mxpost::protocol
