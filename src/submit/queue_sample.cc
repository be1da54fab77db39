#include "submit/queue_sample.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "base/text.h"
#include "spool/box_store.h"
#include "submit/queue_view.h"

namespace mxpost::submit {
namespace {

constexpr std::size_t kMaxReply = 200;
constexpr std::string_view kOthers = "(others)";

/// SplitMix64's last step: every bit of the result depends on every bit of `value`.
std::uint64_t mixed(std::uint64_t value) {
    value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
    value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
    return value ^ (value >> 31U);
}

std::uint64_t key_of(const spool::EntryName& name) {
    return std::hash<std::string_view>()(name.id);
}

}  // namespace

QueueFigures QueueSample::look(const LineSink& complain) {
    QueueFigures figures;
    figures.now = around_.clock.now();
    const SteadyTime time = around_.clock.steady_now();
    if (!is_first_) {
        figures.interval = time - last_look_;
    }
    const std::vector<Seen> before = std::exchange(seen_, {});
    wanted_.clear();
    wanted_count_ = 0;
    seed_ = mixed(around_.random.bits() + 1);
    std::vector<std::string> paths;
    visit_boxes(around_, complain, [&](spool::BoxStore& store, const std::string&) {
        list(store, paths.size(), figures, complain);
        paths.push_back(store.label());
    });
    std::ranges::sort(seen_, {}, &Seen::key);
    figures.messages = seen_.size();
    if (!is_first_) {
        count_changes(before, figures);
    }
    forget_gone();
    open_wanted(paths);
    sum_up(figures);
    last_look_ = time;
    is_first_ = false;
    return figures;
}

void QueueSample::list(
    spool::BoxStore& store, std::size_t number, QueueFigures& figures, const LineSink& complain
) {
    const std::int64_t now = to_seconds(figures.now).time_since_epoch().count();
    const auto listed = store.list([&](const spool::EntryName& name) {
        const Seen seen{key_of(name), name.due.time_since_epoch().count()};
        seen_.push_back(seen);
        figures.due += seen.due <= now ? 1 : 0;
        const auto known = facts_.find(seen.key);
        // What is due may be in work, or have been: its state is worth another look.
        const bool is_stale =
            known != facts_.end() && (known->second.due != seen.due || seen.due <= now);
        if (is_stale || (known == facts_.end() && facts_.size() < limits_.kept)) {
            want(number, name, seen);
        }
    });
    if (!listed) {
        complain(store.label() + ": " + listed.error().message());
    }
}

/// Each candidate is chosen with the same probability, however many there will be.
void QueueSample::want(std::size_t box, const spool::EntryName& name, const Seen& seen) {
    ++wanted_count_;
    if (wanted_.size() < limits_.looks) {
        wanted_.push_back({box, name});
        return;
    }
    // A hash that differs from look to look is random enough, and spares a system call each.
    const std::uint64_t at = mixed(seen.key ^ seed_) % wanted_count_;
    if (at < wanted_.size()) {
        wanted_[static_cast<std::size_t>(at)] = {box, name};
    }
}

void QueueSample::count_changes(const std::vector<Seen>& before, QueueFigures& figures) const {
    auto old = before.begin();
    for (const Seen& seen : seen_) {
        while (old != before.end() && old->key < seen.key) {
            ++figures.left;
            ++old;
        }
        if (old != before.end() && old->key == seen.key) {
            ++old;
        } else {
            ++figures.came;
        }
    }
    figures.left += static_cast<std::size_t>(before.end() - old);
}

void QueueSample::forget_gone() {
    std::erase_if(facts_, [this](const auto& entry) {
        return !std::ranges::binary_search(seen_, entry.first, {}, &Seen::key);
    });
    if (facts_.empty()) {
        domains_.clear();
        domain_numbers_.clear();
    }
}

void QueueSample::open_wanted(const std::vector<std::string>& paths) {
    const SteadyTime end = around_.clock.steady_now() + limits_.time;
    std::optional<spool::Box> box;  // the one that was needed last: most often there is one only
    for (const Wanted& wanted : wanted_) {
        const std::string& path = paths[wanted.box];
        if (!box || box->path() != path) {
            auto opened = open_again(around_.files, path);
            box = opened ? std::optional(std::move(*opened)) : std::nullopt;
        }
        if (box) {
            open(*box, wanted.name);
        }
        if (around_.clock.steady_now() >= end) {
            return;
        }
    }
}

std::uint32_t QueueSample::domain_number(const std::string& name) {
    const auto known = domain_numbers_.find(name);
    if (known != domain_numbers_.end()) {
        return known->second;
    }
    if (domains_.size() + 1 >= limits_.destinations && name != kOthers) {
        return domain_number(std::string(kOthers));
    }
    const auto number = static_cast<std::uint32_t>(domains_.size());
    domains_.push_back({name, {}, {}, {}});
    domain_numbers_.emplace(name, number);
    return number;
}

void QueueSample::open(const spool::Box& box, const spool::EntryName& name) {
    const std::uint64_t key = key_of(name);
    const auto message = spool::read_message(around_.files, box, name);
    if (!message) {
        facts_.erase(key);  // gone, or damaged: mailq says which
        return;
    }
    const auto& recipients = message->envelope().recipients;
    const auto& journal = message->journal();
    Facts facts;
    facts.due = name.due.time_since_epoch().count();
    facts.arrival = message->envelope().arrival;
    facts.is_held = journal.is_held();
    facts.is_active = spool::is_claimed(around_.files, box, name);
    std::map<std::uint32_t, std::uint32_t> waiting;
    for (std::size_t i = 0; i < std::min(recipients.size(), limits_.recipients); ++i) {
        const spool::RecipientState& state = journal.recipients.at(i);
        const std::uint32_t number = domain_number(ascii_lower(recipients[i].address.domain()));
        waiting[number] += state.is_pending() ? 1U : 0U;
        Domain& domain = domains_[number];
        if (state.last && state.last_time >= domain.last_time) {
            domain.last_time = state.last_time;
            domain.site = printable(ascii_lower(state.last->remote_host), kMaxReply);
            domain.last_reply = printable(mail::reply_text(*state.last), kMaxReply);
        }
    }
    for (const auto& [number, count] : waiting) {
        facts.parts.push_back({number, count});
    }
    facts_[key] = std::move(facts);
}

void QueueSample::sum_up(QueueFigures& figures) const {
    std::vector<DestinationFigures> sums(domains_.size());
    figures.opened = facts_.size();
    for (const auto& [key, facts] : facts_) {
        figures.active += facts.is_active ? 1 : 0;
        figures.held += facts.is_held ? 1 : 0;
        for (const Part& part : facts.parts) {
            DestinationFigures& sum = sums[part.domain];
            sum.waiting += part.waiting;
            sum.active += facts.is_active ? part.waiting : 0;
            if (part.waiting > 0) {
                sum.oldest = std::min(sum.oldest, facts.arrival);
            }
        }
    }
    for (std::size_t i = 0; i < sums.size(); ++i) {
        if (sums[i].waiting > 0) {
            sums[i].domain = printable(domains_[i].name, 255);
            sums[i].site = domains_[i].site;
            sums[i].last_reply = domains_[i].last_reply;
            figures.destinations.push_back(std::move(sums[i]));
        }
    }
    std::ranges::sort(figures.destinations, [](const auto& a, const auto& b) {
        return a.waiting != b.waiting ? a.waiting > b.waiting : a.domain < b.domain;
    });
}

}  // namespace mxpost::submit
