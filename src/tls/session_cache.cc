#include "tls/session_cache.h"

#include <algorithm>
#include <utility>

namespace mxpost::tls {
namespace {

/// A certificate isn't looked at when a session is resumed: what it was worth then counts so long.
constexpr std::chrono::hours kLongest{1};
/// Servers give two with each handshake; a site has ten connections at most.
constexpr std::size_t kMostPerKey = 4;
constexpr std::size_t kMostKeys = 1000;

}  // namespace

SessionCache::SessionCache(SSL_CTX* context) {
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

void SessionCache::use(SSL* ssl, const std::string& key) {
    auto link = std::make_unique<Link>(Link{this, key});
    if (SSL_set_ex_data(ssl, link_index(), link.get()) != 1) {
        return;  // for lack of memory: a full handshake, then
    }
    static_cast<void>(link.release());  // the connection frees it
    if (const Session session = take(key)) {
        SSL_set_session(ssl, session.get());
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
    if (link == nullptr || SSL_SESSION_is_resumable(session) != 1) {
        return 0;
    }
    if (Session copy(SSL_SESSION_dup(session)); copy) {
        link->cache->keep(link->key, std::move(copy));
    }
    return 0;
}

void SessionCache::keep(const std::string& key, Session session) {
    const Instant now = std::chrono::steady_clock::now();
    if (sessions_.size() >= kMostKeys && !sessions_.contains(key)) {
        std::erase_if(sessions_, [now](const auto& entry) {
            return entry.second.empty() || entry.second.back().until <= now;
        });
        if (sessions_.size() >= kMostKeys) {
            sessions_.clear();  // seldom, and each is only worth a handshake
        }
    }
    const std::chrono::seconds lifetime(SSL_SESSION_get_timeout(session.get()));
    auto& kept = sessions_[key];
    kept.push_back({std::move(session), now + std::min<std::chrono::seconds>(lifetime, kLongest)});
    if (kept.size() > kMostPerKey) {
        kept.pop_front();
    }
}

/// RFC 8446 C.4: a ticket is used once. Before TLS 1.3 a session served any number of connections.
SessionCache::Session SessionCache::take(const std::string& key) {
    const auto found = sessions_.find(key);
    if (found == sessions_.end()) {
        return nullptr;
    }
    auto& kept = found->second;
    const Instant now = std::chrono::steady_clock::now();
    while (!kept.empty() && kept.front().until <= now) {
        kept.pop_front();
    }
    Session session;
    if (!kept.empty()) {
        SSL_SESSION* const newest = kept.back().session.get();
        if (SSL_SESSION_get_protocol_version(newest) < TLS1_3_VERSION) {
            session.reset(SSL_SESSION_dup(newest));
        } else {
            session = std::move(kept.back().session);
            kept.pop_back();
        }
    }
    if (kept.empty()) {
        sessions_.erase(found);
    }
    return session;
}

}  // namespace mxpost::tls
