// SessionCache: TLS sessions that may be resumed (RFC 8446 2.2, RFC 5077), so that the next
// connection to the same server costs neither certificates nor their verification.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include <openssl/ssl.h>

namespace mxpost::tls {

/// For the clients of one SSL_CTX, which it must outlive. One thread's.
class SessionCache {
public:
    explicit SessionCache(SSL_CTX* context);
    SessionCache(const SessionCache&) = delete;
    SessionCache& operator=(const SessionCache&) = delete;

    /// `ssl`, whose handshake is still to come, resumes a session that another connection with the
    /// same `key` left here, if there is one, and leaves its own.
    void use(SSL* ssl, const std::string& key);
    /// That are kept, for all keys.
    std::size_t size() const;

private:
    using Instant = std::chrono::steady_clock::time_point;
    struct SessionDeleter {
        void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
    };
    using Session = std::unique_ptr<SSL_SESSION, SessionDeleter>;
    struct Kept {
        Session session;
        Instant until;
    };
    /// What a connection remembers of us.
    struct Link {
        SessionCache* cache;
        std::string key;
    };

    static int link_index();
    static int on_new_session(SSL* ssl, SSL_SESSION* session);
    void keep(const std::string& key, Session session);
    Session take(const std::string& key);

    std::map<std::string, std::deque<Kept>> sessions_;  // the newest last
};

}  // namespace mxpost::tls
