// Runs a fuzzer's function over its corpus, for compilers without libFuzzer: each file whole, and
// cut short at each of its first octets. Arguments: directories and files.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCuts = 256;

std::size_t replay(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> octets{std::istreambuf_iterator<char>(file), {}};
    // Copied to its exact size each time, so that a sanitizer sees any step past the end.
    for (std::size_t size = 0; size <= std::min(octets.size(), kCuts); ++size) {
        const std::vector<std::uint8_t> cut(
            octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(size)
        );
        LLVMFuzzerTestOneInput(cut.data(), cut.size());
    }
    const std::vector<std::uint8_t> whole(octets.begin(), octets.end());
    LLVMFuzzerTestOneInput(whole.data(), whole.size());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t count = 0;
    for (int i = 1; i < argc; ++i) {
        if (!fs::is_directory(argv[i])) {
            count += replay(argv[i]);
            continue;
        }
        for (const fs::directory_entry& entry : fs::recursive_directory_iterator(argv[i])) {
            count += entry.is_regular_file() ? replay(entry.path()) : 0;
        }
    }
    std::printf("%zu inputs\n", count);
    // Without a corpus nothing was tested.
    return count > 0 ? 0 : 1;
}
