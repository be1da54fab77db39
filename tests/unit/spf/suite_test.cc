// The RFC 7208 test suite (data/rfc7208-tests.yml): every scenario, each test one of GoogleTest's.
#include <algorithm>
#include <map>
#include <ostream>
#include <string>
#include <vector>
#include <yaml-cpp/yaml.h>

#include <boost/asio.hpp>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/text.h"
#include "spf/evaluator.h"

namespace mxpost::spf {
namespace {

namespace asio = boost::asio;
using asio::ip::address;

/// A scenario's zone data. A name with "TIMEOUT" gives no answer to what it has no records for.
class ZoneResolver final : public dns::Resolver {
public:
    explicit ZoneResolver(const YAML::Node& zones) {
        for (const auto& zone : zones) {
            add(ascii_lower(zone.first.as<std::string>()), zone.second);
        }
    }

    asio::awaitable<dns::Answer<dns::MxRecord>> mx(std::string domain) override {
        return look_up<dns::MxRecord>("MX", std::move(domain), [](const YAML::Node& value) {
            return dns::MxRecord(
                value[0].as<std::uint16_t>(), ascii_lower(value[1].as<std::string>())
            );
        });
    }
    asio::awaitable<dns::Answer<address>> addresses(std::string host, dns::Family family) override {
        return look_up<address>(
            family == dns::Family::ipv4 ? "A" : "AAAA",
            std::move(host),
            [](const YAML::Node& value) { return asio::ip::make_address(value.as<std::string>()); }
        );
    }
    asio::awaitable<dns::Answer<std::string>> ptr(address client) override {
        return look_up<std::string>("PTR", reverse_name(client), [](const YAML::Node& value) {
            return ascii_lower(value.as<std::string>());
        });
    }
    asio::awaitable<dns::Answer<dns::TxtRecord>> txt(std::string name) override {
        return look_up<dns::TxtRecord>("TXT", std::move(name), [](const YAML::Node& value) {
            std::string text;
            for (const YAML::Node& part : value) {
                text += part.as<std::string>();
            }
            return dns::TxtRecord(value.IsSequence() ? text : value.as<std::string>());
        });
    }
    asio::awaitable<dns::Answer<dns::TlsaRecord>> tlsa(std::string) override {
        co_return dns::Answer<dns::TlsaRecord>(dns::LookupStatus::nx_domain);
    }
    asio::awaitable<dns::Answer<std::string>> cname(std::string) override {
        co_return dns::Answer<std::string>(dns::LookupStatus::nx_domain);
    }

private:
    struct Host {
        std::multimap<std::string, YAML::Node> records;
        bool is_silent = false;
    };

    void add(const std::string& name, const YAML::Node& rows) {
        Host& host = hosts_[name];
        for (const YAML::Node& row : rows) {
            if (row.IsScalar()) {
                host.is_silent |= row.as<std::string>() == "TIMEOUT";
                continue;
            }
            for (const auto& record : row) {
                host.records.emplace(record.first.as<std::string>(), record.second);
            }
        }
        // The suite's own rule: what there is of type SPF is there as TXT, where nothing else says
        // which TXT records there are ("NONE": none).
        if (!host.records.contains("TXT")) {
            const auto [first, last] = host.records.equal_range("SPF");
            std::vector<YAML::Node> copies;
            std::for_each(first, last, [&](const auto& entry) { copies.push_back(entry.second); });
            for (const YAML::Node& copy : copies) {
                host.records.emplace("TXT", copy);
            }
        }
    }

    static std::string reverse_name(const address& client) {
        std::string name = client.is_v4() ? ".in-addr.arpa" : ".ip6.arpa";
        if (client.is_v4()) {
            for (const unsigned octet : client.to_v4().to_bytes()) {
                name = "." + std::to_string(octet) + name;
            }
        } else {
            for (const unsigned octet : client.to_v6().to_bytes()) {
                name = std::string(".") + "0123456789abcdef"[octet % 16] + "." +
                       "0123456789abcdef"[octet / 16] + name;
            }
        }
        return name.substr(1);
    }

    template <class T, class Parse>
    asio::awaitable<dns::Answer<T>> look_up(std::string type, std::string name, Parse parse) {
        if (name.ends_with('.')) {
            name.pop_back();
        }
        return answer<T>(std::move(type), ascii_lower(name), std::move(parse), 0);
    }

    template <class T, class Parse>
    asio::awaitable<dns::Answer<T>> answer(
        std::string type, std::string name, Parse parse, int aliases
    ) {
        const auto host = hosts_.find(name);
        if (host == hosts_.end()) {
            co_return dns::Answer<T>(dns::LookupStatus::nx_domain);
        }
        const auto [first, last] = host->second.records.equal_range(type);
        dns::Answer<T> result(dns::LookupStatus::no_data);
        bool has_any = false;
        for (auto record = first; record != last; ++record) {
            if (record->second.IsScalar() && record->second.template as<std::string>() == "NONE") {
                continue;
            }
            has_any = true;
            result.status = dns::LookupStatus::ok;
            result.records.push_back(parse(record->second));
        }
        const auto alias = host->second.records.find("CNAME");
        if (!has_any && alias != host->second.records.end() && aliases < 8) {
            co_return co_await answer<T>(
                std::move(type),
                ascii_lower(alias->second.template as<std::string>()),
                std::move(parse),
                aliases + 1
            );
        }
        if (!has_any && host->second.is_silent) {
            co_return dns::Answer<T>(dns::LookupStatus::temporary, "no answer");
        }
        co_return result;
    }

    std::map<std::string, Host> hosts_;
};

struct Case {
    std::string name;
    YAML::Node test;
    YAML::Node zones;
};

void PrintTo(const Case& one, std::ostream* out) {
    *out << one.name;
}

std::vector<Case> all_cases() {
    std::vector<Case> cases;
    const std::string path =
        std::string(MXPOST_SOURCE_DIR) + "/tests/unit/spf/data/rfc7208-tests.yml";
    for (const YAML::Node& scenario : YAML::LoadAllFromFile(path)) {
        for (const auto& test : scenario["tests"]) {
            Case one;
            one.name =
                scenario["description"].as<std::string>() + "_" + test.first.as<std::string>();
            std::replace_if(
                one.name.begin(),
                one.name.end(),
                [](unsigned char c) { return std::isalnum(c) == 0; },
                '_'
            );
            one.test = test.second;
            one.zones = scenario["zonedata"];
            cases.push_back(std::move(one));
        }
    }
    return cases;
}

class Rfc7208Suite : public testing::TestWithParam<Case> {};

TEST_P(Rfc7208Suite, GivesTheResult) {
    const YAML::Node& test = GetParam().test;
    ZoneResolver resolver(GetParam().zones);
    const SystemClock clock;
    Evaluator evaluator(resolver, clock, "receiver.example");
    Question question;
    question.client = asio::ip::make_address(test["host"].as<std::string>());
    question.helo = test["helo"].as<std::string>();
    const std::string sender = test["mailfrom"].as<std::string>();
    const std::size_t at = sender.rfind('@');
    question.local_part = at == std::string::npos ? "" : sender.substr(0, at);
    question.domain = sender.empty()            ? question.helo
                      : at == std::string::npos ? sender
                                                : sender.substr(at + 1);
    Verdict verdict;
    asio::io_context io;
    asio::co_spawn(
        io,
        evaluator.check(std::move(question)),
        [&](const std::exception_ptr& error, Verdict result) {
            ASSERT_FALSE(error);
            verdict = std::move(result);
        }
    );
    io.run();
    const YAML::Node& expected = test["result"];
    std::vector<std::string> allowed;
    if (expected.IsSequence()) {
        allowed = expected.as<std::vector<std::string>>();
    } else {
        allowed.push_back(expected.as<std::string>());
    }
    EXPECT_NE(
        std::find(allowed.begin(), allowed.end(), std::string(name_of(verdict.result))),
        allowed.end()
    ) << name_of(verdict.result)
      << " instead of " << allowed[0] << ": " << verdict.reason;
    if (const YAML::Node& explanation = test["explanation"]) {
        const std::string text = explanation.as<std::string>();
        // RFC 7208 7.4 has the nibbles of an IPv6 address in lower case, the suite in upper case.
        EXPECT_EQ(ascii_lower(verdict.explanation), text == "DEFAULT" ? "" : ascii_lower(text));
    }
}

INSTANTIATE_TEST_SUITE_P(
    All,
    Rfc7208Suite,
    testing::ValuesIn(all_cases()),
    [](const testing::TestParamInfo<Case>& one) { return one.param.name; }
);

}  // namespace
}  // namespace mxpost::spf
