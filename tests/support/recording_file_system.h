// RecordingFileSystem: knows what has reached the disk, and can make a directory look as it may
// after the power failed.
//
// A file's octets are on disk when the file was synced, a directory's names when the directory was.
// What wasn't synced may be there or not, so lose_power() makes each of the corner cases.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_system.h"

namespace mxpost::test {

enum class PowerLoss {
    keeps_everything,   // the process died, the machine didn't
    keeps_synced_only,  // neither names nor octets since their last sync
    keeps_names,        // every name, but no octet that wasn't synced
    keeps_data,         // every octet, but no name that wasn't synced
    tears_data          // every name, and half of what was written behind the synced octets
};
inline constexpr PowerLoss kPowerLosses[] = {
    PowerLoss::keeps_everything,
    PowerLoss::keeps_synced_only,
    PowerLoss::keeps_names,
    PowerLoss::keeps_data,
    PowerLoss::tears_data};

class RecordingFileSystem final : public FileSystem {
public:
    /// `real` must outlive it.
    explicit RecordingFileSystem(FileSystem& real) : real_(real) {}

    /// What is in the directory now counts as synced.
    void start_from(const std::string& directory) {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
            if (entry.is_regular_file()) {
                synced_octets_[inode_of(entry.path())] = octets_of(entry.path());
            } else if (entry.is_directory()) {
                synced_names_[inode_of(entry.path())] = names_in(entry.path());
            }
        }
        synced_names_[inode_of(directory)] = names_in(directory);
    }

    /// Rewrites the content of `directory` (which itself is safe). Open descriptors lead to the old
    /// files, so close them before.
    void lose_power(const std::string& directory, PowerLoss kind) {
        if (kind == PowerLoss::keeps_everything) {
            return;
        }
        Tree tree;
        collect(directory, kind, tree);
        for (const auto& entry : std::filesystem::directory_iterator(directory)) {
            std::filesystem::remove_all(entry.path());
        }
        std::map<ino_t, std::string> first_names;
        for (const auto& [path, node] : tree) {
            const std::string full = directory + path;
            if (node.is_directory) {
                std::filesystem::create_directory(full);
            } else if (const auto known = first_names.find(node.inode);
                       known != first_names.end()) {
                std::filesystem::create_hard_link(known->second, full);
            } else {
                std::ofstream(full, std::ios::binary) << node.octets;
                std::filesystem::permissions(full, std::filesystem::perms(0660));
                first_names.emplace(node.inode, full);
            }
        }
    }

    Result<Fd> open(int directory, const std::string& name, int flags, mode_t mode) override {
        return real_.open(directory, name, flags, mode);
    }
    Result<std::size_t> read(int fd, char* buffer, std::size_t size) override {
        return real_.read(fd, buffer, size);
    }
    Result<std::size_t> pread(int fd, char* buffer, std::size_t size, std::uint64_t offset)
        override {
        return real_.pread(fd, buffer, size, offset);
    }
    Result<void> write(int fd, std::string_view data) override { return real_.write(fd, data); }
    Result<void> pwrite(int fd, std::string_view data, std::uint64_t offset) override {
        return real_.pwrite(fd, data, offset);
    }
    Result<void> fsync(int fd) override {
        auto done = real_.fsync(fd);
        if (done) {
            note_synced(fd);
        }
        return done;
    }
    Result<void> fdatasync(int fd) override {
        auto done = real_.fdatasync(fd);
        if (done) {
            note_synced(fd);
        }
        return done;
    }
    Result<void> link_fd(int fd, int directory, const std::string& name) override {
        return real_.link_fd(fd, directory, name);
    }
    Result<void> rename(int directory, const std::string& from, const std::string& to) override {
        return real_.rename(directory, from, to);
    }
    Result<void> rename_to(
        int from_directory, const std::string& from, int to_directory, const std::string& to
    ) override {
        return real_.rename_to(from_directory, from, to_directory, to);
    }
    Result<void> unlink(int directory, const std::string& name) override {
        return real_.unlink(directory, name);
    }
    Result<void> mkdir(int directory, const std::string& name, mode_t mode) override {
        return real_.mkdir(directory, name, mode);
    }
    Result<void> rmdir(int directory, const std::string& name) override {
        return real_.rmdir(directory, name);
    }
    Result<struct stat> fstat(int fd) override { return real_.fstat(fd); }
    Result<struct stat> stat(int directory, const std::string& name) override {
        return real_.stat(directory, name);
    }
    Result<void> fchmod(int fd, mode_t mode) override { return real_.fchmod(fd, mode); }
    Result<void> ftruncate(int fd, std::uint64_t size) override {
        return real_.ftruncate(fd, size);
    }
    Result<void> reserve(int fd, std::uint64_t offset, std::uint64_t size) override {
        return real_.reserve(fd, offset, size);
    }
    Result<bool> try_lock(int fd) override { return real_.try_lock(fd); }
    Result<bool> try_lock_shared(int fd) override { return real_.try_lock_shared(fd); }
    Result<void> unlock(int fd) override { return real_.unlock(fd); }
    Result<void> list(
        int directory, const std::function<bool(std::string_view, unsigned char)>& visit
    ) override {
        return real_.list(directory, visit);
    }
    Result<std::unique_ptr<Listing>> open_listing(int directory) override {
        return real_.open_listing(directory);
    }
    Result<Space> space(int fd) override { return real_.space(fd); }
    Result<WallTime> birth_time(int fd) override { return real_.birth_time(fd); }
    mode_t umask(mode_t mask) override { return real_.umask(mask); }

private:
    struct Node {
        ino_t inode = 0;
        bool is_directory = false;
        std::string octets;
    };
    using Tree = std::map<std::string, Node>;  // by path below the directory; parents first
    struct Name {
        ino_t inode = 0;
        bool is_directory = false;
    };
    using Names = std::map<std::string, Name>;

    static ino_t inode_of(const std::filesystem::path& path) {
        struct stat status {};
        return ::lstat(path.c_str(), &status) == 0 ? status.st_ino : 0;
    }
    static std::string octets_of(const std::filesystem::path& path) {
        std::ostringstream octets;
        octets << std::ifstream(path, std::ios::binary).rdbuf();
        return octets.str();
    }
    static Names names_in(const std::filesystem::path& directory) {
        Names names;
        for (const auto& entry : std::filesystem::directory_iterator(directory)) {
            names[entry.path().filename()] = {inode_of(entry.path()), entry.is_directory()};
        }
        return names;
    }
    void note_synced(int fd) {
        struct stat status {};
        if (::fstat(fd, &status) != 0) {
            return;
        }
        const std::filesystem::path path = "/proc/self/fd/" + std::to_string(fd);
        if (S_ISDIR(status.st_mode)) {
            synced_names_[status.st_ino] = names_in(path);
        } else {
            // Inodes are used again, but not while the descriptor is open.
            synced_octets_[status.st_ino] = octets_of(path);
        }
    }

    void collect(const std::string& directory, PowerLoss kind, Tree& tree) {
        std::map<ino_t, std::string> written;
        std::map<ino_t, Names> present;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
            if (entry.is_regular_file()) {
                written[inode_of(entry.path())] = octets_of(entry.path());
            } else if (entry.is_directory()) {
                present[inode_of(entry.path())] = names_in(entry.path());
            }
        }
        present[inode_of(directory)] = names_in(directory);
        collect_names("", inode_of(directory), kind, written, present, tree);
    }

    void collect_names(
        const std::string& path,
        ino_t directory,
        PowerLoss kind,
        const std::map<ino_t, std::string>& written,
        const std::map<ino_t, Names>& present,
        Tree& tree
    ) {
        const bool has_synced_names =
            kind == PowerLoss::keeps_synced_only || kind == PowerLoss::keeps_data;
        const auto& source = has_synced_names ? synced_names_ : present;
        const auto names = source.find(directory);
        if (names == source.end()) {
            return;
        }
        for (const auto& [name, entry] : names->second) {
            const std::string below = path + "/" + name;
            const std::string octets =
                entry.is_directory ? std::string() : surviving(entry.inode, kind, written);
            tree[below] = {entry.inode, entry.is_directory, octets};
            if (entry.is_directory) {
                collect_names(below, entry.inode, kind, written, present, tree);
            }
        }
    }

    std::string surviving(ino_t inode, PowerLoss kind, const std::map<ino_t, std::string>& written)
        const {
        const auto synced = synced_octets_.find(inode);
        const std::string safe = synced != synced_octets_.end() ? synced->second : std::string();
        const auto now = written.find(inode);
        if (now == written.end() || kind == PowerLoss::keeps_synced_only ||
            kind == PowerLoss::keeps_names) {
            return safe;
        }
        if (kind == PowerLoss::tears_data && now->second.starts_with(safe)) {
            return now->second.substr(0, safe.size() + (now->second.size() - safe.size()) / 2);
        }
        return now->second;
    }

    FileSystem& real_;
    std::map<ino_t, std::string> synced_octets_;
    std::map<ino_t, Names> synced_names_;
};

}  // namespace mxpost::test
