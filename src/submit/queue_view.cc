#include "submit/queue_view.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>

#include "submit/hand_off.h"
#include "submit/spool_choice.h"

namespace mxpost::submit {
namespace {

/// A million of them are 24 MB.
using Names = std::vector<spool::PackedName>;

Names sorted_names(
    spool::BoxStore& store,
    const LineSink& complain,
    const std::function<void(spool::Request)>& on_request = [](const spool::Request&) {}
) {
    Names names;
    const auto listed = store.list(
        [&](const spool::EntryName& name) {
            if (const auto packed = spool::PackedName::of(name)) {
                names.push_back(*packed);
            }
        },
        on_request
    );
    if (!listed) {
        complain(store.label() + ": " + listed.error().message());
    }
    std::ranges::sort(names, {}, &spool::PackedName::id);
    return names;
}

bool is_selected(
    const Surroundings& around,
    const spool::BoxStore& store,
    const QueueSelection& selection,
    const spool::EntryName& name
) {
    if (!selection.may_match(name.id)) {
        return false;
    }
    if (!selection.needs_envelope()) {
        return true;
    }
    const auto message = spool::read_message(around.files, store.box(), name);
    return message && selection.matches(name.id, message->envelope(), message->journal());
}

Names selected(
    const Surroundings& around,
    const spool::BoxStore& store,
    const QueueSelection& selection,
    const Names& all
) {
    Names names;
    std::ranges::copy_if(all, std::back_inserter(names), [&](const spool::PackedName& name) {
        return is_selected(around, store, selection, name.name());
    });
    return names;
}

/// The configured spool must be one that the caller may look into, if it is there: else the queue
/// looks empty. Of the other candidates it is no wonder that not everybody may.
Result<void> check_access(const Surroundings& around, const std::string& root) {
    if (root != around.settings.spool) {
        return {};
    }
    const auto opened = spool::SpoolRoot::open(around.files, root);
    return opened || !opened.error().is(EACCES) ? Result<void>() : Result<void>(opened.error());
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
        Names some;
        if (!selection_.is_everything()) {
            some = selected(around_, store, selection_, all);
        }
        const Names& names = selection_.is_everything() ? all : some;
        QueuedBox box{store.label(), store.owner(), names.size(), true};
        if (!names.empty()) {
            box.has_engine = has_engine(store, all);
            format_.begin_box(box);
            for (const spool::PackedName& name : names) {
                show_message(store.box(), box, name.name(), is_left_out(all, name.id));
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
    bool is_left_out(const Names& all, const spool::PackedId& id) const {
        const std::uint64_t limit = around_.settings.max_queued_messages;
        return all.size() > limit && id >= all[static_cast<std::size_t>(limit)].id;
    }

    /// Looks whether the box's lock is free, for which it must take it for a moment. Who commits a
    /// message in that moment takes us for the engine, so what came meanwhile is handed off here.
    bool has_engine(spool::BoxStore& store, const Names& before) {
        const auto is_free = around_.files.try_lock_shared(store.box().directory());
        if (!is_free || !*is_free) {
            return true;
        }
        (void)around_.files.unlock(store.box().directory()).has_value();
        bool has_new = false;
        const auto listed = store.list([&](const spool::EntryName& name) {
            const auto id = spool::PackedId::of(name.id);
            has_new |= id && !std::ranges::binary_search(before, *id, {}, &spool::PackedName::id);
        });
        if (!listed) {
            complain_(store.label() + ": " + listed.error().message());
        }
        if (!has_new) {
            return false;
        }
        auto again = open_again(around_.files, store.label());
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
             is_claimed(*message),
             is_over_limit,
             asked == requests_.end() ? kNone : asked->second}
        );
    }

    /// Some process has its lock.
    bool is_claimed(const spool::MessageFile& message) const {
        const auto locked = around_.files.try_lock_shared(message.fd());
        if (locked && *locked) {
            (void)around_.files.unlock(message.fd()).has_value();
        }
        return locked && !*locked;
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
        std::size_t strange = 0;
        std::string example;
        auto visited = check_access(around, root);
        if (visited) {
            visited = spool::visit_boxes(
                around.files,
                root,
                uid == 0 ? spool::kAnyOwner : uid,
                [&](spool::Box box) {
                    spool::BoxStore store(around.files, std::move(box));
                    visit(store, root);
                },
                [&](const spool::ClosedBox& closed) {
                    if (closed.is_open_to_others && strange++ == 0) {
                        example = closed.path;
                    }
                }
            );
        }
        if (!visited) {
            complain(root + ": " + visited.error().message());
            is_complete = false;
        }
        if (strange > 0) {
            complain(
                std::to_string(strange) + (strange == 1 ? " directory" : " directories") + " in " +
                root + " can't be a box, for others than its owner may write to it: " + example
            );
        }
    }
    return is_complete;
}

Result<spool::Box> open_again(FileSystem& files, const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return spool::open_box(files, path.substr(0, slash), path.substr(slash + 1));
}

std::vector<spool::EntryName> selected_names(
    const Surroundings& around,
    spool::BoxStore& store,
    const QueueSelection& selection,
    const LineSink& complain
) {
    std::vector<spool::EntryName> names;
    for (const spool::PackedName& name : sorted_names(store, complain)) {
        if (spool::EntryName whole = name.name(); is_selected(around, store, selection, whole)) {
            names.push_back(std::move(whole));
        }
    }
    return names;
}

}  // namespace mxpost::submit
