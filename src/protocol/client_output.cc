#include "protocol/client_output.h"

#include <cstring>
#include <utility>

namespace mxpost::protocol {

void ClientOutput::command(std::string_view line) {
    octets += line;
    octets += "\r\n";
    if (dialogue_ != nullptr) {
        dialogue_->client(line);
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

void ClientOutput::written() {
    if (std::exchange(has_secret_, false)) {
        explicit_bzero(octets.data(), octets.size());
    }
    octets.clear();
}

void ClientOutput::content_sent(std::uint64_t size) {
    if (dialogue_ != nullptr) {
        dialogue_->client("(" + std::to_string(size) + " octets of content)");
        dialogue_->client(".");
    }
}

void ClientOutput::heard(const Reply& reply) {
    if (dialogue_ != nullptr) {
        for (const auto& line : reply.lines) {
            dialogue_->server(line);
        }
    }
}

void ClientOutput::note(std::string_view line) {
    if (dialogue_ != nullptr) {
        dialogue_->note(line);
    }
}

}  // namespace mxpost::protocol
