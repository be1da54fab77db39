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

#include "base/clock.h"

namespace mxpost::tls {

/// For the clients of one SSL_CTX, which it must outlive. One thread's.
class SessionCache {
public:
    /// `clock` must outlive it.
    SessionCache(SSL_CTX* context, const Clock& clock);
    SessionCache(const SessionCache&) = delete;
    SessionCache& operator=(const SessionCache&) = delete;

    /// `ssl`, whose handshake is still to come, resumes a session that another connection with the
    /// same `key` left here, if there is one, and leaves its own: `must_be_verified`: only where
    /// its certificate was found good.
    void use(SSL* ssl, const std::string& key, bool must_be_verified);
    /// That are kept, for all keys.
    std::size_t size() const;

private:
    struct SessionDeleter {
        void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
    };
    using Session = std::unique_ptr<SSL_SESSION, SessionDeleter>;
    struct Kept {
        Session session;
        SteadyTime until;
        std::size_t octets = 0;  // of the certificates that it holds
    };
    /// What a connection remembers of us.
    struct Link {
        SessionCache* cache;
        std::string key;
        bool must_be_verified;
        SteadyTime until;  // of the session that it resumes
    };

    static int link_index();
    static int on_new_session(SSL* ssl, SSL_SESSION* session);
    void keep(const std::string& key, Kept session);
    Kept take(const std::string& key);
    void tidy();

    const Clock& clock_;
    std::map<std::string, std::deque<Kept>> sessions_;  // the newest last
    std::size_t octets_ = 0;  // of all, and of what was taken since it was tidied
    SteadyTime tidied_;
};

}  // namespace mxpost::tls
