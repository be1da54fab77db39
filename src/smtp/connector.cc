#include "smtp/connector.h"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace mxpost::smtp {

namespace asio = boost::asio;
using boost::system::error_code;

/// The attempts, by callbacks: each handler holds the race, and looks first whether it is over.
class Connector::Race : public std::enable_shared_from_this<Race> {
public:
    Race(
        const asio::any_io_executor& executor,
        std::vector<ConnectTarget> targets,
        ConnectLimits limits
    )
        : targets_(std::move(targets)),
          limits_(limits),
          stagger_(executor),
          total_(executor),
          done_(executor, asio::steady_timer::time_point::max()) {
        attempts_.reserve(targets_.size());
        for (std::size_t i = 0; i < targets_.size(); ++i) {
            attempts_.push_back(std::make_unique<Attempt>(executor));
        }
    }

    void start();
    /// Nothing is open any more but the winner's connection; nobody is called back.
    void end();

    bool is_over() const { return is_over_; }
    asio::steady_timer& done() { return done_; }
    std::optional<std::size_t> winner() const { return winner_; }
    Socket take_socket() { return std::move(attempts_.at(*winner_)->socket); }
    const std::vector<ConnectFailure>& failures() const { return failures_; }

private:
    struct Attempt {
        explicit Attempt(const asio::any_io_executor& executor)
            : socket(executor), deadline(executor) {}

        Socket socket;
        asio::steady_timer deadline;
        bool is_running = false;
    };

    void start_more();
    void begin(std::size_t index);
    void connect(std::size_t index);
    void arm_stagger();
    void answered(std::size_t index, const error_code& error);
    void fail(std::size_t index, const error_code& error, bool is_source);
    void time_out_all();

    std::vector<ConnectTarget> targets_;
    ConnectLimits limits_;
    std::vector<std::unique_ptr<Attempt>> attempts_;  // one for each target
    std::size_t next_ = 0;                            // the target to begin next
    std::size_t running_ = 0;
    asio::steady_timer stagger_;
    asio::steady_timer total_;
    asio::steady_timer done_;  // never expires: cancelled at the end
    bool is_over_ = false;
    std::optional<std::size_t> winner_;
    std::vector<ConnectFailure> failures_;
};

void Connector::Race::start() {
    if (targets_.size() > 1) {
        total_.expires_after(limits_.total);
        total_.async_wait([race = shared_from_this()](const error_code& error) {
            if (!error && !race->is_over_) {
                race->time_out_all();
            }
        });
    }
    start_more();
}

/// Begins attempts until one is under way or none is left.
void Connector::Race::start_more() {
    const std::size_t begun = running_;
    while (!is_over_ && running_ == begun && running_ < limits_.max_parallel &&
           next_ < targets_.size()) {
        begin(next_++);
    }
    if (!is_over_ && running_ == 0) {
        end();
    } else if (!is_over_) {
        arm_stagger();
    }
}

void Connector::Race::begin(std::size_t index) {
    const ConnectTarget& target = targets_[index];
    Socket& socket = attempts_[index]->socket;
    error_code error;
    socket.open(target.endpoint.protocol(), error);
    if (error) {
        fail(index, error, false);
        return;
    }
    if (target.source) {
        const asio::ip::tcp::endpoint from(*target.source, 0);
        socket.bind(from, error);
        if (error) {
            fail(index, error, true);
            return;
        }
    }
    connect(index);
}

void Connector::Race::connect(std::size_t index) {
    Attempt& attempt = *attempts_[index];
    attempt.is_running = true;
    ++running_;
    attempt.socket.async_connect(
        targets_[index].endpoint,
        [race = shared_from_this(), index](const error_code& error) {
            race->answered(index, error);
        }
    );
    attempt.deadline.expires_after(limits_.each);
    attempt.deadline.async_wait([race = shared_from_this(), index](const error_code& error) {
        if (!error) {
            race->answered(index, asio::error::timed_out);
        }
    });
}

void Connector::Race::arm_stagger() {
    if (next_ == targets_.size()) {
        return;
    }
    stagger_.expires_after(limits_.stagger);
    stagger_.async_wait([race = shared_from_this()](const error_code& error) {
        if (!error && !race->is_over_) {
            race->start_more();
        }
    });
}

void Connector::Race::answered(std::size_t index, const error_code& error) {
    Attempt& attempt = *attempts_[index];
    if (is_over_ || !attempt.is_running) {
        return;
    }
    attempt.is_running = false;
    attempt.deadline.cancel();
    --running_;
    if (!error) {
        winner_ = index;
        end();
        return;
    }
    fail(index, error, false);
    start_more();
}

void Connector::Race::fail(std::size_t index, const error_code& error, bool is_source) {
    error_code ignored;
    attempts_[index]->socket.close(ignored);
    failures_.push_back({index, error, is_source});
}

void Connector::Race::time_out_all() {
    for (std::size_t i = 0; i < attempts_.size(); ++i) {
        if (attempts_[i]->is_running) {
            fail(i, asio::error::timed_out, false);
        }
    }
    end();
}

void Connector::Race::end() {
    is_over_ = true;
    for (std::size_t i = 0; i < attempts_.size(); ++i) {
        attempts_[i]->deadline.cancel();
        if (winner_ != i) {
            error_code ignored;
            attempts_[i]->socket.close(ignored);
        }
    }
    stagger_.cancel();
    total_.cancel();
    done_.cancel();
}

Connector::Connector(
    const asio::any_io_executor& executor, std::vector<ConnectTarget> targets, ConnectLimits limits
)
    : race_(std::make_shared<Race>(executor, std::move(targets), limits)) {}

Connector::~Connector() {
    race_->end();
}

asio::awaitable<void> Connector::run() {
    race_->start();
    while (!race_->is_over()) {
        co_await race_->done().async_wait(asio::as_tuple(asio::use_awaitable));
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) {
            race_->end();
        }
    }
}

std::optional<std::size_t> Connector::connected() const {
    return race_->winner();
}

Connector::Socket Connector::take_socket() {
    return race_->take_socket();
}

std::vector<ConnectFailure> Connector::failures() const {
    std::vector<ConnectFailure> sorted = race_->failures();
    std::ranges::sort(sorted, {}, &ConnectFailure::target);
    return sorted;
}

}  // namespace mxpost::smtp
