#include "config/load.h"

#include <algorithm>
#include <cerrno>
#include <map>

#include <boost/make_shared.hpp>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <boost/program_options/variables_map.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/text.h"
#include "config/keys.h"

namespace mxpost::config {
namespace {

namespace po = boost::program_options;

constexpr std::size_t kLargestFile = 1U << 20U;
constexpr std::string_view kPrefix = "MXPOST_";

/// What a key's parser says, on its way through po::store.
class BadValue : public po::error {
public:
    using po::error::error;
};

/// A row of the table as ProgramOptions sees it: storing a value parses it into the Settings.
class KeySemantic final : public po::value_semantic {
public:
    KeySemantic(const Key& key, Settings& settings) : key_(key), settings_(settings) {}

    std::string name() const override { return "value"; }
    unsigned min_tokens() const override { return 1; }
    unsigned max_tokens() const override { return 1; }
    bool is_composing() const override { return false; }
    bool is_required() const override { return false; }
    bool apply_default(boost::any&) const override { return false; }
    void notify(const boost::any&) const override {}
    void parse(boost::any&, const std::vector<std::string>& tokens, bool) const override {
        const auto applied = key_.apply(settings_, tokens.at(0));
        if (!applied) {
            throw BadValue(applied.error().message());
        }
    }

private:
    const Key& key_;
    Settings& settings_;
};

po::options_description description_of(Settings& settings) {
    po::options_description description;
    for (const Key& key : keys()) {
        description.add(boost::make_shared<po::option_description>(
            std::string(key.name).c_str(), new KeySemantic(key, settings)
        ));  // the description owns its semantic
    }
    return description;
}

Error unknown_key(const Setting& setting) {
    std::string text = setting.origin + ": unknown key \"" + printable(setting.key, 64) + "\"";
    if (const Key* key = nearest_key(setting.key)) {
        text += " (did you mean \"" + std::string(key->name) + "\"?)";
    }
    return Error::invalid(std::move(text));
}

/// Applies one setting. Each is stored on its own, so that an error has its line.
Result<void> apply(const po::options_description& description, const Setting& setting) {
    po::parsed_options parsed(&description);
    parsed.options.emplace_back(setting.key, std::vector<std::string>{setting.value});
    po::variables_map values;
    try {
        po::store(parsed, values);
    } catch (const po::unknown_option&) {
        return unknown_key(setting);
    } catch (const po::error& error) {
        return Error::invalid(
            setting.origin + ": " + setting.key + " must be " + error.what() + ", not \"" +
            printable(setting.value, 64) + "\""
        );
    }
    return {};
}

/// The whole file, or nothing when there is none.
Result<std::string> read_file(FileSystem& files, const std::string& path) {
    auto text = read_whole_file(files, path, kLargestFile);
    const bool is_missing = !text && (text.error().is(ENOENT) || text.error().is(ENOTDIR));
    return is_missing ? Result<std::string>("") : text;
}

/// One that `lines` (a known key's name, and where it stands) has already. Which of the two counts
/// would be a guess, and half of what was meant lost: a domain would go unsigned.
Result<void> check_first(
    std::map<std::string_view, std::size_t>& lines, const Setting& setting, std::size_t number
) {
    const Key* const key = find_key(setting.key);
    if (key == nullptr) {
        return {};  // which is told of where it is applied
    }
    const auto [first, is_first] = lines.emplace(key->name, number);
    if (is_first) {
        return {};
    }
    return Error::invalid(
        setting.origin + ": \"" + setting.key + "\" is in line " + std::to_string(first->second) +
        " already"
    );
}

/// "key = value" per line, each key once; '#' after a space or at the front of a line starts a
/// comment.
Result<std::vector<Setting>> parse_file(const std::string& path, std::string_view text) {
    std::vector<Setting> settings;
    std::map<std::string_view, std::size_t> lines;
    std::size_t number = 0;
    for (std::string_view line : split(text, '\n')) {
        ++number;
        for (std::size_t at = 0; (at = line.find('#', at)) != std::string_view::npos; ++at) {
            if (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t') {
                line = line.substr(0, at);
                break;
            }
        }
        line = trim(line);
        if (line.empty()) {
            continue;
        }
        const std::size_t equals = line.find('=');
        std::string origin = path + ":" + std::to_string(number);
        if (equals == std::string_view::npos || equals == 0) {
            return Error::invalid(
                origin + ": expected \"key = value\", not \"" + printable(line, 64) + "\""
            );
        }
        settings.push_back(
            {std::string(trim(line.substr(0, equals))),
             std::string(trim(line.substr(equals + 1))),
             std::move(origin)}
        );
        if (auto checked = check_first(lines, settings.back(), number); !checked) {
            return checked.error();
        }
    }
    return settings;
}

/// Names that are no key's are passed over: whoever runs containers may put any name there (a
/// Kubernetes service called "mxpost" makes MXPOST_SERVICE_HOST), and that must not cost mail.
void add_environment(
    Loaded& loaded, std::vector<Setting>& settings, std::span<const std::string> environment
) {
    for (const std::string& entry : environment) {
        const std::size_t equals = entry.find('=');
        if (!entry.starts_with(kPrefix) || equals == std::string::npos) {
            continue;
        }
        const std::string name = entry.substr(0, equals);
        std::string key = ascii_lower(name.substr(kPrefix.size()));
        std::ranges::replace(key, '_', '-');
        if (find_key(key) == nullptr) {
            loaded.ignored.push_back(name);
            continue;
        }
        settings.push_back(
            {std::move(key), std::string(trim(entry.substr(equals + 1))), "environment " + name}
        );
    }
}

}  // namespace

Result<Loaded> load(
    FileSystem& files, const std::string& path, std::span<const std::string> environment
) {
    const auto text = read_file(files, path);
    if (!text) {
        return text.error();
    }
    auto settings = parse_file(path, *text);
    if (!settings) {
        return settings.error();
    }
    Loaded loaded;
    add_environment(loaded, *settings, environment);
    if (settings->empty()) {
        return loaded;
    }
    const po::options_description description = description_of(loaded.values);
    for (const Setting& setting : *settings) {
        const auto applied = apply(description, setting);
        if (!applied) {
            return applied.error();
        }
    }
    loaded.set = std::move(*settings);
    return loaded;
}

std::vector<std::string> own_environment(const char* const* environment) {
    std::vector<std::string> entries;
    for (; environment != nullptr && *environment != nullptr; ++environment) {
        if (std::string_view(*environment).starts_with(kPrefix)) {
            entries.emplace_back(*environment);
        }
    }
    return entries;
}

std::vector<std::string> init_environment(FileSystem& files) {
    std::vector<std::string> entries;
    constexpr const char* kEnvironment = "/proc/1/environ";
    // Who else process 1 runs as could write what it likes there.
    const auto status = files.stat(AT_FDCWD, kEnvironment);
    if (!status || status->st_uid != 0) {
        return entries;
    }
    const auto text = read_file(files, kEnvironment);
    if (text) {
        for (const std::string_view entry : split(*text, '\0')) {
            if (entry.starts_with(kPrefix)) {
                entries.emplace_back(entry);
            }
        }
    }
    return entries;
}

std::vector<Effective> describe(const Loaded& loaded) {
    std::vector<Effective> rows;
    for (const Key& key : keys()) {
        Effective row{key.name, std::string(key.default_text), "default", key.text};
        for (const Setting& setting : loaded.set) {
            if (setting.key == key.name) {
                row.value = setting.value;
                row.origin = setting.origin;
            }
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace mxpost::config
