#include "deliver/tls_wish.h"

#include "base/text.h"

namespace mxpost::deliver {

TlsWish tls_wish(const mail::Envelope& envelope, std::string_view header) {
    if (envelope.requires_tls) {
        return TlsWish::required;
    }
    constexpr std::string_view kName = "TLS-Required:";
    for (const std::string_view line : split(header, '\n')) {
        if (ascii_istarts_with(line, kName)) {
            const bool is_no = ascii_iequals(trim(line.substr(kName.size())), "no");
            return is_no ? TlsWish::lenient : TlsWish::usual;
        }
    }
    return TlsWish::usual;
}

}  // namespace mxpost::deliver
