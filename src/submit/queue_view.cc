#include "submit/queue_view.h"

#include <algorithm>
#include <map>

#include "submit/hand_off.h"
#include "submit/spool_choice.h"

namespace mxpost::submit {
namespace {

std::vector<spool::EntryName> sorted_names(
    spool::BoxStore& store,
    const LineSink& complain,
    const std::function<void(spool::Request)>& on_request = [](const spool::Request&) {}
) {
    std::vector<spool::EntryName> names;
    const auto listed =
        store.list([&](const spool::EntryName& name) { names.push_back(name); }, on_request);
    if (!listed) {
        complain(store.label() + ": " + listed.error().message());
    }
    std::ranges::sort(names, {}, &spool::EntryName::id);
    return names;
}

std::vector<spool::EntryName> selected(
    const Surroundings& around,
    const spool::BoxStore& store,
    const QueueSelection& selection,
    std::vector<spool::EntryName> names
) {
    std::erase_if(names, [&](const spool::EntryName& name) {
        if (!selection.may_match(name.id)) {
            return true;
        }
        if (!selection.needs_envelope()) {
            return false;
        }
        const auto message = spool::read_message(around.files, store.box(), name);
        return !message || !selection.matches(name.id, message->envelope());
    });
    return names;
}

class View {
public:
    View(
        const Surroundings& around,
        const EngineStarter& starter,
        const QueueSelection& selection,
        QueueFormat& format,
        const LineSink& complain
    )
        : around_(around),
          starter_(starter),
          selection_(selection),
          format_(format),
          complain_(complain) {}

    ExitStatus run() {
        const bool is_listed =
            visit_boxes(around_, complain_, [this](spool::BoxStore& store, const std::string&) {
                show_box(store);
            });
        format_.end(total_);
        return is_listed ? status_ : ExitStatus::os_error;
    }

private:
    static constexpr std::size_t kMostRequests = 10'000;

    void show_box(spool::BoxStore& store) {
        requests_.clear();
        const auto all = sorted_names(store, complain_, [this](spool::Request request) {
            if (requests_.size() < kMostRequests) {
                requests_[request.id].push_back(std::move(request.verb));
            }
        });
        const auto names = selected(around_, store, selection_, all);
        QueuedBox box{store.label(), store.owner(), names.size(), true};
        if (!names.empty()) {
            box.has_engine = has_engine(store, all);
            format_.begin_box(box);
            for (const spool::EntryName& name : names) {
                show_message(store.box(), box, name, is_left_out(all, name));
            }
            format_.end_box(box);
        }
        if (const std::size_t corrupt = store.count_corrupt(); corrupt > 0) {
            complain_(
                std::to_string(corrupt) + " damaged " + (corrupt == 1 ? "message" : "messages") +
                " in " + store.label() + "/" + spool::kCorruptName
            );
        }
    }

    /// The engine takes as many as may be queued; which ones depends on when it came, so this names
    /// the newest.
    bool is_left_out(const std::vector<spool::EntryName>& all, const spool::EntryName& name) const {
        const std::uint64_t limit = around_.settings.max_queued_messages;
        return all.size() > limit && name.id >= all[static_cast<std::size_t>(limit)].id;
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

    void show_message(
        const spool::Box& directory,
        const QueuedBox& box,
        const spool::EntryName& name,
        bool is_over_limit
    ) {
        const auto message = spool::read_message(around_.files, directory, name);
        if (!message) {
            // Delivered while we looked: no entry.
            if (!message.error().is(ENOENT)) {
                complain_(box.path + "/" + name.text() + ": " + message.error().message());
                status_ = ExitStatus::os_error;
            }
            return;
        }
        ++total_;
        static const std::vector<std::string> kNone;
        const auto asked = requests_.find(name.id);
        format_.show(
            {box,
             name,
             *message,
             spool::is_claimed(around_.files, directory, name),
             is_over_limit,
             asked == requests_.end() ? kNone : asked->second}
        );
    }

    const Surroundings& around_;
    const EngineStarter& starter_;
    const QueueSelection& selection_;
    QueueFormat& format_;
    const LineSink& complain_;
    std::map<spool::MessageId, std::vector<std::string>> requests_;  // of the present box
    std::size_t total_ = 0;
    ExitStatus status_ = ExitStatus::ok;
};

}  // namespace

std::uint32_t QueuedMessage::attempts() const {
    std::uint32_t most = 0;
    for (const spool::RecipientState& state : file.journal().recipients) {
        most = std::max(most, state.attempts);
    }
    return most;
}

ExitStatus show_queue(
    const Surroundings& around,
    const EngineStarter& starter,
    const QueueSelection& selection,
    QueueFormat& format,
    const LineSink& complain
) {
    return View(around, starter, selection, format, complain).run();
}

bool visit_boxes(
    const Surroundings& around,
    const LineSink& complain,
    const std::function<void(spool::BoxStore& store, const std::string& root)>& visit
) {
    const uid_t uid = around.identity.uid;
    bool is_complete = true;
    for (const std::string& root : candidates(around)) {
        auto boxes = spool::list_boxes(around.files, root, uid == 0 ? spool::kAnyOwner : uid);
        if (!boxes) {
            complain(root + ": " + boxes.error().message());
            is_complete = false;
            continue;
        }
        for (spool::Box& box : *boxes) {
            spool::BoxStore store(around.files, std::move(box));
            visit(store, root);
        }
    }
    return is_complete;
}

std::vector<spool::EntryName> selected_names(
    const Surroundings& around,
    spool::BoxStore& store,
    const QueueSelection& selection,
    const LineSink& complain
) {
    return selected(around, store, selection, sorted_names(store, complain));
}

}  // namespace mxpost::submit
