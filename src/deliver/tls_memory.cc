#include "deliver/tls_memory.h"

#include <array>
#include <charconv>
#include <utility>

#include "base/iso_time.h"
#include "base/text.h"

namespace mxpost::deliver {

namespace {

constexpr const char* kFile = "tls-levels";
/// A server that hasn't been better for so long has become another one.
constexpr std::chrono::days kRemembered{30};
constexpr std::size_t kMaxHosts = 20000;
constexpr std::chrono::minutes kSaveEvery{1};

constexpr std::array<std::string_view, 4> kNames{"clear", "encrypted", "verified", "dane"};

TlsMemory::Level level_of(const std::optional<tls::Established>& established) {
    if (!established) {
        return TlsMemory::Level::clear;
    }
    switch (established->assurance) {
        case tls::Assurance::verified:
            return TlsMemory::Level::verified;
        case tls::Assurance::dane:
            return TlsMemory::Level::dane;
        case tls::Assurance::untrusted:
            break;
    }
    return TlsMemory::Level::encrypted;
}

std::string warning(
    const std::string& host,
    TlsMemory::Level before,
    std::chrono::sys_days until,
    TlsMemory::Level now
) {
    const std::string when = " (until " + iso_date(until) + ")";
    if (now == TlsMemory::Level::clear) {
        return host + " used to offer TLS" + when + " and does so no more: mail goes in clear";
    }
    const char* const what = before == TlsMemory::Level::dane
                                 ? "had a certificate that DANE vouched for"
                                 : "had a trusted certificate";
    return host + " " + what + when + " and has none now: mail is encrypted, for whoever it is";
}

}  // namespace

TlsMemory::TlsMemory(StateDirectory& state, const Clock& clock) : state_(state), clock_(clock) {
    if (const auto text = state_.read(kFile)) {
        load(*text);
    }
}

TlsMemory::~TlsMemory() {
    save();
}

std::chrono::sys_days TlsMemory::today() const {
    return std::chrono::floor<std::chrono::days>(clock_.now());
}

/// "mx.example verified 20784" a line: days since 1970. What is anything else is left out.
void TlsMemory::load(std::string_view text) {
    for (const std::string_view line : split(text, '\n')) {
        const auto words = split(line, ' ');
        if (words.size() != 3 || words[0].empty() || hosts_.size() >= kMaxHosts) {
            continue;
        }
        int day = 0;
        const auto parsed =
            std::from_chars(words[2].data(), words[2].data() + words[2].size(), day);
        for (std::size_t level = 1; level < kNames.size(); ++level) {
            if (parsed.ec == std::errc() && words[1] == kNames[level]) {
                Seen& seen = hosts_[std::string(words[0])];
                seen.level = static_cast<Level>(level);
                seen.day = std::chrono::sys_days(std::chrono::days(day));
            }
        }
    }
}

TlsMemory::Level TlsMemory::best(const std::string& host) const {
    const auto found = hosts_.find(host);
    const bool is_known = found != hosts_.end() && today() - found->second.day <= kRemembered;
    return is_known ? found->second.level : Level::clear;
}

std::optional<std::string> TlsMemory::note(
    const std::string& host, const std::optional<tls::Established>& established
) {
    const Level level = level_of(established);
    const std::chrono::sys_days day = today();
    std::optional<std::string> said;
    if (level >= best(host)) {
        if (level == Level::clear) {
            return said;
        }
        Seen& seen = hosts_[host];
        if (seen.level != level || seen.day != day) {
            seen.level = level;
            seen.day = day;
            is_changed_ = true;
        }
    } else if (Seen& seen = hosts_[host]; seen.warned != day) {
        // A certificate that DANE vouches for needs no chain besides.
        const bool is_less = level == Level::clear || level == Level::encrypted;
        seen.warned = day;
        if (is_less) {
            said = warning(host, seen.level, seen.day, level);
        }
    }
    if (is_changed_ && (!saved_ || clock_.steady_now() - *saved_ > kSaveEvery)) {
        save();
    }
    return said;
}

void TlsMemory::make_room() {
    std::erase_if(hosts_, [day = today()](const auto& entry) {
        return day - entry.second.day > kRemembered;
    });
    while (hosts_.size() > kMaxHosts) {
        hosts_.erase(hosts_.begin());
    }
}

void TlsMemory::save() {
    if (!std::exchange(is_changed_, false)) {
        return;
    }
    saved_ = clock_.steady_now();
    make_room();
    std::string text;
    for (const auto& [host, seen] : hosts_) {
        text += host + ' ' + std::string(kNames.at(static_cast<std::size_t>(seen.level))) + ' ' +
                std::to_string(seen.day.time_since_epoch().count()) + '\n';
    }
    state_.write(kFile, text);
}

}  // namespace mxpost::deliver
