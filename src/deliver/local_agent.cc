#include "deliver/local_agent.h"

namespace mxpost::deliver {

boost::asio::awaitable<local::Answer> NoLocalAgent::deliver(std::string, RequestMaker) {
    local::Answer answer;
    answer.outcome = mail::RecipientOutcome(
        mail::OutcomeKind::deferred,
        {4, 3, 0},
        "local delivery needs the system engine and the local helper: the mail waits for them "
        "(systemctl enable --now mxpost.service mxpost-local.socket) unless an alias or "
        "local-mail-to sends it elsewhere"
    );
    co_return answer;
}

}  // namespace mxpost::deliver
