// For tests/lab/recode_judged.py: messages in, messages without 8-bit content out. Each is a line
// with its length in octets, then the octets.
#include <iostream>
#include <string>

#include "mail/recode.h"

namespace {

constexpr std::size_t kStep = 1000;  // so that cuts fall anywhere

std::string recoded(const std::string& message) {
    using mxpost::mail::RecodeScan;
    RecodeScan scan(mxpost::mail::RecodeOptions{true});
    for (std::size_t at = 0; at < message.size(); at += kStep) {
        scan.feed(std::string_view(message).substr(at, kStep));
    }
    mxpost::mail::RecodePlan plan = scan.finish();
    if (!plan.is_needed) {
        return message;
    }
    std::string out;
    mxpost::mail::Recoder recoder(std::move(plan), [&](std::string_view piece) { out += piece; });
    for (std::size_t at = 0; at < message.size(); at += kStep) {
        recoder.feed(std::string_view(message).substr(at, kStep));
    }
    recoder.finish();
    return out;
}

}  // namespace

int main() {
    std::string line;
    while (std::getline(std::cin, line)) {
        std::string message(std::stoul(line), '\0');
        if (!std::cin.read(message.data(), static_cast<std::streamsize>(message.size()))) {
            return 1;
        }
        const std::string out = recoded(message);
        std::cout << out.size() << '\n' << out;
    }
    return std::cout.flush() ? 0 : 1;
}
