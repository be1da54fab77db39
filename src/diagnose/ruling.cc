#include "diagnose/ruling.h"

#include <algorithm>
#include <array>
#include <utility>

namespace mxpost::diagnose {
namespace {

constexpr std::chrono::hours kSlowDown{1};

constexpr std::array kScopes = {
    std::pair{Scope::recipient, std::string_view("recipient")},
    std::pair{Scope::message, std::string_view("message")},
    std::pair{Scope::sender_domain, std::string_view("sender-domain")},
    std::pair{Scope::our_address, std::string_view("our-address")},
    std::pair{Scope::address_family, std::string_view("address-family")},
    std::pair{Scope::session, std::string_view("session")},
    std::pair{Scope::site, std::string_view("site")},
};

constexpr std::array kSteps = {
    std::pair{mail::Step::connect, std::string_view("connect")},
    std::pair{mail::Step::greeting, std::string_view("greeting")},
    std::pair{mail::Step::hello, std::string_view("hello")},
    std::pair{mail::Step::start_tls, std::string_view("start-tls")},
    std::pair{mail::Step::auth, std::string_view("auth")},
    std::pair{mail::Step::mail, std::string_view("mail")},
    std::pair{mail::Step::recipient, std::string_view("recipient")},
    std::pair{mail::Step::data, std::string_view("data")},
    std::pair{mail::Step::content, std::string_view("content")},
};

}  // namespace

std::chrono::seconds Ruling::least_delay() const {
    return std::max({retry, suspend, is_slow_down ? kSlowDown : std::chrono::seconds(0)});
}

void apply(const Ruling& ruling, mail::RecipientOutcome& outcome) {
    if (!ruling.kind || outcome.kind == mail::OutcomeKind::delivered) {
        return;
    }
    outcome.kind = *ruling.kind;
    outcome.status.klass = *ruling.kind == mail::OutcomeKind::failed ? 5 : 4;
}

std::string_view name_of(Scope scope) {
    for (const auto& [value, name] : kScopes) {
        if (value == scope) {
            return name;
        }
    }
    return {};
}

std::optional<Scope> parse_scope(std::string_view text) {
    for (const auto& [value, name] : kScopes) {
        if (name == text) {
            return value;
        }
    }
    return std::nullopt;
}

std::optional<mail::Step> parse_step(std::string_view text) {
    for (const auto& [value, name] : kSteps) {
        if (name == text) {
            return value;
        }
    }
    return std::nullopt;
}

mail::EnhancedStatus stated_status(const mail::RecipientOutcome& outcome) {
    mail::EnhancedStatus status = outcome.status;
    if (status.subject == 0 && status.detail == 0) {
        return {};  // "5.0.0" is what outcomes get that have none
    }
    if (outcome.reply_code >= 200) {
        status.klass = static_cast<std::uint8_t>(outcome.reply_code / 100);
    }
    return status;
}

}  // namespace mxpost::diagnose
