#include "doctor/key_check.h"

#include <utility>

#include "dkim/key_record.h"

namespace mxpost::doctor {

namespace asio = boost::asio;

const char* word_of(KeyState state) {
    switch (state) {
        case KeyState::ok:
            return "ok";
        case KeyState::testing:
            return "testing";
        case KeyState::missing:
            return "missing";
        case KeyState::different:
            return "different";
        case KeyState::unreadable:
            return "unreadable";
        case KeyState::bad:
            return "bad";
        case KeyState::unknown:
            break;
    }
    return "unknown";
}

KeyCheck::KeyCheck(
    FileSystem& files,
    const Clock& clock,
    dns::Resolver& resolver,
    std::vector<dkim::KeyEntry> entries
)
    : resolver_(resolver), ring_(files, clock, std::move(entries)) {}

asio::awaitable<std::vector<KeyFinding>> KeyCheck::run() {
    std::vector<KeyFinding> findings;
    for (const dkim::KeyEntry& entry : ring_.entries()) {
        KeyFinding finding = co_await check(entry);
        findings.push_back(std::move(finding));
    }
    co_return findings;
}

asio::awaitable<KeyFinding> KeyCheck::check(dkim::KeyEntry entry) {
    KeyFinding finding;
    finding.record_name = dkim::record_name(entry.selector, entry.domain);
    const dkim::LoadedKey loaded = ring_.load(entry);
    finding.entry = std::move(entry);
    if (!loaded.key) {
        finding.state = loaded.problem.is_forbidden ? KeyState::unreadable : KeyState::bad;
        finding.reason = loaded.problem.text;
        co_return finding;
    }
    finding.record_text = dkim::record_text(*loaded.key);
    const auto answer = co_await resolver_.txt(finding.record_name);
    compare(answer, *loaded.key, finding);
    co_return finding;
}

void KeyCheck::compare(
    const dns::Answer<dns::TxtRecord>& answer, const dkim::PrivateKey& key, KeyFinding& finding
) {
    if (answer.status == dns::LookupStatus::temporary) {
        finding.state = KeyState::unknown;
        finding.reason = "the DNS doesn't answer: " + answer.reason;
        return;
    }
    if (answer.status != dns::LookupStatus::ok) {
        finding.state = KeyState::missing;
        finding.reason = finding.record_name + " has no TXT record";
        return;
    }
    finding.state = KeyState::different;
    for (const dns::TxtRecord& published : answer.records) {
        finding.published.push_back(published.text);
    }
    if (answer.records.size() > 1) {
        // RFC 6376 6.1.2: the result of several is undefined.
        finding.reason = finding.record_name + " has several TXT records, where one must be alone";
        return;
    }
    const auto record = dkim::parse_key_record(answer.records.front().text);
    const std::string fault = record ? dkim::mismatch(*record, key) : record.error().message();
    if (!fault.empty()) {
        finding.reason = "the record at " + finding.record_name + " doesn't fit: " + fault;
        return;
    }
    finding.state = record->is_testing ? KeyState::testing : KeyState::ok;
    finding.reason = record->is_testing
                         ? "the record says t=y: receivers treat the mail as if it weren't signed"
                         : "";
}

}  // namespace mxpost::doctor
