#include "local/service.h"

#include <thread>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "base/text.h"
#include "local/packet.h"
#include "local/wire.h"

namespace mxpost::local {

namespace {

using mail::OutcomeKind;

/// An engine sends its request at once.
constexpr timeval kRequestWait{10, 0};
constexpr uid_t kNobody = 65534;

Answer refusal(OutcomeKind kind, mail::EnhancedStatus status, std::string text) {
    Answer answer;
    answer.outcome = mail::RecipientOutcome(kind, status, std::move(text));
    return answer;
}

/// Nothing more is begun for a user whose deliveries hang.
Decision admit(Account account, const ServiceOptions& options) {
    if (!options.stuck_users.contains(account.uid)) {
        return {std::move(account), {}};
    }
    return {
        std::nullopt,
        refusal(
            OutcomeKind::deferred,
            {4, 2, 0},
            "earlier deliveries for " + account.name +
                " hang and can't be killed: a file system that they use doesn't answer"
        )};
}

Decision decide_alias(const ServiceOptions& options) {
    const auto account = find_account(options.alias_user);
    if (!account || !*account || (*account)->uid == 0 || (*account)->gid == 0) {
        return {
            std::nullopt,
            refusal(
                OutcomeKind::deferred,
                {4, 3, 5},
                "alias-user \"" + options.alias_user +
                    "\" must be a user of this host, and not root, to run commands of the alias "
                    "file"
            )};
    }
    return admit(**account, options);
}

void answer_with(const Fd& connection, const Request& request, const Answer& answer, Log& log) {
    if (auto sent = send_packet(connection.get(), encode(answer)); !sent) {
        log.warning(request.message_id + ": no engine takes the answer for " + request.name);
    }
}

/// None: it has been answered, or there is nothing to answer.
std::optional<Request> take_request(const Fd& connection, Log& log) {
    auto packet = receive_packet(connection.get(), kMaxRequestPacket);
    if (!packet || packet->data.empty()) {
        return std::nullopt;
    }
    auto request = decode_request(packet->data);
    if (!request) {
        log.warning(request.error().message());
        return std::nullopt;
    }
    if (packet->lacks_fd) {
        const std::string text = "the local helper can't open the message: too many open files";
        log.error(request->message_id + ": " + text);
        answer_with(connection, *request, refusal(OutcomeKind::deferred, {4, 3, 0}, text), log);
        return std::nullopt;
    }
    if (!packet->fd) {
        log.warning("request without a message");
        return std::nullopt;
    }
    request->message = std::move(packet->fd);
    return std::move(*request);
}

}  // namespace

Decision decide(const Request& request, const ServiceOptions& options) {
    if (request.kind == RequestKind::alias_entry) {
        return decide_alias(options);
    }
    auto account = find_account(request.name);
    if (account && !*account) {
        account = find_account(ascii_lower(request.name));
    }
    if (!account) {
        return {std::nullopt, refusal(OutcomeKind::deferred, {4, 3, 0}, account.error().message())};
    }
    const bool is_lmtp = options.delivery.mailbox.kind == mail::MailboxKind::lmtp;
    const bool is_user = *account && (*account)->uid >= options.min_uid && (*account)->uid != 0 &&
                         (*account)->uid != kNobody && (*account)->gid != 0;
    if (is_user) {
        return admit(**account, options);
    }
    if (is_lmtp) {
        // The LMTP server has users of its own; nothing of theirs is touched here.
        Answer answer = refusal(OutcomeKind::delivered, {2, 0, 0}, "");
        answer.wants_mailbox = true;
        return {std::nullopt, answer};
    }
    if (!*account) {
        return {
            std::nullopt,
            refusal(
                OutcomeKind::failed, {5, 1, 1}, "no user \"" + request.name + "\" on this host"
            )};
    }
    return {
        std::nullopt,
        refusal(
            OutcomeKind::deferred,
            {4, 2, 1},
            "system accounts (here " + (*account)->name + ", uid " +
                std::to_string((*account)->uid) +
                ") have no mailbox: name in /etc/aliases who gets the mail, such as \"" +
                (*account)->name + ": alice\""
        )};
}

void serve_connection(
    const Fd& connection,
    const ServiceOptions& options,
    Log& log,
    const std::function<void(uid_t)>& on_user
) {
    ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &kRequestWait, sizeof kRequestWait);
    const int room = 2 * static_cast<int>(kMaxAnswerPacket);
    ::setsockopt(connection.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    const auto request = take_request(connection, log);
    if (!request) {
        return;
    }
    const Decision decision = decide(*request, options);
    if (!decision.account) {
        return answer_with(connection, *request, decision.refusal, log);
    }
    const Account& account = *decision.account;
    on_user(account.uid);
    // Pipes and files of aliases are nobody's mailbox.
    DeliveryOptions delivery = options.delivery;
    if (request->kind == RequestKind::alias_entry) {
        delivery.mail_group.reset();
    }
    ::umask(0007);  // a new mailbox is its owner's and the mail group's
    if (auto done = become(account, delivery.mail_group); !done) {
        log.error(done.error().message());
        return;
    }
    PosixFileSystem files;
    const SystemClock clock;
    SystemRandom random;
    const MailboxTools tools{
        files,
        clock,
        random,
        [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); },
        [&](const std::string& text) { log.warning(request->message_id + ": " + text); }};
    RecipientDelivery work(tools, delivery, account, *request);
    answer_with(connection, *request, work.run(), log);
}

}  // namespace mxpost::local
