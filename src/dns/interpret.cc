#include "dns/interpret.h"

#include <algorithm>

namespace mxpost::dns {
namespace {

const Record* cname_of(const Reply& reply, const std::string& owner) {
    for (const Record& record : reply.answers) {
        if (record.type == RecordType::cname && record.owner == owner) {
            return &record;
        }
    }
    return nullptr;
}

void collect(const Reply& reply, const Question& question, Finding& finding) {
    for (const Record& record : reply.answers) {
        if (record.type == question.type && record.owner == question.name) {
            finding.records.push_back(record.data);
            finding.ttl = std::min(finding.ttl, record.ttl);
        }
    }
}

Finding::Kind kind_without_records(const Reply& reply, bool is_alias) {
    if (reply.code == ReplyCode::nx_domain) {
        return Finding::Kind::nx_domain;  // RFC 6604: of the last name of the chain
    }
    // An SOA says that "nothing there" is known; without one the server may have stopped at the
    // CNAME.
    return is_alias && !reply.negative_ttl ? Finding::Kind::alias : Finding::Kind::no_data;
}

}  // namespace

Finding interpret(const Reply& reply, const Question& question) {
    Finding finding;
    finding.ttl = std::chrono::seconds::max();
    Question at = question;
    for (int steps = 0; steps <= kMaxCnames; ++steps) {
        collect(reply, at, finding);
        finding.name = at.name;
        if (!finding.records.empty()) {
            finding.kind = Finding::Kind::records;
            return finding;
        }
        const Record* cname = cname_of(reply, at.name);
        if (cname == nullptr) {
            finding.kind = kind_without_records(reply, at.name != question.name);
            finding.alias = finding.kind == Finding::Kind::alias ? at.name : std::string();
            if (finding.kind != Finding::Kind::alias) {
                finding.ttl =
                    std::min(finding.ttl, reply.negative_ttl.value_or(std::chrono::seconds(0)));
            }
            return finding;
        }
        finding.ttl = std::min(finding.ttl, cname->ttl);
        at.name = std::get<std::string>(cname->data);
    }
    finding.kind = Finding::Kind::bad_chain;
    return finding;
}

}  // namespace mxpost::dns
