// What the doctor found: one finding a check, each with what to do about it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mxpost::doctor {

enum class Level : std::uint8_t { ok, warning, problem };

/// "ok", "warning", "problem"
std::string_view name_of(Level level);

/// What a finding is about, in the order of the report.
enum class Section : std::uint8_t { host, sender, recipient };

std::string_view name_of(Section section);

/// What mends a problem, in a form that programs can apply.
struct Remedy {
    enum class Kind : std::uint8_t {
        record,   // in the DNS: `name` (no final dot) shall have `value` of type `type`
        setting,  // in mxpost.conf: "name = value"
        command,  // `value` is a command line for root
        advice    // `value` is a sentence for people: what to ask of whom
    };

    Remedy() = default;

    static Remedy record(std::string name, std::string type, std::string value);
    static Remedy setting(std::string name, std::string value);
    static Remedy command(std::string line);
    static Remedy advice(std::string sentence);

    /// One line: a zone file's, mxpost.conf's, a shell's, or the sentence.
    std::string text() const;

    Kind kind = Kind::advice;
    std::string name;
    std::string type;
    std::string value;
    /// Of a record: the values (of the same name and type) that go.
    std::vector<std::string> replaced;
};

std::string_view name_of(Remedy::Kind kind);

struct Finding {
    Finding() = default;
    /// `check`: its name for programs, such as "ptr"; `subject`: what it looked at, such as an
    /// address; `text`: one sentence without a final stop.
    Finding(std::string check_, std::string subject_, Level level_, std::string text_)
        : check(std::move(check_)),
          subject(std::move(subject_)),
          text(std::move(text_)),
          level(level_) {}

    Finding& with(Remedy remedy) {
        remedies.push_back(std::move(remedy));
        return *this;
    }

    std::string check;
    std::string subject;  // empty: this host
    std::string text;
    std::vector<Remedy> remedies;
    Level level = Level::ok;
};

using Findings = std::vector<Finding>;

struct Report {
    Report() = default;

    struct Part {
        Part() = default;

        Section section = Section::host;
        std::string subject;  // the domain; empty: this host
        Findings findings;
    };
    std::vector<Part> parts;
    std::string host;    // this host's name
    std::string sender;  // the address asked about

    Level worst() const;
    const Part* find(Section section) const;
};

}  // namespace mxpost::doctor
