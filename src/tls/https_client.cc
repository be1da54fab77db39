#include "tls/https_client.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <list>
#include <optional>
#include <system_error>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "tls/curl_library.h"

namespace mxpost::tls {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kMaxHeader = std::size_t{64} << 10;
constexpr std::size_t kMaxAddresses = 8;
constexpr int kIdlePoll = 60'000;  // ms; a wake-up ends it

struct ContextDeleter {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using ContextPointer = std::unique_ptr<SSL_CTX, ContextDeleter>;

std::string in_brackets(const asio::ip::address& address) {
    return address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
}

}  // namespace

/// One question on its way. The event loop makes it and reads its reply, the thread does the rest.
class HttpsClient::Exchange {
public:
    Exchange(HttpsRequest request, const asio::any_io_executor& loop)
        : done(loop, asio::steady_timer::time_point::max()), request_(std::move(request)) {}
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    // The event loop's.
    asio::steady_timer done;  // cancelled when the reply is there
    HttpsReply reply;

    // The thread's.
    CURL* begin(const CurlLibrary& curl, SSL_CTX* trust);
    void finish(const CurlLibrary& curl, CURLcode code);
    void fail(std::string problem) {
        result_.fault = HttpsReply::Fault::failed;
        result_.problem = std::move(problem);
    }
    void release(const CurlLibrary& curl);
    CURL* handle() const { return handle_; }
    HttpsReply take_result() { return std::move(result_); }

private:
    template <class Value>
    void set(const CurlLibrary& curl, CURLoption option, Value value) {
        is_set_ &= curl.easy_setopt(handle_, option, value) == CURLE_OK;
    }
    void set_connection(const CurlLibrary& curl);
    void set_content(const CurlLibrary& curl);
    static std::size_t on_body(char* data, std::size_t one, std::size_t size, void* self);
    static std::size_t on_header(char* data, std::size_t one, std::size_t size, void* self);
    static CURLcode on_context(CURL* handle, void* context, void* self);

    HttpsRequest request_;
    HttpsReply result_;
    CURL* handle_ = nullptr;
    SSL_CTX* trust_ = nullptr;
    curl_slist* addresses_ = nullptr;
    curl_slist* headers_ = nullptr;
    std::array<char, CURL_ERROR_SIZE> words_{};
    std::size_t header_size_ = 0;
    bool is_set_ = true;
    bool is_too_large_ = false;
};

CURL* HttpsClient::Exchange::begin(const CurlLibrary& curl, SSL_CTX* trust) {
    trust_ = trust;
    handle_ = curl.easy_init();
    if (handle_ == nullptr) {
        return nullptr;
    }
    set_connection(curl);
    set_content(curl);
    return is_set_ ? handle_ : nullptr;
}

void HttpsClient::Exchange::set_connection(const CurlLibrary& curl) {
    const std::string port = std::to_string(request_.port);
    const std::string url =
        "https://" + request_.host + (request_.port == 443 ? "" : ":" + port) + request_.path;
    std::string resolved = "+" + request_.host + ":" + port + ":";  // not kept for ever
    for (std::size_t i = 0; i < std::min(kMaxAddresses, request_.addresses.size()); ++i) {
        resolved += (i == 0 ? "" : ",") + in_brackets(request_.addresses[i]);
    }
    addresses_ = curl.slist_append(nullptr, resolved.c_str());
    set(curl, CURLOPT_URL, url.c_str());
    set(curl, CURLOPT_RESOLVE, addresses_);
    set(curl, CURLOPT_PROTOCOLS_STR, "https");
    set(curl, CURLOPT_FOLLOWLOCATION, 0L);  // RFC 8461 3.3
    set(curl, CURLOPT_PROXY, "");           // none, whatever the environment says
    set(curl, CURLOPT_NOSIGNAL, 1L);
    set(curl, CURLOPT_FRESH_CONNECT, 1L);
    set(curl, CURLOPT_FORBID_REUSE, 1L);
    set(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request_.time_limit.count()));
    set(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    set(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    set(curl, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    // The trust is ours; libcurl's own would be read anew each time.
    const char* const none = nullptr;
    set(curl, CURLOPT_CAINFO, none);
    set(curl, CURLOPT_CAPATH, none);
    set(curl, CURLOPT_SSL_CTX_FUNCTION, &Exchange::on_context);
    set(curl, CURLOPT_SSL_CTX_DATA, static_cast<void*>(this));
}

void HttpsClient::Exchange::set_content(const CurlLibrary& curl) {
    set(curl, CURLOPT_USERAGENT, "mxpost");
    set(curl, CURLOPT_ERRORBUFFER, words_.data());
    set(curl, CURLOPT_WRITEFUNCTION, &Exchange::on_body);
    set(curl, CURLOPT_WRITEDATA, static_cast<void*>(this));
    set(curl, CURLOPT_HEADERFUNCTION, &Exchange::on_header);
    set(curl, CURLOPT_HEADERDATA, static_cast<void*>(this));
    if (!request_.content_type.empty()) {
        const std::string type = "Content-Type: " + request_.content_type;
        headers_ = curl.slist_append(nullptr, type.c_str());
        headers_ = curl.slist_append(headers_, "Expect:");  // not to be waited for
        set(curl, CURLOPT_HTTPHEADER, headers_);
        set(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(request_.content.size()));
        set(curl, CURLOPT_POSTFIELDS, request_.content.c_str());
    }
}

void HttpsClient::Exchange::finish(const CurlLibrary& curl, CURLcode code) {
    if (code != CURLE_OK) {
        fail(
            is_too_large_            ? "the reply is too large"
            : words_.front() != '\0' ? std::string(words_.data())
                                     : std::string(curl.easy_strerror(code))
        );
        if (code == CURLE_PEER_FAILED_VERIFICATION) {
            result_.fault = HttpsReply::Fault::certificate;
        }
        result_.problem = printable(trim(result_.problem), 300);
        return;
    }
    const char* type = nullptr;
    curl.easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &result_.status);
    curl.easy_getinfo(handle_, CURLINFO_CONTENT_TYPE, &type);
    result_.content_type = type != nullptr ? printable(type, 200) : "";
}

void HttpsClient::Exchange::release(const CurlLibrary& curl) {
    if (handle_ != nullptr) {
        curl.easy_cleanup(std::exchange(handle_, nullptr));
    }
    curl.slist_free_all(std::exchange(addresses_, nullptr));
    curl.slist_free_all(std::exchange(headers_, nullptr));
}

std::size_t HttpsClient::Exchange::on_body(
    char* data, std::size_t one, std::size_t size, void* self
) {
    auto& exchange = *static_cast<Exchange*>(self);
    const std::size_t octets = one * size;
    std::string& content = exchange.result_.content;
    if (octets > exchange.request_.max_reply - content.size()) {
        exchange.is_too_large_ = true;
        return 0;  // which ends the transfer
    }
    content.append(data, octets);
    return octets;
}

std::size_t HttpsClient::Exchange::on_header(
    char* /*data*/, std::size_t one, std::size_t size, void* self
) {
    auto& exchange = *static_cast<Exchange*>(self);
    exchange.header_size_ += one * size;
    exchange.is_too_large_ |= exchange.header_size_ > kMaxHeader;
    return exchange.is_too_large_ ? 0 : one * size;
}

CURLcode HttpsClient::Exchange::on_context(CURL* /*handle*/, void* context, void* self) {
    auto& exchange = *static_cast<Exchange*>(self);
    auto* const ours = static_cast<SSL_CTX*>(context);
    SSL_CTX_set1_cert_store(ours, SSL_CTX_get_cert_store(exchange.trust_));
    // RFC 8461 3.3: a name in subjectAltName; libcurl alone would take the common name as well.
    X509_VERIFY_PARAM* const parameters = SSL_CTX_get0_param(ours);
    X509_VERIFY_PARAM_set_hostflags(
        parameters, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS
    );
    return X509_VERIFY_PARAM_set1_host(parameters, exchange.request_.host.c_str(), 0) == 1
               ? CURLE_OK
               : CURLE_SSL_CERTPROBLEM;
}

/// The thread's side.
class HttpsClient::Worker {
public:
    Worker(asio::any_io_executor loop, TrustSettings trust)
        : loop_(std::move(loop)), trust_settings_(std::move(trust)) {}

    // The event loop calls these two.
    void take(std::shared_ptr<Exchange> exchange) {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(std::move(exchange));
        wake();
    }
    void end() {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
        wake();
    }

    void run();

private:
    void wake() {
        if (multi_ != nullptr) {
            curl_.multi_wakeup(multi_);
        }
        has_news_.notify_one();
    }
    /// False when it is time to end.
    bool take_news();
    std::string set_up();
    void begin(const std::shared_ptr<Exchange>& exchange);
    void finish_some();
    void tell(std::shared_ptr<Exchange> exchange);

    asio::any_io_executor loop_;
    TrustSettings trust_settings_;
    std::mutex mutex_;
    std::condition_variable has_news_;
    std::vector<std::shared_ptr<Exchange>> waiting_;
    bool is_ending_ = false;
    CURLM* multi_ = nullptr;  // written under the mutex
    // The thread's alone.
    CurlLibrary curl_;
    ContextPointer trust_;
    std::string problem_;
    std::list<std::shared_ptr<Exchange>> active_;
};

std::string HttpsClient::Worker::set_up() {
    auto curl = CurlLibrary::load();
    if (!curl) {
        return curl.error().message();
    }
    trust_.reset(SSL_CTX_new(TLS_client_method()));
    if (!trust_ || !load_trust(trust_.get(), trust_settings_)) {
        return "the trusted certificates can't be loaded";
    }
    CURLM* const multi = curl->multi_init();
    if (multi == nullptr) {
        return "libcurl can't be set up";
    }
    const std::lock_guard lock(mutex_);
    curl_ = *curl;
    multi_ = multi;
    return {};
}

void HttpsClient::Worker::run() {
    problem_ = set_up();
    while (take_news()) {
        if (active_.empty()) {
            continue;
        }
        int running = 0;
        curl_.multi_perform(multi_, &running);
        finish_some();
        if (!active_.empty()) {
            curl_.multi_poll(multi_, nullptr, 0, kIdlePoll, nullptr);
        }
    }
    for (const auto& exchange : active_) {
        curl_.multi_remove_handle(multi_, exchange->handle());
        exchange->release(curl_);
    }
    const std::lock_guard lock(mutex_);
    if (multi_ != nullptr) {
        curl_.multi_cleanup(std::exchange(multi_, nullptr));
    }
}

bool HttpsClient::Worker::take_news() {
    std::unique_lock lock(mutex_);
    if (active_.empty()) {
        has_news_.wait(lock, [this] { return is_ending_ || !waiting_.empty(); });
    }
    if (is_ending_) {
        return false;
    }
    const auto news = std::exchange(waiting_, {});
    lock.unlock();
    for (const auto& exchange : news) {
        begin(exchange);
    }
    return true;
}

void HttpsClient::Worker::begin(const std::shared_ptr<Exchange>& exchange) {
    if (!problem_.empty()) {
        exchange->fail(problem_);
        tell(exchange);
        return;
    }
    CURL* const handle = exchange->begin(curl_, trust_.get());
    if (handle == nullptr || curl_.multi_add_handle(multi_, handle) != CURLM_OK) {
        exchange->fail("libcurl takes no request");
        exchange->release(curl_);
        tell(exchange);
        return;
    }
    active_.push_back(exchange);
}

void HttpsClient::Worker::finish_some() {
    int left = 0;
    while (const CURLMsg* const message = curl_.multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURL* const handle = message->easy_handle;
        const CURLcode code = message->data.result;  // the message goes with the handle
        const auto found = std::ranges::find_if(active_, [&](const auto& exchange) {
            return exchange->handle() == handle;
        });
        curl_.multi_remove_handle(multi_, handle);
        if (found != active_.end()) {
            const std::shared_ptr<Exchange> exchange = *found;
            active_.erase(found);
            exchange->finish(curl_, code);
            exchange->release(curl_);
            tell(exchange);
        }
    }
}

void HttpsClient::Worker::tell(std::shared_ptr<Exchange> exchange) {
    asio::post(loop_, [exchange = std::move(exchange)] {
        exchange->reply = exchange->take_result();
        exchange->done.cancel();
    });
}

HttpsClient::HttpsClient(asio::any_io_executor loop, TrustSettings trust)
    : loop_(std::move(loop)), trust_(std::move(trust)) {}

HttpsClient::~HttpsClient() {
    if (thread_.joinable()) {
        worker_->end();
        thread_.join();
    }
}

bool HttpsClient::start() {
    if (thread_.joinable()) {
        return true;
    }
    worker_ = std::make_unique<Worker>(loop_, trust_);
    // Signals are the event loop's.
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    try {
        thread_ = std::thread([worker = worker_.get()] { worker->run(); });
    } catch (const std::system_error&) {
        worker_.reset();
    }
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
    return thread_.joinable();
}

asio::awaitable<HttpsReply> HttpsClient::ask(HttpsRequest request) {
    HttpsReply failed;
    failed.fault = HttpsReply::Fault::failed;
    if (request.addresses.empty()) {
        failed.problem = "no address is known";
        co_return failed;
    }
    if (!start()) {
        failed.problem = "no thread can be started";
        co_return failed;
    }
    failed.problem = "given up";
    const auto exchange = std::make_shared<Exchange>(std::move(request), loop_);
    exchange->reply = failed;
    worker_->take(exchange);
    co_await exchange->done.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return exchange->reply;
}

}  // namespace mxpost::tls
