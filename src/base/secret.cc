#include "base/secret.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include <sys/mman.h>

namespace mxpost {

void wipe(std::string& text) {
    text.resize(text.capacity());
    explicit_bzero(text.data(), text.size());
    text.clear();
}

Secret::Secret(std::string_view text) : size_(text.size()) {
    if (text.empty()) {
        return;
    }
    void* const pages =
        ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
        throw std::bad_alloc();
    }
    // Kernels that refuse only lose a precaution.
    (void)::madvise(pages, size_, MADV_DONTDUMP);
    (void)::madvise(pages, size_, MADV_WIPEONFORK);
    (void)::mlock(pages, size_);
    text_ = static_cast<char*>(pages);
    std::copy(text.begin(), text.end(), text_);
}

Secret::Secret(Secret&& other) noexcept
    : text_(std::exchange(other.text_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
    std::swap(text_, other.text_);
    std::swap(size_, other.size_);
    return *this;
}

Secret::~Secret() {
    if (text_ != nullptr) {
        explicit_bzero(text_, size_);
        ::munmap(text_, size_);
    }
}

}  // namespace mxpost
