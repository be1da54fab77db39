#include "diagnose/load.h"

#include <cerrno>

#include "diagnose/data_file.h"

namespace mxpost::diagnose {
namespace {

Result<std::string> read(FileSystem& files, const std::string& path) {
    if (path.empty()) {
        return std::string();
    }
    auto text = read_whole_file(files, path, kLargestDataFile);
    const bool is_missing = !text && (text.error().is(ENOENT) || text.error().is(ENOTDIR));
    return is_missing ? Result<std::string>("") : text;
}

}  // namespace

Result<RuleBook> load_rules(FileSystem& files, const std::string& path) {
    const auto text = read(files, path);
    return text ? RuleBook::make(path, *text) : Result<RuleBook>(text.error());
}

Result<Providers> load_providers(FileSystem& files, const std::string& path) {
    const auto text = read(files, path);
    return text ? Providers::make(path, *text) : Result<Providers>(text.error());
}

}  // namespace mxpost::diagnose
