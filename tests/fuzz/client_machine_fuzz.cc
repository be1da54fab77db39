// A server that says anything, at any time: the client ends, writes only whole lines that it means
// to, gives each message its outcomes in its turn and each recipient one, and calls nobody
// delivered without a 2yz of its own behind its content.
//
// Input: one octet of choices, then what the server says, in pieces that end at each 0xff; an
// empty piece is a timeout; one that begins with 0xfe is what is heard when the next write breaks.
// Choices: see settings(); without 32, 64 means that each message follows on the heels of the one
// before.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/client_machine.h"

namespace {

using mxpost::protocol::ClientMachine;
using mxpost::protocol::ClientSettings;
using mxpost::protocol::StartTls;
using mxpost::protocol::Transaction;
using Want = ClientMachine::Want;

constexpr std::string_view kContent = "Subject: x\r\n\r\n.\r\nbye\r\n";

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

Transaction transaction() {
    Transaction result(mxpost::mail::Address("me", "a.example"), {});
    for (const char* name : {"x", "y", "z\r\nQUIT"}) {
        result.recipients.emplace_back(mxpost::mail::Address(name, "b.example"));
    }
    result.dsn_return = mxpost::mail::DsnReturn::full;
    result.content_size = kContent.size();
    return result;
}

/// Not digests, but as long, and different for different texts.
class ToyDigests final : public mxpost::Digests {
public:
    std::string sha256(std::string_view text) const override { return mixed(text, 32); }
    std::string hmac_sha256(std::string_view key, std::string_view text) const override {
        return mixed(std::string(key) + std::string(text), 32);
    }
    std::string hmac_md5(std::string_view key, std::string_view text) const override {
        return mixed(std::string(key) + std::string(text), 16);
    }
    std::string pbkdf2_sha256(std::string_view password, std::string_view salt, std::uint32_t)
        const override {
        return mixed(std::string(password) + std::string(salt), 32);
    }

private:
    static std::string mixed(std::string_view text, std::size_t size) {
        std::string result(size, '\x5a');
        for (std::size_t i = 0; i < text.size(); ++i) {
            result[i % size] = static_cast<char>(result[i % size] * 31 + text[i]);
        }
        return result;
    }
};

const ToyDigests kDigests;

/// Counts a message's replies to its content, and what it wrote.
class Witness final : public mxpost::protocol::Dialogue {
public:
    void client(std::string_view line) override {
        if (line.ends_with(" octets of content)")) {
            ++contents;
        }
    }
    void server(std::string_view line) override { last_reply = line; }
    void note(std::string_view /*line*/) override {}

    int contents = 0;  // ends of content
    std::string last_reply;
};

class Driver {
public:
    explicit Driver(std::uint8_t choices) : machine_(settings(choices)), choices_(choices) {}

    void hear(std::string_view piece) {
        if (piece.empty()) {
            machine_.timed_out();
        } else {
            machine_.received(piece);
        }
        go_on();
    }

    void end() {
        machine_.closed("");
        go_on();
        require(machine_.want() == Want::finished);
        require(machine_.output().empty());
        require(under_way_.empty());
    }

    /// The next write fails when half of it was sent; `last_words` is what the server had said.
    void fail_next_write(std::string_view last_words) {
        is_write_broken_ = true;
        last_words_ = last_words;
    }

private:
    static ClientSettings settings(std::uint8_t choices) {
        ClientSettings result("me.example");
        result.start_tls = (choices & 1) != 0   ? StartTls::never
                           : (choices & 2) != 0 ? StartTls::required
                                                : StartTls::when_offered;
        result.is_tls_from_start = (choices & 128) != 0;
        if ((choices & 32) != 0) {
            auto credentials = std::make_shared<mxpost::protocol::Credentials>();
            credentials->user = "me";
            credentials->secret = mxpost::Secret("tanstaaf");
            result.auth.credentials = std::move(credentials);
            for (const char* name : {"SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN", "XOAUTH2"}) {
                result.auth.allowed.add(*mxpost::protocol::find_mechanism(name));
            }
            result.auth.may_show_secret = (choices & 64) != 0;
            result.auth.digests = &kDigests;
            result.auth.nonce = "abc";
        }
        result.dialect =
            (choices & 16) != 0 ? mxpost::protocol::Dialect::lmtp : mxpost::protocol::Dialect::smtp;
        return result;
    }

    /// What the session does until it has to listen again.
    void go_on() {
        for (int step = 0; step < 20; ++step) {
            take_finished();
            const Want want = machine_.want();
            if (want == Want::content) {
                send_content();
            }
            write();
            take_finished();
            if (want == Want::start_tls) {
                has_tls_ = (choices_ & 4) == 0;
                has_tls_ ? machine_.tls_established("TLS") : machine_.tls_failed("no");
            } else if (want == Want::idle && machine_.want() == Want::idle && started_ < 4) {
                start();
            } else if (want == Want::idle && machine_.want() == Want::idle) {
                machine_.quit();
            } else if (machine_.want() != Want::content && machine_.want() != Want::idle) {
                return;
            }
        }
        std::abort();  // it doesn't come to rest
    }

    void start() {
        under_way_.push_back(std::make_unique<Witness>());
        ++started_;
        machine_.start(transaction(), under_way_.back().get());
    }

    void send_content() {
        require(!under_way_.empty());
        if ((choices_ & 8) != 0 && started_ == 2) {
            machine_.content_failed("bad");
            return;
        }
        const bool is_chunk = machine_.must_hold_output() || is_last_line_bdat();
        require(machine_.content(kContent.substr(0, 15)));
        require(machine_.content(kContent.substr(15)) && machine_.content_end());
        require(
            machine_.output().ends_with(is_chunk ? "\r\n.\r\nbye\r\n" : "\r\n..\r\nbye\r\n.\r\n")
        );
        if ((choices_ & 96) == 64 && machine_.may_follow() && started_ < 4) {
            start();
        }
    }

    bool is_last_line_bdat() { return machine_.output().ends_with(" LAST\r\n"); }

    void write() {
        const std::string bytes = machine_.output();
        if (std::exchange(is_write_broken_, false) && !bytes.empty()) {
            machine_.write_failed("broken", bytes.size() / 2, last_words_);
            return;
        }
        machine_.output_written();
        require(bytes.empty() || bytes.ends_with("\r\n"));
        require(
            static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\r')) ==
            static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n'))
        );
        require(bytes.find("z\r\n") == std::string::npos);
        // LOGIN's answer, and PLAIN's.
        if ((choices_ & 64) == 0 && !has_tls_) {
            require(bytes.find("dGFuc3RhYWY=") == std::string::npos);
            require(bytes.find("AUTH PLAIN") == std::string::npos);
        }
    }

    void take_finished() {
        while (auto finished = machine_.take_finished()) {
            require(!under_way_.empty());
            check(finished->result, *under_way_.front());
            under_way_.pop_front();
        }
    }

    void check(const mxpost::protocol::TransactionResult& result, const Witness& witness) const {
        const bool is_lmtp = (choices_ & 16) != 0;  // there others' replies may come behind
        require(result.outcomes.size() == 3);
        for (const auto& outcome : result.outcomes) {
            if (outcome.kind == mxpost::mail::OutcomeKind::delivered) {
                require(!result.is_unattempted && witness.contents > 0);
                require(is_lmtp || witness.last_reply.starts_with('2'));
                require(outcome.reply_code / 100 == 2 && outcome.status.klass == 2);
                require(outcome.step == mxpost::mail::Step::content);
            }
            require(outcome.status.klass != 0);
            require(outcome.text.size() <= 1024);
        }
        if (result.is_unattempted) {
            require(witness.contents == 0);
            require(result.may_try_next_host);
            return;
        }
        require(result.outcomes[2].status.text() == "5.1.3");
    }

    ClientMachine machine_;
    std::uint8_t choices_;
    int started_ = 0;
    std::deque<std::unique_ptr<Witness>> under_way_;
    bool is_write_broken_ = false;
    std::string last_words_;
    bool has_tls_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    Driver driver(data[0]);
    std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    while (!rest.empty()) {
        const auto end = rest.find('\xff');
        const auto piece = rest.substr(0, end);
        if (piece.starts_with('\xfe')) {
            driver.fail_next_write(piece.substr(1));
        } else {
            driver.hear(piece);
        }
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    driver.end();
    return 0;
}
