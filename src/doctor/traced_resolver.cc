#include "doctor/traced_resolver.h"

#include <chrono>
#include <utility>

namespace mxpost::doctor {

namespace asio = boost::asio;

namespace {

std::string text_of(const dns::MxRecord& record) {
    return std::to_string(record.preference) + " " +
           (record.exchange.empty() ? "." : record.exchange);
}

std::string text_of(const asio::ip::address& address) {
    return address.to_string();
}

std::string text_of(const std::string& name) {
    return name;
}

std::string text_of(const dns::TxtRecord& record) {
    return '"' + record.text + '"';
}

std::string text_of(const dns::TlsaRecord& record) {
    std::string text = std::to_string(record.usage) + " " + std::to_string(record.selector) + " " +
                       std::to_string(record.matching_type) + " ";
    for (const char c : record.data) {
        constexpr const char* kDigits = "0123456789abcdef";
        text += kDigits[static_cast<unsigned char>(c) >> 4U];
        text += kDigits[static_cast<unsigned char>(c) & 15U];
    }
    return text;
}

template <class T>
std::string text_of(const dns::Answer<T>& answer) {
    std::string text;
    switch (answer.status) {
        case dns::LookupStatus::ok:
            for (const T& record : answer.records) {
                text += (text.empty() ? "" : ", ") + text_of(record);
            }
            return text;
        case dns::LookupStatus::no_data:
            return "none";
        case dns::LookupStatus::nx_domain:
            return "there is no such name";
        case dns::LookupStatus::temporary:
            break;
    }
    return "no answer: " + answer.reason;
}

}  // namespace

template <class T>
asio::awaitable<dns::Answer<T>> TracedResolver::traced(
    std::string question, asio::awaitable<dns::Answer<T>> look_up
) {
    const SteadyTime begun = clock_.steady_now();
    dns::Answer<T> answer = co_await std::move(look_up);
    const auto time =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady_now() - begun);
    std::string line = "DNS " + question;
    line += ": ";
    line += text_of(answer);
    line += answer.is_secure ? " (DNSSEC, " : " (";
    line += std::to_string(time.count()) + " ms)";
    dialogue_.note(line);
    co_return answer;
}

// Not coroutines themselves: the question is put together now.
asio::awaitable<dns::Answer<dns::MxRecord>> TracedResolver::mx(std::string domain) {
    std::string question = domain + " MX";
    return traced(std::move(question), resolver_.mx(std::move(domain)));
}

asio::awaitable<dns::Answer<asio::ip::address>> TracedResolver::addresses(
    std::string host, dns::Family family
) {
    std::string question = host + (family == dns::Family::ipv4 ? " A" : " AAAA");
    return traced(std::move(question), resolver_.addresses(std::move(host), family));
}

asio::awaitable<dns::Answer<std::string>> TracedResolver::ptr(asio::ip::address address) {
    std::string question = address.to_string() + " PTR";
    return traced(std::move(question), resolver_.ptr(address));
}

asio::awaitable<dns::Answer<dns::TxtRecord>> TracedResolver::txt(std::string name) {
    std::string question = name + " TXT";
    return traced(std::move(question), resolver_.txt(std::move(name)));
}

asio::awaitable<dns::Answer<dns::TlsaRecord>> TracedResolver::tlsa(std::string name) {
    std::string question = name + " TLSA";
    return traced(std::move(question), resolver_.tlsa(std::move(name)));
}

asio::awaitable<dns::Answer<std::string>> TracedResolver::cname(std::string name) {
    std::string question = name + " CNAME";
    return traced(std::move(question), resolver_.cname(std::move(name)));
}

}  // namespace mxpost::doctor
