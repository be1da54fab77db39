#include "apps/import_config.h"

#include <filesystem>
#include <iostream>
#include <optional>

#include <sys/stat.h>

#include "apps/secret_file.h"
#include "base/file_system.h"
#include "base/text.h"
#include "config/import.h"

namespace mxpost::apps {
namespace {

constexpr std::size_t kLargestFile = 1U << 20U;

void complain(const std::string& text) {
    std::cerr << "mxpost: " << text << "\n";
}

/// Says so when a file is there and can't be read: what it says would be missed otherwise.
std::optional<std::string> read_text(FileSystem& files, const std::string& path) {
    auto text = read_whole_file(files, path, kLargestFile);
    if (!text) {
        if (!text.error().is(ENOENT) && !text.error().is(ENOTDIR)) {
            complain(printable(text.error().message()));
        }
        return std::nullopt;
    }
    return std::move(*text);
}

bool exists(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0;
}

/// Readable for the engine, and never a file that is there already.
ExitStatus write_credentials(
    FileSystem& files, const std::string& path, const config::Import& import
) {
    if (import.user.empty() || import.password.empty()) {
        complain("no user and password to write to " + path + " were found");
        return ExitStatus::data_error;
    }
    // The present settings may be those of another program, or wrong.
    const auto group = engine_group(config::Settings());
    if (auto written = write_secret_file(files, path, config::credentials_text(import), group);
        !written) {
        complain(path + ": " + written.error().message());
        return ExitStatus::io_error;
    }
    complain(
        "user and password are in " + path +
        (group ? ", which the engine can read"
               : ": let the engine read it (chgrp mxpost, chmod 640)")
    );
    return ExitStatus::ok;
}

/// The one to read, of those that are there; the others are named.
std::vector<std::string> found_places() {
    std::vector<std::string> found;
    for (const std::string& path : config::import_candidates()) {
        if (exists(path)) {
            found.push_back(path);
        }
    }
    for (std::size_t i = 1; i < found.size(); ++i) {
        complain(found[i] + " is there as well; name it to import that one");
    }
    found.resize(std::min<std::size_t>(found.size(), 1));
    return found;
}

}  // namespace

ExitStatus import_config(const std::vector<std::string>& paths, const std::string& file) {
    PosixFileSystem files;
    const std::string credentials = file.empty() ? file : std::filesystem::absolute(file).string();
    const std::vector<std::string> places = paths.empty() ? found_places() : paths;
    if (places.empty()) {
        complain("found no configuration of ssmtp, msmtp, dma, nullmailer or Postfix");
        return ExitStatus::no_input;
    }
    std::vector<config::ImportedSetting> taken;
    config::Import with_login;  // of the relay that the result names
    for (const std::string& path : places) {
        if (!exists(path)) {
            complain("there is no " + path);
            return ExitStatus::no_input;
        }
        auto import = config::import_settings(path, [&](const std::string& name) {
            return read_text(files, name);
        });
        if (!import) {
            complain(
                path + ": its name is none of ssmtp.conf, msmtprc, dma.conf, nullmailer, main.cf"
            );
            return ExitStatus::usage;
        }
        config::leave_to_earlier(*import, taken);
        std::cout << config::import_text(*import, credentials);
        if (!import->user.empty() && credentials.empty()) {
            complain(
                path + " has a login for the relay; its password isn't shown: " +
                "--credentials FILE writes it"
            );
        }
        if (with_login.user.empty()) {
            with_login = std::move(*import);
        }
    }
    const ExitStatus status =
        credentials.empty() ? ExitStatus::ok : write_credentials(files, credentials, with_login);
    return std::cout.flush() ? status : ExitStatus::io_error;
}

}  // namespace mxpost::apps
