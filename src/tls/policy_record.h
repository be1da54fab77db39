// The form that MTA-STS (RFC 8461 3.1) and TLS reporting (RFC 8460 3) give their TXT records:
// "v=NAMEv1; key=value; key=value".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/answer.h"

namespace mxpost::tls {

struct RecordField {
    std::string key;
    std::string value;
};

/// The fields behind the version of the one record that begins with "v=`version`;". Nothing when no
/// record does, when several do, or when it isn't such fields.
std::optional<std::vector<RecordField>> policy_record(
    const std::vector<dns::TxtRecord>& records, std::string_view version
);

/// The first field with this key, as it stands there; null: there is none.
const std::string* find_field(const std::vector<RecordField>& fields, std::string_view key);

}  // namespace mxpost::tls
