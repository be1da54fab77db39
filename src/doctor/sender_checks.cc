#include "doctor/sender_checks.h"

#include <algorithm>
#include <libpsl.h>
#include <memory>
#include <utility>

#include "base/text.h"
#include "config/relay.h"
#include "dkim/key_record.h"
#include "doctor/key_check.h"
#include "doctor/together.h"

namespace mxpost::doctor {

namespace asio = boost::asio;

namespace {

std::string spf_term(const asio::ip::address& address) {
    return (address.is_v4() ? "ip4:" : "ip6:") + address.to_string();
}

/// Terms of `record` behind its version that are SPF on their own.
std::vector<std::string> good_terms(std::string_view record) {
    std::vector<std::string> terms;
    record.remove_prefix(std::min(record.size(), record.find(' ')));
    while (!record.empty()) {
        if (record[0] == ' ') {
            record.remove_prefix(1);
            continue;
        }
        const std::string term(record.substr(0, record.find(' ')));
        record.remove_prefix(term.size());
        if (spf::parse_record("v=spf1 " + term)) {
            terms.push_back(term);
        }
    }
    return terms;
}

// SPF

asio::awaitable<SpfOfAddress> evaluate(
    Context& context, std::string local_part, std::string domain, asio::ip::address address
) {
    spf::Evaluator evaluator(context.resolver, context.clock, "unknown");
    spf::Question question;
    question.client = address;
    question.local_part = std::move(local_part);
    question.domain = std::move(domain);
    question.helo = co_await context.helo_name.find(address);
    SpfOfAddress result;
    result.address = std::move(address);
    result.verdict = co_await evaluator.check(std::move(question));
    co_return result;
}

/// The domain's own records that are SPF, all of them.
asio::awaitable<std::vector<std::string>> spf_records(Context& context, std::string domain) {
    std::vector<std::string> records;
    const auto answer = co_await context.resolver.txt(std::move(domain));
    for (const dns::TxtRecord& record : answer.records) {
        if (spf::is_spf_record(record.text)) {
            records.push_back(record.text);
        }
    }
    co_return records;
}

/// One record out of several: their terms in order, "all" once and last.
std::string merged(const std::vector<std::string>& records) {
    std::string text = "v=spf1";
    std::string all;
    for (const std::string& record : records) {
        for (const std::string& term : good_terms(record)) {
            const bool is_all = ascii_lower(term).ends_with("all") && term.size() <= 4;
            if (is_all) {
                all = all.empty() ? term : all;
            } else if ((text + " ").find(" " + term + " ") == std::string::npos && spf::parse_record(text + " " + term)) {  // no second redirect= or exp=
                text += " " + term;
            }
        }
    }
    return text + (all.empty() ? "" : " " + all);
}

Finding spf_finding(
    const std::string& domain,
    const std::vector<SpfOfAddress>& bad,
    const std::vector<std::string>& records
) {
    std::string addresses;
    std::vector<asio::ip::address> missing;
    for (const SpfOfAddress& one : bad) {
        addresses += (addresses.empty() ? "" : " and ") + one.address.to_string();
        missing.push_back(one.address);
    }
    const spf::Verdict& verdict = bad.front().verdict;
    const std::string result(spf::name_of(verdict.result));
    if (verdict.result == spf::Result::temperror) {
        return {"spf", domain, Level::warning, "it can't be looked up: " + verdict.reason};
    }
    Finding finding(
        "spf",
        domain,
        Level::problem,
        verdict.result == spf::Result::none
            ? "no SPF record says that mail may come from " + addresses
            : "mail from " + addresses + " gets \"" + result + "\": " + verdict.reason
    );
    Remedy remedy = Remedy::record(
        domain, "TXT", spf_record_with(records.empty() ? "" : merged(records), missing)
    );
    remedy.replaced = records;
    return finding.with(std::move(remedy));
}

/// True in the second: SPF vouches for all addresses.
asio::awaitable<std::pair<Findings, bool>> check_spf(
    Context& context,
    std::string local_part,
    std::string domain,
    std::vector<asio::ip::address> addresses
) {
    std::vector<asio::awaitable<SpfOfAddress>> tasks;
    for (const asio::ip::address& address : addresses) {
        tasks.push_back(evaluate(context, local_part, domain, address));
    }
    std::vector<SpfOfAddress> all = co_await all_of(context.executor, std::move(tasks));
    std::vector<SpfOfAddress> bad;
    for (SpfOfAddress& one : all) {
        if (one.verdict.result != spf::Result::pass) {
            bad.push_back(std::move(one));
        }
    }
    std::pair<Findings, bool> result;
    if (!bad.empty()) {
        const std::vector<std::string> records = co_await spf_records(context, domain);
        result.first.push_back(spf_finding(domain, bad, records));
    } else if (!all.empty()) {
        result.first.emplace_back(
            "spf",
            domain,
            Level::ok,
            "SPF lets mail come from this host (" + all.front().verdict.reason + ")"
        );
        result.second = true;
    }
    co_return result;
}

// DKIM

bool is_meant_for(const dkim::KeyEntry& entry, const std::string& domain) {
    return entry.is_below ? domain.ends_with("." + entry.domain) : domain == entry.domain;
}

Finding dkim_finding(const KeyFinding& key) {
    const bool is_ok = key.state == KeyState::ok || key.state == KeyState::testing;
    const Level level = is_ok                               ? Level::ok
                        : key.state == KeyState::unreadable ? Level::warning
                        : key.state == KeyState::unknown    ? Level::warning
                                                            : Level::problem;
    Finding finding(
        "dkim",
        key.record_name,
        level,
        is_ok ? "the published key is the one that signs" : key.reason
    );
    if ((key.state == KeyState::missing || key.state == KeyState::different)) {
        Remedy remedy = Remedy::record(key.record_name, "TXT", key.record_text);
        remedy.replaced = key.published;
        finding.with(std::move(remedy));
    } else if (key.state == KeyState::bad) {
        finding.with(Remedy::advice(
            "Name a key that can be used in \"dkim\" in mxpost.conf; \"mxpost dkim new " +
            key.entry.domain + "\" makes one"
        ));
    }
    return finding;
}

/// Mail through a relay comes from its addresses, which only its operator knows.
asio::awaitable<Findings> check_relayed_spf(Context& context, std::string domain) {
    const std::string& relay = context.settings.relay;
    const std::vector<std::string> records = co_await spf_records(context, domain);
    if (!records.empty()) {
        Finding finding(
            "spf",
            domain,
            Level::ok,
            "whether it names the addresses of the relay " + relay + " is for its operator to say"
        );
        co_return Findings{finding};
    }
    Finding finding("spf", domain, Level::warning, "there is no SPF record");
    finding.with(Remedy::advice(
        "Publish the SPF record that the operator of the relay " + relay + " asks for"
    ));
    co_return Findings{finding};
}

/// The second: d= of a signature that verifies; empty: there is none.
asio::awaitable<std::pair<Findings, std::string>> check_dkim(Context& context, std::string domain) {
    std::vector<dkim::KeyEntry> entries;
    for (const dkim::KeyEntry& entry : context.keys) {
        if (is_meant_for(entry, domain)) {
            entries.push_back(entry);
        }
    }
    std::pair<Findings, std::string> result;
    if (entries.empty() && config::is_all_relayed(context.settings)) {
        result.first.emplace_back(
            "dkim",
            domain,
            Level::ok,
            "mail from this domain isn't signed here; the relay may sign it"
        );
        co_return result;
    }
    if (entries.empty()) {
        Finding finding(
            "dkim",
            domain,
            Level::warning,
            "mail from this domain isn't signed: there is no key for it"
        );
        result.first.push_back(finding.with(Remedy::command("mxpost dkim new " + domain)));
        co_return result;
    }
    KeyCheck check(context.files, context.clock, context.resolver, std::move(entries));
    const std::vector<KeyFinding> keys = co_await check.run();
    for (const KeyFinding& key : keys) {
        result.first.push_back(dkim_finding(key));
        if (key.state == KeyState::ok) {
            result.second = key.entry.domain;
        }
    }
    co_return result;
}

// DMARC

bool is_aligned(const std::string& authenticated, const std::string& from, bool is_strict) {
    return is_strict ? authenticated == from
                     : organizational_domain(authenticated) == organizational_domain(from);
}

struct DmarcAnswer {
    bool is_temporary = false;  // nobody knows
    std::optional<std::string> record;
};

/// RFC 7489 6.6.3: several records are none.
asio::awaitable<DmarcAnswer> find_dmarc(Context& context, std::string domain) {
    const auto answer = co_await context.resolver.txt("_dmarc." + domain);
    DmarcAnswer found;
    found.is_temporary = answer.status == dns::LookupStatus::temporary;
    std::size_t count = 0;
    for (const dns::TxtRecord& record : answer.records) {
        if (parse_dmarc(record.text) && ++count == 1) {
            found.record = record.text;
        }
    }
    if (count > 1) {
        found.record.reset();
    }
    co_return found;
}

/// `signer` and `is_spf_good`: what vouches for mail from `domain`, as found before.
asio::awaitable<Findings> check_dmarc(
    Context& context, std::string domain, std::string signer, bool is_spf_good
) {
    Findings findings;
    std::string where = domain;
    DmarcAnswer found = co_await find_dmarc(context, domain);
    const std::string organization = organizational_domain(domain);
    if (!found.record && !found.is_temporary && organization != domain) {
        where = organization;
        found = co_await find_dmarc(context, organization);
    }
    if (found.is_temporary) {
        findings.emplace_back(
            "dmarc",
            domain,
            Level::warning,
            "the DNS doesn't say whether there is a DMARC record: _dmarc." + where +
                " has no answer"
        );
        co_return findings;
    }
    const std::optional<std::string>& text = found.record;
    if (!text) {
        Finding finding(
            "dmarc",
            domain,
            Level::warning,
            "there is no DMARC record; large receivers want one from those who send much"
        );
        findings.push_back(
            finding.with(Remedy::record("_dmarc." + organization, "TXT", "v=DMARC1; p=none"))
        );
        co_return findings;
    }
    const DmarcPolicy policy = *parse_dmarc(*text);
    const std::string& asked = where == domain ? policy.policy : policy.subdomain_policy;
    const bool is_dkim_aligned =
        !signer.empty() && is_aligned(signer, domain, policy.is_dkim_strict);
    // The sender's address and From: have the same domain here.
    if (is_dkim_aligned || is_spf_good) {
        findings.emplace_back(
            "dmarc",
            domain,
            Level::ok,
            std::string("mail passes DMARC by ") + (is_dkim_aligned ? "its signature" : "SPF") +
                " (policy " + asked + ")"
        );
        co_return findings;
    }
    if (!signer.empty()) {
        Finding finding(
            "dmarc",
            domain,
            Level::problem,
            "the signature is by " + signer + ", which adkim=s of " + where + " doesn't take for " +
                domain
        );
        findings.push_back(finding.with(Remedy::command("mxpost dkim new " + domain)));
        co_return findings;
    }
    // SPF's and DKIM's own findings say what to do; this says what it costs.
    if (asked != "none") {
        findings.emplace_back(
            "dmarc",
            domain,
            Level::warning,
            "the domain asks receivers to " + asked +
                " mail that neither SPF nor DKIM vouches for, " +
                (config::is_all_relayed(context.settings)
                     ? "so the relay must sign this host's, or be named by SPF"
                     : "and so is this host's at present")
        );
    }
    co_return findings;
}

// Bounces

asio::awaitable<Findings> check_bounces(Context& context, std::string domain) {
    Findings findings;
    const auto mx = co_await context.resolver.mx(domain);
    if (mx.status == dns::LookupStatus::temporary) {
        findings.emplace_back(
            "bounces", domain, Level::warning, "its MX records can't be looked up: " + mx.reason
        );
        co_return findings;
    }
    const bool is_null = mx.records.size() == 1 && mx.records[0].exchange.empty();
    if (is_null) {
        Finding finding(
            "bounces",
            domain,
            Level::problem,
            "it says that it takes no mail (a null MX), and many servers refuse senders there"
        );
        findings.push_back(finding.with(Remedy::advice(
            "Send from a domain that takes mail (\"from-domain\" in mxpost.conf), or give " +
            domain + " an MX record that names a server"
        )));
        co_return findings;
    }
    if (mx.records.empty()) {
        const auto v4 = co_await context.resolver.addresses(domain, dns::Family::ipv4);
        const auto v6 = co_await context.resolver.addresses(domain, dns::Family::ipv6);
        if (v4.records.empty() && v6.records.empty() && v4.status != dns::LookupStatus::temporary &&
            v6.status != dns::LookupStatus::temporary) {
            Finding finding(
                "bounces",
                domain,
                Level::problem,
                "it has neither MX nor address records: bounces can't come back, and many servers "
                "refuse such senders"
            );
            findings.push_back(finding.with(Remedy::advice(
                "Send from a domain that takes mail (\"from-domain\" in mxpost.conf), or give " +
                domain + " an MX record"
            )));
            co_return findings;
        }
    }
    findings.emplace_back("bounces", domain, Level::ok, "it takes mail, so bounces can come back");
    co_return findings;
}

// How others' mail comes to it: no condition for ours to arrive, so a hint at most

asio::awaitable<bool> has_record(Context& context, std::string name, std::string_view version) {
    const auto answer = co_await context.resolver.txt(std::move(name));
    co_return std::ranges::any_of(answer.records, [version](const dns::TxtRecord& record) {
        return record.text.starts_with(version);
    });
}

asio::awaitable<Findings> check_incoming_tls(Context& context, std::string domain) {
    const bool has_policy = co_await has_record(context, "_mta-sts." + domain, "v=STSv1");
    const bool has_reports = co_await has_record(context, "_smtp._tls." + domain, "v=TLSRPTv1");
    std::string text;
    if (has_policy && has_reports) {
        text = "mail to it is protected by an MTA-STS policy, and TLS reports are asked for";
    } else if (has_policy) {
        text = "mail to it is protected by an MTA-STS policy; nobody is asked for TLS reports";
    } else {
        text =
            "a hint: an MTA-STS policy (RFC 8461) would keep others' mail to it from going in "
            "clear";
    }
    Finding finding("incoming-tls", domain, Level::ok, text);
    if (has_policy && !has_reports) {
        finding.with(Remedy::record(
            "_smtp._tls." + domain, "TXT", "v=TLSRPTv1; rua=mailto:postmaster@" + domain
        ));
    }
    co_return Findings{finding};
}

}  // namespace

std::string spf_record_with(
    const std::string& record, const std::vector<asio::ip::address>& addresses
) {
    std::string text = "v=spf1";
    for (const asio::ip::address& address : addresses) {
        text += " " + spf_term(address);
    }
    if (record.empty()) {
        return text + " ~all";
    }
    for (const std::string& term : good_terms(record)) {
        text += " " + term;
    }
    return text;
}

std::string organizational_domain(const std::string& domain) {
    const psl_ctx_t* const list = psl_builtin();
    const char* const found =
        list == nullptr ? nullptr : psl_registrable_domain(list, domain.c_str());
    return found == nullptr ? domain : found;
}

std::optional<DmarcPolicy> parse_dmarc(std::string_view text) {
    DmarcPolicy policy;
    bool is_first = true;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(';'), text.size());
        const std::string_view tag = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::size_t equals = tag.find('=');
        if (equals == std::string_view::npos) {
            continue;
        }
        const std::string name = ascii_lower(trim(tag.substr(0, equals)));
        const std::string value = ascii_lower(trim(tag.substr(equals + 1)));
        if (is_first && (name != "v" || value != "dmarc1")) {
            return std::nullopt;
        }
        is_first = false;
        if (name == "p") {
            policy.policy = value;
        } else if (name == "sp") {
            policy.subdomain_policy = value;
        } else if (name == "adkim") {
            policy.is_dkim_strict = value == "s";
        }
    }
    if (is_first) {
        return std::nullopt;
    }
    policy.policy = policy.policy.empty() ? "none" : policy.policy;
    policy.subdomain_policy =
        policy.subdomain_policy.empty() ? policy.policy : policy.subdomain_policy;
    return policy;
}

asio::awaitable<Findings> check_sender(
    Context& context,
    std::string local_part,
    std::string domain,
    std::vector<asio::ip::address> addresses
) {
    std::pair<Findings, bool> spf;
    if (config::is_all_relayed(context.settings)) {
        spf.first = co_await check_relayed_spf(context, domain);
    } else {
        spf = co_await check_spf(context, std::move(local_part), domain, std::move(addresses));
    }
    auto& [findings, is_spf_good] = spf;
    auto [dkim, signer] = co_await check_dkim(context, domain);
    Findings dmarc = co_await check_dmarc(context, domain, std::move(signer), is_spf_good);
    Findings bounces = co_await check_bounces(context, domain);
    const bool takes_mail = std::ranges::all_of(bounces, [](const Finding& finding) {
        return finding.level == Level::ok;
    });
    Findings incoming;
    if (takes_mail) {
        incoming = co_await check_incoming_tls(context, domain);
    }
    for (Findings* more : {&dkim, &dmarc, &bounces, &incoming}) {
        findings.insert(findings.end(), more->begin(), more->end());
    }
    co_return findings;
}

}  // namespace mxpost::doctor
