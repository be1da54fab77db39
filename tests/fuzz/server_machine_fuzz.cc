// A client that says anything: where its octets are cut makes no difference, messages begin and end
// in order, no more is taken than the client's own "end of data" says, and every reply is one.
//
// Input: one octet of choices, then what the client says.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "support/recording_reception.h"

namespace {

using mxpost::protocol::ServerSettings;
using mxpost::test::RecordingReception;
using mxpost::test::ServerSession;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

ServerSettings settings(std::uint8_t choices) {
    ServerSettings result("mx.test");
    result.may_use_line_feeds = (choices & 1) != 0;
    result.takes_lmtp = (choices & 2) != 0;
    result.offers_start_tls = (choices & 4) != 0;
    result.needs_hello = (choices & 8) == 0;
    result.size_limit = (choices & 16) != 0 ? 200 : 0;
    result.max_recipients = 5;
    result.max_errors = (choices & 32) != 0 ? 5 : 0;
    return result;
}

RecordingReception::Step refused_step(std::uint8_t choices) {
    constexpr int kSteps = 4;
    return static_cast<RecordingReception::Step>((choices >> 6U) % kSteps * 2);
}

void check_replies(std::string_view said) {
    while (!said.empty()) {
        const std::size_t end = said.find("\r\n");
        require(end != std::string_view::npos && end >= 4);
        const std::string_view line = said.substr(0, end);
        require(line[0] >= '2' && line[0] <= '5');
        require(line[3] == ' ' || line[3] == '-');
        require(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c < 0x7f; }));
        said.remove_prefix(end + 2);
    }
}

/// What is wrong with a message in two ways may be refused for either.
std::string with_one_reason(std::string said) {
    constexpr std::string_view kTooBig = "552 5.3.4 message too big\r\n";
    constexpr std::string_view kLineFeed =
        "550 5.6.11 a line of the message ends with LF alone, not CR LF\r\n";
    for (std::size_t at = said.find(kTooBig); at != std::string::npos; at = said.find(kTooBig)) {
        said.replace(at, kTooBig.size(), kLineFeed);
    }
    return said;
}

/// `piece` octets at a time.
void play(
    ServerSession& session, std::uint8_t choices, std::string_view client, std::size_t piece
) {
    session.reception.refused = refused_step(choices);
    for (std::size_t at = 0; at < client.size(); at += piece) {
        session.send(client.substr(at, piece));
    }
    session.close();
    require(session.is_finished());
    require(!session.reception.is_open());
    check_replies(session.said);
    for (const auto& mail : session.reception.mails) {
        require(!mail.incoming.recipients.empty() && mail.incoming.recipients.size() <= 5);
        require(!mail.is_committed || !mail.is_abandoned);
        // With CRLF there is no other line end in what was taken.
        const std::string& text = mail.content;
        for (std::size_t i = 0; mail.is_committed && (choices & 1) == 0 && i < text.size(); ++i) {
            require(text[i] != '\n' || (i > 0 && text[i - 1] == '\r'));
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size > 100000) {
        return 0;
    }
    const std::uint8_t choices = data[0];
    const std::string_view client(reinterpret_cast<const char*>(data) + 1, size - 1);
    ServerSession slow(settings(choices));
    play(slow, choices, client, 1);
    ServerSession again(settings(choices));
    play(again, choices, client, 7);
    // In one piece the server may see what wasn't held back behind DATA or STARTTLS.
    const bool is_same = with_one_reason(slow.said) == with_one_reason(again.said);
    const bool has_seen_more =
        again.said.find("421 4.5.0 mx.test something was sent behind DATA") != std::string::npos ||
        again.said.find("554 5.5.0 mx.test nothing may be sent") != std::string::npos;
    // TLS forgets what waits, and pieces decide what that is.
    const bool has_tls = slow.said.find("220 2.0.0 go ahead") != std::string::npos;
    require(is_same || has_seen_more || has_tls);
    if (is_same) {
        require(slow.reception.committed() == again.reception.committed());
    }
    return 0;
}
