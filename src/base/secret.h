// Secret: a password or token in memory that no core dump has and that is overwritten at its end.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mxpost {

/// Overwrites what `text` holds (and has room for), and empties it.
void wipe(std::string& text);

/// Its text lives in pages of its own. Moves, but doesn't copy.
class Secret {
public:
    Secret() = default;
    /// Throws std::bad_alloc.
    explicit Secret(std::string_view text);
    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&& other) noexcept;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret();

    std::string_view view() const { return {text_, size_}; }

private:
    char* text_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace mxpost
