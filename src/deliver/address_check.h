// AddressCheck: where mail for an address would go, without sending any (sendmail -bv and -bt,
// mxpost route).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "base/exit_status.h"
#include "deliver/services.h"
#include "local/alias_expansion.h"

namespace mxpost::deliver {

class AddressCheck {
public:
    using Print = std::function<void(const std::string& line)>;

    /// `domain`: of unqualified addresses. References must outlive it.
    AddressCheck(Services& services, std::string domain, Print print)
        : services_(services), domain_(std::move(domain)), print_(std::move(print)) {}

    /// A list, as sendmail's recipients may be: one line for each address and each bad one, and
    /// where an address is an alias one for each of its ends. Nothing where it names nobody.
    /// Bounded by the resolver's time limit for each of them.
    boost::asio::awaitable<void> verify(std::string text);
    /// A line of the address test mode: "3,0 ADDRESS", "/mx DOMAIN", "/parse ADDRESS",
    /// "/try MAILER ADDRESS", "?" or an address. False: "/quit".
    boost::asio::awaitable<bool> test(std::string line);

    /// The worst of all so far: no user, no host, a bad address or command, for now.
    ExitStatus status() const { return status_; }

private:
    boost::asio::awaitable<void> verify_one(mail::Address given);
    boost::asio::awaitable<void> verify_end(std::string shown, local::Leaf leaf);
    boost::asio::awaitable<void> verify_elsewhere(std::string shown, mail::Address address);
    boost::asio::awaitable<void> print_mx(std::string domain);
    void verify_user(const std::string& shown, const mail::Address& address);
    void undeliverable(const std::string& shown, const mail::RecipientOutcome& outcome);
    void note(ExitStatus status);

    Services& services_;
    std::string domain_;
    Print print_;
    ExitStatus status_ = ExitStatus::ok;
};

}  // namespace mxpost::deliver
