// Any octets as an alias file, an :include: file and a list: bounded results, and a name that is
// found says the same when the file is read again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "local/alias_expansion.h"
#include "local/alias_table.h"

namespace {

using namespace mxpost;
using Kind = local::AliasTarget::Kind;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

bool has_control(std::string_view text) {
    return std::ranges::any_of(text, [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
    });
}

void check(const local::AliasTarget& target) {
    switch (target.kind) {
        case Kind::address:
            require(!target.address.local_part().empty());
            require(!has_control(target.address.text()));
            break;
        case Kind::mailbox:
            require(!target.text.empty() && target.text.find('@') == std::string::npos);
            break;
        case Kind::command:
            require(!trim(target.text).empty());
            break;
        case Kind::file:
        case Kind::include:
            require(target.text.starts_with('/'));
    }
    require(target.text.size() <= local::kMaxTargetText && !has_control(target.text));
}

class Source final : public local::AliasSource {
public:
    explicit Source(const local::AliasTable& table) : table_(table) {}
    void refresh() override {}
    Result<const local::Alias*> find(const std::string& name) override { return table_.find(name); }
    Result<std::vector<local::AliasTarget>> include(const std::string&) override {
        return std::vector<local::AliasTarget>{local::AliasTarget(Kind::mailbox, "x")};
    }
    bool has_just_changed() const override { return false; }

private:
    const local::AliasTable& table_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const local::AliasTable table(text);
    require(table.bad_lines().size() <= local::kMaxBadLines);
    require(table.bad_lines().size() <= table.bad_count());
    Source source(table);
    const auto is_local = [](const mail::Address& address) { return !address.is_qualified(); };
    local::AliasExpander expander(source, is_local, 50);
    std::size_t expanded = 0;
    for (const local::Alias& alias : table.aliases()) {
        require(!alias.name.empty() && alias.name == ascii_lower(alias.name));
        require(table.find(alias.name) == &alias);
        require(alias.fault.empty() == !alias.targets.empty());
        for (const local::AliasTarget& target : alias.targets) {
            check(target);
        }
        const auto list = mail::parse_address_list("\"" + alias.name + "\"");
        if (list.addresses.size() == 1 && ++expanded <= 100) {
            const local::Expansion expansion = expander.expand(list.addresses.front());
            require(expansion.leaves.size() <= 50);
            require(expansion.leaves.empty() == expansion.problem.has_value());
        }
    }
    const local::TargetFile file = local::parse_target_file(text);
    require(file.bad.size() <= local::kMaxBadLines);
    for (const local::AliasTarget& target : file.targets) {
        check(target);
    }
    return 0;
}
