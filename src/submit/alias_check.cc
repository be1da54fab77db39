#include "submit/alias_check.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>

#include "base/text.h"
#include "local/alias_expansion.h"
#include "local/command_words.h"
#include "submit/identity.h"

namespace mxpost::submit {
namespace {

using Sink = std::function<void(std::string_view)>;

constexpr std::size_t kMaxFollowed = 10'000;  // aliases of one file that are followed to their end

/// Passes each line on once.
class OnceLog final : public Log {
public:
    explicit OnceLog(const Sink& complain) : complain_(complain) {}
    void write(Priority, std::string_view line) override {
        if (said_.emplace(line).second) {
            complain_(printable(line));
        }
    }
    bool has_lines() const { return !said_.empty(); }

private:
    const Sink& complain_;
    std::set<std::string, std::less<>> said_;
};

/// As the engine has it, but for literals: the interfaces are its to look at, and here only circles
/// through them stay unseen.
bool is_local(const Surroundings& around, const mail::Address& address) {
    const std::string domain = ascii_lower(address.domain());
    const auto& local = around.settings.local_domains;
    return domain.empty() || domain == "localhost" || domain == "localhost.localdomain" ||
           domain == ascii_lower(around.names.host) ||
           (domain.find('.') == std::string::npos && domain == ascii_lower(system_host_name())) ||
           std::ranges::find(local, domain) != local.end();
}

/// The commands that no delivery could run. How many aliases have one.
std::size_t check_commands(const local::AliasTable& table, const std::string& path, Log& log) {
    std::size_t bad = 0;
    for (const local::Alias& alias : table.aliases()) {
        bool is_bad = false;
        for (const local::AliasTarget& target : alias.targets) {
            if (target.kind != local::AliasTarget::Kind::command) {
                continue;
            }
            const auto words = local::split_command(target.text);
            if (!words) {
                is_bad = true;
                log.warning(
                    path + ":" + std::to_string(alias.line) + ": |" + printable(target.text, 200) +
                    ": " + words.error().message()
                );
            }
        }
        bad += is_bad ? 1 : 0;
    }
    return bad;
}

/// The alias's name as the address that leads to it; nothing where that is no single one.
std::optional<mail::Address> address_of(const std::string& name) {
    const std::size_t at = name.find('@');
    const auto list = mail::parse_address_list("\"" + name.substr(0, at) + "\"");
    if (name.starts_with('*') || list.addresses.size() != 1) {
        return std::nullopt;
    }
    const std::string domain = at == std::string::npos ? "" : name.substr(at + 1);
    return mail::Address(list.addresses.front().local_part(), domain);
}

/// Loops, and :include: files that can't be read or have bad lines.
void follow(
    const local::AliasTable& table,
    const std::string& path,
    local::AliasExpander& expander,
    Log& log
) {
    std::size_t followed = 0;
    for (const local::Alias& alias : table.aliases()) {
        const auto address = address_of(alias.name);
        if (!alias.fault.empty() || !address || ++followed > kMaxFollowed) {
            continue;
        }
        const std::string place = path + ":" + std::to_string(alias.line) + ": ";
        const local::Expansion expansion = expander.expand(*address);
        for (const std::string& warning : expansion.warnings) {
            log.warning(place + warning);
        }
        if (expansion.problem && !expansion.problem->text.starts_with('/')) {
            log.warning(place + expansion.problem->text);
        }
    }
}

}  // namespace

ExitStatus check_aliases(const Surroundings& around, const Sink& say, const Sink& complain) {
    OnceLog log(complain);
    local::AliasFiles aliases(
        around.files, around.clock, log, around.settings.alias_files
    );  // says which lines are bad
    local::AliasExpander expander(
        aliases,
        [&](const mail::Address& address) { return is_local(around, address); },
        around.settings.max_recipients
    );
    for (const std::string& path : around.settings.alias_files) {
        const auto text = local::read_alias_text(around.files, around.clock, path);
        if (!text) {
            const bool is_missing = text.error().is(ENOENT) || text.error().is(ENOTDIR);
            say(is_missing ? path + ": no such file, so there are no aliases in it"
                           : path + ": not read");
            continue;
        }
        const local::AliasTable table(*text);
        const std::size_t bad = table.bad_count() + check_commands(table, path, log);
        follow(table, path, expander, log);
        say(path + ": " + std::to_string(table.aliases().size()) + " aliases, " +
            std::to_string(bad) + " bad lines");
    }
    return log.has_lines() ? ExitStatus::data_error : ExitStatus::ok;
}

}  // namespace mxpost::submit
