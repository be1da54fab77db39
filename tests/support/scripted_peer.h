// The other side of an SMTP dialogue, without a socket, for protocol::ClientMachine.
//
// ScriptedPeer plays a script and compares octet by octet what the client writes:
//     S: 220 mx ESMTP        the server says it (lines in a row: in one piece)
//     C: EHLO me.example     the client must have written it (lines in a row: in one write)
//     C: <content>           stands for the content as framed(), in the order in which it is sent
//     C: <chunk>             the same as it is, for BDAT
//     T: ok | T: fail        the handshake
//     X: close | X: timeout  instead of octets
//     M: start               the next transaction; the client must be idle. A follower() starts the
//                            others by itself, as soon as it may
//     M: quit
// FakeServer answers by itself, as a strict server would, and misbehaves at one step.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "protocol/client_machine.h"

namespace mxpost::test {

/// One message to be sent by a test; `content` with CRLF.
struct Mail {
    protocol::Transaction transaction;
    std::string content;
};

/// Splits the server's octets: into pieces of `piece` octets, or once at `split` octets from the
/// start of the whole dialogue.
struct Cut {
    std::size_t piece = std::string::npos;
    std::size_t split = std::string::npos;
};

struct Played {
    std::vector<std::string> mismatches;  // empty: the client kept to the script
    std::string written;                  // all that the client wrote
    std::vector<std::string> writes;      // the same, by write
    bool was_desynchronised = false;
    bool is_bdat_refused = false;
    std::size_t server_octets = 0;
    std::optional<mail::RecipientOutcome> trouble;
    std::vector<protocol::TransactionResult> results;
    bool is_finished = false;
};

class TranscriptDialogue final : public protocol::Dialogue {
public:
    void client(std::string_view line) override { lines.push_back("C: " + std::string(line)); }
    void server(std::string_view line) override { lines.push_back("S: " + std::string(line)); }
    void note(std::string_view line) override { lines.push_back("N: " + std::string(line)); }
    std::vector<std::string> lines;
};

class ScriptedPeer {
public:
    ScriptedPeer(std::string script, std::vector<Mail> mails)
        : script_(std::move(script)), mails_(std::move(mails)) {}

    /// Sends the next message's commands behind the content of the one before.
    ScriptedPeer& follower(bool is_follower = true) {
        is_follower_ = is_follower;
        return *this;
    }

    Played play(protocol::ClientSettings settings, Cut cut = {}) {
        protocol::ClientMachine machine(std::move(settings));
        Played played;
        std::string server;
        std::string unread;  // written by the client, not yet compared
        next_mail_ = 0;
        active_mail_ = 0;
        contents_.clear();
        const auto take = [&] {
            while (auto finished = machine.take_finished()) {
                played.results.push_back(std::move(finished->result));
                ++active_mail_;
            }
        };
        const auto collect = [&] {
            take();
            settle_client(machine);
            take();
            if (!machine.output().empty()) {
                unread += machine.output();
                played.written += machine.output();
                played.writes.push_back(machine.output());
                machine.output_written();
            }
        };
        const auto say = [&](std::string_view bytes) {
            while (!bytes.empty()) {
                std::size_t size = std::min(bytes.size(), cut.piece);
                if (cut.split > played.server_octets) {
                    size = std::min(size, cut.split - played.server_octets);
                }
                machine.received(bytes.substr(0, size));
                played.server_octets += size;
                bytes.remove_prefix(size);
                collect();
            }
        };
        for (const std::string_view line : split(script_, '\n')) {
            if (line.size() < 3) {
                continue;
            }
            const std::string what(line.substr(3));
            if (line[0] != 'S' && !server.empty()) {
                say(std::exchange(server, {}));
            }
            if (line[0] == 'S') {
                server += what + "\r\n";
            } else if (line[0] == 'C') {
                expect(what, unread, played);
            } else if (line[0] == 'T') {
                if (machine.want() != protocol::ClientMachine::Want::start_tls) {
                    played.mismatches.push_back("no handshake wanted at " + std::string(line));
                }
                what == "ok" ? machine.tls_established("TLS") : machine.tls_failed("no");
                collect();
            } else if (line[0] == 'X') {
                what == "close" ? machine.closed("") : machine.timed_out();
                collect();
            } else if (machine.want() != protocol::ClientMachine::Want::idle) {
                played.mismatches.push_back("not idle at " + std::string(line));
            } else if (what == "quit") {
                machine.quit();
                collect();
            } else {
                start_next(machine);
                collect();
            }
        }
        say(server);
        if (!unread.empty()) {
            played.mismatches.push_back("more than scripted: " + unread);
        }
        played.was_desynchronised = machine.was_desynchronised();
        played.is_bdat_refused = machine.is_bdat_refused();
        played.trouble = machine.trouble();
        played.is_finished = machine.want() == protocol::ClientMachine::Want::finished;
        return played;
    }

    /// What DATA makes of `content`: plain enough to be beyond doubt.
    static std::string framed(std::string_view content) {
        std::string out;
        bool is_line_start = true;
        for (const char c : content) {
            if (is_line_start && c == '.') {
                out += '.';
            }
            out += c;
            is_line_start = c == '\n';
        }
        return out;
    }

private:
    void start_next(protocol::ClientMachine& machine) {
        auto transaction = mails_.at(next_mail_).transaction;
        transaction.content_size = mails_.at(next_mail_).content.size();
        ++next_mail_;
        machine.start(std::move(transaction));
    }

    void settle_client(protocol::ClientMachine& machine) {
        if (machine.want() == protocol::ClientMachine::Want::content) {
            const std::string& content = mails_[active_mail_].content;
            const auto half = content.size() / 2;
            contents_.push_back(content);
            if (machine.content(content.substr(0, half)) && machine.content(content.substr(half)) &&
                machine.content_end() && is_follower_ && machine.may_follow() &&
                next_mail_ < mails_.size()) {
                start_next(machine);
            }
        }
    }

    void expect(const std::string& line, std::string& unread, Played& played) {
        std::string expected = line + "\r\n";
        if ((line == "<content>" || line == "<chunk>") && !contents_.empty()) {
            expected = line == "<chunk>" ? contents_.front() : framed(contents_.front());
            contents_.erase(contents_.begin());
        }
        if (unread.starts_with(expected)) {
            unread.erase(0, expected.size());
        } else {
            played.mismatches.push_back("expected: " + line + ", written: " + unread);
        }
    }

    std::string script_;
    std::vector<Mail> mails_;
    bool is_follower_ = false;
    std::size_t next_mail_ = 0;          // to be started
    std::size_t active_mail_ = 0;        // the oldest under way
    std::vector<std::string> contents_;  // sent, not yet compared
};

/// A strict server. Step 0 is its greeting, each command and each final dot is a step.
class FakeServer {
public:
    struct Message {
        std::set<std::string> recipients;
        std::string content;  // as framed, without the final dot
        std::string reply;    // to the final dot, as the client could see it
    };

    explicit FakeServer(bool is_pipelining, bool is_lmtp = false, bool is_chunking = false)
        : is_pipelining_(is_pipelining), is_lmtp_(is_lmtp), is_chunking_(is_chunking) {}

    /// At `step` this is said instead ("" = nothing, and the connection is closed).
    void misbehave(std::size_t step, std::string reply) { overrides_[step] = std::move(reply); }

    std::string greet() { return answer("220 mx.example ESMTP\r\n"); }

    /// What the server says to these octets. After is_closed() nothing any more.
    std::string hear(std::string_view bytes) {
        std::string said;
        input_ += bytes;
        while (!is_closed_) {
            if (chunk_size_) {
                if (input_.size() < *chunk_size_) {
                    return said;
                }
                present_.content = input_.substr(0, *chunk_size_);
                input_.erase(0, *chunk_size_);
                chunk_size_.reset();
                said += message_end();
                has_mail_ = has_mail_ || !messages_.back().reply.starts_with("2");
                continue;
            }
            const auto end = input_.find("\r\n");
            if (end == std::string::npos) {
                return said;
            }
            const std::string line = input_.substr(0, end);
            input_.erase(0, end + 2);
            said += is_in_data_ ? data_line(line) : command(line);
        }
        return said;
    }

    bool is_closed() const { return is_closed_; }
    std::size_t steps() const { return step_; }
    /// Messages whose final dot arrived, whatever the reply.
    const std::vector<Message>& messages() const { return messages_; }
    /// The client broke the order of commands (what a refused command leaves unusable aside).
    const std::vector<std::string>& violations() const { return violations_; }

private:
    std::string answer(std::string normal) {
        const auto found = overrides_.find(step_++);
        if (found == overrides_.end()) {
            return normal;
        }
        is_closed_ = found->second.empty() || found->second.starts_with("421");
        return found->second;
    }

    std::string data_line(const std::string& line) {
        if (line != ".") {
            present_.content += line + "\r\n";
            return "";
        }
        is_in_data_ = false;
        return is_lmtp_ ? lmtp_end() : message_end();
    }

    std::string message_end() {
        present_.reply = answer(present_.recipients.empty() ? "554 nobody\r\n" : "250 taken\r\n");
        messages_.push_back(std::exchange(present_, {}));
        has_mail_ = false;
        return messages_.back().reply;
    }

    /// RFC 2033 4.2: each recipient's message is one of its own.
    std::string lmtp_end() {
        const Message whole = std::exchange(present_, {});
        has_mail_ = false;
        std::string said;
        for (const std::string& recipient : whole.recipients) {
            messages_.push_back(
                {{recipient}, whole.content, is_closed_ ? "" : answer("250 taken\r\n")}
            );
            said += messages_.back().reply;
        }
        return said;
    }

    std::string command(const std::string& line) {
        if (line.starts_with(is_lmtp_ ? "LHLO" : "EHLO")) {
            return answer(
                is_chunking_     ? "250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n"
                : is_pipelining_ ? "250-mx\r\n250 PIPELINING\r\n"
                                 : "250 mx\r\n"
            );
        }
        if (line.starts_with("HELO")) {
            return answer("250 mx\r\n");
        }
        if (line == "RSET") {
            present_ = {};
            has_mail_ = false;
            return answer("250 reset\r\n");
        }
        if (line.starts_with("MAIL FROM:<")) {
            if (has_mail_) {
                violations_.push_back("nested MAIL");
            }
            const std::string reply = answer("250 sender\r\n");
            has_mail_ = reply.starts_with("2");
            return reply;
        }
        if (line.starts_with("RCPT TO:<")) {
            const std::string reply = answer(has_mail_ ? "250 recipient\r\n" : "503 no MAIL\r\n");
            if (has_mail_ && reply.starts_with("2")) {
                present_.recipients.insert(line.substr(9, line.find('>') - 9));
            }
            return reply;
        }
        if (line == "DATA") {
            const std::string reply =
                answer(present_.recipients.empty() ? "503 no recipients\r\n" : "354 go\r\n");
            is_in_data_ = reply.starts_with("354");
            return reply;
        }
        if (line.starts_with("BDAT ") && line.ends_with(" LAST")) {
            chunk_size_ = std::stoul(line.substr(5));
            return "";
        }
        if (line == "QUIT") {
            is_closed_ = true;
            const std::string reply = answer("221 bye\r\n");
            is_closed_ = true;
            return reply;
        }
        violations_.push_back("unknown command: " + line);
        return answer("500 what?\r\n");
    }

    bool is_pipelining_;
    bool is_lmtp_;
    bool is_chunking_;
    std::optional<std::size_t> chunk_size_;  // BDAT's octets that have to come
    std::map<std::size_t, std::string> overrides_;
    std::size_t step_ = 0;
    std::string input_;
    bool is_in_data_ = false;
    bool has_mail_ = false;
    bool is_closed_ = false;
    Message present_;
    std::vector<Message> messages_;
    std::vector<std::string> violations_;
};

}  // namespace mxpost::test
