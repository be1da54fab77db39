#include "tls/report_log.h"

namespace mxpost::tls {

std::string_view text_of(PolicyType type) {
    switch (type) {
        case PolicyType::sts:
            return "sts";
        case PolicyType::tlsa:
            return "tlsa";
        case PolicyType::none:
            break;
    }
    return "no-policy-found";
}

}  // namespace mxpost::tls
