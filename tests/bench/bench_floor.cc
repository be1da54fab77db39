// What no sendmail can be cheaper than: a static program that does nothing, or, given a directory,
// only what a durable queue can't leave out (read, write, sync file and directory).
#include <array>
#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

namespace {

bool queue(const char* path) {
    std::array<char, 65536> content{};
    std::size_t size = 0;
    ssize_t got = 0;
    while ((got = ::read(0, content.data() + size, content.size() - size)) > 0) {
        size += static_cast<std::size_t>(got);
    }
    const int directory = ::open(path, O_RDONLY | O_DIRECTORY);
    const int file = ::openat(directory, ".", O_TMPFILE | O_RDWR, 0600);
    std::array<char, 64> link{};
    std::array<char, 64> name{};
    std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", file);
    std::snprintf(name.data(), name.size(), "message-with-a-name-%d", ::getpid());
    return ::write(file, content.data(), size) == static_cast<ssize_t>(size) &&
           ::fsync(file) == 0 &&
           ::linkat(AT_FDCWD, link.data(), directory, name.data(), AT_SYMLINK_FOLLOW) == 0 &&
           ::fsync(directory) == 0;
}

}  // namespace

int main(int count, char** arguments) {
    return count < 2 || queue(arguments[1]) ? EXIT_SUCCESS : EXIT_FAILURE;
}
