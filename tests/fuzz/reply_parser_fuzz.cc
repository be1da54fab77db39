// Any octets, cut anywhere: the parser keeps its bounds, and the cut doesn't matter.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "protocol/capabilities.h"
#include "protocol/reply.h"

namespace {

using mxpost::protocol::Reply;
using mxpost::protocol::ReplyParser;

struct Parsed {
    std::vector<Reply> replies;
    bool is_broken = false;
};

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

Parsed parse(std::string_view bytes, std::size_t piece) {
    ReplyParser parser;
    Parsed parsed;
    while (!bytes.empty()) {
        std::string_view part = bytes.substr(0, piece);
        bytes.remove_prefix(part.size());
        while (!part.empty()) {
            switch (parser.parse(part)) {
                case ReplyParser::State::broken:
                    parsed.is_broken = true;
                    return parsed;
                case ReplyParser::State::complete:
                    parsed.replies.push_back(parser.take());
                    break;
                case ReplyParser::State::needs_more:
                    require(part.empty());
            }
        }
    }
    return parsed;
}

void check(const Reply& reply) {
    require(reply.code >= 200 && reply.code <= 599);
    require(!reply.lines.empty() && reply.lines.size() <= ReplyParser::kMaxLines);
    std::size_t total = 0;
    for (const auto& line : reply.lines) {
        require(line.size() <= ReplyParser::kMaxLine);
        require(line.find('\n') == std::string::npos);
        total += line.size();
    }
    require(total <= ReplyParser::kMaxTotal);
    require(reply.text().size() <= mxpost::mail::kMaxOutcomeText);
    require(reply.status.klass == 0 || reply.status.klass == reply.klass());
    const auto capabilities = mxpost::protocol::parse_capabilities(reply);
    require(!capabilities.recipients_max || *capabilities.recipients_max > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto whole = parse(bytes, size + 1);
    for (const auto& reply : whole.replies) {
        check(reply);
    }
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}}) {
        const auto cut = parse(bytes, piece);
        require(cut.is_broken == whole.is_broken);
        require(cut.replies.size() == whole.replies.size());
        for (std::size_t i = 0; i < cut.replies.size(); ++i) {
            require(cut.replies[i].lines == whole.replies[i].lines);
        }
    }
    return 0;
}
