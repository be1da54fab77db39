#include "tls/sts_fetcher.h"

#include "base/text.h"

namespace mxpost::tls {

namespace asio = boost::asio;

namespace {

constexpr const char* kPath = "/.well-known/mta-sts.txt";

bool is_plain_text(std::string_view content_type) {
    return ascii_iequals(trim(content_type.substr(0, content_type.find(';'))), "text/plain");
}

StsFetched judge(const std::string& domain, const HttpsReply& reply) {
    const std::string what = "the MTA-STS policy of " + domain;
    if (reply.fault == HttpsReply::Fault::certificate) {
        return {
            Failure::sts_webpki_invalid,
            what + " can't be trusted: mta-sts." + domain + ": " + reply.problem};
    }
    if (reply.fault != HttpsReply::Fault::none) {
        return {
            Failure::sts_policy_fetch_error,
            what + " can't be fetched: mta-sts." + domain + ": " + reply.problem};
    }
    // RFC 8461 3.3: redirects must not be followed, and nothing but 200 is a policy.
    if (reply.status != 200) {
        return {
            Failure::sts_policy_fetch_error,
            what + " can't be fetched: mta-sts." + domain + " answers with status " +
                std::to_string(reply.status)};
    }
    // RFC 8461 3.3: or whoever may upload anything there could set a policy.
    if (!is_plain_text(reply.content_type)) {
        return {
            Failure::sts_policy_fetch_error,
            what + " isn't text/plain" +
                (reply.content_type.empty() ? "" : " but " + reply.content_type)};
    }
    auto policy = parse_sts_policy(reply.content);
    if (!policy) {
        return {Failure::sts_policy_invalid, what + " is invalid: " + policy.error().message()};
    }
    return StsFetched(std::move(*policy));
}

}  // namespace

asio::awaitable<StsFetched> StsFetcher::fetch(std::string domain) {
    HttpsRequest request;
    request.host = "mta-sts." + domain;
    request.path = kPath;
    request.max_reply = kMaxStsText;
    std::string problem;
    if (is_host_name(request.host)) {
        request.addresses = co_await addresses(request.host, problem);
    } else {
        problem = "it is no host name";
    }
    if (request.addresses.empty()) {
        co_return StsFetched(
            Failure::sts_policy_fetch_error,
            "the MTA-STS policy of " + domain + " can't be fetched: " + problem
        );
    }
    const HttpsReply reply = co_await https_.ask(std::move(request));
    co_return judge(domain, reply);
}

asio::awaitable<std::vector<asio::ip::address>> StsFetcher::addresses(
    std::string host, std::string& problem
) {
    std::vector<asio::ip::address> found;
    for (const dns::Family family : {dns::Family::ipv4, dns::Family::ipv6}) {
        const auto answer = co_await resolver_.addresses(host, family);
        found.insert(found.end(), answer.records.begin(), answer.records.end());
        if (answer.status == dns::LookupStatus::temporary) {
            problem = host + ": " + answer.reason;
        }
    }
    if (found.empty() && problem.empty()) {
        problem = host + " has no address";
    }
    co_return found;
}

}  // namespace mxpost::tls
