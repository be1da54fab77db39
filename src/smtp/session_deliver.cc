// Session: how messages go through it.
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "smtp/session.h"

namespace mxpost::smtp {

namespace asio = boost::asio;
using protocol::deferral;
using Want = protocol::ClientMachine::Want;

namespace {

/// What is gathered before a write: a framed chunk is at most 4/3 of a buffer.
constexpr std::size_t kOutputSize = 65536;

/// Content that somebody else owns.
class BorrowedContent final : public mail::Content {
public:
    explicit BorrowedContent(mail::Content& content) : content_(content) {}

    std::uint64_t size() const override { return content_.size(); }
    bool is_eight_bit() const override { return content_.is_eight_bit(); }
    Result<void> rewind() override { return content_.rewind(); }
    Result<std::size_t> read(std::span<char> buffer) override { return content_.read(buffer); }

private:
    mail::Content& content_;
};

class SingleFeed final : public Feed {
public:
    SingleFeed(Transaction transaction, mail::Content& content, Dialogue* dialogue) {
        parcel_.transaction = std::move(transaction);
        parcel_.content = std::make_unique<BorrowedContent>(content);
        parcel_.dialogue = dialogue;
    }

    Parcel* next() override { return std::exchange(is_given_, true) ? nullptr : &parcel_; }
    void done(Parcel& /*parcel*/, TransactionResult result) override {
        result_ = std::move(result);
    }
    const Transaction& transaction() const { return parcel_.transaction; }
    std::optional<TransactionResult>& result() { return result_; }

private:
    Parcel parcel_;
    bool is_given_ = false;
    std::optional<TransactionResult> result_;
};

}  // namespace

/// The first message goes out in any case: its outcome tells why the session is of no use. Later
/// ones stay with the feed where the server has gone meanwhile: content sent together with its
/// commands would be lost in doubt.
bool Session::is_ready() {
    return machine_ && machine_->is_ready() && transport_.is_open() &&
           (!has_served_ || transport_.is_silent());
}

asio::awaitable<void> Session::deliver(Feed& feed) {
    while (is_ready() && load(feed)) {
        co_await run(&feed);
    }
    release_buffers();
}

/// The next message is started. False: there is none.
bool Session::load(Feed& feed) {
    Parcel* const parcel = feed.next();
    if (parcel == nullptr) {
        return false;
    }
    Loaded loaded;
    loaded.parcel = parcel;
    mail::Content& content = *parcel->content;
    const auto rewound = content.rewind();
    if (!rewound) {
        loaded.early = unsent(parcel->transaction, deferral(3, 0, "the content can't be read"));
        loaded.early->is_session_usable = true;
        loaded.early->is_content_bad = true;
        loaded.early->content_problem = rewound.error().message();
        loaded_.push_back(std::move(loaded));
        return true;
    }
    loaded_.push_back(std::move(loaded));
    parcel->transaction.content_size = content.size();
    parcel->transaction.is_eight_bit = content.is_eight_bit();
    start_clock(settings_.timeouts.total + std::chrono::seconds(content.size() / 4096));
    machine_->start(std::move(parcel->transaction), parcel->dialogue);
    return true;
}

/// All messages that have ended, in their order.
void Session::report(Feed& feed) {
    while (!loaded_.empty()) {
        Loaded& oldest = loaded_.front();
        Parcel& parcel = *oldest.parcel;
        TransactionResult result;
        if (oldest.early) {
            result = std::move(*oldest.early);
        } else {
            auto finished = machine_->take_finished();
            if (!finished) {
                return;
            }
            result = std::move(finished->result);
            parcel.transaction = std::move(finished->transaction);
            for (auto& outcome : result.outcomes) {
                complete(outcome);
            }
        }
        loaded_.erase(loaded_.begin());
        has_served_ = true;
        if (content_sent_ != Instant::max()) {
            is_slow_ |=
                std::chrono::steady_clock::now() - content_sent_ > settings_.timeouts.slow_reply;
            content_sent_ = Instant::max();
        }
        feed.done(parcel, std::move(result));
    }
}

/// RFC 2920 3.1, with care: only behind a message whose end isn't written yet.
bool Session::may_follow() const {
    return settings_.may_pipeline_messages && !is_slow_ && loaded_.size() == 1 &&
           loaded_.front().parcel->may_be_followed && machine_->may_follow();
}

bool Session::rewind(mail::Content& content) {
    const auto rewound = content.rewind();
    if (!rewound) {
        machine_->content_failed(rewound.error().message());
    }
    return rewound.has_value();
}

/// Reads ahead before it writes, so that the last octets and the final dot leave together, and with
/// them the next message's commands.
asio::awaitable<void> Session::send_content(Feed& feed) {
    Loaded& loaded = loaded_.front();
    mail::Content& content = *loaded.parcel->content;
    if (std::exchange(loaded.is_read, true) && !rewind(content)) {
        co_return;
    }
    size_buffer(content.size());
    for (;;) {
        const auto size = content.read(buffer_);
        if (!size) {
            machine_->content_failed(size.error().message());
            co_return;
        }
        if (*size == 0) {
            break;
        }
        const std::size_t framed_size = *size + *size / 3 + 1;
        if (machine_->output().size() + framed_size > kOutputSize &&
            !machine_->must_hold_output()) {
            arm();
            const bool is_written = co_await flush();
            if (!is_written) {
                co_return;
            }
        }
        if (!machine_->content(std::string_view(buffer_.data(), *size))) {
            co_return;
        }
    }
    // What is there before the end of the content was sent is no reply to it: one reply too many,
    // and a message that is refused would count as delivered. Behind TLS it can't be told from a
    // ticket without waiting.
    if (tls_text_.empty() && !machine_->must_hold_output() && transport_.is_heard()) {
        const auto [error, heard] = co_await transport_.read(buffer_);
        machine_->received(std::string_view(buffer_.data(), heard));
        if (error) {
            lose(error);
        }
        if (machine_->want() != Want::content) {
            co_return;
        }
    }
    // read_replies() writes what is left.
    if (machine_->content_end() && may_follow()) {
        load(feed);
    }
}

asio::awaitable<TransactionResult> Session::send(Transaction transaction, mail::Content& content) {
    SingleFeed feed(std::move(transaction), content, dialogue_);
    co_await deliver(feed);
    if (!feed.result()) {
        feed.result() = unsent(feed.transaction(), deferral(4, 2, "the session is not open"));
        feed.result()->may_try_next_host = true;
        feed.result()->is_session_stale = has_served_;
    }
    auto result = std::move(*feed.result());
    result.is_session_usable = is_ready();
    co_return result;
}

TransactionResult Session::unsent(
    const Transaction& transaction, const mail::RecipientOutcome& outcome
) const {
    auto completed = outcome;
    complete(completed);
    TransactionResult result;
    result.outcomes.assign(transaction.recipients.size(), completed);
    return result;
}

}  // namespace mxpost::smtp
