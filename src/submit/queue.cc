#include "submit/queue.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include "base/text.h"
#include "spool/box_store.h"
#include "submit/queue_listing.h"
#include "submit/queue_orders.h"
#include "submit/queue_view.h"

namespace mxpost::submit {
namespace {

/// Makes messages due now, one by one, and keeps account of those that were busy.
class Flush {
public:
    Flush(const Surroundings& around, const LineSink& out, const LineSink& complain)
        : around_(around),
          order_(make_order(around, spool::Verb::retry)),
          out_(out),
          complain_(complain) {}

    /// These are due from now on, or when what is done with them just now has ended.
    void flush(spool::BoxStore& store, const std::vector<spool::EntryName>& names) {
        for (const spool::EntryName& name : names) {
            flush_message(store, name);
        }
    }

    /// Whoever asked for an attempt wants to know why it isn't made at once.
    void say_what_was_busy() const {
        if (busy_ > 0) {
            out_(
                std::to_string(busy_) + (busy_ == 1 ? " message is" : " messages are") +
                " being sent just now and will be tried again after that:" + ids_ +
                (busy_ > kMostNamed ? " …" : "")
            );
        }
    }

private:
    static constexpr std::size_t kMostNamed = 10;

    void flush_message(spool::BoxStore& store, const spool::EntryName& name) {
        std::string reason;
        switch (give_order(around_, store, name, order_, reason)) {
            case Fate::asked:
                if (busy_++ < kMostNamed) {
                    ids_ += " " + name.id;
                }
                break;
            case Fate::failed:
                complain(store, name, reason);
                break;
            default:  // gone is as well, and what is held stays so
                break;
        }
    }

    void complain(
        const spool::BoxStore& store, const spool::EntryName& name, const std::string& why
    ) const {
        complain_(store.label() + "/" + name.text() + ": " + why);
    }

    const Surroundings& around_;
    spool::Order order_;
    const LineSink& out_;
    const LineSink& complain_;
    std::size_t busy_ = 0;
    std::string ids_;
};

/// Collects, for each host, the last of its replies that the journals know.
class HostCollector final : public QueueFormat {
public:
    HostCollector(const LineSink& out, WallTime now) : out_(out), now_(now) {}

    void begin_box(const QueuedBox&) override {}
    void show(const QueuedMessage& message) override {
        for (const spool::RecipientState& state : message.file.journal().recipients) {
            if (state.last && !state.last->remote_host.empty()) {
                note(ascii_lower(state.last->remote_host), state);
            }
        }
    }
    void end_box(const QueuedBox&) override {}
    void end(std::size_t) override {
        if (!hosts_.empty()) {
            out_("-------------- Hostname --------------- How long ago ---------Results---------");
        }
        for (const auto& [host, state] : hosts_) {
            std::string line = " " + printable(host, 255);
            line.resize(std::max<std::size_t>(line.size(), 40), ' ');
            out_(line + " " + age(state.last_time) + " " + result(state));
        }
    }

private:
    static constexpr std::size_t kMostHosts = 100'000;

    void note(const std::string& host, const spool::RecipientState& state) {
        const auto known = hosts_.find(host);
        if (known == hosts_.end()) {
            if (hosts_.size() < kMostHosts) {
                hosts_.emplace(host, state);
            }
        } else if (known->second.last_time < state.last_time) {
            known->second = state;
        }
    }
    /// "1+02:03:04": days, hours, minutes, seconds.
    std::string age(WallTime time) const {
        const auto seconds = std::max<std::int64_t>(
            0, std::chrono::duration_cast<std::chrono::seconds>(now_ - time).count()
        );
        std::array<char, 64> text{};
        const int size = std::snprintf(
            text.data(),
            text.size(),
            "%02lld:%02lld:%02lld",
            static_cast<long long>(seconds / 3600 % 24),
            static_cast<long long>(seconds / 60 % 60),
            static_cast<long long>(seconds % 60)
        );
        std::string result(text.data(), static_cast<std::size_t>(size));
        if (seconds >= 86400) {
            result = std::to_string(seconds / 86400) + "+" + result;
        }
        return std::string(result.size() < 12 ? 12 - result.size() : 0, ' ') + result;
    }
    static std::string result(const spool::RecipientState& state) {
        return state.last->kind == mail::OutcomeKind::delivered
                   ? "OK"
                   : printable(mail::reply_text(*state.last), mail::kMaxOutcomeText);
    }

    const LineSink& out_;
    WallTime now_;
    std::map<std::string, spool::RecipientState> hosts_;
};

}  // namespace

ExitStatus print_queue(
    const Surroundings& around,
    const EngineStarter& starter,
    const QueueSelection& selection,
    bool is_verbose,
    const LineSink& out,
    const LineSink& complain
) {
    RefusalMeanings meanings(around.files, around.settings.reply_rules);
    QueueListing listing(
        out, to_seconds(around.clock.now()), is_verbose, selection.is_everything(), meanings
    );
    return show_queue(around, starter, selection, listing, complain);
}

ExitStatus count_queue(const Surroundings& around, const LineSink& out, const LineSink& complain) {
    std::size_t total = 0;
    const bool is_complete =
        visit_boxes(around, complain, [&](spool::BoxStore& store, const std::string&) {
            std::size_t count = 0;
            const auto listed = store.list([&](const spool::EntryName&) { ++count; });
            if (!listed) {
                complain(store.label() + ": " + listed.error().message());
            }
            out(store.label() + ": entries=" + std::to_string(count));
            total += count;
        });
    out("\t\tTotal requests: " + std::to_string(total));
    return is_complete ? ExitStatus::ok : ExitStatus::os_error;
}

ExitStatus print_hosts(
    const Surroundings& around,
    const EngineStarter& starter,
    const LineSink& out,
    const LineSink& complain
) {
    HostCollector hosts(out, around.clock.now());
    return show_queue(around, starter, QueueSelection(), hosts, complain);
}

ExitStatus flush_queue(
    const Surroundings& around,
    const EngineStarter& starter,
    const QueueSelection& selection,
    bool starts_engine,
    const LineSink& out,
    const LineSink& complain
) {
    Flush flush(around, out, complain);
    EngineCalls engines(around, starter);
    const bool is_complete =
        visit_boxes(around, complain, [&](spool::BoxStore& store, const std::string& root) {
            const auto names = selected_names(around, store, selection, complain);
            flush.flush(store, names);
            if (!names.empty() && starts_engine) {
                engines.need_engine(root);
            }
        });
    flush.say_what_was_busy();
    if (const auto started = engines.finish(); !started) {
        complain(started.error().message());
        return ExitStatus::os_error;
    }
    return is_complete ? ExitStatus::ok : ExitStatus::os_error;
}

}  // namespace mxpost::submit
