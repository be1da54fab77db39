#include "protocol/client_output.h"

namespace mxpost::protocol {

void ClientOutput::command(std::string_view line) {
    octets += line;
    octets += "\r\n";
    if (dialogue_ != nullptr) {
        dialogue_->client(line);
    }
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
