#include "protocol/exchange.h"

#include <utility>

namespace mxpost::protocol {

Exchange::Exchange(
    Transaction transaction,
    const ClientSettings& settings,
    SessionFacts& facts,
    ClientOutput& output,
    Dialogue* dialogue
)
    : settings_(settings),
      facts_(facts),
      output_(output),
      dialogue_(dialogue),
      transaction_(std::move(transaction)),
      ledger_(transaction_.recipients.size()) {}

/// Without PIPELINING BDAT has no advantage over DATA. LMTP's replies to it would be one more kind.
bool Exchange::uses_bdat(const ClientSettings& settings, const SessionFacts& facts) {
    return settings.may_chunk && settings.dialect == Dialect::smtp &&
           facts.capabilities.has_chunking && facts.capabilities.has_pipelining &&
           !facts.is_bdat_refused;
}

// Commands

void Exchange::begin(bool is_behind) {
    is_behind_ = is_behind;
    if (refuse_locally()) {
        state_ = State::ended;
    } else {
        begin_attempt();
    }
}

/// What must not, or need not, be sent. True when nobody is left.
bool Exchange::refuse_locally() {
    if (transaction_.sender && !is_safe_address(*transaction_.sender)) {
        ledger_.settle_open(failure(1, 7, "the sender's address can't be sent in SMTP"));
    }
    const bool is_utf8_refused = !facts_.capabilities.has_smtp_utf8;
    // RFC 6531 3.2. The words go into reports: people read them.
    const auto no_utf8 = [](const std::string& what) {
        return failure(
            6,
            7,
            "the mail server does not accept internationalized mail addresses (it offers no "
            "SMTPUTF8), and " +
                what
        );
    };
    if (is_utf8_refused && transaction_.sender && needs_smtp_utf8(*transaction_.sender)) {
        ledger_.settle_open(no_utf8("the sender's address has other than ASCII characters"));
    } else if (is_utf8_refused && transaction_.is_smtp_utf8) {
        ledger_.settle_open(
            no_utf8("an address in the message's header has other than ASCII characters")
        );
    }
    for (std::size_t i = 0; i < transaction_.recipients.size(); ++i) {
        const auto& address = transaction_.recipients[i].address;
        if (!is_safe_address(address)) {
            ledger_.settle(i, failure(1, 3, "the recipient's address can't be sent in SMTP"));
        } else if (is_utf8_refused && needs_smtp_utf8(address)) {
            ledger_.settle(i, no_utf8("this address has other than ASCII characters"));
        }
    }
    const bool is_smtp = settings_.dialect == Dialect::smtp;  // else nothing leaves this host
    if (is_smtp && transaction_.requires_tls && !facts_.capabilities.has_require_tls) {
        // RFC 8689 4.2.1
        ledger_.settle_open(
            failure(7, 30, "the sender asked for REQUIRETLS, which the mail server does not offer")
        );
    }
    const auto limit = facts_.capabilities.size_limit;
    if (limit != 0 && transaction_.content_size > limit) {  // RFC 1870 6.1
        ledger_.settle_open(failure(
            3,
            4,
            "the message has " + std::to_string(transaction_.content_size) +
                " octets, the server takes " + std::to_string(limit)
        ));
    }
    return ledger_.open_count() == 0;
}

void Exchange::begin_attempt() {
    state_ = State::commands;
    is_mail_accepted_ = false;
    ledger_.withdraw();
    is_bdat_ = uses_bdat(settings_, facts_) && !transaction_.is_probe;
    framer_ = DataFramer(is_bdat_ ? Framing::bdat : Framing::data);
    plan_commands();
    ++facts_.mail_count;
    send_commands();
}

/// RSET only here, when a transaction was left open and another follows: a QUIT needs none.
void Exchange::plan_commands() {
    commands_.clear();
    commands_.reserve(ledger_.size() + 3);
    answered_ = 0;
    sent_ = 0;
    if (std::exchange(facts_.needs_reset, false)) {
        commands_.push_back(Command{Verb::reset});
    }
    commands_.push_back(Command{Verb::mail});
    for (std::size_t i = 0; i < ledger_.size(); ++i) {
        if (ledger_.is_open(i)) {
            commands_.push_back(Command{Verb::recipient, i});
        }
    }
    if (!is_bdat_ && !transaction_.is_probe) {
        commands_.push_back(Command{Verb::data});
    }
}

/// All in one write, DATA last (RFC 2920 3.1), or one where the server doesn't take more.
void Exchange::send_commands() {
    const bool is_alone = !facts_.capabilities.has_pipelining ||
                          (commands_[sent_].verb == Verb::reset && is_reset_alone_);
    const std::size_t end = is_alone ? sent_ + 1 : commands_.size();
    while (sent_ < end) {
        send_command(commands_[sent_++]);
    }
    if (goes_with_commands() && !is_planned()) {
        begin_bdat();
    }
}

void Exchange::send_command(const Command& command) {
    switch (command.verb) {
        case Verb::reset:
            say("RSET");
            return;
        case Verb::mail:
            say(mail_command(transaction_, mail_parameters()));
            return;
        case Verb::recipient:
            say(rcpt_command(transaction_.recipients[command.recipient], passes_dsn()));
            return;
        case Verb::data:
            say("DATA");
            return;
        case Verb::bdat:
            say("BDAT " + std::to_string(transaction_.content_size) + " LAST");
            return;
    }
}

bool Exchange::goes_with_commands() const {
    return is_bdat_ && transaction_.content_size <= kMaxContentWithCommands;
}

/// One chunk for all: its size is known, and a server that has enough of it can say so any time.
void Exchange::begin_bdat() {
    commands_.push_back(Command{Verb::bdat});
    send_command(commands_[sent_++]);
    state_ = State::content;
}

MailParameters Exchange::mail_parameters() const {
    const Capabilities& capabilities = facts_.capabilities;
    MailParameters parameters;
    parameters.has_size = capabilities.has_size && !facts_.is_plain && !is_plain_;
    parameters.has_dsn = passes_dsn();
    // For a server without 8BITMIME the composer has re-encoded the content. What is 8-bit still
    // (mail::Recode says what, and why) goes as it is: nearly all of them pass it on.
    parameters.has_body = transaction_.is_eight_bit && capabilities.has_eight_bit_mime;
    parameters.has_smtp_utf8 =
        transaction_.is_smtp_utf8 || (transaction_.sender && needs_smtp_utf8(*transaction_.sender));
    parameters.has_require_tls = transaction_.requires_tls && capabilities.has_require_tls;
    for (std::size_t i = 0; i < transaction_.recipients.size(); ++i) {
        parameters.has_smtp_utf8 |=
            ledger_.is_open(i) && needs_smtp_utf8(transaction_.recipients[i].address);
    }
    return parameters;
}

// Content

Result<void> Exchange::content(std::string_view chunk) {
    if (framer_.octets() + chunk.size() > transaction_.content_size) {
        return Error::invalid("it is longer than it was");
    }
    return framer_.append(chunk, output_.octets);
}

Result<void> Exchange::content_end() {
    if (framer_.octets() != transaction_.content_size) {
        return Error::invalid("it is shorter than it was");
    }
    auto framed = framer_.finish(output_.octets);
    if (!framed) {
        return framed;
    }
    is_end_sent_ = true;
    if (dialogue_ != nullptr) {
        dialogue_->client("(" + std::to_string(framer_.octets()) + " octets of content)");
    }
    if (is_bdat_) {
        state_ = State::commands;
        return {};
    }
    if (dialogue_ != nullptr) {
        dialogue_->client(".");
    }
    state_ = State::final_reply;
    if (settings_.dialect == Dialect::lmtp) {
        // RFC 2033 4.2: one for each accepted recipient, in the order of the RCPTs.
        for (std::size_t i = ledger_.size(); i > 0; --i) {
            if (ledger_.is_accepted(i - 1)) {
                verdicts_due_.push_back(i - 1);
            }
        }
    }
    return {};
}

// For the driver

Timeouts::Duration Exchange::timeout() const {
    const Timeouts& timeouts = settings_.timeouts;
    if (state_ == State::content) {
        return timeouts.data_block;
    }
    if (state_ != State::commands) {
        return timeouts.data_end;
    }
    switch (next_verb()) {
        case Verb::recipient:
            return timeouts.recipient;
        case Verb::data:
            return timeouts.data;
        case Verb::bdat:
            return timeouts.data_end;
        default:
            return timeouts.mail;
    }
}

std::string_view Exchange::waiting_for() const {
    if (state_ == State::content) {
        return "the content to be taken";
    }
    if (state_ != State::commands) {
        return "the reply to the message";
    }
    switch (next_verb()) {
        case Verb::reset:
            return "the reply to RSET";
        case Verb::mail:
            return "the reply to MAIL";
        case Verb::recipient:
            return "the reply to RCPT";
        case Verb::data:
            return "the reply to DATA";
        case Verb::bdat:
            break;
    }
    return "the reply to the message";
}

mail::Step Exchange::step() const {
    if (state_ != State::commands) {
        return mail::Step::content;
    }
    switch (next_verb()) {
        case Verb::recipient:
            return mail::Step::recipient;
        case Verb::data:
            return mail::Step::data;
        case Verb::bdat:
            return mail::Step::content;
        default:
            return mail::Step::mail;
    }
}

}  // namespace mxpost::protocol
