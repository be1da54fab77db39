// StateDirectory: what an engine has learned and would rather not learn again, in small named
// files.
//
// Nothing in it is ever needed: a file that is missing, torn, somebody else's or unwritable means
// that the engine starts without that knowledge. So nothing is synced, and no failure is more than
// a line in the log, once.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/file_system.h"
#include "base/log.h"

namespace mxpost {

/// Its name inside a box (design: State). The box's owner's engine uses it, nobody else's.
inline constexpr const char* kBoxStateName = "state";
/// The system engine's.
inline constexpr const char* kSystemStatePath = "/var/lib/mxpost";

class StateDirectory {
public:
    /// Of a file: what is larger isn't read, and a writer keeps below it.
    static constexpr std::size_t kMaxSize = std::size_t{8} << 20;

    /// Keeps nothing. References must outlive it, as in the others.
    StateDirectory(FileSystem& files, Log& log);
    /// At `path`, which must be there already.
    static StateDirectory at(FileSystem& files, Log& log, const std::string& path);
    /// `state` in the box, made when it is first written to. The box's descriptor stays the
    /// caller's (and its lock does not depend on this). `path`: the box's, for messages.
    static StateDirectory in_box(FileSystem& files, Log& log, int box, const std::string& path);

    /// The text last written under this name; nothing when there is none that this uid's engine
    /// wrote. The text is to be checked all the same: the owner may have changed it.
    std::optional<std::string> read(const std::string& name);
    /// Replaces it, whole or not at all while the machine runs; after a loss of power it may be
    /// torn. False when it can't be kept. `name`: not empty, without '/', no dot in front.
    bool write(const std::string& name, std::string_view text);

private:
    /// Opened once; an error is asked about again when `may_make`.
    Result<int> directory(bool may_make);
    Result<void> check_directory(int fd) const;
    Result<std::string> try_read(const std::string& name);
    Result<void> try_write(const std::string& name, std::string_view text);
    void report(const std::string& what);

    FileSystem* files_;
    Log* log_;
    Fd box_;            // to make `state` in
    std::string path_;  // empty: keeps nothing
    Fd directory_;
    bool is_reported_ = false;
};

}  // namespace mxpost
