// What a signature costs: CPU of one message's, by size and kind of key.
//
//   bench_sign [SECONDS]
//
// Prints a JSON array of {"size": octets, "keys": "rsa2048", "us": CPU a message, "mib_s": …}.
// Content is in memory; "none" is reading it alone, with the canonical forms and the hash, no key.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "dkim/signer.h"
#include "mail/content.h"

namespace {

using namespace mxpost;

class Memory final : public mail::Content {
public:
    explicit Memory(const std::string& text) : text_(text) {}
    std::uint64_t size() const override { return text_.size(); }
    bool is_eight_bit() const override { return false; }
    Result<void> rewind() override {
        at_ = 0;
        return {};
    }
    Result<std::size_t> read(std::span<char> buffer) override {
        const std::size_t count = std::min(buffer.size(), text_.size() - at_);
        std::copy_n(text_.data() + at_, count, buffer.data());
        at_ += count;
        return count;
    }

private:
    const std::string& text_;
    std::size_t at_ = 0;
};

std::string message_of(std::size_t size) {
    std::string text =
        "Received: by bench.example.com (mxpost, from userid 1000)\r\n"
        "\tid 0123456789abcdefgh; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
        "From: Bench Caller <caller@bench.example.com>\r\nTo: someone@example.net\r\n"
        "Subject: A message\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
        "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@bench.example.com>\r\n\r\n";
    while (text.size() < size) {
        text += "Nothing to read here: this line is as long as lines of mail often are.\r\n";
    }
    return text;
}

double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double microseconds_each(
    const std::string& message, const std::vector<dkim::SigningKey>& keys, double seconds
) {
    const dkim::SignOptions options;
    const double begun = cpu_seconds();
    double spent = 0;
    std::size_t count = 0;
    do {
        Memory content(message);
        if (!dkim::sign(content, keys, options)) {
            std::fputs("bench_sign: it doesn't sign\n", stderr);
            std::exit(EXIT_FAILURE);
        }
        ++count;
        spent = cpu_seconds() - begun;
    } while (spent < seconds);
    return spent * 1e6 / static_cast<double>(count);
}

dkim::SigningKey new_key(dkim::KeyType type) {
    auto key = dkim::PrivateKey::generate(type);
    return {
        "bench.example.com",
        "s1",
        std::make_shared<const dkim::PrivateKey>(std::move(key).value())};
}

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : 1;
    const auto rsa = new_key(dkim::KeyType::rsa);
    const auto ed25519 = new_key(dkim::KeyType::ed25519);
    const std::vector<std::pair<const char*, std::vector<dkim::SigningKey>>> kinds = {
        {"none", {}}, {"rsa2048", {rsa}}, {"ed25519", {ed25519}}, {"both", {rsa, ed25519}}};
    const char* separator = "[";
    for (const std::size_t size :
         {std::size_t{2048}, std::size_t{100} << 10U, std::size_t{25} << 20U}) {
        const std::string message = message_of(size);
        for (const auto& [name, keys] : kinds) {
            const double each = microseconds_each(message, keys, seconds);
            std::printf(
                "%s{\"size\": %zu, \"keys\": \"%s\", \"us\": %.1f, \"mib_s\": %.0f}",
                separator,
                message.size(),
                name,
                each,
                static_cast<double>(message.size()) / each * 1e6 / (1U << 20U)
            );
            separator = ",\n ";
        }
    }
    std::puts("]");
    return EXIT_SUCCESS;
}
