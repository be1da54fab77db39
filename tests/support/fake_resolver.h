// FakeResolver: a Resolver that answers from what the test put in, at once, and records what it was
// asked. What was not put in does not exist.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio.hpp>

#include "dns/resolver.h"

namespace mxpost::test {

class FakeResolver final : public dns::Resolver {
public:
    using Address = boost::asio::ip::address;

    void add_mx(const std::string& domain, std::uint16_t preference, const std::string& exchange) {
        add(mx_[domain], dns::MxRecord(preference, exchange));
        exists(domain);
    }
    /// A or AAAA, by the look of it.
    void add_address(const std::string& host, const std::string& address) {
        const Address parsed = boost::asio::ip::make_address(address);
        add(addresses_[{host, parsed.is_v4() ? dns::Family::ipv4 : dns::Family::ipv6}], parsed);
        exists(host);
    }
    void add_ptr(const std::string& address, const std::string& name) {
        add(ptr_[boost::asio::ip::make_address(address)], name);
    }
    void add_txt(const std::string& name, const std::string& text) {
        add(txt_[name], dns::TxtRecord(text));
        exists(name);
    }
    void fail_txt(const std::string& name, const std::string& reason) {
        txt_[name] = dns::Answer<dns::TxtRecord>(dns::LookupStatus::temporary, reason);
    }
    void add_tlsa(const std::string& name, dns::TlsaRecord record) {
        add(tlsa_[name], std::move(record));
        exists(name);
    }
    void fail_tlsa(const std::string& name, const std::string& reason) {
        tlsa_[name] = dns::Answer<dns::TlsaRecord>(dns::LookupStatus::temporary, reason);
    }
    /// `name` has this and nothing else; all but cname() follow it.
    void add_cname(const std::string& name, const std::string& target) {
        add(cname_[name], target);
        exists(name);
    }
    void fail_cname(const std::string& name, const std::string& reason) {
        cname_[name] = dns::Answer<std::string>(dns::LookupStatus::temporary, reason);
    }
    /// The name exists, perhaps without any record.
    void exists(const std::string& name) { names_[name] = true; }
    void fail_mx(const std::string& domain, const std::string& reason) {
        mx_[domain] = dns::Answer<dns::MxRecord>(dns::LookupStatus::temporary, reason);
    }
    /// Questions about this domain's MX hosts get no answer …
    void stall_mx(const std::string& domain) { stalled_.insert(domain); }
    /// … before this.
    void answer_mx(const std::string& domain) {
        stalled_.erase(domain);
        for (const auto& timer : std::exchange(stalls_, {})) {
            timer->cancel();
        }
    }
    /// What was said of its MX records.
    void forget_mx(const std::string& domain) { mx_.erase(domain); }
    void fail_addresses(const std::string& host, dns::Family family, const std::string& reason) {
        addresses_[{host, family}] = dns::Answer<Address>(dns::LookupStatus::temporary, reason);
    }
    void fail_ptr(const std::string& address, const std::string& reason) {
        ptr_[boost::asio::ip::make_address(address)] =
            dns::Answer<std::string>(dns::LookupStatus::temporary, reason);
    }
    /// Forgets all PTR records.
    void clear_ptr() { ptr_.clear(); }
    /// All answers from now on carry AD of a trusted resolver, or not.
    void set_secure(bool is_secure) { is_secure_ = is_secure; }
    /// … but not those about this name, nor those that lead through it.
    void set_insecure(const std::string& name) { insecure_.insert(name); }

    /// "MX example.org", "A mx.example.org", "AAAA mx.example.org", "PTR 192.0.2.1", "TXT …", "TLSA
    /// …", "CNAME …", in order.
    const std::vector<std::string>& questions() const { return questions_; }

    /// Called at each question about an MX, with the number of questions so far.
    std::function<void(std::size_t)> on_question;

    boost::asio::awaitable<dns::Answer<dns::MxRecord>> mx(std::string domain) override {
        questions_.push_back("MX " + domain);
        if (on_question) {
            on_question(questions_.size());
        }
        if (stalled_.contains(domain)) {
            return stall(domain);
        }
        const std::string name = follow(domain);
        return reply(secured(find(mx_, name, name), domain));
    }
    boost::asio::awaitable<dns::Answer<Address>> addresses(std::string host, dns::Family family)
        override {
        questions_.push_back((family == dns::Family::ipv4 ? "A " : "AAAA ") + host);
        const std::string name = follow(host);
        return reply(secured(find(addresses_, std::pair(name, family), name), host));
    }
    boost::asio::awaitable<dns::Answer<std::string>> ptr(Address address) override {
        questions_.push_back("PTR " + address.to_string());
        return reply(find(ptr_, address, address.to_string()));
    }
    boost::asio::awaitable<dns::Answer<dns::TxtRecord>> txt(std::string name) override {
        questions_.push_back("TXT " + name);
        const std::string at = follow(name);
        return reply(secured(find(txt_, at, at), name));
    }
    boost::asio::awaitable<dns::Answer<dns::TlsaRecord>> tlsa(std::string name) override {
        questions_.push_back("TLSA " + name);
        const std::string at = follow(name);
        return reply(secured(find(tlsa_, at, at), name));
    }
    boost::asio::awaitable<dns::Answer<std::string>> cname(std::string name) override {
        questions_.push_back("CNAME " + name);
        dns::Answer<std::string> answer = find(cname_, name, name);
        answer.is_secure = is_secure_ && !insecure_.contains(name);
        return reply(std::move(answer));
    }

private:
    template <class T>
    static void add(dns::Answer<T>& answer, T record) {
        answer.status = dns::LookupStatus::ok;
        answer.records.push_back(std::move(record));
    }
    template <class T, class Key>
    dns::Answer<T> find(
        const std::map<Key, dns::Answer<T>>& answers, const Key& key, const std::string& name
    ) const {
        const auto found = answers.find(key);
        dns::Answer<T> answer = found != answers.end()
                                    ? found->second
                                    : dns::Answer<T>(
                                          names_.contains(name) ? dns::LookupStatus::no_data
                                                                : dns::LookupStatus::nx_domain
                                      );
        answer.is_secure = is_secure_ && answer.status != dns::LookupStatus::temporary;
        answer.name = answer.name.empty() ? name : answer.name;
        return answer;
    }
    std::string follow(std::string name) const {
        for (auto at = cname_.find(name); at != cname_.end() && !at->second.records.empty();
             at = cname_.find(name)) {
            name = at->second.records.front();
        }
        return name;
    }
    /// `answer` was reached from `asked`.
    template <class T>
    dns::Answer<T> secured(dns::Answer<T> answer, const std::string& asked) const {
        std::string name = asked;
        answer.is_secure = answer.is_secure && !insecure_.contains(name);
        for (auto at = cname_.find(name); at != cname_.end() && !at->second.records.empty();
             at = cname_.find(name)) {
            name = at->second.records.front();
            answer.is_secure = answer.is_secure && !insecure_.contains(name);
        }
        return answer;
    }
    template <class T>
    static boost::asio::awaitable<dns::Answer<T>> reply(dns::Answer<T> answer) {
        co_return answer;
    }
    boost::asio::awaitable<dns::Answer<dns::MxRecord>> stall(std::string domain) {
        while (stalled_.contains(domain)) {
            const auto timer = std::make_shared<boost::asio::steady_timer>(
                co_await boost::asio::this_coro::executor,
                boost::asio::steady_timer::time_point::max()
            );
            stalls_.push_back(timer);
            co_await timer->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        }
        const std::string name = follow(domain);
        co_return secured(find(mx_, name, name), domain);
    }

    std::map<std::string, dns::Answer<dns::MxRecord>> mx_;
    std::map<std::pair<std::string, dns::Family>, dns::Answer<Address>> addresses_;
    std::map<Address, dns::Answer<std::string>> ptr_;
    std::map<std::string, dns::Answer<dns::TxtRecord>> txt_;
    std::map<std::string, dns::Answer<dns::TlsaRecord>> tlsa_;
    std::map<std::string, dns::Answer<std::string>> cname_;
    std::map<std::string, bool> names_;
    std::vector<std::string> questions_;
    std::set<std::string> insecure_;
    std::set<std::string> stalled_;
    std::vector<std::shared_ptr<boost::asio::steady_timer>> stalls_;
    bool is_secure_ = false;
};

}  // namespace mxpost::test
