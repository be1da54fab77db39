// VolatileDisk: a file system on which nothing lasts that wasn't synced. It knows each state that a
// loss of power may leave, and makes them.
//
// What a real file system may do, taken at its worst: of the names that were made, changed and
// removed in a directory since its last fsync any subset is on disk, in no matter which order; of a
// file's writes since its last fsync any subset, a part of one, or its size without its octets. A
// rename is one step, also between two directories: each file system with a journal (ext4, XFS,
// Btrfs, F2FS) keeps to that, ext2 doesn't. An fsync makes the file's octets, or the directory's
// names, last, and nothing else; one that failed has lost what it was to make last.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_system.h"

namespace mxpost::test {

class VolatileDisk final : public PosixFileSystem {
public:
    struct Node {
        std::size_t inode = 0;
        bool is_directory = false;
        std::string octets;
    };
    /// By path below the root, "/a/b"; parents come first.
    using State = std::map<std::string, Node>;

    /// All that is below `root` is on disk now.
    explicit VolatileDisk(std::string root) : root_(std::move(root)) { start_anew(); }

    /// The same once more.
    void start_anew() {
        inodes_.clear();
        numbers_.clear();
        scan(root_);
    }

    /// What the power may leave, each state once: all of them where there are at most `limit`, else
    /// the corners and as many as are allowed at random (the same each time).
    std::vector<State> states(std::size_t limit) const {
        Choices choices = make_choices();
        States found;
        std::size_t combinations = std::size_t{1} << std::min<std::size_t>(choices.names, 20);
        for (const auto& [inode, contents] : choices.contents) {
            combinations = std::min<std::size_t>(combinations * contents.size(), 1U << 20U);
        }
        if (combinations <= limit) {
            for (std::size_t number = 0; number < combinations; ++number) {
                found.add(state_of(choices, number));
            }
            return std::move(found.all);
        }
        const std::size_t all_names = (std::size_t{1} << choices.names) - 1;
        for (const std::size_t names : {std::size_t{0}, all_names}) {
            for (const bool has_octets : {false, true}) {
                found.add(corner(choices, names, has_octets));
            }
        }
        std::mt19937_64 random(1);
        for (std::size_t tries = 0; tries < 4 * limit && found.all.size() < limit; ++tries) {
            found.add(state_of(choices, random()));
        }
        return std::move(found.all);
    }

    /// One state at random, however much is unsynced, as a file system with a journal leaves it: it
    /// keeps the order of names, so that all changes up to one of them last, but none of writes.
    State any_state(std::mt19937_64& random) const {
        std::set<std::size_t> steps = {0};
        for (const Inode& inode : inodes_) {
            for (const Change& change : inode.changes) {
                steps.insert(change.step);
            }
        }
        const auto cut = static_cast<std::ptrdiff_t>(random() % steps.size());
        const std::size_t last = *std::next(steps.begin(), cut);
        VolatileDisk settled = *this;
        std::map<std::size_t, std::string> octets;
        for (std::size_t number = 0; number < inodes_.size(); ++number) {
            Inode& inode = settled.inodes_[number];
            for (const Change& change : std::exchange(inode.changes, {})) {
                if (change.step <= last || done_.contains(change.step)) {
                    apply(change, inode.names);
                }
            }
            if (!inode.is_directory) {
                const std::vector<std::string> contents = contents_of(inode);
                octets[number] = contents[random() % contents.size()];
            }
        }
        return settled.state_with(Choices(), 0, octets);
    }

    /// Puts `state` in the place of what is below `root`. Open descriptors lead to the old files.
    static void make(const State& state, const std::string& root) {
        for (const auto& entry : std::filesystem::directory_iterator(root)) {
            std::filesystem::remove_all(entry.path());
        }
        std::map<std::size_t, std::string> first_names;
        for (const auto& [path, node] : state) {
            const std::string full = root + path;
            const auto known = first_names.find(node.inode);
            if (node.is_directory) {
                std::filesystem::create_directory(full);
            } else if (known != first_names.end()) {
                std::filesystem::create_hard_link(known->second, full);
            } else {
                std::ofstream(full, std::ios::binary) << node.octets;
                std::filesystem::permissions(full, std::filesystem::perms(0660));
                first_names.emplace(node.inode, full);
            }
        }
    }

    Result<Fd> open(int directory, const std::string& name, int flags, mode_t mode) override {
        const bool is_nameless = (flags & O_TMPFILE) == O_TMPFILE;
        const bool may_be_new = !is_nameless && (flags & O_CREAT) != 0 &&
                                !PosixFileSystem::stat(directory, name).has_value();
        auto fd = PosixFileSystem::open(directory, name, flags, mode);
        if (fd && is_nameless) {
            make_inode(fd->get());
        } else if (fd && may_be_new) {
            note(directory_of(directory, name), {"", base_of(name), make_inode(fd->get())});
        } else if (fd && (flags & O_TRUNC) != 0) {
            inode_of(fd->get()).writes.push_back({0, "", true, false});
        }
        return fd;
    }
    Result<void> write(int fd, std::string_view data) override {
        struct stat status {};
        const bool is_append = (::fcntl(fd, F_GETFL) & O_APPEND) != 0;
        const off_t at =
            is_append && ::fstat(fd, &status) == 0 ? status.st_size : ::lseek(fd, 0, SEEK_CUR);
        auto done = PosixFileSystem::write(fd, data);
        note_write(fd, data, static_cast<std::uint64_t>(at));
        return done;
    }
    Result<void> pwrite(int fd, std::string_view data, std::uint64_t offset) override {
        auto done = PosixFileSystem::pwrite(fd, data, offset);
        note_write(fd, data, offset);
        return done;
    }
    Result<void> ftruncate(int fd, std::uint64_t size) override {
        auto done = PosixFileSystem::ftruncate(fd, size);
        inode_of(fd).writes.push_back({size, "", true, false});
        return done;
    }
    /// What the kernel does when it can't write a file's octets: it forgets that they were to be
    /// written. No later fsync makes them last, though until then they may.
    void lose_writes(int fd) {
        for (Write& write : inode_of(fd).writes) {
            write.is_lost = !write.is_cut;
        }
    }
    Result<void> fsync(int fd) override {
        Inode& inode = inode_of(fd);
        std::erase_if(inode.writes, [](const Write& write) { return write.is_lost; });
        inode.octets = written(inode, ~std::uint64_t{0});
        inode.writes.clear();
        for (const Change& change : std::exchange(inode.changes, {})) {
            apply(change, inode.names);
            done_.insert(change.step);  // and with it the other half of a rename
        }
        return {};
    }
    Result<void> fdatasync(int fd) override { return fsync(fd); }
    Result<void> link_fd(int fd, int directory, const std::string& name) override {
        auto done = PosixFileSystem::link_fd(fd, directory, name);
        if (done) {
            note(directory_of(directory, name), {"", base_of(name), number_of(fd)});
        }
        return done;
    }
    Result<void> rename(int directory, const std::string& from, const std::string& to) override {
        const std::size_t moved = number_at(directory, from);
        auto done = PosixFileSystem::rename(directory, from, to);
        if (done) {
            note(directory_of(directory, from), {from, to, moved});
        }
        return done;
    }
    Result<void> replace(int directory, const std::string& from, const std::string& to) override {
        const std::size_t moved = number_at(directory, from);
        auto done = PosixFileSystem::replace(directory, from, to);
        if (done) {
            note(directory_of(directory, from), {from, to, moved});
        }
        return done;
    }
    Result<void> rename_to(
        int from_directory, const std::string& from, int to_directory, const std::string& to
    ) override {
        const std::size_t moved = number_at(from_directory, from);
        auto done = PosixFileSystem::rename_to(from_directory, from, to_directory, to);
        if (done) {
            note(directory_of(to_directory, to), {"", to, moved});
            inodes_[directory_of(from_directory, from)].changes.push_back({from, "", 0, step_});
        }
        return done;
    }
    Result<void> unlink(int directory, const std::string& name) override {
        auto done = PosixFileSystem::unlink(directory, name);
        if (done) {
            note(directory_of(directory, name), {base_of(name), "", 0});
        }
        return done;
    }
    Result<void> mkdir(int directory, const std::string& name, mode_t mode) override {
        auto done = PosixFileSystem::mkdir(directory, name, mode);
        if (done) {
            auto made = PosixFileSystem::open(directory, name, O_RDONLY | O_DIRECTORY, 0);
            note(directory_of(directory, name), {"", base_of(name), make_inode(made->get())});
        }
        return done;
    }
    Result<void> rmdir(int directory, const std::string& name) override {
        auto done = PosixFileSystem::rmdir(directory, name);
        if (done) {
            note(directory_of(directory, name), {base_of(name), "", 0});
        }
        return done;
    }

private:
    struct Write {
        std::uint64_t offset = 0;
        std::string octets;
        bool is_cut = false;   // the file ends at `offset`
        bool is_lost = false;  // see lose_writes()
    };
    struct Change {
        std::string gone;  // empty: none goes
        std::string come;  // empty: none comes
        std::size_t inode = 0;
        std::size_t step = 0;  // what has one number is done or not done together
    };
    using Names = std::map<std::string, std::size_t>;
    struct Inode {
        bool is_directory = false;
        std::string octets;
        std::vector<Write> writes;  // since the last fsync
        Names names;
        std::vector<Change> changes;
    };
    struct Choices {
        std::size_t names = 0;                    // changes of names, of all directories
        std::map<std::size_t, std::size_t> bits;  // by step; of what is done already none
        std::map<std::size_t, std::vector<std::string>> contents;  // by file
    };
    struct States {
        void add(State state) {
            std::string key;
            for (const auto& [path, node] : state) {
                key += path + '\0' + std::to_string(node.inode) + '\0' +
                       std::to_string(std::hash<std::string>()(node.octets)) + '\0';
            }
            if (seen.insert(std::move(key)).second) {
                all.push_back(std::move(state));
            }
        }
        std::set<std::string> seen;
        std::vector<State> all;
    };

    static std::string base_of(const std::string& name) {
        return std::filesystem::path(name).filename();
    }
    static std::pair<dev_t, ino_t> key_of(const struct stat& status) {
        return {status.st_dev, status.st_ino};
    }
    std::size_t known(const struct stat& status) {
        const auto [at, is_new] = numbers_.try_emplace(key_of(status), inodes_.size());
        if (is_new) {
            inodes_.emplace_back().is_directory = S_ISDIR(status.st_mode);
        }
        return at->second;
    }
    std::size_t number_of(int fd) {
        struct stat status {};
        ::fstat(fd, &status);
        return known(status);
    }
    std::size_t number_at(int directory, const std::string& name) {
        struct stat status {};
        ::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW);
        return known(status);
    }
    Inode& inode_of(int fd) { return inodes_[number_of(fd)]; }
    /// The kernel may use an old one's number again.
    std::size_t make_inode(int fd) {
        struct stat status {};
        ::fstat(fd, &status);
        numbers_.erase(key_of(status));
        return known(status);
    }
    std::size_t directory_of(int directory, const std::string& name) {
        const std::filesystem::path parent = std::filesystem::path(name).parent_path();
        return number_at(directory, parent.empty() ? "." : parent.string());
    }
    void note(std::size_t directory, Change change) {
        change.step = ++step_;
        inodes_[directory].changes.push_back(std::move(change));
    }
    void note_write(int fd, std::string_view data, std::uint64_t offset) {
        inode_of(fd).writes.push_back({offset, std::string(data), false, false});
    }

    std::size_t scan(const std::filesystem::path& path) {
        struct stat status {};
        ::lstat(path.c_str(), &status);
        const std::size_t number = known(status);
        if (S_ISDIR(status.st_mode)) {
            for (const auto& entry : std::filesystem::directory_iterator(path)) {
                const std::size_t below = scan(entry.path());
                inodes_[number].names[entry.path().filename()] = below;
            }
        } else if (S_ISREG(status.st_mode)) {
            std::ostringstream octets;
            octets << std::ifstream(path, std::ios::binary).rdbuf();
            inodes_[number].octets = std::move(octets).str();
        }
        return number;
    }

    /// With those of its writes whose bits are set.
    static std::string written(const Inode& inode, std::uint64_t mask) {
        std::string octets = inode.octets;
        for (std::size_t i = 0; i < inode.writes.size(); ++i) {
            if ((mask >> std::min<std::size_t>(i, 63) & 1U) != 0) {
                apply(inode.writes[i], octets, inode.writes[i].octets.size());
            }
        }
        return octets;
    }
    /// The first `size` octets of it.
    static void apply(const Write& write, std::string& octets, std::size_t size) {
        if (write.is_cut) {
            octets.resize(write.offset, '\0');
            return;
        }
        octets.resize(std::max<std::size_t>(octets.size(), write.offset + size), '\0');
        octets.replace(write.offset, size, write.octets, 0, size);
    }
    static void apply(const Change& change, Names& names) {
        names.erase(change.gone);
        if (!change.come.empty()) {
            names[change.come] = change.inode;
        }
    }
    /// With those of its changes whose bits are set.
    static Names named(const Inode& inode, std::uint64_t mask, const Choices& choices) {
        Names names = inode.names;
        for (const Change& change : inode.changes) {
            const auto bit = choices.bits.find(change.step);
            if (bit == choices.bits.end() || (mask >> bit->second & 1U) != 0) {
                apply(change, names);
            }
        }
        return names;
    }

    static std::vector<std::string> contents_of(const Inode& inode) {
        const std::size_t count = inode.writes.size();
        std::set<std::string> found = {inode.octets, written(inode, ~std::uint64_t{0})};
        if (count == 0) {
            return {inode.octets};
        }
        if (count <= 4) {
            for (std::uint64_t mask = 0; mask < std::uint64_t{1} << count; ++mask) {
                found.insert(written(inode, mask));
            }
        } else {
            for (std::size_t i = 0; i < std::min<std::size_t>(count, 63); ++i) {
                found.insert(written(inode, (std::uint64_t{1} << i) - 1));
                found.insert(written(inode, ~(std::uint64_t{1} << i)));
            }
        }
        // Half of the last one, and its size with nothing in it.
        const Write& last = inode.writes.back();
        const std::uint64_t others = ~(std::uint64_t{1} << std::min<std::size_t>(count - 1, 63));
        std::string torn = written(inode, others);
        apply(last, torn, last.octets.size() / 2);
        found.insert(std::move(torn));
        std::string empty = written(inode, others);
        if (!last.is_cut && last.offset + last.octets.size() > empty.size()) {
            empty.resize(last.offset + last.octets.size(), '\0');
            found.insert(std::move(empty));
        }
        return {found.begin(), found.end()};
    }

    Choices make_choices() const {
        Choices choices;
        for (std::size_t number = 0; number < inodes_.size(); ++number) {
            const Inode& inode = inodes_[number];
            if (inode.is_directory) {
                for (const Change& change : inode.changes) {
                    const bool is_new = !done_.contains(change.step) &&
                                        choices.bits.emplace(change.step, choices.names).second;
                    choices.names += is_new ? 1U : 0U;
                }
            } else {
                choices.contents[number] = contents_of(inode);
            }
        }
        return choices;
    }

    /// `number` counts through all choices, names first.
    State state_of(const Choices& choices, std::uint64_t number) const {
        const std::uint64_t names = number & ((std::uint64_t{1} << choices.names) - 1);
        number >>= choices.names;
        std::map<std::size_t, std::string> octets;
        for (const auto& [inode, contents] : choices.contents) {
            octets[inode] = contents[number % contents.size()];
            number /= contents.size();
        }
        return state_with(choices, names, octets);
    }
    State corner(const Choices& choices, std::uint64_t names, bool has_octets) const {
        std::map<std::size_t, std::string> octets;
        for (const auto& [inode, contents] : choices.contents) {
            octets[inode] =
                has_octets ? written(inodes_[inode], ~std::uint64_t{0}) : inodes_[inode].octets;
        }
        return state_with(choices, names, octets);
    }
    State state_with(
        const Choices& choices,
        std::uint64_t names,
        const std::map<std::size_t, std::string>& octets
    ) const {
        State state;
        add_directory("", 0, choices, names, octets, state);  // the root was scanned first
        return state;
    }
    void add_directory(
        const std::string& path,
        std::size_t number,
        const Choices& choices,
        std::uint64_t mask,
        const std::map<std::size_t, std::string>& octets,
        State& state
    ) const {
        const Names names = named(inodes_[number], mask, choices);
        for (const auto& [name, inode] : names) {
            const std::string below = path + "/" + name;
            const bool is_directory = inodes_[inode].is_directory;
            state[below] = {inode, is_directory, is_directory ? "" : octets.at(inode)};
            if (is_directory) {
                add_directory(below, inode, choices, mask, octets, state);
            }
        }
    }

    std::string root_;
    std::size_t step_ = 0;
    std::set<std::size_t> done_;  // steps that last
    std::vector<Inode> inodes_;
    std::map<std::pair<dev_t, ino_t>, std::size_t> numbers_;  // indices of inodes_
};

}  // namespace mxpost::test
