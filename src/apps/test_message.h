// One marked message through this host's own sendmail, and what became of it (mxpost doctor
// --send).
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace mxpost::apps {

struct TestMessage {
    int status = 0;       // sendmail's exit status
    std::string outcome;  // its last line: "bob@example.org... Sent (250 2.0.0 Ok)"
};

/// Waits for the first attempt (sendmail -v). Addresses are SMTP's, without brackets. Error: the
/// program can't be run.
Result<TestMessage> send_test_message(
    const std::string& from, const std::string& to, const std::string& host, WallTime now
);

}  // namespace mxpost::apps
