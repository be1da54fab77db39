// Tidying a spool root, as its owner may: names that somebody holds although they are another
// uid's, and boxes that nobody has used for long.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/random.h"
#include "base/result.h"
#include "spool/box.h"

namespace mxpost::spool {

/// A box without mail that is older is removed unless somebody serves it.
inline constexpr std::chrono::hours kUnusedFor{24 * 30};

/// A look through a root in pieces, for whoever can't wait for its end: everybody may fill it. The
/// root's owner tidies meanwhile (the sticky bit keeps everyone else from that): of the entries
/// that are named like a box, a directory that belongs to another uid than its name says gets a
/// name of its owner's ("OWNER-RANDOM": it may hold mail), and what is no directory, or an unused
/// box, is removed.
class RootLook {
public:
    /// References must outlive it. `tidies`: this process is the root's owner.
    static Result<RootLook> begin(
        FileSystem& files, SpoolRoot root, bool tidies, WallTime now, Random& random
    );

    const SpoolRoot& root() const { return root_; }
    /// At most `most` entries more; false when there are no more. `visit` gets the names that boxes
    /// have, the new one of what got one.
    Result<bool> read(std::size_t most, const std::function<void(const std::string& name)>& visit);
    /// What was done so far: a line for each uid, of the first ones.
    std::vector<std::string> deeds() const;

private:
    struct Deeds {
        std::string first;
        std::size_t count = 0;
    };

    RootLook(
        FileSystem& files,
        SpoolRoot root,
        std::unique_ptr<FileSystem::Listing> entries,
        bool tidies,
        WallTime now,
        Random& random
    )
        : files_(&files),
          root_(std::move(root)),
          entries_(std::move(entries)),
          tidies_(tidies),
          now_(now),
          random_(&random) {}

    std::string tidied(const std::string& name);
    bool remove_empty(const std::string& name);
    bool remove_state(int box);
    void note(uid_t uid, std::string deed);

    FileSystem* files_;
    SpoolRoot root_;
    std::unique_ptr<FileSystem::Listing> entries_;
    bool tidies_;
    WallTime now_;
    Random* random_;
    std::map<uid_t, Deeds> deeds_;
    std::size_t others_ = 0;  // deeds of which nothing else is known
};

}  // namespace mxpost::spool
