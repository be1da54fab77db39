#include "tls/sts_cache.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/text.h"

namespace mxpost::tls {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kFirstLine = "mxpost MTA-STS policies 1";
// RFC 8461 3.3: a failed fetch isn't repeated for five minutes; refreshing once a day is enough.
constexpr std::chrono::minutes kAfterFailure{5};
constexpr std::chrono::hours kRefreshInUse{24};
constexpr std::chrono::hours kRefreshIdle{24 * 7};
constexpr std::chrono::hours kForgetUnused{24 * 30};  // as far as refreshing goes
constexpr std::chrono::seconds kSaveInterval{5};
constexpr std::chrono::hours kClockError{24};

/// "domain x" to the value behind the word; nothing where it is another one.
std::optional<std::string_view> value_of(std::string_view line, std::string_view word) {
    if (!line.starts_with(word) || line.size() <= word.size() || line[word.size()] != ' ') {
        return std::nullopt;
    }
    return line.substr(word.size() + 1);
}

/// One block of the file: three lines of ours, then the policy's.
std::optional<std::pair<std::string, StsEntry>> decode_entry(std::string_view block) {
    const auto first = block.find('\n');
    const auto second = first == std::string_view::npos ? first : block.find('\n', first + 1);
    const auto third = second == std::string_view::npos ? second : block.find('\n', second + 1);
    if (third == std::string_view::npos) {
        return std::nullopt;
    }
    const auto domain = value_of(block.substr(0, first), "domain");
    const auto id = value_of(block.substr(first + 1, second - first - 1), "id");
    const auto text = value_of(block.substr(second + 1, third - second - 1), "fetched");
    constexpr std::uint64_t kLastSecond = 253402300799;  // of the year 9999
    const std::uint64_t fetched =
        parse_unsigned(text.value_or(std::string_view())).value_or(kLastSecond + 1);
    auto policy = parse_sts_policy(block.substr(third + 1));
    if (!domain || !id || !is_host_name(*domain) || id->size() > 32 || fetched > kLastSecond ||
        !policy) {
        return std::nullopt;
    }
    StsEntry entry;
    entry.id = *id;
    entry.fetched = WallTime(std::chrono::seconds(fetched));
    entry.policy = std::move(*policy);
    return std::pair(std::string(*domain), std::move(entry));
}

}  // namespace

std::string encode_sts_entries(const StsEntries& entries) {
    std::string text(kFirstLine);
    text += '\n';
    for (const auto& [domain, entry] : entries) {
        std::string block = "\ndomain " + domain + "\nid " + entry.id + "\nfetched " +
                            std::to_string(to_seconds(entry.fetched).time_since_epoch().count()) +
                            "\n";
        for (const std::string& line : lines_of(entry.policy)) {
            block += line + "\n";
        }
        if (text.size() + block.size() < StateDirectory::kMaxSize) {
            text += block;
        }
    }
    return text;
}

StsEntries decode_sts_entries(std::string_view text) {
    StsEntries entries;
    const auto begin = text.find('\n');
    if (text.substr(0, begin) != kFirstLine) {
        return entries;
    }
    while (!text.empty() && entries.size() < kMaxStsEntries) {
        text.remove_prefix(std::min(text.find_first_not_of('\n'), text.size()));
        const auto end = text.find("\n\n");
        if (auto entry = decode_entry(text.substr(0, end))) {
            entries.insert(std::move(*entry));
        }
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 2);
    }
    return entries;
}

StsCache::StsCache(
    asio::any_io_executor executor,
    dns::Resolver& resolver,
    HttpsAgent& https,
    StateDirectory& state,
    const Clock& clock,
    Log& log
)
    : executor_(std::move(executor)),
      resolver_(resolver),
      fetcher_(resolver, https),
      state_(state),
      clock_(clock),
      log_(log),
      refreshed_(clock.steady_now()) {}

StsCache::~StsCache() {
    if (is_dirty_) {
        save();
    }
}

asio::awaitable<StsVerdict> StsCache::find(std::string domain) {
    load();
    const std::string name = "_mta-sts." + domain;
    const auto answer = co_await resolver_.txt(name);
    const auto id = answer.status == dns::LookupStatus::ok ? sts_id(answer.records) : std::nullopt;
    if (!id) {
        // RFC 8461 5.1: a missing record alone takes no policy away.
        co_return verdict(find_known(domain));
    }
    for (;;) {
        Known& known = known_[domain];
        known.used = clock_.steady_now();
        const bool is_current = is_good(known) && known.entry->id == *id;
        if (is_current && is_due(known, kRefreshInUse)) {
            known.is_asked_for = true;  // from now on, not from when its turn comes
            asio::co_spawn(executor_, fetch(domain, *id), asio::detached);
        }
        if (is_current || clock_.steady_now() < known.next_try) {
            co_return verdict(&known);
        }
        if (!known.is_asked_for) {
            break;
        }
        co_await wait_for(known);
    }
    co_await fetch(domain, *id);
    co_return verdict(find_known(domain));
}

void StsCache::tick() {
    constexpr std::chrono::hours kInterval{1};
    const SteadyTime now = clock_.steady_now();
    if (is_dirty_ && now - saved_ >= kSaveInterval) {
        save();
    }
    if (now - refreshed_ >= kInterval) {
        refreshed_ = now;
        load();
        asio::co_spawn(executor_, refresh_due(), asio::detached);
    }
}

asio::awaitable<void> StsCache::refresh_due() {
    std::vector<std::pair<std::string, std::string>> due;
    for (const auto& [domain, known] : known_) {
        const bool is_used = clock_.steady_now() - known.used < kForgetUnused;
        if (is_used && is_good(known) && known.entry->policy.mode != StsMode::none &&
            is_due(known, kRefreshIdle)) {
            due.emplace_back(domain, known.entry->id);
        }
    }
    for (const auto& [domain, id] : due) {
        const Known* const known = find_known(domain);
        if (known != nullptr && !known->is_asked_for) {
            co_await fetch(domain, id);
        }
    }
}

asio::awaitable<void> StsCache::wait_for(Known& known) {
    auto waiter =
        std::make_shared<asio::steady_timer>(executor_, asio::steady_timer::time_point::max());
    known.waiters.push_back(waiter);
    co_await waiter->async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<void> StsCache::fetch(std::string domain, std::string id) {
    known_[domain].is_asked_for = true;
    StsFetched fetched;
    std::exception_ptr error;
    try {
        fetched = co_await fetcher_.fetch(domain);
    } catch (...) {
        error = std::current_exception();
    }
    // What is asked for stays.
    Known& known = known_[domain];
    known.is_asked_for = false;
    for (const auto& waiter : std::exchange(known.waiters, {})) {
        waiter->cancel();
    }
    if (error) {
        std::rethrow_exception(error);
    }
    take(domain, id, std::move(fetched));
}

void StsCache::take(const std::string& domain, const std::string& id, StsFetched fetched) {
    Known& known = known_[domain];
    if (!fetched.policy) {
        known.next_try = clock_.steady_now() + kAfterFailure;
        known.failure = fetched.failure;
        if (known.problem != fetched.problem) {
            const bool is_kept = is_good(known) && known.entry->policy.mode != StsMode::none;
            log_.warning(
                fetched.problem +
                (is_kept ? "; the one fetched before stays in force" : "; mail goes without it")
            );
        }
        known.problem = std::move(fetched.problem);
        make_room();
        return;
    }
    if (!known.entry || known.entry->policy != *fetched.policy) {
        log_.info(
            "the MTA-STS policy of " + domain +
            " is now: " + std::string(text_of(fetched.policy->mode))
        );
    }
    known.failure = Failure::none;
    known.problem.clear();
    StsEntry& entry = known.entry.emplace();
    entry.id = id;
    entry.fetched = clock_.now();
    entry.policy = std::move(*fetched.policy);
    is_dirty_ = true;
    make_room();
    if (clock_.steady_now() - saved_ >= kSaveInterval) {
        save();
    }
}

bool StsCache::is_good(const Known& known) const {
    if (!known.entry) {
        return false;
    }
    // From the future: the clock was wrong then, or is now.
    const auto age = clock_.now() - known.entry->fetched;
    return age < known.entry->policy.max_age && age > -kClockError;
}

bool StsCache::is_due(const Known& known, std::chrono::hours most) const {
    const auto age = clock_.now() - known.entry->fetched;
    const auto limit = std::min<std::chrono::seconds>(most, known.entry->policy.max_age / 2);
    return age >= limit && !known.is_asked_for && clock_.steady_now() >= known.next_try;
}

StsVerdict StsCache::verdict(const Known* known) const {
    StsVerdict verdict;
    if (known == nullptr) {
        return verdict;
    }
    verdict.failure = known->failure;
    verdict.problem = known->problem;
    if (is_good(*known) && known->entry->policy.mode != StsMode::none) {
        verdict.policy = std::make_shared<const StsPolicy>(known->entry->policy);
        verdict.id = known->entry->id;
    }
    return verdict;
}

StsCache::Known* StsCache::find_known(const std::string& domain) {
    const auto found = known_.find(domain);
    return found == known_.end() ? nullptr : &found->second;
}

void StsCache::make_room() {
    while (known_.size() > kMaxStsEntries) {
        const auto oldest = std::ranges::min_element(known_, {}, [](const auto& item) {
            return item.second.is_asked_for ? SteadyTime::max() : item.second.used;
        });
        if (oldest->second.is_asked_for) {
            return;
        }
        known_.erase(oldest);
    }
}

void StsCache::load() {
    if (is_loaded_) {
        return;
    }
    is_loaded_ = true;
    const auto text = state_.read(kStateName);
    if (!text) {
        return;
    }
    for (auto& [domain, entry] : decode_sts_entries(*text)) {
        Known& known = known_[domain];
        known.entry = std::move(entry);
        known.used = clock_.steady_now();
        if (!is_good(known)) {
            known_.erase(domain);
        }
    }
}

void StsCache::save() {
    StsEntries entries;
    for (const auto& [domain, known] : known_) {
        if (is_good(known)) {
            entries.emplace(domain, *known.entry);
        }
    }
    (void)state_.write(kStateName, encode_sts_entries(entries));  // it has said so
    saved_ = clock_.steady_now();
    is_dirty_ = false;
}

}  // namespace mxpost::tls
