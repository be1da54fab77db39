#include "tls/failure.h"

namespace mxpost::tls {

std::string_view result_type(Failure failure) {
    switch (failure) {
        case Failure::none:
            break;
        case Failure::starttls_not_supported:
            return "starttls-not-supported";
        case Failure::certificate_host_mismatch:
            return "certificate-host-mismatch";
        case Failure::certificate_expired:
            return "certificate-expired";
        case Failure::certificate_not_trusted:
            return "certificate-not-trusted";
        case Failure::validation_failure:
            return "validation-failure";
        case Failure::tlsa_invalid:
            return "tlsa-invalid";
        case Failure::dnssec_invalid:
            return "dnssec-invalid";
        case Failure::dane_required:
            return "dane-required";
        case Failure::sts_policy_fetch_error:
            return "sts-policy-fetch-error";
        case Failure::sts_policy_invalid:
            return "sts-policy-invalid";
        case Failure::sts_webpki_invalid:
            return "sts-webpki-invalid";
    }
    return "";
}

}  // namespace mxpost::tls
