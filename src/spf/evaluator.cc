#include "spf/evaluator.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "spf/macro.h"

namespace mxpost::spf {

namespace asio = boost::asio;

namespace {

// RFC 7208 4.6.4
constexpr unsigned kMaxLookUps = 10;
constexpr unsigned kMaxVoid = 2;
constexpr std::size_t kMaxMx = 10;
constexpr std::size_t kMaxPtr = 10;
constexpr std::size_t kMaxLabel = 63;

/// At least two labels, none empty or too long (RFC 7208 4.3).
bool is_domain(std::string_view name) {
    if (name.ends_with('.')) {
        name.remove_suffix(1);
    }
    std::size_t labels = 0;
    while (true) {
        const std::size_t dot = std::min(name.find('.'), name.size());
        if (dot == 0 || dot > kMaxLabel) {
            return false;
        }
        ++labels;
        if (dot == name.size()) {
            break;
        }
        name.remove_prefix(dot + 1);
    }
    return labels > 1 && name.find_first_of("[]") == std::string_view::npos;
}

bool is_same_network(
    const asio::ip::address& one, const asio::ip::address& other, unsigned prefix4, unsigned prefix6
) {
    if (one.is_v4() != other.is_v4()) {
        return false;
    }
    const auto matches = [](const auto& a, const auto& b, unsigned prefix) {
        for (std::size_t i = 0; i < a.size() && prefix > 0; ++i) {
            const unsigned bits = std::min(prefix, 8U);
            const unsigned mask = 0xffU & (0xffU << (8 - bits));
            if ((a[i] & mask) != (b[i] & mask)) {
                return false;
            }
            prefix -= bits;
        }
        return true;
    };
    return one.is_v4() ? matches(one.to_v4().to_bytes(), other.to_v4().to_bytes(), prefix4)
                       : matches(one.to_v6().to_bytes(), other.to_v6().to_bytes(), prefix6);
}

bool is_below(const std::string& name, const std::string& domain) {
    return name == domain || name.ends_with("." + domain);
}

Result result_of(Qualifier qualifier) {
    switch (qualifier) {
        case Qualifier::pass:
            return Result::pass;
        case Qualifier::fail:
            return Result::fail;
        case Qualifier::softfail:
            return Result::softfail;
        case Qualifier::neutral:
            break;
    }
    return Result::neutral;
}

std::string without_dot(std::string name) {
    if (name.ends_with('.')) {
        name.pop_back();
    }
    return name;
}

/// One evaluation: the limits are for all its records together.
class Evaluation {
public:
    Evaluation(dns::Resolver& resolver, MacroValues values)
        : resolver_(resolver), values_(std::move(values)) {}

    asio::awaitable<Verdict> run(std::string domain) {
        Verdict verdict;
        Outcome outcome = co_await check_host(domain, &verdict.record);
        verdict.result = outcome.result;
        verdict.reason = std::move(outcome.reason);
        verdict.look_ups = look_ups_;
        if (outcome.result == Result::fail && outcome.explanation) {
            verdict.explanation =
                co_await explain(std::move(*outcome.explanation), std::move(outcome.domain));
        }
        co_return verdict;
    }

private:
    struct Outcome {
        Outcome() = default;
        Outcome(Result result_, std::string reason_)
            : result(result_), reason(std::move(reason_)) {}

        Result result = Result::none;
        std::string reason;
        std::optional<std::string> explanation;  // exp= of the record that failed it
        std::string domain;                      // that record's
    };

    /// Whether a mechanism matches, or the error that ends it all.
    struct Match {
        Match() = default;
        explicit Match(bool is_match_) : is_match(is_match_) {}
        explicit Match(Outcome error_) : error(std::move(error_)) {}

        bool is_match = false;
        std::optional<Outcome> error;
    };

    asio::awaitable<Outcome> check_host(std::string domain, std::string* record_text) {
        if (!is_domain(domain)) {
            co_return Outcome(Result::none, domain + " is no domain");
        }
        const auto answer = co_await resolver_.txt(domain);
        if (answer.status == dns::LookupStatus::temporary) {
            co_return Outcome(Result::temperror, "TXT " + domain + ": " + answer.reason);
        }
        std::vector<std::string> records;
        for (const dns::TxtRecord& record : answer.records) {
            if (is_spf_record(record.text)) {
                records.push_back(record.text);
            }
        }
        if (records.empty()) {
            co_return Outcome(Result::none, domain + " has no SPF record");
        }
        if (records.size() > 1) {
            co_return Outcome(
                Result::permerror,
                domain + " has " + std::to_string(records.size()) + " SPF records"
            );
        }
        if (record_text != nullptr) {
            *record_text = records[0];
        }
        auto record = parse_record(records[0]);
        if (!record) {
            co_return Outcome(
                Result::permerror, "the SPF record of " + domain + ": " + record.error().message()
            );
        }
        co_return co_await evaluate(std::move(*record), std::move(domain));
    }

    asio::awaitable<Outcome> evaluate(Record record, std::string domain) {
        for (const Directive& directive : record.directives) {
            Match match = co_await matches(directive, domain);
            if (match.error) {
                co_return std::move(*match.error);
            }
            if (match.is_match) {
                Outcome outcome(
                    result_of(directive.qualifier), "\"" + directive.text + "\" of " + domain
                );
                outcome.explanation = record.explanation;
                outcome.domain = domain;
                co_return outcome;
            }
        }
        if (!record.redirect) {
            co_return Outcome(
                Result::neutral, "nothing in the SPF record of " + domain + " matches"
            );
        }
        if (auto error = count_look_up("redirect=" + *record.redirect, domain)) {
            co_return std::move(*error);
        }
        std::string target = co_await expanded(*record.redirect, domain);
        Outcome outcome = co_await check_host(target, nullptr);
        if (outcome.result == Result::none) {
            outcome = Outcome(
                Result::permerror, domain + " redirects to " + target + ", which has no SPF record"
            );
        }
        co_return outcome;
    }

    asio::awaitable<Match> matches(const Directive& directive, const std::string& domain) {
        switch (directive.mechanism) {
            case Mechanism::all:
                co_return Match(true);
            case Mechanism::ip4:
            case Mechanism::ip6:
                co_return Match(is_same_network(
                    values_.client, directive.network, directive.prefix4, directive.prefix6
                ));
            default:
                break;
        }
        if (auto error = count_look_up(directive.text, domain)) {
            co_return Match(std::move(*error));
        }
        std::string target = domain;
        if (!directive.domain.empty()) {
            target = co_await expanded(directive.domain, domain);
        }
        switch (directive.mechanism) {
            case Mechanism::include:
                co_return co_await matches_include(std::move(target), domain);
            case Mechanism::a:
                co_return co_await matches_address(directive, std::move(target), true);
            case Mechanism::mx:
                co_return co_await matches_mx(directive, std::move(target));
            case Mechanism::ptr:
                co_return Match(co_await is_validated_below(without_dot(ascii_lower(target))));
            default:
                co_return co_await matches_exists(std::move(target));
        }
    }

    asio::awaitable<Match> matches_include(std::string target, std::string domain) {
        Outcome inner = co_await check_host(target, nullptr);
        switch (inner.result) {
            case Result::pass:
                co_return Match(true);
            case Result::temperror:
            case Result::permerror:
                co_return Match(std::move(inner));
            case Result::none:
                co_return Match(Outcome(
                    Result::permerror, domain + " includes " + target + ", which has no SPF record"
                ));
            default:
                co_return Match(false);
        }
    }

    asio::awaitable<Match> matches_address(
        const Directive& directive, std::string host, bool counts_void
    ) {
        const auto family = values_.client.is_v4() ? dns::Family::ipv4 : dns::Family::ipv6;
        const auto answer = co_await resolver_.addresses(host, family);
        if (auto error = heed(answer, host, counts_void)) {
            co_return Match(std::move(*error));
        }
        for (const asio::ip::address& address : answer.records) {
            if (is_same_network(values_.client, address, directive.prefix4, directive.prefix6)) {
                co_return Match(true);
            }
        }
        co_return Match(false);
    }

    asio::awaitable<Match> matches_mx(const Directive& directive, std::string domain) {
        const auto answer = co_await resolver_.mx(domain);
        if (auto error = heed(answer, domain, true)) {
            co_return Match(std::move(*error));
        }
        if (answer.records.size() > kMaxMx) {
            co_return Match(Outcome(Result::permerror, domain + " has more than ten MX records"));
        }
        for (const dns::MxRecord& record : answer.records) {
            if (record.exchange.empty()) {
                continue;  // a null MX
            }
            Match match = co_await matches_address(directive, record.exchange, false);
            if (match.error || match.is_match) {
                co_return match;
            }
        }
        co_return Match(false);
    }

    asio::awaitable<Match> matches_exists(std::string name) {
        const auto answer = co_await resolver_.addresses(name, dns::Family::ipv4);
        if (auto error = heed(answer, name, true)) {
            co_return Match(std::move(*error));
        }
        co_return Match(!answer.records.empty());
    }

    /// RFC 7208 5.5: the client's names that lead back to it. Errors there are no error here.
    asio::awaitable<std::vector<std::string>> validated_names() {
        std::vector<std::string> names;
        const auto answer = co_await resolver_.ptr(values_.client);
        const auto family = values_.client.is_v4() ? dns::Family::ipv4 : dns::Family::ipv6;
        for (std::size_t i = 0; i < std::min(answer.records.size(), kMaxPtr); ++i) {
            const auto back = co_await resolver_.addresses(answer.records[i], family);
            if (std::find(back.records.begin(), back.records.end(), values_.client) !=
                back.records.end()) {
                names.push_back(without_dot(ascii_lower(answer.records[i])));
            }
        }
        co_return names;
    }

    asio::awaitable<bool> is_validated_below(std::string domain) {
        const std::vector<std::string> names = co_await validated_names();
        co_return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
            return is_below(name, domain);
        });
    }

    /// The macro p: the domain itself, else a name below it, else any, else "unknown".
    asio::awaitable<std::string> validated_name(std::string domain) {
        const std::vector<std::string> names = co_await validated_names();
        domain = ascii_lower(domain);
        for (const std::string& name : names) {
            if (name == domain) {
                co_return name;
            }
        }
        for (const std::string& name : names) {
            if (is_below(name, domain)) {
                co_return name;
            }
        }
        co_return names.empty() ? "unknown" : names.front();
    }

    asio::awaitable<MacroValues> values_for(std::string text, std::string domain) {
        MacroValues values = values_;
        values.domain = domain;
        if (has_macro(text, 'p')) {
            values.validated = co_await validated_name(std::move(domain));
        }
        co_return values;
    }

    asio::awaitable<std::string> expanded(std::string text, std::string domain) {
        const MacroValues values = co_await values_for(text, std::move(domain));
        co_return shortened(expand(text, values));
    }

    /// RFC 7208 6.2: whatever goes wrong, there is none.
    asio::awaitable<std::string> explain(std::string exp, std::string domain) {
        const std::string name = co_await expanded(std::move(exp), domain);
        const auto answer = co_await resolver_.txt(name);
        if (answer.records.size() != 1) {
            co_return "";
        }
        const std::string& text = answer.records[0].text;
        if (!is_macro_string(text, MacroUse::explanation)) {
            co_return "";
        }
        const MacroValues values = co_await values_for(text, std::move(domain));
        co_return expand(text, values);
    }

    std::optional<Outcome> count_look_up(const std::string& term, const std::string& domain) {
        if (++look_ups_ <= kMaxLookUps) {
            return std::nullopt;
        }
        return Outcome(
            Result::permerror,
            "more than ten terms need look-ups; the eleventh is \"" + term + "\" of " + domain
        );
    }

    /// An answer that ends it all: a failure, or one empty answer too many.
    template <class T>
    std::optional<Outcome> heed(
        const dns::Answer<T>& answer, const std::string& name, bool counts_void
    ) {
        if (answer.status == dns::LookupStatus::temporary) {
            return Outcome(Result::temperror, name + ": " + answer.reason);
        }
        if (counts_void && answer.records.empty() && ++voids_ > kMaxVoid) {
            return Outcome(
                Result::permerror, "more than two look-ups find nothing; the third is for " + name
            );
        }
        return std::nullopt;
    }

    dns::Resolver& resolver_;
    MacroValues values_;
    unsigned look_ups_ = 0;
    unsigned voids_ = 0;
};

}  // namespace

std::string_view name_of(Result result) {
    switch (result) {
        case Result::none:
            return "none";
        case Result::neutral:
            return "neutral";
        case Result::pass:
            return "pass";
        case Result::fail:
            return "fail";
        case Result::softfail:
            return "softfail";
        case Result::temperror:
            return "temperror";
        case Result::permerror:
            break;
    }
    return "permerror";
}

Evaluator::Evaluator(dns::Resolver& resolver, const Clock& clock, std::string receiver)
    : resolver_(resolver), clock_(clock), receiver_(std::move(receiver)) {}

asio::awaitable<Verdict> Evaluator::check(Question question) {
    MacroValues values;
    values.local_part = question.local_part.empty() ? "postmaster" : question.local_part;
    values.sender_domain = question.domain;
    values.helo = question.helo;
    values.receiver = receiver_;
    values.now = clock_.now();
    values.client = question.client;
    if (values.client.is_v6() && values.client.to_v6().is_v4_mapped()) {
        values.client = asio::ip::make_address_v4(asio::ip::v4_mapped, values.client.to_v6());
    }
    Evaluation evaluation(resolver_, std::move(values));
    co_return co_await evaluation.run(std::move(question.domain));
}

}  // namespace mxpost::spf
