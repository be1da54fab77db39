// Fills a box with messages, through the spool's own code, for measurements of large queues.
//
//   bench_fill BOX_DIR COUNT [--domains N] [--prefix d%04d.test] [--size OCTETS]
//              [--due now|+SECONDS] [--untried|--tried]
//
// The box must be there; as root the messages are made as its owner. They go to N domains in turn,
// whose names are PREFIX with the number in it. `--untried` (default where they are due now): each
// looks as if it had just been submitted; `--tried`: as if an attempt an hour ago had failed.
// Nothing is synced but the file system at the end, so that a million takes minutes.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/random.h"
#include "mail/envelope.h"
#include "spool/box.h"
#include "spool/message_writer.h"

namespace {

using namespace mxpost;

/// One sync at the end is enough here: nobody was promised anything.
class UnsyncedFileSystem final : public PosixFileSystem {
public:
    Result<void> fsync(int) override { return {}; }
    Result<void> fdatasync(int) override { return {}; }
};

struct Order {
    std::string directory;
    std::uint64_t count = 0;
    std::uint64_t domains = 1;
    std::string prefix = "d%04d.test";
    std::uint64_t size = 2048;
    std::chrono::seconds due{0};
    bool is_tried = false;
};

[[noreturn]] void die(const std::string& why) {
    std::fprintf(stderr, "bench_fill: %s\n", why.c_str());
    std::exit(EXIT_FAILURE);
}

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
        die("no number: " + std::string(text));
    }
    return value;
}

Order parse(int argc, char** argv) {
    if (argc < 3) {
        die("usage: bench_fill BOX_DIR COUNT [--domains N] [--prefix d%04d.test] [--size OCTETS] "
            "[--due now|+SECONDS] [--untried|--tried]");
    }
    Order order;
    order.directory = argv[1];
    order.count = number(argv[2]);
    bool is_untried = false;
    for (int i = 3; i < argc; ++i) {
        const std::string_view option = argv[i];
        if (option == "--tried" || option == "--untried") {
            order.is_tried = option == "--tried";
            is_untried = !order.is_tried;
            continue;
        }
        if (++i == argc) {
            die("no value: " + std::string(option));
        }
        const std::string_view value = argv[i];
        if (option == "--domains") {
            order.domains = std::max<std::uint64_t>(1, number(value));
        } else if (option == "--prefix") {
            order.prefix = value;
        } else if (option == "--size") {
            order.size = number(value);
        } else if (option == "--due") {
            order.due = std::chrono::seconds(
                value == "now" ? 0 : number(value.substr(value.starts_with('+') ? 1 : 0))
            );
        } else {
            die("no such option: " + std::string(option));
        }
    }
    if (order.due.count() > 0 && !is_untried) {
        order.is_tried = true;
    }
    return order;
}

/// `prefix` with `value` instead of "%d" or "%0Nd".
std::string domain(const std::string& prefix, std::uint64_t value) {
    const std::size_t percent = prefix.find('%');
    const std::size_t end = percent == std::string::npos ? percent : prefix.find('d', percent);
    if (end == std::string::npos) {
        return prefix;
    }
    std::string digits = std::to_string(value);
    const std::string width = prefix.substr(percent + 1, end - percent - 1);
    const std::size_t wanted = width.empty() ? 0 : number(width);
    digits.insert(0, wanted > digits.size() ? wanted - digits.size() : 0, '0');
    return prefix.substr(0, percent) + digits + prefix.substr(end + 1);
}

class Filler {
public:
    Filler(FileSystem& files, const spool::Box& box, Order order)
        : files_(files), box_(box), order_(std::move(order)), start_(clock_.now()) {
        const std::string line = "Nothing to read here: this line is as long as many are.\r\n";
        while (body_.size() + line.size() + 200 < order_.size) {
            body_ += line;
        }
    }

    /// The time in the id is the submission's: an hour ago for what was tried already.
    void add(std::uint64_t index) {
        const WallTime due = start_ + order_.due;
        const WallTime submission = (order_.is_tried ? start_ - std::chrono::hours(1) : due) +
                                    std::chrono::microseconds(index);
        const auto id = spool::make_message_id(submission, random_);
        mail::Envelope envelope;
        envelope.sender = mail::Address("bench", "bench.example.com");
        envelope.arrival = submission;
        envelope.recipients.emplace_back(mail::Address(
            "user" + std::to_string(index), domain(order_.prefix, index % order_.domains)
        ));
        const std::string header = "From: Bench <bench@bench.example.com>\r\nMessage-ID: <" + id +
                                   "@bench.example.com>\r\nSubject: Message " +
                                   std::to_string(index) + "\r\n";
        check(write(id, envelope, header, to_seconds(order_.is_tried ? due : submission)));
    }

private:
    Result<void> write(
        const spool::MessageId& id,
        const mail::Envelope& envelope,
        const std::string& header,
        std::chrono::sys_seconds due
    ) {
        auto writer = spool::MessageWriter::create(files_, box_, id);
        if (!writer) {
            return writer.error();
        }
        if (auto done = writer->begin(envelope, header); !done) {
            return done;
        }
        if (auto done = writer->append(body_); !done) {
            return done;
        }
        if (auto done = writer->commit(false, false, due); !done) {
            return done.error();
        }
        return {};
    }
    static void check(const Result<void>& done) {
        if (!done) {
            die(done.error().message());
        }
    }

    FileSystem& files_;
    const spool::Box& box_;
    Order order_;
    SystemClock clock_;
    SystemRandom random_;
    WallTime start_;
    std::string body_;
};

}  // namespace

int main(int argc, char** argv) {
    const Order order = parse(argc, argv);
    UnsyncedFileSystem files;
    auto directory = files.open(AT_FDCWD, order.directory, O_RDONLY | O_DIRECTORY, 0);
    if (!directory) {
        die(directory.error().message());
    }
    const auto box = spool::adopt_box(files, std::move(*directory), order.directory);
    if (!box) {
        die(box.error().message());
    }
    // The files' owner must be the box's.
    if (::geteuid() == 0 && ::setresuid(box->owner(), box->owner(), box->owner()) != 0) {
        die("can't become the box's owner");
    }
    Filler filler(files, *box, order);
    for (std::uint64_t i = 0; i < order.count; ++i) {
        filler.add(i);
    }
    ::syncfs(box->directory());
    return EXIT_SUCCESS;
}
