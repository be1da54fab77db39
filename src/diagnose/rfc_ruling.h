// What a refusal means to somebody who knows RFC 5321 and nobody's particular servers.
#pragma once

#include <cstddef>
#include <optional>

#include "diagnose/ruling.h"
#include "mail/outcome.h"

namespace mxpost::diagnose {

/// By the first digit and the step (RFC 5321 4.2.1, 4.2.4); without a step as if a recipient had
/// been refused. It never depends on the text.
Ruling rfc_ruling(const mail::RecipientOutcome& outcome, std::optional<std::size_t> accepted);

}  // namespace mxpost::diagnose
