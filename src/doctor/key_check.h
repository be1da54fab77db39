// KeyCheck: whether the DNS has the records of the keys that sign (mxpost dkim check).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/clock.h"
#include "base/file_system.h"
#include "dkim/key_ring.h"
#include "dns/resolver.h"

namespace mxpost::doctor {

enum class KeyState : std::uint8_t {
    ok,          // receivers can verify what the key signs
    testing,     // the same, but the record asks them to take no notice (t=y)
    missing,     // there is no record
    different,   // there is another one, or one that receivers reject
    unreadable,  // whoever checks may not read the key
    bad,         // there is no key that can be used
    unknown      // the DNS doesn't answer
};

/// "ok", "testing", …
const char* word_of(KeyState state);

struct KeyFinding {
    dkim::KeyEntry entry;
    KeyState state = KeyState::ok;
    std::string reason;                  // one line; "" for ok
    std::string record_name;             // "s1._domainkey.example.com"
    std::string record_text;             // what should stand there; "" where the key can't be used
    std::vector<std::string> published;  // what stands there
};

class KeyCheck {
public:
    /// References must outlive it.
    KeyCheck(
        FileSystem& files,
        const Clock& clock,
        dns::Resolver& resolver,
        std::vector<dkim::KeyEntry> entries
    );

    /// One for each of the entries, in their order. Ends within the resolver's time limit for
    /// each of them.
    boost::asio::awaitable<std::vector<KeyFinding>> run();

private:
    boost::asio::awaitable<KeyFinding> check(dkim::KeyEntry entry);
    static void compare(
        const dns::Answer<dns::TxtRecord>& answer, const dkim::PrivateKey& key, KeyFinding& finding
    );

    dns::Resolver& resolver_;
    dkim::KeyRing ring_;
};

}  // namespace mxpost::doctor
