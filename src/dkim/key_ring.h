// KeyRing: which keys sign for which domain, and the files that hold them.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "dkim/signer.h"

namespace mxpost::dkim {

struct KeyEntry {
    std::string domain;     // lower case, A-labels; d= of the signatures
    bool is_below = false;  // for addresses in all domains below it, not for its own
    std::string selector;
    std::string path;
};

struct KeyProblem {
    bool is_forbidden = false;  // this process may not read the file; another may
    std::string text;           // one line that names the file
};

struct LoadedKey {
    std::shared_ptr<const PrivateKey> key;  // null: see problem
    KeyProblem problem;
};

/// The keys for one domain.
struct KeyChoice {
    std::vector<SigningKey> keys;
    std::vector<KeyProblem> problems;   // of further keys
    std::vector<std::string> warnings;  // told once for each version of a file
    bool is_meant = false;              // entries are for it
};

class KeyRing {
public:
    /// References must outlive it.
    KeyRing(FileSystem& files, const Clock& clock, std::vector<KeyEntry> entries);

    /// All entries with this domain (lower case, A-labels), or else all that have the nearest
    /// domain above it. Files are read when they are first needed, and again when they have
    /// changed, which is looked at once a second.
    KeyChoice choose(std::string_view domain);

    /// One entry's key as choose() would see it now.
    LoadedKey load(const KeyEntry& entry);
    const std::vector<KeyEntry>& entries() const { return entries_; }

private:
    struct Version {
        dev_t device = 0;
        ino_t inode = 0;
        off_t size = 0;
        mode_t mode = 0;
        timespec modified{};
        timespec changed{};

        bool operator==(const Version& other) const;
    };
    struct Slot {
        SteadyTime looked_at{};
        bool is_known = false;
        std::optional<Version> version;
        std::shared_ptr<const PrivateKey> key;  // null: see problem
        KeyProblem problem;
        std::string warning;
    };

    void refresh(const KeyEntry& entry, Slot& slot);
    static Version version_of(const struct stat& status);
    void read(const KeyEntry& entry, int fd, Slot& slot);

    FileSystem& files_;
    const Clock& clock_;
    std::vector<KeyEntry> entries_;
    std::vector<Slot> slots_;  // one for each entry
};

/// The domain of the first address in the From field, as it is written there; "" where there is
/// none.
std::string from_domain(std::string_view header);

}  // namespace mxpost::dkim
