// What the tests of the rules share: outcomes as the client makes them of a server's reply.
#pragma once

#include <string>
#include <string_view>

#include "mail/outcome.h"
#include "protocol/ledger.h"
#include "protocol/reply.h"

namespace mxpost::diagnose {

/// `lines`: the reply as it comes, lines separated by CRLF, the last one without.
inline mail::RecipientOutcome outcome_of(
    const std::string& lines, mail::Step step = mail::Step::none, const std::string& host = ""
) {
    protocol::ReplyParser parser;
    const std::string octets = lines + "\r\n";
    std::string_view rest = octets;
    if (parser.parse(rest) != protocol::ReplyParser::State::complete || !rest.empty()) {
        return {};
    }
    mail::RecipientOutcome outcome = protocol::refusal_outcome(parser.take());
    outcome.step = step;
    outcome.remote_host = host;
    return outcome;
}

}  // namespace mxpost::diagnose
