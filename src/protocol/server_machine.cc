#include "protocol/server_machine.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace mxpost::protocol {
namespace {

constexpr std::size_t kMaxHeloName = 255;  // RFC 5321 4.5.3.1.2

bool has_control(std::string_view line) {
    return std::any_of(line.begin(), line.end(), [](char c) {
        const auto octet = static_cast<unsigned char>(c);
        return (octet < 0x20 && c != '\t') || octet == 0x7f;
    });
}

/// A browser that was sent here, or a message's header where a command should be: what follows was
/// written by somebody else than the client, and may hold commands.
bool is_other_protocol(std::string_view verb) {
    constexpr std::array<std::string_view, 7> kMethods = {
        "GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "DELETE"};
    return verb.find(':') != std::string_view::npos ||
           std::any_of(kMethods.begin(), kMethods.end(), [&](std::string_view method) {
               return ascii_iequals(verb, method);
           });
}

/// BDAT's argument (RFC 3030 2): nothing when it is none.
struct Chunk {
    std::uint64_t size = 0;
    bool is_last = false;
};
std::optional<Chunk> parse_chunk(std::string_view argument) {
    const std::size_t space = std::min(argument.find(' '), argument.size());
    const auto size = parse_unsigned(argument.substr(0, space));
    const std::string_view rest = trim(argument.substr(space));
    if (!size || (!rest.empty() && !ascii_iequals(rest, "LAST"))) {
        return std::nullopt;
    }
    return Chunk{*size, !rest.empty()};
}

}  // namespace

const std::array<ServerMachine::Verb, 14> ServerMachine::kVerbs = {{
    {"MAIL", &ServerMachine::on_mail, false},
    {"RCPT", &ServerMachine::on_rcpt, false},
    {"DATA", &ServerMachine::on_data, false},
    {"BDAT", &ServerMachine::on_bdat, false},
    {"EHLO", &ServerMachine::on_ehlo, true},
    {"HELO", &ServerMachine::on_helo, true},
    {"LHLO", &ServerMachine::on_lhlo, true},
    {"STARTTLS", &ServerMachine::on_start_tls, true},
    {"RSET", &ServerMachine::on_rset, true},
    {"NOOP", &ServerMachine::on_noop, true},
    {"VRFY", &ServerMachine::on_vrfy, true},
    {"EXPN", &ServerMachine::on_expn, true},
    {"HELP", &ServerMachine::on_help, true},
    {"QUIT", &ServerMachine::on_quit, false},
}};

ServerMachine::ServerMachine(ServerSettings settings, Reception& reception)
    : settings_(std::move(settings)),
      reception_(&reception),
      lines_(settings_.may_use_line_feeds) {}

ServerMachine::Want ServerMachine::want() const {
    switch (state_) {
        case State::commit:
            return Want::commit;
        case State::handshake:
            return Want::start_tls;
        case State::finished:
            return Want::finished;
        default:
            return Want::read;
    }
}

// Events

void ServerMachine::greet() {
    if (state_ == State::greeting) {
        reply(220, settings_.host_name + " ESMTP mxpost");
        state_ = State::commands;
    }
}

void ServerMachine::turn_away(const ServerReply& answer) {
    if (state_ == State::greeting) {
        finish(answer.code, answer.text);
    }
}

void ServerMachine::received(std::string_view octets) {
    if (state_ == State::greeting) {
        finish(554, "5.5.1 " + settings_.host_name + " you spoke before the greeting");
    } else if (state_ == State::commit || state_ == State::handshake) {
        pending_ += octets;
    } else {
        process(octets);
        pending_ = octets;
    }
}

void ServerMachine::process(std::string_view& octets) {
    while (!octets.empty()) {
        switch (state_) {
            case State::commands:
                take_command(octets);
                break;
            case State::content:
                take_content(octets);
                break;
            case State::chunk:
                take_chunk(octets);
                break;
            case State::finished:
                octets = {};
                break;
            default:
                return;
        }
    }
}

void ServerMachine::closed() {
    if (state_ == State::commit) {
        is_ending_ = true;
    } else if (state_ != State::finished) {
        was_cut_off_ = has_message_ || state_ == State::content || state_ == State::chunk;
        if (was_cut_off_) {
            reply(421, "4.4.2 " + settings_.host_name + " the input ended within the message");
        }
        finish();
    }
}

void ServerMachine::timed_out() {
    if (state_ != State::commit && state_ != State::finished) {
        was_cut_off_ = has_message_ || state_ == State::content || state_ == State::chunk;
        finish(421, "4.4.2 " + settings_.host_name + " timeout");
    }
}

void ServerMachine::tls_established() {
    if (state_ == State::handshake) {
        // RFC 3207 4.2: what was said in clear is forgotten.
        reset_transaction();
        is_tls_ = true;
        hello_ = Hello::none;
        helo_name_.clear();
        pending_.clear();
        lines_ = CommandReader(false);
        state_ = State::commands;
    }
}

void ServerMachine::tls_failed() {
    if (state_ == State::handshake) {
        finish();
    }
}

void ServerMachine::committed(std::string_view text) {
    if (state_ == State::commit) {
        ++message_count_;
        error_count_ = idle_count_ = 0;
        has_message_ = false;
        reply_to_message(ServerReply(250, std::string(text)));
        go_on();
    }
}

void ServerMachine::refused(const ServerReply& answer) {
    if (state_ == State::commit) {
        has_message_ = false;
        reply_to_message(answer);
        go_on();
    }
}

void ServerMachine::shut_down() {
    if (state_ == State::commit) {
        is_ending_ = true;
    } else if (state_ != State::finished) {
        finish(421, "4.3.2 " + settings_.host_name + " is shutting down");
    }
}

// Commands

void ServerMachine::take_command(std::string_view& octets) {
    const auto event = lines_.take(octets);
    is_input_waiting_ = !octets.empty();
    switch (event) {
        case CommandReader::Event::none:
            break;
        case CommandReader::Event::line:
            run_line(lines_.line());
            break;
        case CommandReader::Event::too_long:
            refuse(500, "5.5.2 line too long");
            break;
        case CommandReader::Event::line_feed:
            // Who sends this may be passing on what somebody else wrote, so nothing behind it is
            // a command either.
            finish(521, "5.5.2 " + settings_.host_name + " a line ends with CR LF, not LF alone");
            break;
    }
}

void ServerMachine::run_line(const std::string& line) {
    const std::string_view text = trim(line);
    const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
    const std::string_view name = text.substr(0, end);
    if (has_control(line) || name.empty()) {
        refuse(500, "5.5.2 not a command");
        return;
    }
    const auto* const verb = std::ranges::find_if(kVerbs, [&](const Verb& known) {
        return ascii_iequals(known.name, name);
    });
    if (verb == kVerbs.end()) {
        is_other_protocol(name) ? finish(521, "5.5.1 " + settings_.host_name + " speaks SMTP")
                                : refuse(500, "5.5.1 unknown command");
        return;
    }
    if (verb->is_idle && settings_.max_idle_commands != 0 &&
        ++idle_count_ > settings_.max_idle_commands) {
        finish(421, "4.7.0 " + settings_.host_name + " too many commands without a message");
        return;
    }
    (this->*verb->run)(trim(text.substr(end)));
}

bool ServerMachine::take_name(std::string_view argument) {
    const std::string_view name = argument.substr(0, argument.find_first_of(" \t"));
    if (name.empty() || name.size() > kMaxHeloName || !is_ascii(name)) {
        refuse(501, "5.5.4 a domain name or address literal must follow");
        return false;
    }
    reset_transaction();  // RFC 5321 4.1.4
    helo_name_ = name;
    return true;
}

void ServerMachine::on_helo(std::string_view argument) {
    if (take_name(argument)) {
        hello_ = Hello::helo;
        reply(250, settings_.host_name);
    }
}

void ServerMachine::on_ehlo(std::string_view argument) {
    if (take_name(argument)) {
        hello_ = Hello::ehlo;
        reply_lines(250, extensions());
    }
}

void ServerMachine::on_lhlo(std::string_view argument) {
    if (!settings_.takes_lmtp) {
        refuse(500, "5.5.1 unknown command");
    } else if (take_name(argument)) {
        hello_ = Hello::lhlo;
        reply_lines(250, extensions());
    }
}

std::vector<std::string> ServerMachine::extensions() const {
    std::vector<std::string> lines = {
        settings_.host_name,
        "PIPELINING",
        "SIZE",
        "8BITMIME",
        "ENHANCEDSTATUSCODES",
        "DSN",
        "SMTPUTF8",
        "CHUNKING"};
    if (settings_.size_limit != 0) {
        lines[2] += " " + std::to_string(settings_.size_limit);
    }
    if (settings_.offers_start_tls && !is_tls_) {
        lines.emplace_back("STARTTLS");
    }
    if (is_tls_) {
        lines.emplace_back("REQUIRETLS");  // RFC 8689 4.1: in clear it would be no promise
    }
    return lines;
}

void ServerMachine::on_start_tls(std::string_view argument) {
    if (!settings_.offers_start_tls || is_tls_) {
        refuse(502, "5.5.1 TLS isn't offered");
    } else if (!argument.empty()) {
        refuse(501, "5.5.4 STARTTLS has no argument");
    } else if (is_input_waiting_) {
        // Sent before it knew of TLS: commands that somebody put in between (RFC 3207 6).
        finish(554, "5.5.0 " + settings_.host_name + " nothing may be sent behind STARTTLS");
    } else {
        reply(220, "2.0.0 go ahead");
        state_ = State::handshake;
    }
}

void ServerMachine::on_mail(std::string_view argument) {
    if (settings_.needs_hello && hello_ == Hello::none) {
        refuse(503, "5.5.1 EHLO comes first");
        return;
    }
    if (mail_) {
        refuse(503, "5.5.1 there was a MAIL command already");
        return;
    }
    ParsedMail parsed = parse_mail(argument);
    if (parsed.refusal) {
        refuse(*parsed.refusal);
        return;
    }
    if (settings_.size_limit != 0 && parsed.command.size.value_or(0) > settings_.size_limit) {
        refuse(552, "5.3.4 message too big");  // RFC 1870 6.1
        return;
    }
    if (parsed.command.requires_tls && !is_tls_) {
        refuse(530, "5.7.10 encryption needed for REQUIRETLS");
        return;
    }
    if (const auto refusal = reception_->check_sender(parsed.command)) {
        refuse(*refusal);
        return;
    }
    mail_ = std::move(parsed.command);
    reply(250, "2.1.0 ok");
}

void ServerMachine::on_rcpt(std::string_view argument) {
    if (!mail_ || has_message_) {
        refuse(503, mail_ ? "5.5.1 the content has begun already" : "5.5.1 MAIL comes first");
        return;
    }
    if (recipients_.size() >= settings_.max_recipients) {
        refuse(452, "4.5.3 too many recipients");  // RFC 5321 4.5.3.1.10
        return;
    }
    ParsedRecipient parsed = parse_recipient(argument, mail_->is_smtp_utf8);
    if (!parsed.refusal) {
        parsed.refusal = reception_->check_recipient(parsed.recipient);
    }
    if (parsed.refusal) {
        was_recipient_refused_ = true;
        refuse(*parsed.refusal);
        return;
    }
    recipients_.push_back(std::move(parsed.recipient));
    reply(250, "2.1.5 ok");
}

/// Why there can't be content now.
std::optional<ServerReply> ServerMachine::content_obstacle() const {
    if (!mail_) {
        return ServerReply(503, "5.5.1 MAIL comes first");
    }
    if (recipients_.empty() && !has_message_) {
        return was_recipient_refused_ ? ServerReply(554, "5.5.1 no valid recipients")
                                      : ServerReply(503, "5.5.1 RCPT comes first");
    }
    return std::nullopt;
}

/// The reception gets to know of the message.
Reception::Refusal ServerMachine::begin_message() {
    data_ = DataReader(lines_.line_ends());
    content_size_ = 0;
    reply_count_ = hello_ == Hello::lhlo ? recipients_.size() : 1;
    IncomingMail incoming{*mail_, std::exchange(recipients_, {}), helo_name_, protocol_name()};
    auto refusal = reception_->begin(std::move(incoming));
    has_message_ = !refusal;
    return refusal;
}

std::string ServerMachine::protocol_name() const {
    const bool is_extended = hello_ == Hello::ehlo || hello_ == Hello::lhlo;
    std::string name = hello_ == Hello::lhlo ? "LMTP" : "SMTP";
    if (mail_->is_smtp_utf8) {
        name = "UTF8" + name;
    } else if (hello_ == Hello::ehlo) {
        name = "ESMTP";
    }
    return name + (is_tls_ && is_extended ? "S" : "");
}

void ServerMachine::on_data(std::string_view argument) {
    auto refusal = content_obstacle();
    if (!refusal && !argument.empty()) {
        refusal = ServerReply(501, "5.5.4 DATA has no argument");
    } else if (!refusal && has_message_) {
        refusal = ServerReply(503, "5.5.1 BDAT has begun the content");  // RFC 3030 2
    } else if (!refusal) {
        refusal = begin_message();
        if (refusal) {
            reset_transaction();
        }
    }
    if (!refusal) {
        reply(354, "end the message with a line that is a dot");
        state_ = State::content;
        return;
    }
    refuse(*refusal);
    if (is_input_waiting_) {
        // The content wasn't held back: it must not be taken for commands.
        finish(421, "4.5.0 " + settings_.host_name + " something was sent behind DATA");
    }
}

void ServerMachine::on_bdat(std::string_view argument) {
    const auto chunk = parse_chunk(argument);
    if (!chunk) {
        // Nobody knows where the next command begins.
        finish(501, "5.5.4 " + settings_.host_name + " syntax: BDAT size [LAST]");
        return;
    }
    auto refusal = content_obstacle();
    if (!refusal && !has_message_) {
        refusal = begin_message();
    }
    if (refusal) {
        refuse_content(*refusal);
    } else if (settings_.size_limit != 0 && chunk->size > settings_.size_limit - content_size_) {
        refuse_content({552, "5.3.4 message too big"});
    }
    // The chunk comes in any case.
    chunk_left_ = chunk->size;
    is_last_chunk_ = chunk->is_last;
    state_ = State::chunk;
    if (chunk_left_ == 0) {
        end_of_chunk();
    }
}

void ServerMachine::on_rset(std::string_view argument) {
    if (!argument.empty()) {
        refuse(501, "5.5.4 RSET has no argument");
        return;
    }
    reset_transaction();
    reply(250, "2.0.0 ok");
}

void ServerMachine::on_noop(std::string_view) {
    reply(250, "2.0.0 ok");
}

void ServerMachine::on_vrfy(std::string_view argument) {
    // RFC 5321 7.3: no way to find out who is here.
    argument.empty() ? refuse(501, "5.5.4 an address must follow")
                     : reply(252, "2.0.0 send a message to find out");
}

void ServerMachine::on_expn(std::string_view) {
    refuse(502, "5.5.1 lists aren't shown");
}

void ServerMachine::on_help(std::string_view) {
    reply_lines(
        214,
        {"2.0.0 HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT",
         "2.0.0 sendmail(8) and mxpost.conf(5) say more"}
    );
}

void ServerMachine::on_quit(std::string_view argument) {
    argument.empty() ? finish(221, "2.0.0 " + settings_.host_name + " bye")
                     : refuse(501, "5.5.4 QUIT has no argument");
}

// Content

void ServerMachine::take_content(std::string_view& octets) {
    data_.take(octets, [this](std::string_view piece) { give(piece); });
    refuse_bare_line_feeds();
    if (data_.is_ended()) {
        end_of_message();
    }
}

void ServerMachine::take_chunk(std::string_view& octets) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_left_, octets.size()));
    const std::string_view piece = octets.substr(0, size);
    data_.look_at(piece);
    give(piece);
    refuse_bare_line_feeds();
    octets.remove_prefix(size);
    chunk_left_ -= size;
    if (chunk_left_ == 0) {
        end_of_chunk();
    }
}

void ServerMachine::give(std::string_view piece) {
    content_size_ += piece.size();
    if (content_refusal_) {
        return;
    }
    if (settings_.size_limit != 0 && content_size_ > settings_.size_limit) {
        refuse_content({552, "5.3.4 message too big"});
    } else if ((content_refusal_ = reception_->content(piece))) {
        has_message_ = false;
    }
}

void ServerMachine::refuse_bare_line_feeds() {
    if (data_.has_bare_line_feed()) {
        refuse_content({550, "5.6.11 a line of the message ends with LF alone, not CR LF"});
    }
}

/// What comes of the message is thrown away, and its end gets this reply.
void ServerMachine::refuse_content(const ServerReply& answer) {
    if (content_refusal_) {
        return;
    }
    content_refusal_ = answer;
    if (std::exchange(has_message_, false)) {
        reception_->abandon();
    }
}

void ServerMachine::end_of_chunk() {
    state_ = State::commands;
    if (is_last_chunk_ && mail_) {
        end_of_message();
    } else if (content_refusal_) {
        const ServerReply answer = *content_refusal_;
        reset_transaction();
        refuse(answer);
    } else {
        reply(250, "2.0.0 " + std::to_string(content_size_) + " octets so far");
    }
}

void ServerMachine::end_of_message() {
    if (!content_refusal_) {
        content_refusal_ = reception_->end();
        has_message_ = !content_refusal_;
    }
    if (content_refusal_) {
        const ServerReply answer = *content_refusal_;
        reply_to_message(answer);
    } else {
        state_ = State::commit;
    }
}

/// In LMTP each recipient has its own (RFC 2033 4.2).
void ServerMachine::reply_to_message(const ServerReply& answer) {
    for (std::size_t i = 0; i < reply_count_; ++i) {
        reply(answer.code, answer.text);
    }
    error_count_ += answer.code >= 500 ? 1 : 0;
    reset_transaction();
    state_ = State::commands;
}

/// After a commit: what was received meanwhile.
void ServerMachine::go_on() {
    if (is_ending_) {
        finish(421, "4.3.2 " + settings_.host_name + " is shutting down");
        return;
    }
    const std::string waiting = std::exchange(pending_, {});
    std::string_view octets = waiting;
    process(octets);
    pending_ = octets;
}

void ServerMachine::reset_transaction() {
    if (std::exchange(has_message_, false)) {
        reception_->abandon();
    }
    mail_.reset();
    recipients_ = {};
    was_recipient_refused_ = false;
    reply_count_ = 1;
    content_refusal_.reset();
    data_ = DataReader(lines_.line_ends());
}

// Replies

void ServerMachine::reply(std::uint16_t code, std::string_view text) {
    output_.append(std::to_string(code)).append(" ").append(text).append("\r\n");
}

void ServerMachine::reply_lines(std::uint16_t code, const std::vector<std::string>& lines) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
        output_.append(std::to_string(code)).append(i + 1 < lines.size() ? "-" : " ");
        output_.append(lines[i]).append("\r\n");
    }
}

void ServerMachine::refuse(const ServerReply& answer) {
    reply(answer.code, answer.text);
    // "Too many recipients" and the like isn't the client's fault.
    error_count_ += answer.code >= 500 ? 1 : 0;
    if (settings_.max_errors != 0 && error_count_ >= settings_.max_errors) {
        finish(421, "4.7.0 " + settings_.host_name + " too many errors");
    }
}

void ServerMachine::finish(std::uint16_t code, std::string_view text) {
    reply(code, text);
    finish();
}

void ServerMachine::finish() {
    reset_transaction();
    pending_.clear();
    state_ = State::finished;
}

}  // namespace mxpost::protocol
