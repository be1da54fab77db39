// HelperAgent: the local helper (local/helper.h) as an engine's LocalAgent. A connection for each
// request, so nothing is left over when helper or engine are started anew.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/fd.h"
#include "base/result.h"
#include "deliver/local_agent.h"
#include "deliver/semaphore.h"

namespace mxpost::deliver {

/// A new connection to the helper: a SOCK_SEQPACKET socket. Doesn't wait.
using HelperConnector = std::function<Result<Fd>()>;

/// To the listening socket at `path`.
HelperConnector connect_to_helper(std::string path);
/// To a helper that was forked by this process, which has the other end of `channel`.
HelperConnector connect_through(Fd channel);

class HelperAgent final : public LocalAgent {
public:
    HelperAgent(
        boost::asio::any_io_executor executor,
        HelperConnector connect,
        std::chrono::seconds time_limit = std::chrono::seconds(960)
    );

    boost::asio::awaitable<local::Answer> deliver(std::string name, RequestMaker make) override;
    void stop() override { is_stopping_ = true; }

private:
    std::shared_ptr<Semaphore> slots_of(const std::string& name);
    boost::asio::awaitable<Result<local::Answer>> exchange(const local::Request& request);
    boost::asio::awaitable<bool> wait_for_answer(int socket);
    void remember(const std::string& key, const local::Answer& answer);

    boost::asio::any_io_executor executor_;
    HelperConnector connect_;
    std::chrono::seconds time_limit_;
    Semaphore slots_;
    std::map<std::string, std::weak_ptr<Semaphore>> users_;
    bool is_stopping_ = false;
    // Targets that are served of recipients that aren't: a .forward with a mailbox and a program
    // that wants another try. Lost with the engine; then the mailbox gets the message again.
    std::map<std::string, std::vector<local::TargetKey>> done_;
    std::deque<std::string> order_;  // of done_, oldest first
};

}  // namespace mxpost::deliver
