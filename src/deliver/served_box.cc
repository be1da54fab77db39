#include "deliver/served_box.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

#include "spool/order.h"

namespace mxpost::deliver {

void ServedBox::become(ServedBox other) {
    other.number = number;
    other.index_.set_observer(index_.observer());
    *this = std::move(other);
}

bool ServedBox::is_idle() const {
    return index_.active() == 0 && unsynced_removals == 0 && !is_removal_sync_due &&
           removal_syncs == 0;
}

Result<bool> ServedBox::try_serve() {
    if (is_served_) {
        return true;
    }
    const int directory = store_.box().directory();
    if (is_system_ && !system_lock_) {
        // To be read by all, because the box itself keeps everybody else out, and its owner, who
        // isn't in the spool's group, must be able to look at a lock that user mxpost holds. Not to
        // be written: it would be a file of that user with whatever the box's owner likes in it.
        const mode_t mask = files_->umask(0);
        auto entry = files_->open(
            directory,
            spool::kSystemLockName,
            O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
            0644
        );
        files_->umask(mask);
        if (!entry) {
            return entry.error();
        }
        const auto locked = files_->try_lock(entry->get());
        if (!locked) {
            return locked.error();
        }
        if (!*locked) {
            return false;  // another system engine, or an on-demand engine is just looking
        }
        system_lock_ = std::move(*entry);
    }
    const auto locked = files_->try_lock(directory);
    if (!locked) {
        return locked.error();
    }
    is_served_ = *locked;
    return is_served_;
}

bool ServedBox::is_wanted_by_system() {
    return spool::is_wanted_by_system(*files_, store_.box().directory());
}

void ServedBox::release() {
    if (is_served_) {
        (void)files_->unlock(store_.box().directory()).has_value();  // closing it would do as well
        is_served_ = false;
        has_seen_all_ = false;
    }
    system_lock_ = Fd();  // nobody is to count on us to look at the box again
}

Result<void> ServedBox::scan(std::chrono::sys_seconds now) {
    constexpr std::size_t kPiece = 10'000;
    stop_scan();
    for (;;) {
        const auto has_more = scan_some(kPiece);
        if (!has_more) {
            return has_more.error();
        }
        if (!*has_more) {
            finish_scan(now);
            return {};
        }
    }
}

Result<bool> ServedBox::scan_some(std::size_t most) {
    constexpr std::size_t kMost = 1000;  // the others' turn comes with the next scan
    if (!listing_) {
        auto listing = store_.open_listing();
        if (!listing) {
            return listing.error();
        }
        listing_ = std::move(*listing);
        requests_.clear();
        hidden_.clear();
        has_met_new_ = false;
        index_.begin_scan();
    }
    const spool::BoxListing::Visitors visitors{
        [this](const spool::EntryName& name) { saw_listed(name); },
        [this](spool::Request request) {
            if (requests_.size() < kMost) {
                requests_.push_back(std::move(request));
            }
        },
        [this](std::string_view name) {
            if (hidden_.size() < kMost) {
                hidden_.emplace_back(name);
            }
        }};
    const auto has_more = listing_->read(most, visitors);
    if (!has_more || !*has_more) {
        listing_.reset();
        index_.end_scan(has_more.has_value());
    }
    return has_more;
}

void ServedBox::saw_listed(const spool::EntryName& name) {
    // A listing may be older than what we know from elsewhere. Following it to a name that is gone
    // would mean that the message isn't found when it is due, and forgotten.
    const bool is_renamed = index_.is_known_otherwise(name);
    if (is_renamed && !files_->stat(store_.box().directory(), name.text()).has_value()) {
        return;
    }
    has_met_new_ |= is_renamed || !index_.is_known(name.id);
    index_.saw(name);
}

void ServedBox::stop_scan() {
    if (listing_) {
        listing_.reset();
        index_.end_scan(false);
    }
}

void ServedBox::finish_scan(std::chrono::sys_seconds now, bool knows_all) {
    has_seen_all_ = is_served_;
    std::vector<const spool::Request*> needless;
    for (const spool::Request& request : requests_) {
        saw_request(request, now);
        // What nothing can come of any more, whatever the verb. Where names were left out the
        // message may be one of them.
        if (knows_all && !index_.is_known(request.id) && !index_.is_over_limits()) {
            needless.push_back(&request);
        }
    }
    // A message that was deleted, by whomever, must not come back after a power cut without the
    // request.
    if (!needless.empty() && store_.sync_removals()) {
        for (const spool::Request* request : needless) {
            store_.take_request(*request);
            asked_.erase(request->id);
        }
    }
    requests_ = {};
    std::erase_if(troubles_, [this](const auto& trouble) {
        return !index_.is_known(trouble.first);
    });
}

bool ServedBox::has(const spool::MessageId& id) {
    bool is_found = index_.is_known(id);
    if (!is_found && (!has_seen_all_ || index_.is_over_limits())) {
        (void)store_.list([&](const spool::EntryName& name) { is_found |= name.id == id; }
        ).has_value();
    }
    return is_found;
}

std::size_t ServedBox::remove_leftovers(WallTime now) {
    return store_.remove_leftovers(now, std::exchange(hidden_, {}));
}

void ServedBox::saw_request(const spool::Request& request, std::chrono::sys_seconds now) {
    const auto verb = spool::parse_verb(request.verb);
    if (verb && index_.is_known(request.id)) {
        index_.hurry(request.id, now);
        asked_[request.id] |= *verb != spool::Verb::retry && *verb != spool::Verb::release;
    }
}

bool ServedBox::take_asked(const spool::MessageId& id) {
    return asked_.erase(id) > 0;
}

bool ServedBox::is_news(const spool::MessageId& id, const std::string& reason) {
    constexpr std::size_t kMost = 1000;  // who reads these knows enough of this box
    const auto known = troubles_.find(id);
    if (known == troubles_.end()) {
        return troubles_.size() < kMost && troubles_.emplace(id, reason).second;
    }
    return std::exchange(known->second, reason) != reason;
}

std::string ServedBox::set_aside_line(
    const spool::MessageId& id, const std::string& reason, SteadyTime now
) {
    constexpr std::size_t kMost = 30;
    if (told_ == 0 || now - told_since_ >= std::chrono::minutes(1)) {
        told_since_ = now;
        told_ = 0;
    }
    if (told_ == kMost) {
        ++untold_;
        return {};
    }
    std::string line = id + ": set aside in " + store_.label() + "/corrupt: " + reason;
    if (const std::size_t untold = std::exchange(untold_, 0); untold > 0) {
        line += "; " + std::to_string(untold) + " more were before it";
    }
    if (++told_ == kMost) {
        line += "; others there are not told of for a minute";
    }
    return line;
}

bool ServedBox::is_withdrawn(const spool::MessageId& id) const {
    const auto asked = asked_.find(id);
    return asked != asked_.end() && asked->second;
}

}  // namespace mxpost::deliver
