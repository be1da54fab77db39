#include "dkim/sha256.h"

#include <array>
#include <stdexcept>

#include <openssl/err.h>
#include <openssl/evp.h>

namespace mxpost::dkim {
namespace {

void demand(int is_done) {
    if (is_done != 1) {
        ERR_clear_error();
        throw std::runtime_error("the TLS library refuses SHA-256");
    }
}

}  // namespace

void Sha256::Deleter::operator()(EVP_MD_CTX* context) const {
    EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    demand(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

Sha256::Sha256(const Sha256& other) : context_(EVP_MD_CTX_new()) {
    demand(context_ != nullptr && EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()) == 1);
}

void Sha256::add(std::string_view octets) {
    demand(EVP_DigestUpdate(context_.get(), octets.data(), octets.size()));
}

std::string Sha256::finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    demand(EVP_DigestFinal_ex(context_.get(), digest.data(), &size));
    return {reinterpret_cast<const char*>(digest.data()), size};
}

}  // namespace mxpost::dkim
