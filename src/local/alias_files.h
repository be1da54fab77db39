// AliasFiles: the alias files as they are now. They are read again when they changed, so nobody has
// to tell an engine; a file that can't be read, or is being written, makes mail wait, because a
// bounce can't be taken back.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/result.h"
#include "local/alias_table.h"

namespace mxpost::local {

/// What an expansion asks. Errors are sentences for people: the answer can't be known now.
class AliasSource {
public:
    virtual ~AliasSource() = default;
    /// Looks whether something changed.
    virtual void refresh() = 0;
    /// `name` in lower case; null: there is none. Valid until the source is refreshed.
    virtual Result<const Alias*> find(const std::string& name) = 0;
    /// The elements of an :include: file; its bad lines are the source's to report.
    virtual Result<std::vector<AliasTarget>> include(const std::string& path) = 0;
    /// A name that isn't there may be there in a moment: somebody is writing.
    virtual bool has_just_changed() const = 0;
};

/// A file's whole text. Refused, with the reason: what is no regular file, is larger than
/// kMaxAliasFile, may be written by everyone, or has just been written without its last line end.
inline constexpr std::uint64_t kMaxAliasFile = 16U << 20;
Result<std::string> read_alias_text(FileSystem& files, const Clock& clock, const std::string& path);

class AliasFiles final : public AliasSource {
public:
    /// `paths`: absolute; where a name is in several, the first file counts. A file that isn't
    /// there has no aliases. References must outlive it.
    AliasFiles(FileSystem& files, const Clock& clock, Log& log, std::vector<std::string> paths);

    // AliasSource. Each bad line is logged once for each version of its file.
    void refresh() override;
    Result<const Alias*> find(const std::string& name) override;
    Result<std::vector<AliasTarget>> include(const std::string& path) override;
    bool has_just_changed() const override;

private:
    /// Changes when the file does.
    struct Version {
        dev_t device = 0;
        ino_t inode = 0;
        off_t size = 0;
        WallTime modified;
        WallTime changed;
        friend bool operator==(const Version&, const Version&) = default;
    };
    struct File {
        std::string path;
        std::optional<Version> version;  // nothing: missing, or not read
        AliasTable table;
        std::optional<Error> trouble;
    };

    Result<std::optional<Version>> version_of(const std::string& path);
    void refresh(File& file);
    void log_bad_lines(const std::string& path, const std::vector<BadLine>& bad);

    FileSystem& fs_;
    const Clock& clock_;
    Log& log_;
    std::vector<File> files_;
    std::map<std::string, Version> reported_includes_;
};

}  // namespace mxpost::local
