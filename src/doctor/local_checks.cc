#include "doctor/local_checks.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/text.h"
#include "doctor/cron_check.h"
#include "local/account.h"
#include "spool/box.h"
#include "spool/box_store.h"
#include "spool/entry_name.h"

namespace mxpost::doctor {

namespace fs = std::filesystem;

namespace {

constexpr const char* kSendmail = "/usr/sbin/sendmail";
constexpr const char* kMark = "@(#)mxpost sendmail ";  // see src/apps/sendmail.cc
constexpr const char* kTrustStore = "/etc/ssl/certs";
constexpr mode_t kSpoolMode = 03777;
constexpr std::uint64_t kFewInodes = 1000;
constexpr std::chrono::minutes kStuckFor{15};

// statfs(2), linux/magic.h
constexpr long kTmpfs = 0x01021994;
constexpr long kRamfs = 0x858458f6;
constexpr long kOverlayfs = 0x794c7630;
constexpr long kNfs = 0x6969;
constexpr long kCifs = 0xff534d42;
constexpr long kSmb2 = 0xfe534d42;

/// Of boxes: how many, and one of them.
struct Some {
    void add(const std::string& path) {
        if (count++ == 0) {
            example = path;
        }
    }
    std::size_t count = 0;
    std::string example;
};

struct BoxesSeen {
    std::size_t boxes = 0;
    std::size_t messages = 0;
    std::size_t overdue = 0;
    std::size_t corrupt = 0;
    Some of_other_groups;
    Some open_to_others;
    bool is_served = false;  // by a system engine
};

/// As far as it can be read.
template <class Visit>
void for_each_name(const std::string& path, const Visit& visit) {
    std::error_code error;
    for (auto at = fs::directory_iterator(path, error); !error && at != fs::directory_iterator();
         at.increment(error)) {
        visit(at->path().filename().string());
    }
}

void look_at(Context& context, const spool::Box& box, const struct stat& root, BoxesSeen& seen) {
    const auto now = to_seconds(context.clock.now());
    ++seen.boxes;
    const auto status = context.files.fstat(box.directory());
    if (status && status->st_gid != root.st_gid) {
        seen.of_other_groups.add(box.path());
    }
    // By the box's descriptor: its owner can put links in the place of whatever has a name there.
    (void)context.files
        .list(
            box.directory(),
            [&](std::string_view name, unsigned char) {
                if (const auto entry = spool::EntryName::parse(name)) {
                    ++seen.messages;
                    seen.overdue += entry->due + kStuckFor < now ? 1U : 0U;
                }
                return true;
            }
        )
        .has_value();
    seen.corrupt += spool::count_corrupt(context.files, box.directory());
    seen.is_served |= spool::is_wanted_by_system(context.files, box.directory());
}

void judge_boxes(const BoxesSeen& seen, const std::string& root, Findings& findings) {
    if (seen.corrupt > 0) {
        Finding finding(
            "spool",
            root,
            Level::warning,
            std::to_string(seen.corrupt) + " files that are no intact messages lie in \"corrupt\""
        );
        findings.push_back(finding.with(Remedy::advice(
            "Look at what \"find -P " + root + " -path '*/" + spool::kCorruptName +
            "/*' -type f\" lists, then remove it with -delete behind that"
        )));
    }
    if (seen.overdue > 0 && !seen.is_served) {
        Finding finding(
            "engine",
            "",
            Level::warning,
            std::to_string(seen.overdue) + " of " + std::to_string(seen.messages) +
                " messages should have been tried long ago, and no engine serves them"
        );
        findings.push_back(finding.with(Remedy::command("systemctl enable --now mxpost")));
    }
}

/// What is wrong with the directories themselves.
void judge_directories(const BoxesSeen& seen, const std::string& root, Findings& findings) {
    if (const Some& some = seen.of_other_groups; some.count > 0) {
        Finding finding(
            "spool",
            root,
            Level::warning,
            std::to_string(some.count) + " boxes have another group than the spool, such as " +
                some.example + ": their mail waits for an engine of their owner's"
        );
        findings.push_back(finding.with(
            Remedy::advice("Each owner starts one with their next mail, or with sendmail -q")
        ));
    }
    if (const Some& some = seen.open_to_others; some.count > 0) {
        Finding finding(
            "spool",
            root,
            Level::warning,
            std::to_string(some.count) +
                " directories can't be boxes, since others than their owners may write to them, "
                "such as " +
                some.example
        );
        findings.push_back(finding.with(Remedy::advice("Look at what lies in them, then remove them"
        )));
    }
}

/// Anybody can make entries in the spool's root. They harm nobody, but somebody may want to know.
void judge_strangers(const std::string& root, Findings& findings) {
    std::size_t count = 0;
    std::string example;
    for_each_name(root, [&](const std::string& name) {
        struct stat status {};
        const std::string path = root + "/" + name;
        if (::lstat(path.c_str(), &status) != 0 || name == "lost+found") {
            return;
        }
        const std::string uid = std::to_string(status.st_uid);
        const bool is_box = S_ISDIR(status.st_mode) && spool::is_box_name(name) &&
                            name.substr(0, name.find('-')) == uid;
        if (!is_box && count++ == 0) {
            example = printable(name, 100) + " of uid " + uid;
        }
    });
    if (count > 0) {
        Finding finding(
            "spool",
            root,
            Level::warning,
            std::to_string(count) + " entries are nobody's box, such as " + example +
                ": no mail is lost by them, but somebody makes them"
        );
        findings.push_back(finding.with(Remedy::advice("Look at them with ls -la " + root)));
    }
}

void judge_rights(
    const Context& context, const std::string& root, const struct stat& status, Findings& findings
) {
    const std::string& user = context.settings.user;
    const std::string chmod = "chmod 3777 " + root;
    const auto account = local::find_account(user);
    // Without such a user, or in somebody's own spool, engines run as its owner.
    const bool is_personal =
        !account || !*account || (::geteuid() != 0 && status.st_uid == ::geteuid());
    if (!is_personal && (status.st_uid != (*account)->uid || status.st_gid != (*account)->gid)) {
        Finding finding(
            "spool",
            root,
            Level::problem,
            "it belongs to uid " + std::to_string(status.st_uid) + " and gid " +
                std::to_string(status.st_gid) + ", not to " + user +
                ", which can't serve root's mail then, nor anybody's whose engine has ended"
        );
        findings.push_back(finding.with(
            Remedy::command("chown " + user + ":" + user + " " + root + " && " + chmod)
        ));
    } else if ((status.st_mode & 07777) != kSpoolMode) {
        Finding finding(
            "spool", root, Level::problem, "its rights aren't 3777, which every user's mail needs"
        );
        findings.push_back(finding.with(Remedy::command(chmod)));
    }
}

void judge_room(
    const Context& context, const std::string& root, const struct statfs& found, Findings& findings
) {
    const std::uint64_t free =
        static_cast<std::uint64_t>(found.f_bavail) * static_cast<std::uint64_t>(found.f_bsize);
    if (free < context.settings.min_free_space) {
        Finding finding(
            "spool",
            root,
            Level::problem,
            "only " + std::to_string(free >> 20) + " MiB are free: sendmail takes no mail"
        );
        findings.push_back(finding.with(Remedy::advice(
            "Make room on the file system of " + root + ", or lower \"min-free-space\""
        )));
    }
    if (found.f_files > 0 && found.f_ffree < kFewInodes) {
        Finding finding(
            "spool", root, Level::problem, "hardly any file can be made there (inodes)"
        );
        findings.push_back(
            finding.with(Remedy::advice("Remove files from the file system of " + root))
        );
    }
}

bool is_ours(const std::string& path) {
    const std::string_view mark = kMark;
    std::error_code error;
    if (!fs::is_regular_file(path, error)) {
        return false;  // a pipe would keep us for ever
    }
    std::ifstream file(path, std::ios::binary);
    std::string piece(std::size_t{256} << 10, '\0');
    std::size_t kept = 0;  // octets at the piece's begin that may be a part of the mark
    while (file) {
        file.read(piece.data() + kept, static_cast<std::streamsize>(piece.size() - kept));
        const std::size_t size = kept + static_cast<std::size_t>(file.gcount());
        const std::string_view seen = std::string_view(piece).substr(0, size);
        if (seen.find(mark) != std::string_view::npos) {
            return true;
        }
        kept = std::min(size, mark.size() - 1);
        piece.replace(0, kept, seen.substr(size - kept));
    }
    return false;
}

/// The program of `sendmail_path = "/usr/sbin/sendmail -t -i"`.
std::string program_of(std::string_view command) {
    command = trim(command);
    if (command.starts_with('"')) {
        command.remove_prefix(1);
    }
    return std::string(command.substr(0, command.find_first_of(" \t\"")));
}

Finding check_trust() {
    std::error_code error;
    if (!fs::is_empty(kTrustStore, error) && !error) {
        return {
            "trust", "", Level::ok, std::string("certificates are trusted as in ") + kTrustStore};
    }
    Finding finding(
        "trust",
        "",
        Level::warning,
        std::string("no certificate authority is known (") + kTrustStore +
            " is empty): no server's name can be verified"
    );
    return finding.with(Remedy::command("apt-get install ca-certificates"));
}

}  // namespace

std::string why_not_durable(long type) {
    switch (type) {
        case kTmpfs:
        case kRamfs:
            return "it lies in memory (tmpfs): queued mail is lost with the next restart";
        case kOverlayfs:
            return "it lies in a container's own layer: queued mail is lost with the container";
        case kNfs:
        case kCifs:
        case kSmb2:
            return "it lies on a network file system, which keeps none of the queue's promises";
        default:
            return {};
    }
}

Findings check_spool(Context& context, const std::string& root) {
    Findings findings;
    struct stat status {};
    if (::stat(root.c_str(), &status) != 0) {
        Finding finding(
            "spool", root, Level::problem, std::string("there is none: ") + std::strerror(errno)
        );
        findings.push_back(finding.with(Remedy::command(
            "install -d -m 3777 -o " + context.settings.user + " -g " + context.settings.user +
            " " + root
        )));
        return findings;
    }
    judge_rights(context, root, status, findings);
    struct statfs found {};
    if (::statfs(root.c_str(), &found) == 0) {
        if (const std::string why = why_not_durable(static_cast<long>(found.f_type));
            !why.empty()) {
            Finding finding("spool", root, Level::warning, why);
            findings.push_back(finding.with(Remedy::advice(
                "Mount a volume on a local disk there, or name another place (\"spool\")"
            )));
        }
        judge_room(context, root, found, findings);
    }
    BoxesSeen seen;
    const auto visited = spool::visit_boxes(
        context.files,
        root,
        spool::kAnyOwner,
        [&](const spool::Box& box) { look_at(context, box, status, seen); },
        [&](const spool::ClosedBox& closed) {
            if (closed.is_open_to_others) {
                seen.open_to_others.add(closed.path);
            }
        }
    );
    if (!visited) {
        findings.emplace_back(
            "spool",
            root,
            Level::warning,
            "not every box can be looked at: " + visited.error().message()
        );
    }
    judge_boxes(seen, root, findings);
    judge_directories(seen, root, findings);
    judge_strangers(root, findings);
    if (findings.empty()) {
        findings.emplace_back(
            "spool",
            root,
            Level::ok,
            "in order; " + std::to_string(seen.messages) + " messages wait"
        );
    }
    if (seen.boxes > 0 && seen.overdue == 0) {
        findings.emplace_back(
            "engine",
            "",
            Level::ok,
            seen.is_served
                ? "the system engine is running"
                : "no system engine is running: each submission starts an engine of its own"
        );
    }
    return findings;
}

Findings check_sendmail(const std::string& path) {
    std::error_code error;
    const fs::path target = fs::canonical(path, error);
    if (error) {
        Finding finding(
            "sendmail", path, Level::problem, "there is none, so other programs can't send"
        );
        return {
            finding.with(Remedy::advice("Install mxpost as a package, or link its sendmail there")
            )};
    }
    if (!is_ours(target.string())) {
        Finding finding(
            "sendmail", path, Level::warning, "it isn't mxpost's but " + target.string()
        );
        return {finding.with(Remedy::advice(
            "Programs that call " + path + " use the other one; its mail goes other ways"
        ))};
    }
    return {Finding("sendmail", path, Level::ok, "it is mxpost's")};
}

Findings check_php(const std::vector<std::string>& directories) {
    Findings findings;
    for (const std::string& directory : directories) {
        std::error_code error;
        constexpr auto kOptions = fs::directory_options::skip_permission_denied;
        for (auto at = fs::recursive_directory_iterator(directory, kOptions, error);
             !error && at != fs::recursive_directory_iterator();
             at.increment(error)) {
            if (at->path().filename() != "php.ini") {
                continue;
            }
            std::ifstream file(at->path());
            for (std::string line; std::getline(file, line);) {
                const std::size_t equals = line.find('=');
                if (equals == std::string::npos ||
                    trim(line.substr(0, equals)) != "sendmail_path") {
                    continue;
                }
                const std::string program = program_of(std::string_view(line).substr(equals + 1));
                if (program.empty()) {
                    continue;
                }
                const fs::path target = fs::canonical(program, error);
                if (error || !is_ours(target.string())) {
                    error.clear();
                    Finding finding(
                        "php", at->path().string(), Level::warning, "its mail() calls " + program
                    );
                    findings.push_back(finding.with(Remedy::advice(
                        "Remove the line \"sendmail_path\" from " + at->path().string()
                    )));
                }
            }
        }
    }
    return findings;
}

Findings check_local(Context& context) {
    Findings findings = check_spool(context, context.settings.spool);
    for (const Findings& more :
         {check_sendmail(kSendmail),
          check_php({"/etc/php", "/usr/local/etc/php"}),
          check_cron(context)}) {
        findings.insert(findings.end(), more.begin(), more.end());
    }
    if (context.settings.tls != config::TlsLevel::none) {
        findings.push_back(check_trust());
    }
    return findings;
}

}  // namespace mxpost::doctor
