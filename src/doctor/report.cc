#include "doctor/report.h"

#include <algorithm>

namespace mxpost::doctor {

namespace {

/// RFC 1035 5.1: strings of at most 255 octets.
std::string zone_strings(std::string_view text) {
    constexpr std::size_t kMax = 255;
    std::string result;
    do {
        result += result.empty() ? "\"" : " \"";
        for (const char c : text.substr(0, kMax)) {
            result += c == '"' || c == '\\' ? "\\" : "";
            result += c;
        }
        result += '"';
        text.remove_prefix(std::min(kMax, text.size()));
    } while (!text.empty());
    return result;
}

}  // namespace

std::string_view name_of(Level level) {
    switch (level) {
        case Level::ok:
            return "ok";
        case Level::warning:
            return "warning";
        case Level::problem:
            break;
    }
    return "problem";
}

std::string_view name_of(Section section) {
    switch (section) {
        case Section::host:
            return "host";
        case Section::sender:
            return "sender";
        case Section::recipient:
            break;
    }
    return "recipient";
}

std::string_view name_of(Remedy::Kind kind) {
    switch (kind) {
        case Remedy::Kind::record:
            return "record";
        case Remedy::Kind::setting:
            return "setting";
        case Remedy::Kind::command:
            return "command";
        case Remedy::Kind::advice:
            break;
    }
    return "advice";
}

Remedy Remedy::record(std::string name, std::string type, std::string value) {
    Remedy remedy;
    remedy.kind = Kind::record;
    remedy.name = std::move(name);
    remedy.type = std::move(type);
    remedy.value = std::move(value);
    return remedy;
}

Remedy Remedy::setting(std::string name, std::string value) {
    Remedy remedy;
    remedy.kind = Kind::setting;
    remedy.name = std::move(name);
    remedy.value = std::move(value);
    return remedy;
}

Remedy Remedy::command(std::string line) {
    Remedy remedy;
    remedy.kind = Kind::command;
    remedy.value = std::move(line);
    return remedy;
}

Remedy Remedy::advice(std::string sentence) {
    Remedy remedy;
    remedy.value = std::move(sentence);
    return remedy;
}

std::string Remedy::text() const {
    switch (kind) {
        case Kind::record:
            return name + ". 3600 IN " + type + " " + (type == "TXT" ? zone_strings(value) : value);
        case Kind::setting:
            return name + " = " + value;
        case Kind::command:
        case Kind::advice:
            break;
    }
    return value;
}

Level Report::worst() const {
    Level worst = Level::ok;
    for (const Part& part : parts) {
        for (const Finding& finding : part.findings) {
            worst = std::max(worst, finding.level);
        }
    }
    return worst;
}

const Report::Part* Report::find(Section section) const {
    const auto found = std::find_if(parts.begin(), parts.end(), [&](const Part& part) {
        return part.section == section;
    });
    return found == parts.end() ? nullptr : &*found;
}

}  // namespace mxpost::doctor
