#include "deliver/served_box.h"

#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

namespace mxpost::deliver {

Result<bool> ServedBox::try_serve() {
    if (is_served_) {
        return true;
    }
    const int directory = store_.box().directory();
    if (is_system_ && !system_lock_) {
        // Open to all, because the box itself keeps everybody else out, and its owner, who isn't in
        // the spool's group, must be able to look at a lock that user mxpost holds.
        const mode_t mask = files_->umask(0);
        auto entry = files_->open(
            directory,
            spool::kSystemLockName,
            O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
            0666
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
    }
}

Result<void> ServedBox::scan(std::chrono::sys_seconds now) {
    constexpr std::size_t kMostRequests = 1000;  // the others' turn comes with the next scan
    std::vector<spool::Request> requests;
    index_.begin_scan();
    auto listed = store_.list(
        [this](const spool::EntryName& name) { index_.saw(name); },
        [&](spool::Request request) {
            if (requests.size() < kMostRequests) {
                requests.push_back(std::move(request));
            }
        }
    );
    for (const spool::Request& request : requests) {
        saw_request(request, now);
        // What nothing can come of any more, whatever the verb. Where names were left out the
        // message may be one of them.
        if (listed && !index_.is_known(request.id) && !index_.is_over_limits()) {
            store_.take_request(request);
        }
    }
    return listed;
}

void ServedBox::saw_request(const spool::Request& request, std::chrono::sys_seconds now) {
    if (request.verb == spool::kRetryVerb && index_.hurry(request.id, now)) {
        hurried_.insert(request.id);
    }
}

void ServedBox::begin_attempt(const spool::MessageId& id) {
    if (hurried_.erase(id) > 0) {
        take_retry(id);
    }
}

bool ServedBox::take_retry(const spool::MessageId& id) {
    return store_.take_request({id, std::string(spool::kRetryVerb)});
}

}  // namespace mxpost::deliver
