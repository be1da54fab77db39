// Evaluator: check_host() of RFC 7208, for one sender at one address.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include "base/clock.h"
#include "dns/resolver.h"
#include "spf/record.h"

namespace mxpost::spf {

/// RFC 7208 2.6
enum class Result : std::uint8_t { none, neutral, pass, fail, softfail, temperror, permerror };

/// As in Received-SPF and Authentication-Results: "pass", "softfail", …
std::string_view name_of(Result result);

struct Question {
    Question() = default;

    boost::asio::ip::address client;  // whom the message comes from
    std::string local_part;           // of MAIL FROM; empty: "postmaster"
    std::string domain;               // of MAIL FROM, or of EHLO where that is empty; A-labels
    std::string helo;
};

struct Verdict {
    Verdict() = default;

    Result result = Result::none;
    std::string explanation;  // fail: the domain's own words (exp=), or empty
    /// What decided, in words for an administrator, one line: the fault of an error, or the term
    /// with the domain of its record ("-all" of example.com).
    std::string reason;
    std::string record;     // the domain's own record as published; empty without one
    unsigned look_ups = 0;  // of the ten that RFC 7208 4.6.4 allows
};

class Evaluator {
public:
    /// `receiver` is what the macro r stands for. References must outlive it.
    Evaluator(dns::Resolver& resolver, const Clock& clock, std::string receiver);

    /// Bounded: by the limits of RFC 7208 4.6.4.
    boost::asio::awaitable<Verdict> check(Question question);

private:
    dns::Resolver& resolver_;
    const Clock& clock_;
    std::string receiver_;
};

}  // namespace mxpost::spf
