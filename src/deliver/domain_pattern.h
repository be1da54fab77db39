// Domains in the settings against those of recipients: the same one may be written with U-labels
// here and with A-labels there.
#pragma once

#include <string>
#include <string_view>

#include "base/text.h"
#include "route/domain_name.h"

namespace mxpost::deliver {

/// In lower case, and with A-labels where it can have them. A dot in front (".example.com") stays;
/// an address literal is only put in lower case.
inline std::string dns_form(std::string_view domain) {
    const bool is_below = domain.starts_with('.');
    const auto name = is_ascii(domain) ? Result<std::string>(Error())
                                       : route::to_a_labels(domain.substr(is_below ? 1 : 0));
    return !name ? ascii_lower(domain) : is_below ? "." + *name : *name;
}

/// `domain`, of dns_form(), is what `entry` of the settings says, or below it where that is
/// ".example.com".
inline bool is_covered(const std::string& domain, const std::string& entry) {
    const std::string form = dns_form(entry);
    return form.starts_with('.') ? domain.ends_with(form) : domain == form;
}

}  // namespace mxpost::deliver
