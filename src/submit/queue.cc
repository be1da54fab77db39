#include "submit/queue.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "base/text.h"
#include "spool/box_store.h"
#include "submit/hand_off.h"
#include "submit/spool_choice.h"

namespace mxpost::submit {
namespace {

/// Pads with spaces on the left (`width` > 0) or on the right.
std::string left_padded(std::string text, std::size_t width) {
    return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

std::string arrival_text(WallTime time) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    std::tm local{};
    ::localtime_r(&seconds, &local);
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%a %b %e %H:%M:%S", &local)};
}

std::string sender_text(const mail::ReversePath& sender) {
    return sender ? printable(sender->text()) : "<>";
}

std::string state_text(const spool::RecipientState& state) {
    if (!state.last) {
        return "";
    }
    const mail::RecipientOutcome& outcome = *state.last;
    std::string text;
    if (!outcome.remote_host.empty()) {
        text = printable(outcome.remote_host, 255) + ": ";
    }
    return text + printable(mail::reply_text(outcome), mail::kMaxOutcomeText);
}

/// The boxes of one spool that this caller may see.
Result<std::vector<spool::Box>> boxes_of(const Surroundings& around, const std::string& root) {
    const uid_t uid = around.identity.uid;
    return spool::list_boxes(around.files, root, uid == 0 ? spool::kAnyOwner : uid);
}

std::vector<spool::EntryName> sorted_names(spool::BoxStore& store, const LineSink& complain) {
    std::vector<spool::EntryName> names;
    const auto listed = store.list([&](const spool::EntryName& name) { names.push_back(name); });
    if (!listed) {
        complain(store.label() + ": " + listed.error().message());
    }
    std::ranges::sort(names, {}, &spool::EntryName::id);
    return names;
}

class Listing {
public:
    Listing(
        const Surroundings& around,
        const EngineStarter& starter,
        const LineSink& out,
        const LineSink& complain
    )
        : around_(around), starter_(starter), out_(out), complain_(complain) {}

    ExitStatus run() {
        for (const std::string& root : candidates(around_)) {
            auto boxes = boxes_of(around_, root);
            if (!boxes) {
                complain_(root + ": " + boxes.error().message());
                status_ = ExitStatus::os_error;
                continue;
            }
            for (spool::Box& box : *boxes) {
                list_box(std::move(box));
            }
        }
        if (total_ == 0) {
            out_("Mail queue is empty");
        } else {
            out_(
                "-- " + std::to_string(octets_ / 1024) + " Kbytes in " + std::to_string(total_) +
                (total_ == 1 ? " Request." : " Requests.")
            );
        }
        return status_;
    }

private:
    void list_box(spool::Box box) {
        spool::BoxStore store(around_.files, std::move(box));
        const auto names = sorted_names(store, complain_);
        for (const spool::EntryName& name : names) {
            list_message(store.box(), name);
        }
        if (!names.empty() && !has_engine(store, names)) {
            out_(
                "      (no engine serves " + store.label() +
                ": this mail waits for the next one, or for sendmail -q)"
            );
            out_("");
        }
        if (const std::size_t corrupt = store.count_corrupt(); corrupt > 0) {
            complain_(
                std::to_string(corrupt) + " damaged " + (corrupt == 1 ? "message" : "messages") +
                " in " + store.label() + "/" + spool::kCorruptName
            );
        }
    }

    /// Looks whether the box's lock is free, for which it must take it for a moment. Who commits a
    /// message in that moment takes us for the engine, so what came meanwhile is handed off here.
    bool has_engine(spool::BoxStore& store, const std::vector<spool::EntryName>& before) {
        const auto is_free = around_.files.try_lock_shared(store.box().directory());
        if (!is_free || !*is_free) {
            return true;
        }
        (void)around_.files.unlock(store.box().directory()).has_value();
        const auto is_new = [&](const spool::EntryName& name) {
            return !std::ranges::binary_search(before, name.id, {}, &spool::EntryName::id);
        };
        if (std::ranges::none_of(sorted_names(store, complain_), is_new)) {
            return false;
        }
        const std::size_t slash = store.label().rfind('/');
        auto again = spool::open_box(
            around_.files, store.label().substr(0, slash), store.label().substr(slash + 1)
        );
        return again && hand_off(around_.files, around_.log, starter_, std::move(*again));
    }

    void list_message(const spool::Box& box, const spool::EntryName& name) {
        const auto message = spool::read_message(around_.files, box, name);
        if (!message) {
            // Delivered while we looked, or not ours to read: neither is an entry.
            if (!message.error().is(ENOENT)) {
                complain_(box.path() + "/" + name.text() + ": " + message.error().message());
                status_ = ExitStatus::os_error;
            }
            return;
        }
        if (total_++ == 0) {
            out_("-------Queue ID-------- --Size-- ---Arrival Time---- -Sender/Recipient-------");
        }
        octets_ += message->content_size();
        const bool is_active = spool::is_claimed(around_.files, box, name);
        std::string id = name.id + (is_active ? "*" : "");
        id.resize(std::max<std::size_t>(id.size(), 23), ' ');
        out_(
            id + " " + left_padded(std::to_string(message->content_size()), 8) + " " +
            arrival_text(message->envelope().arrival) + " " +
            sender_text(message->envelope().sender)
        );
        if (!message->journal().note.empty()) {
            out_("      (" + printable(message->journal().note, mail::kMaxOutcomeText) + ")");
        }
        list_recipients(*message);
        out_("");
    }

    void list_recipients(const spool::MessageFile& message) {
        const auto& recipients = message.envelope().recipients;
        for (std::size_t i = 0; i < recipients.size(); ++i) {
            const spool::RecipientState& state = message.journal().recipients.at(i);
            if (!state.is_pending()) {
                continue;
            }
            if (const std::string reply = state_text(state); !reply.empty()) {
                out_("      (" + reply + ")");
            }
            out_(std::string(53, ' ') + printable(recipients[i].address.text()));
        }
    }

    const Surroundings& around_;
    const EngineStarter& starter_;
    const LineSink& out_;
    const LineSink& complain_;
    std::size_t total_ = 0;
    std::uint64_t octets_ = 0;
    ExitStatus status_ = ExitStatus::ok;
};

/// Makes messages due now, one by one, and keeps account of those that were busy.
class Flush {
public:
    Flush(const Surroundings& around, const LineSink& out, const LineSink& complain)
        : around_(around), now_(to_seconds(around.clock.now())), out_(out), complain_(complain) {}

    /// How many messages wait in the box, all of them due from now on, or when what is done with
    /// them just now has ended.
    std::size_t flush_box(spool::BoxStore& store) {
        const auto names = sorted_names(store, complain_);
        for (const spool::EntryName& name : names) {
            flush_message(store, name);
        }
        return names.size();
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
        if (name.due <= now_) {
            // Due is also what is in an engine's hands: the name only changes when that is over.
            if (spool::is_claimed(around_.files, store.box(), name)) {
                ask(store, name);
            }
            return;
        }
        const spool::ClaimResult claimed = store.claim(name);
        if (claimed.claim) {
            if (const auto moved = claimed.claim->postpone(now_); !moved) {
                complain(store, name, moved.error().message());
            }
        } else if (claimed.refusal == spool::ClaimRefusal::failed) {
            complain(store, name, claimed.reason);
        } else if (claimed.refusal == spool::ClaimRefusal::busy) {
            ask(store, name);
        }
    }

    void ask(spool::BoxStore& store, const spool::EntryName& name) {
        if (const auto left = store.leave_request(name.id, spool::kRetryVerb); !left) {
            complain(store, name, "is being sent just now: " + left.error().message());
            return;
        }
        if (busy_++ < kMostNamed) {
            ids_ += " " + name.id;
        }
    }

    void complain(
        const spool::BoxStore& store, const spool::EntryName& name, const std::string& why
    ) const {
        complain_(store.label() + "/" + name.text() + ": " + why);
    }

    const Surroundings& around_;
    std::chrono::sys_seconds now_;
    const LineSink& out_;
    const LineSink& complain_;
    std::size_t busy_ = 0;
    std::string ids_;
};

}  // namespace

ExitStatus print_queue(
    const Surroundings& around,
    const EngineStarter& starter,
    const LineSink& out,
    const LineSink& complain
) {
    return Listing(around, starter, out, complain).run();
}

ExitStatus flush_queue(
    const Surroundings& around,
    const EngineStarter& starter,
    const LineSink& out,
    const LineSink& complain
) {
    Flush flush(around, out, complain);
    const bool is_root = around.identity.uid == 0;
    std::size_t waiting = 0;
    for (const std::string& root : candidates(around)) {
        auto boxes = boxes_of(around, root);
        if (!boxes) {
            complain(root + ": " + boxes.error().message());
            return ExitStatus::os_error;
        }
        for (spool::Box& box : *boxes) {
            spool::BoxStore store(around.files, std::move(box));
            const std::size_t count = flush.flush_box(store);
            waiting += count;
            if (count > 0 && !is_root) {
                auto own = spool::open_own_box(
                    around.files, root, around.identity.uid, around.clock, around.random
                );
                if (own) {
                    hand_off(around.files, around.log, starter, std::move(*own));
                }
            }
        }
    }
    flush.say_what_was_busy();
    if (waiting > 0 && is_root) {
        // One that goes over all boxes; those with an engine of their own are left to it.
        const auto started = starter.start({{"run", "--once"}, {}, false});
        if (!started) {
            complain(started.error().message());
            return ExitStatus::os_error;
        }
    }
    return ExitStatus::ok;
}

}  // namespace mxpost::submit
