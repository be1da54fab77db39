// The server side of SMTP (RFC 5321) and LMTP (RFC 2033) without I/O: events in, replies and wishes
// out. `sendmail -bs` drives it over standard input and output, the listener over sockets, tests
// and the fuzzer over nothing.
//
//     greet() → [EHLO | HELO | LHLO] → [STARTTLS → EHLO] → idle
//     idle → MAIL RCPT… (DATA content "." | BDAT… BDAT LAST) → commit → idle
//     idle → QUIT → finished;   timeout, end of input, too many errors → finished
//
// The driver loops: write output(), do what want() says, report what happened. Messages go to a
// Reception as they come in; what the machine itself holds is an envelope and part of a line.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mail/envelope.h"
#include "protocol/command_reader.h"
#include "protocol/data_reader.h"
#include "protocol/path_command.h"

namespace mxpost::protocol {

struct ServerSettings {
    using Duration = std::chrono::milliseconds;

    ServerSettings() = default;
    explicit ServerSettings(std::string host_name_) : host_name(std::move(host_name_)) {}

    std::string host_name;    // in greeting and farewell; a domain name or address literal
    bool takes_lmtp = false;  // LHLO makes it LMTP: a reply per recipient
    bool offers_start_tls = false;
    bool needs_hello = true;                     // else MAIL may come first
    bool may_use_line_feeds = false;             // see CommandReader
    std::uint64_t size_limit = 0;                // octets, 0: none stated
    std::size_t max_recipients = 1000;           // of one message; RFC 5321 4.5.3.1.8: at least 100
    std::size_t max_errors = 20;                 // refused commands in a session; 0: any number
    std::size_t max_idle_commands = 100;         // without a message between them; 0: any number
    Duration timeout = std::chrono::minutes(5);  // RFC 5321 4.5.3.2.7
};

/// A transaction whose content is about to come.
struct IncomingMail {
    MailCommand mail;
    std::vector<mail::Recipient> recipients;  // in order, duplicates kept, possibly unqualified
    std::string helo_name;  // as the client gave it: printable ASCII, may be empty
    std::string protocol;   // for Received: "SMTP", "ESMTPS", "UTF8LMTP" (RFC 3848, 6531 4.3)
};

/// Where a session's messages go, and who decides about them. Called from within the machine's
/// events; nothing here may wait. A refusal's code is 4yz or 5yz.
class Reception {
public:
    using Refusal = std::optional<ServerReply>;

    virtual ~Reception() = default;
    virtual Refusal check_sender(const MailCommand&) { return std::nullopt; }
    virtual Refusal check_recipient(const mail::Recipient&) { return std::nullopt; }
    /// A message begins. After a refusal, by this and the next two, nothing more of it comes.
    virtual Refusal begin(IncomingMail incoming) = 0;
    /// A piece of its content, cut anywhere: lines end with CRLF (in a dialogue of line feeds also
    /// with LF), but bare CRs, NULs and lines of any length can be in it.
    virtual Refusal content(std::string_view piece) = 0;
    /// All of it came: commit() is what the driver does next.
    virtual Refusal end() = 0;
    /// It won't come to its end.
    virtual void abandon() = 0;
};

class ServerMachine {
public:
    enum class Want {
        read,       // write output(), then wait for octets, at most timeout()
        start_tls,  // write output(), then the handshake, at most timeout()
        commit,     // make the message safe, then committed() or refused(); writing may wait
        finished    // write output(), close the connection
    };

    /// `reception` must outlive it.
    ServerMachine(ServerSettings settings, Reception& reception);

    Want want() const;
    /// Octets to be written, in order; the driver clears what it has written. Bounded by what
    /// received() was given: up to fifty times as much.
    std::string& output() { return output_; }
    ServerSettings::Duration timeout() const { return settings_.timeout; }

    // Events. After `finished` none has an effect.

    /// First of all. Octets that are received before it are an early talker's: 554, finished.
    void greet();
    /// Instead of greet(): this client isn't served; `reply` is 421 or 554.
    void turn_away(const ServerReply& reply);
    void received(std::string_view octets);
    /// The input has ended.
    void closed();
    void timed_out();
    void tls_established();
    void tls_failed();
    /// The message is safe. `text` such as "2.0.0 queued as ID".
    void committed(std::string_view text);
    /// It isn't, and nothing is left of it.
    void refused(const ServerReply& reply);
    /// The server ends: 421 and finished, at the next time that no commit is under way.
    void shut_down();

    /// The input ended (closed, timed out) within a message: DATA or BDAT had begun.
    bool was_cut_off() const { return was_cut_off_; }
    bool is_tls() const { return is_tls_; }
    /// Messages that were committed.
    std::size_t message_count() const { return message_count_; }

private:
    enum class State {
        greeting,
        commands,
        content,  // of DATA
        chunk,    // of BDAT
        commit,
        handshake,
        finished
    };
    enum class Hello { none, helo, ehlo, lhlo };
    struct Verb {
        std::string_view name;
        void (ServerMachine::*run)(std::string_view argument);
        bool is_idle;  // counts against max_idle_commands
    };
    static const std::array<Verb, 14> kVerbs;

    void process(std::string_view& octets);
    void take_command(std::string_view& octets);
    void take_content(std::string_view& octets);
    void take_chunk(std::string_view& octets);
    void run_line(const std::string& line);
    void give(std::string_view piece);

    void on_helo(std::string_view argument);
    void on_ehlo(std::string_view argument);
    void on_lhlo(std::string_view argument);
    void on_start_tls(std::string_view argument);
    void on_mail(std::string_view argument);
    void on_rcpt(std::string_view argument);
    void on_data(std::string_view argument);
    void on_bdat(std::string_view argument);
    void on_rset(std::string_view argument);
    void on_noop(std::string_view argument);
    void on_vrfy(std::string_view argument);
    void on_expn(std::string_view argument);
    void on_help(std::string_view argument);
    void on_quit(std::string_view argument);

    bool take_name(std::string_view argument);
    std::vector<std::string> extensions() const;
    std::optional<ServerReply> content_obstacle() const;
    Reception::Refusal begin_message();
    std::string protocol_name() const;
    void refuse_content(const ServerReply& answer);
    void refuse_bare_line_feeds();
    void end_of_chunk();
    void end_of_message();
    void reply_to_message(const ServerReply& answer);
    void go_on();
    void reset_transaction();

    void reply(std::uint16_t code, std::string_view text);
    void reply_lines(std::uint16_t code, const std::vector<std::string>& lines);
    void refuse(const ServerReply& answer);
    void refuse(std::uint16_t code, std::string text) { refuse({code, std::move(text)}); }
    void finish(std::uint16_t code, std::string_view text);
    void finish();

    ServerSettings settings_;
    Reception* reception_;
    State state_ = State::greeting;
    CommandReader lines_;
    std::string output_;
    std::string pending_;  // received while it had to wait
    Hello hello_ = Hello::none;
    std::string helo_name_;
    bool is_tls_ = false;
    bool is_ending_ = false;
    bool was_cut_off_ = false;
    bool is_input_waiting_ = false;  // octets behind the present command line are there
    std::size_t error_count_ = 0;
    std::size_t idle_count_ = 0;
    std::size_t message_count_ = 0;

    // The present transaction.
    std::optional<MailCommand> mail_;
    std::vector<mail::Recipient> recipients_;
    bool was_recipient_refused_ = false;
    std::size_t reply_count_ = 1;  // LMTP: replies that the content gets
    bool has_message_ = false;     // the reception has begun one
    std::optional<ServerReply> content_refusal_;
    DataReader data_{LineEnds::crlf};
    std::uint64_t content_size_ = 0;
    std::uint64_t chunk_left_ = 0;
    bool is_last_chunk_ = false;
};

}  // namespace mxpost::protocol
