#include "submit/spool_choice.h"

#include <cerrno>

#include "spool/usage.h"

namespace mxpost::submit {
namespace {

bool is_elsewhere(const Error& error) {
    return error.is(ENOENT) || error.is(ENOTDIR) || error.is(EACCES) || error.is(EPERM) ||
           error.is(EROFS) || error.is(EREMOTE);
}

/// As mxpost.conf has it: "64M".
std::string size_text(std::uint64_t octets) {
    constexpr std::string_view kUnits = "KMGT";
    std::size_t unit = 0;
    while (octets != 0 && octets % 1024 == 0 && unit < kUnits.size()) {
        octets /= 1024;
        ++unit;
    }
    return unit == 0 ? std::to_string(octets) : std::to_string(octets) + kUnits[unit - 1];
}

/// What ChosenSpool::shortage says; empty where there is room.
Result<std::string> find_shortage(const Surroundings& around, const spool::Box& box) {
    constexpr std::uint64_t kFewInodes = 100;
    const auto space = around.files.space(box.directory());
    if (!space) {
        return space.error();
    }
    if (space->free_bytes < around.settings.min_free_space) {
        return "less than min-free-space (" + size_text(around.settings.min_free_space) +
               ") is free on " + box.path();
    }
    if (space->free_inodes < kFewInodes) {
        return "fewer than " + std::to_string(kFewInodes) + " inodes are free on " + box.path();
    }
    return std::string();
}

Result<ChosenSpool> open_spool(
    const Surroundings& around, const std::string& path, const spool::MessageId& id
) {
    auto opened =
        spool::open_own_box(around.files, path, around.identity.uid, around.clock, around.random);
    if (!opened) {
        return opened.error();
    }
    auto box = std::make_unique<spool::Box>(std::move(*opened));
    auto chosen = use_box(around, *box, id);
    if (chosen) {
        chosen->box = std::move(box);
    }
    return chosen;
}

}  // namespace

std::vector<std::string> candidates(const Surroundings& around) {
    return spool::spool_candidates(
        around.settings.spool, around.system_spool, around.identity.uid, around.identity.home
    );
}

Result<ChosenSpool> use_box(
    const Surroundings& around, const spool::Box& box, const spool::MessageId& id
) {
    ChosenSpool chosen;
    auto shortage = find_shortage(around, box);
    if (!shortage) {
        return shortage.error();
    }
    if (!shortage->empty()) {
        chosen.shortage = std::move(*shortage);
        return chosen;
    }
    auto writer = spool::MessageWriter::create(around.files, box, id);
    if (!writer) {
        return writer.error();
    }
    chosen.writer.emplace(std::move(*writer));
    return chosen;
}

Result<void> count_in(
    const Surroundings& around,
    const spool::Box& box,
    std::uint64_t octets,
    std::uint64_t recipients
) {
    const config::Settings& settings = around.settings;
    spool::UsageLimits limits;
    limits.messages = settings.max_queued_messages;
    limits.octets = settings.max_queued_size;
    limits.recipients = settings.max_queued_recipients;
    limits.message_octets = settings.message_size_limit + settings.header_size_limit;
    limits.message_recipients = settings.max_recipients;
    const auto verdict =
        spool::count_in(around.files, box, limits, octets, recipients, around.clock.now());
    if (!verdict) {
        return verdict.error();
    }
    const std::string which =
        "with this message the user's mail in " + box.path() + " would exceed ";
    switch (*verdict) {
        case spool::UsageVerdict::too_many_messages:
            return Error::invalid(
                std::to_string(limits.messages) + " messages of this user are in " + box.path() +
                " already (max-queued-messages)"
            );
        case spool::UsageVerdict::too_many_octets:
            return Error::invalid(
                which + std::to_string(limits.octets) + " octets (max-queued-size)"
            );
        case spool::UsageVerdict::too_many_recipients:
            return Error::invalid(
                which + std::to_string(limits.recipients) + " recipients (max-queued-recipients)"
            );
        case spool::UsageVerdict::within:
            break;
    }
    return {};
}

Result<ChosenSpool> choose_spool(const Surroundings& around, const spool::MessageId& id) {
    const Identity& identity = around.identity;
    for (const std::string& path : candidates(around)) {
        if (path != around.settings.spool && path != around.system_spool) {
            const auto made =
                spool::make_home_spool(around.files, path, identity.home, identity.uid);
            if (!made) {
                if (is_elsewhere(made.error())) {
                    continue;
                }
                return made.error();
            }
        }
        // Twice: the engine may have removed the unused box just now; then there is a new one.
        for (int attempt = 0; attempt < 2; ++attempt) {
            auto opened = open_spool(around, path, id);
            if (opened || !is_elsewhere(opened.error())) {
                return opened;
            }
            if (!opened.error().is(ENOENT)) {
                break;
            }
        }
    }
    return ChosenSpool();
}

}  // namespace mxpost::submit
