#include "tls/library_error.h"

#include <array>
#include <string>

#include <openssl/err.h>

namespace mxpost::tls {

Error library_error(std::string_view doing) {
    const unsigned long code = ERR_get_error();
    std::array<char, 256> text{};
    ERR_error_string_n(code, text.data(), text.size());
    ERR_clear_error();
    return Error::invalid(std::string(doing) + ": " + text.data());
}

}  // namespace mxpost::tls
