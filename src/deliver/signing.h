// Signing (DKIM) of what leaves: with which keys, and what becomes of mail whose keys can't be
// used.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "config/settings.h"
#include "dkim/key_ring.h"
#include "mail/content.h"
#include "mail/outcome.h"

namespace mxpost::deliver {

/// One for all deliveries of an engine.
class Signing {
public:
    struct Decision {
        std::vector<dkim::SigningKey> keys;              // empty: it leaves unsigned, if at all
        std::optional<mail::RecipientOutcome> deferral;  // or it must wait
    };

    /// Null when no key is named. References must outlive it. `is_system_engine`: the one that is
    /// meant to read the keys.
    static std::unique_ptr<Signing> make(
        FileSystem& files,
        const Clock& clock,
        Log& log,
        const config::Settings& settings,
        bool is_system_engine
    );

    /// For a message with this header, whose addresses are complete.
    Decision decide(std::string_view header);
    /// DKIM-Signature fields for `content`, which is read once and rewound; "" where the keys fail
    /// and the settings say that mail goes all the same. Errors: those of `content`, and such keys.
    Result<std::string> sign(mail::Content& content, const std::vector<dkim::SigningKey>& keys);
    /// The same in steps: the content is fed, then finish() gives the fields.
    std::unique_ptr<dkim::Signer> begin() const;
    Result<std::string> finish(dkim::Signer& signer, const std::vector<dkim::SigningKey>& keys);

private:
    struct Complaint {
        std::string text;
        SteadyTime time;
    };

    Signing(
        FileSystem& files,
        const Clock& clock,
        Log& log,
        const config::Settings& settings,
        bool is_system_engine
    );
    dkim::SignOptions options_now() const;
    Result<std::string> or_unsigned(Result<std::string> fields);
    void complain(const std::string& text);

    const Clock& clock_;
    Log& log_;
    bool may_go_unsigned_;
    bool is_system_engine_;
    dkim::SignOptions options_;
    dkim::KeyRing ring_;
    std::vector<Complaint> complaints_;  // the last ones
};

/// What one attempt at a message has of it: its signatures are computed when the first server takes
/// the message, once for the message as it is and once as servers without 8BITMIME get it, however
/// many servers there are. Those of a large message as it is are computed ahead, in slices, because
/// all other deliveries wait meanwhile.
class MessageSigner {
public:
    /// Null: nothing is signed.
    explicit MessageSigner(Signing* signing) : signing_(signing) {}

    /// An outcome: the message must wait. `header`: as it leaves, but for its encoding.
    std::optional<mail::RecipientOutcome> prepare(std::string_view header);
    /// A message of this size is to be signed ahead.
    bool is_large(std::uint64_t size) const { return signing_ != nullptr && size >= kLarge; }
    /// After prepare(), for a large message. What goes wrong is told by sign(). `content` is as
    /// sign() gets it, not recoded.
    boost::asio::awaitable<void> sign_ahead(std::unique_ptr<mail::Content> content);
    /// After prepare(). `is_recoded`: this is the other one of the two forms.
    Result<std::unique_ptr<mail::Content>> sign(
        std::unique_ptr<mail::Content> content, bool is_recoded
    );

private:
    static constexpr std::uint64_t kLarge = std::uint64_t{1} << 20;

    Signing* signing_;
    std::optional<Signing::Decision> decision_;
    std::array<std::optional<std::string>, 2> fields_;
};

/// The keys as the settings name them, their domains in A-labels.
std::vector<dkim::KeyEntry> key_entries(const config::Settings& settings);

}  // namespace mxpost::deliver
