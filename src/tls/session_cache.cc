#include "tls/session_cache.h"

#include <algorithm>
#include <utility>

#include <openssl/x509.h>

namespace mxpost::tls {
namespace {

/// A certificate isn't looked at when a session is resumed: what it was worth then counts so long.
constexpr std::chrono::hours kLongest{1};
/// Servers give two with each handshake; a site has ten connections at most.
constexpr std::size_t kMostPerKey = 4;
constexpr std::size_t kMostKeys = 1000;
constexpr std::size_t kMostOctets = std::size_t{8} << 20;  // of certificates, as sent
constexpr std::chrono::minutes kTidyEvery{10};

/// Of the certificates that the server has shown; a resumed session has those of the first one.
std::size_t certificate_octets(const SSL* ssl) {
    std::size_t octets = 0;
    const STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(ssl);
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        octets += static_cast<std::size_t>(std::max(0, i2d_X509(sk_X509_value(chain, i), nullptr)));
    }
    return octets;
}

}  // namespace

SessionCache::SessionCache(SSL_CTX* context, const Clock& clock)
    : clock_(clock), tidied_(clock.steady_now()) {
    // OpenSSL's own cache knows no names; ours is behind its callback.
    SSL_CTX_set_session_cache_mode(
        context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL | SSL_SESS_CACHE_NO_AUTO_CLEAR
    );
    SSL_CTX_sess_set_new_cb(context, &SessionCache::on_new_session);
}

int SessionCache::link_index() {
    static const int index = SSL_get_ex_new_index(
        0,
        nullptr,
        nullptr,
        nullptr,
        [](void*, void* link, CRYPTO_EX_DATA*, int, long, void*) {
            delete static_cast<Link*>(link);
        }
    );
    return index;
}

void SessionCache::use(SSL* ssl, const std::string& key, bool must_be_verified) {
    const Kept kept = take(key);
    auto link = std::make_unique<Link>(Link{this, key, must_be_verified, kept.until});
    if (SSL_set_ex_data(ssl, link_index(), link.get()) != 1) {
        return;  // for lack of memory: a full handshake, then
    }
    static_cast<void>(link.release());  // the connection frees it
    if (kept.session) {
        SSL_set_session(ssl, kept.session.get());
    }
}

std::size_t SessionCache::size() const {
    std::size_t size = 0;
    for (const auto& [key, sessions] : sessions_) {
        size += sessions.size();
    }
    return size;
}

/// Called in a handshake (TLS 1.2), or when a ticket comes in behind it. What is kept is a copy:
/// OpenSSL declares a connection's session bad where the connection ends without its farewell.
int SessionCache::on_new_session(SSL* ssl, SSL_SESSION* session) {
    const auto* const link = static_cast<Link*>(SSL_get_ex_data(ssl, link_index()));
    if (link == nullptr || SSL_SESSION_is_resumable(session) != 1 ||
        (link->must_be_verified && SSL_get_verify_result(ssl) != X509_V_OK)) {
        return 0;
    }
    if (Session copy(SSL_SESSION_dup(session)); copy) {
        const std::chrono::seconds lifetime(SSL_SESSION_get_timeout(session));
        SteadyTime until = link->cache->clock_.steady_now();
        until += std::min<std::chrono::seconds>(lifetime, kLongest);
        // Each resumed connection brings another ticket, but its certificate was looked at in the
        // first one's handshake, and no later.
        const bool is_resumed = SSL_session_reused(ssl) == 1;
        until = is_resumed ? std::min(until, link->until) : until;
        link->cache->keep(link->key, {std::move(copy), until, certificate_octets(ssl)});
    }
    return 0;
}

void SessionCache::keep(const std::string& key, Kept session) {
    octets_ += session.octets;
    auto& kept = sessions_[key];
    kept.push_back(std::move(session));
    if (kept.size() > kMostPerKey) {
        kept.pop_front();
    }
    const bool is_due = clock_.steady_now() - tidied_ >= kTidyEvery;
    if (is_due || sessions_.size() > kMostKeys || octets_ > kMostOctets) {
        tidy();
    }
}

void SessionCache::tidy() {
    tidied_ = clock_.steady_now();
    octets_ = 0;
    for (auto& [key, kept] : sessions_) {
        std::erase_if(kept, [this](const Kept& each) { return each.until <= tidied_; });
        for (const Kept& each : kept) {
            octets_ += each.octets;
        }
    }
    std::erase_if(sessions_, [](const auto& entry) { return entry.second.empty(); });
    if (sessions_.size() > kMostKeys || octets_ > kMostOctets) {
        sessions_.clear();  // seldom, and each is only worth a handshake
        octets_ = 0;
    }
}

/// RFC 8446 C.4: a ticket is used once. Before TLS 1.3 a session served any number of connections.
SessionCache::Kept SessionCache::take(const std::string& key) {
    const auto found = sessions_.find(key);
    if (found == sessions_.end()) {
        return {};
    }
    auto& kept = found->second;
    const SteadyTime now = clock_.steady_now();
    std::erase_if(kept, [now](const Kept& each) { return each.until <= now; });
    Kept taken;
    if (!kept.empty()) {
        const Kept& newest = kept.back();
        if (SSL_SESSION_get_protocol_version(newest.session.get()) < TLS1_3_VERSION) {
            taken = {Session(SSL_SESSION_dup(newest.session.get())), newest.until, newest.octets};
        } else {
            taken = std::move(kept.back());
            kept.pop_back();
        }
    }
    if (kept.empty()) {
        sessions_.erase(found);
    }
    return taken;
}

}  // namespace mxpost::tls
