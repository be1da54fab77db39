#include "protocol/client_output.h"

#include <cstring>
#include <utility>

namespace mxpost::protocol {
namespace {

constexpr std::size_t kKeptOutput = 512;  // a group of commands

}  // namespace

void tell_reply(Dialogue* listener, const Reply& reply) {
    if (listener != nullptr) {
        for (const auto& line : reply.lines) {
            listener->server(line);
        }
    }
}

void ClientOutput::command(std::string_view line, Dialogue* listener) {
    octets += line;
    octets += "\r\n";
    if (listener != nullptr) {
        listener->client(line);
    }
}

void ClientOutput::secret(std::string_view line, std::string_view secret) {
    has_secret_ = true;
    octets += line;
    octets += secret;
    octets += "\r\n";
    if (dialogue_ != nullptr) {
        dialogue_->client(std::string(line) + "****");
    }
}

void ClientOutput::written(bool is_more_coming) {
    if (std::exchange(has_secret_, false)) {
        explicit_bzero(octets.data(), octets.size());
    }
    octets.clear();
    if (!is_more_coming && octets.capacity() > kKeptOutput) {
        octets.shrink_to_fit();
    }
}

void ClientOutput::note(std::string_view line) {
    if (dialogue_ != nullptr) {
        dialogue_->note(line);
    }
}

}  // namespace mxpost::protocol
