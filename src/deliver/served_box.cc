#include "deliver/served_box.h"

#include <cerrno>

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

Result<void> ServedBox::scan() {
    return store_.list([this](const spool::EntryName& name) { index_.saw(name); });
}

}  // namespace mxpost::deliver
