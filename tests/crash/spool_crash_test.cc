// The program stops before each of its file-system calls in turn, the power fails, and in each
// state that this may leave (see VolatileDisk) an engine must find the promises kept: accepted mail
// is there and whole, mail that wasn't accepted is whole or not there, a recipient is served again
// only where its outcome was not on disk, and a failure is always reported.
#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include "dsn/report.h"
#include "spool/box_store.h"
#include "spool/message_writer.h"
#include "spool/order.h"
#include "support/failing_file_system.h"
#include "support/fixed_random.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"
#include "support/volatile_disk.h"

namespace mxpost::spool {
namespace {

using mail::OutcomeKind;
using test::VolatileDisk;

const std::string kHeader = "From: alice@example.com\r\nSubject: Hello\r\n";
const std::string kShortBody = "Hello Bob\r\n";
const std::string kLongBody = std::string(150'000, 'x') + "\r\n";
const std::chrono::sys_seconds kDue(std::chrono::seconds(1704110400));
const MessageId kId = "01hk2w7yz0c0000000";
constexpr std::size_t kMostStates = 100;  // of one stop point; few have more

mail::Envelope make_envelope() {
    mail::Envelope envelope;
    envelope.sender = mail::Address("alice", "example.com");
    envelope.arrival = WallTime(kDue);
    envelope.recipients.emplace_back(mail::Address("bob", "example.org"));
    envelope.recipients.emplace_back(mail::Address("carol", "example.org"));
    return envelope;
}

/// What the world outside has seen, over all lives of the program.
struct World {
    bool is_accepted = false;           // sendmail exited with 0
    std::array<int, 2> deliveries{};    // of each recipient
    std::array<bool, 2> is_recorded{};  // its outcome was synced
    std::array<int, 2> after_record{};  // deliveries after that: never allowed
};

/// One life after another in one box.
class Machine {
public:
    explicit Machine(const std::string& root)
        : path_(make_box(root)), disk_(path_), files_(disk_) {}

    FileSystem& files() { return files_; }
    FileSystem& posix() { return posix_; }
    VolatileDisk& disk() { return disk_; }
    const std::string& path() const { return path_; }
    Box open_box(FileSystem& files) {
        auto directory = files.open(AT_FDCWD, path_, O_RDONLY | O_DIRECTORY, 0);
        return std::move(*adopt_box(files, std::move(*directory), path_));
    }

    /// Runs `life`; false when it was stopped before its call number `stop_at` (0: never).
    bool run(std::size_t stop_at, const std::function<void(FileSystem&)>& life) {
        if (stop_at > 0) {
            files_.stop_before(stop_at);
        }
        try {
            life(files_);
            return true;
        } catch (const test::Stopped&) {
            return false;
        }
    }
    const std::string& last_call() const { return files_.trace().back(); }
    /// What the power may leave, in the end the program's own view: it died, the machine didn't.
    std::vector<VolatileDisk::State> ends() const { return disk_.states(kMostStates); }
    void become(const VolatileDisk::State& state) { VolatileDisk::make(state, path_); }

private:
    static std::string make_box(const std::string& root) {
        PosixFileSystem posix;
        test::ManualClock clock;
        test::FixedRandom random;
        auto box = open_own_box(posix, root, ::getuid(), clock, random);
        return box->path();
    }

    PosixFileSystem posix_;
    std::string path_;
    VolatileDisk disk_;
    test::FailingFileSystem files_;
};

bool submit(FileSystem& files, Machine& machine, const std::string& body) {
    const Box box = machine.open_box(files);
    auto writer = MessageWriter::create(files, box, kId);
    return writer && writer->begin(make_envelope(), kHeader) && writer->append(body) &&
           writer->commit(false, false, kDue).has_value();
}

std::string read_all(mail::Content& content) {
    std::string text;
    std::vector<char> buffer(65536);
    while (true) {
        const auto got = content.read(buffer);
        if (!got) {
            return "error: " + got.error().message();
        }
        if (*got == 0) {
            return text;
        }
        text.append(buffer.data(), *got);
    }
}

/// An engine's way with one message: bob's server takes it, carol's refuses.
class Engine {
public:
    Engine(FileSystem& files, Machine& machine, World& world, std::uint64_t number)
        : store_(files, machine.open_box(files)), world_(world), number_(number) {}

    void run() {
        std::vector<EntryName> names;
        (void)store_.list([&](const EntryName& name) { names.push_back(name); }).has_value();
        for (const EntryName& name : names) {
            const ClaimResult result = store_.claim(name);
            if (result.claim && !result.claim->envelope().is_bounce) {
                deliver(*result.claim);
            }
        }
    }

private:
    void deliver(Claim& claim) {
        const std::string text = read_all(*claim.content(claim.header()));
        if (text.starts_with("error")) {
            return;  // the session ends without the final dot
        }
        EXPECT_EQ(text, kHeader + "\r\n" + kShortBody) << "half a message was acted upon";
        for (std::uint32_t i = 0; i < 2; ++i) {
            if (!claim.journal().recipients[i].is_pending()) {
                continue;
            }
            ++world_.deliveries[i];
            world_.after_record[i] += world_.is_recorded[i] ? 1 : 0;
            OutcomeRecord record;
            record.recipient = i;
            record.time = WallTime(kDue);
            record.outcome = mail::RecipientOutcome(
                i == 0 ? OutcomeKind::delivered : OutcomeKind::failed,
                {static_cast<std::uint8_t>(i == 0 ? 2 : 5), 1, 1},
                "the server's words"
            );
            if (!write_down(claim, record)) {
                return;
            }
            world_.is_recorded[i] = true;
        }
        if (!claim.journal().recipients[1].is_failure_reported && !report(claim)) {
            return;
        }
        if (claim.remove()) {
            (void)store_.sync_removals().has_value();
        }
    }

    bool report(Claim& claim) {
        const MessageId id = "01hk2w7yz0c000000" + std::to_string(number_);
        const mail::Envelope& envelope = claim.envelope();
        dsn::ReportRequest request;
        request.envelope = &envelope;
        request.id = claim.name().id;
        request.header = claim.header();
        request.recipients.emplace_back(1, &claim.journal().recipients[1]);
        request.reporting_mta = "host.example.com";
        request.report_id = id;
        const dsn::Report report = dsn::make_report(request);
        // Durable and held before the original says that it exists; else it could be sent twice.
        const auto submitted = store_.submit(id, report.envelope, report.header, report.body, kDue);
        ReportRecord record;
        record.time = WallTime(kDue);
        record.report_id = id;
        record.recipients = {1};
        return submitted && write_down(claim, record);
    }

    /// The second time where the first fails.
    static bool write_down(Claim& claim, const Record& record) {
        return (claim.append({record}) && claim.sync()) || (claim.record_again() && claim.sync());
    }

    BoxStore store_;
    World& world_;
    std::uint64_t number_;
};

constexpr std::size_t kOpenCalls = 2;  // of Machine::open_box(), which can't fail

/// What lies in the box, read without any failure.
struct Found {
    std::size_t messages = 0;
    std::size_t reports = 0;
    std::size_t corrupt = 0;
};

Found look(Machine& machine) {
    Found found;
    BoxStore store(machine.posix(), machine.open_box(machine.posix()));
    (void)store
        .list([&](const EntryName& name) {
            const auto message = read_message(machine.posix(), store.box(), name);
            if (!message) {
                ADD_FAILURE() << name.text() << ": " << message.error().message();
            } else if (message->envelope().is_bounce) {
                ++found.reports;
            } else {
                ++found.messages;
                FileContent content(machine.posix(), *message, message->header());
                EXPECT_FALSE(read_all(content).starts_with("error"));
            }
        })
        .has_value();
    found.corrupt = store.count_corrupt();
    return found;
}

/// How many calls `life` makes when nothing stops it, after `before`.
std::size_t count_calls(
    const std::function<void(Machine&)>& before,
    const std::function<void(Machine&, FileSystem&)>& life
) {
    const test::TemporaryDirectory root;
    Machine machine(root.path());
    before(machine);
    test::FailingFileSystem counting(machine.posix());
    life(machine, counting);
    return counting.count();
}

void with_a_message(Machine& machine) {
    ASSERT_TRUE(submit(machine.posix(), machine, kShortBody));
    machine.disk().start_anew();
}

/// After the last life nothing is left but reports, and the promises were kept.
void expect_good_end(Machine& machine, const World& world, const std::string& where) {
    const Found last = look(machine);
    EXPECT_EQ(last.messages, 0U) << where;
    EXPECT_EQ(last.corrupt, 0U) << where;
    EXPECT_GE(last.reports, 1U) << where;
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_GE(world.deliveries[i], 1) << where;
        EXPECT_EQ(world.after_record[i], 0) << where;
    }
}

TEST(SpoolCrash, AcceptedMeansThereAndWhole) {
    for (const std::string& body : {kShortBody, kLongBody}) {
        const std::size_t calls = count_calls(
            [](Machine&) {},
            [&](Machine& machine, FileSystem& files) { submit(files, machine, body); }
        );
        ASSERT_GT(calls, 8U);
        for (std::size_t stop_at = 1; stop_at <= calls + 1; ++stop_at) {
            const test::TemporaryDirectory root;
            Machine machine(root.path());
            World world;
            machine.run(stop_at, [&](FileSystem& files) {
                world.is_accepted = submit(files, machine, body);
            });
            EXPECT_EQ(world.is_accepted, stop_at > calls);
            for (const VolatileDisk::State& end : machine.ends()) {
                machine.become(end);
                const Found found = look(machine);
                EXPECT_LE(found.messages, 1U);
                if (world.is_accepted) {
                    EXPECT_EQ(found.messages, 1U);
                }
                EXPECT_EQ(found.corrupt, 0U);
            }
        }
    }
}

/// Who is told of a failure will send the message again: then it must not stay.
TEST(SpoolCrash, ARefusedMessageDoesNotStay) {
    const std::size_t calls = count_calls(
        [](Machine&) {},
        [&](Machine& machine, FileSystem& files) { submit(files, machine, kLongBody); }
    );
    for (std::size_t fail_at = kOpenCalls + 1; fail_at <= calls; ++fail_at) {
        const test::TemporaryDirectory root;
        Machine machine(root.path());
        test::FailingFileSystem files(machine.disk());
        files.fail(fail_at, EIO);
        const bool is_accepted = submit(files, machine, kLongBody);
        const std::string where = files.trace().at(fail_at - 1) + " failed";
        EXPECT_EQ(look(machine).messages, is_accepted ? 1U : 0U) << where;
    }
}

TEST(SpoolCrash, TheFirstMessageOfANewBoxIsThereToo) {
    for (std::size_t stop_at = 1; stop_at < 40; ++stop_at) {
        const test::TemporaryDirectory root;
        VolatileDisk disk(root.path());
        test::FailingFileSystem files(disk);
        files.stop_before(stop_at);
        bool is_accepted = false;
        try {
            test::ManualClock clock;
            test::FixedRandom random;
            const auto box = open_own_box(files, root.path(), ::getuid(), clock, random);
            ASSERT_TRUE(box);
            auto writer = MessageWriter::create(files, *box, kId);
            is_accepted = writer && writer->begin(make_envelope(), kHeader) &&
                          writer->append(kShortBody) && writer->commit(false, false, kDue);
        } catch (const test::Stopped&) {
        }
        for (const VolatileDisk::State& end : disk.states(kMostStates)) {
            std::size_t messages = 0;
            for (const auto& [path, node] : end) {
                messages += path.find(kId) != std::string::npos ? 1U : 0U;
            }
            EXPECT_LE(messages, 1U);
            EXPECT_TRUE(messages == 1 || !is_accepted) << stop_at;
        }
    }
}

TEST(SpoolCrash, DeliveryLosesNothingAndRepeatsOnlyWhatWasNotRecorded) {
    World ignored;
    const std::size_t calls = count_calls(with_a_message, [&](Machine& machine, FileSystem& files) {
        Engine(files, machine, ignored, 1).run();
    });
    ASSERT_GT(calls, 25U);
    for (std::size_t stop_at = 1; stop_at <= calls + 1; ++stop_at) {
        const test::TemporaryDirectory root;
        Machine machine(root.path());
        with_a_message(machine);
        World world;
        const bool is_finished = machine.run(stop_at, [&](FileSystem& files) {
            Engine(files, machine, world, 1).run();
        });
        const std::string where = is_finished ? "the end" : "before " + machine.last_call();
        for (const VolatileDisk::State& end : machine.ends()) {
            machine.become(end);
            const Found found = look(machine);
            EXPECT_GE(found.messages + found.reports, 1U) << where;
            EXPECT_EQ(found.corrupt, 0U) << where;
            // The next engine makes an end of it.
            World after = world;
            Engine(machine.posix(), machine, after, 2).run();
            expect_good_end(machine, after, where);
            EXPECT_LE(look(machine).reports, 2U) << where;
            for (const int deliveries : after.deliveries) {
                EXPECT_LE(deliveries, 2) << where;
            }
        }
    }
}

/// Recovery is interrupted as well, in each of its calls.
TEST(SpoolCrash, TwoCrashesInARowLoseNothing) {
    World ignored;
    const std::size_t calls = count_calls(with_a_message, [&](Machine& machine, FileSystem& files) {
        Engine(files, machine, ignored, 1).run();
    });
    for (std::size_t stop_at = kOpenCalls + 1; stop_at <= calls; stop_at += 2) {
        const test::TemporaryDirectory root;
        Machine machine(root.path());
        with_a_message(machine);
        World world;
        machine.run(stop_at, [&](FileSystem& files) { Engine(files, machine, world, 1).run(); });
        for (const VolatileDisk::State& end : machine.disk().states(4)) {
            bool is_finished = false;
            for (std::size_t again = kOpenCalls + 1; !is_finished; ++again) {
                machine.become(end);
                machine.disk().start_anew();
                World after = world;
                test::FailingFileSystem files(machine.disk());
                files.stop_before(again);
                is_finished = true;
                try {
                    Engine(files, machine, after, 2).run();
                } catch (const test::Stopped&) {
                    is_finished = false;
                }
                for (const VolatileDisk::State& second : machine.disk().states(3)) {
                    machine.become(second);
                    World last = after;
                    Engine(machine.posix(), machine, last, 3).run();
                    expect_good_end(
                        machine, last, std::to_string(stop_at) + " " + std::to_string(again)
                    );
                }
            }
        }
    }
}

TEST(SpoolCrash, EveryCallOfADeliveryMayFail) {
    World ignored;
    const std::size_t calls = count_calls(with_a_message, [&](Machine& machine, FileSystem& files) {
        Engine(files, machine, ignored, 1).run();
    });
    // A failing call and a later power loss: the failure of a sync must not have been forgotten.
    for (std::size_t fail_at = kOpenCalls + 1; fail_at <= calls; ++fail_at) {
        const test::TemporaryDirectory root;
        Machine machine(root.path());
        with_a_message(machine);
        World world;
        test::FailingFileSystem files(machine.disk());
        files.fail(fail_at, EIO);
        files.tear_writes(9);
        files.on_failed_sync = [&machine](int fd) { machine.disk().lose_writes(fd); };
        Engine(files, machine, world, 1).run();
        const std::string where = files.trace().at(fail_at - 1) + " failed";
        for (const VolatileDisk::State& end : machine.ends()) {
            machine.become(end);
            World after = world;
            Engine(machine.posix(), machine, after, 2).run();
            expect_good_end(machine, after, where);
        }
    }
}

TEST(SpoolCrash, PostponingAndSettingAsideLoseNothing) {
    const auto life = [](Machine& machine, FileSystem& files) {
        BoxStore store(files, machine.open_box(files));
        const ClaimResult result = store.claim({kId, kDue});
        ASSERT_NE(result.claim, nullptr) << result.reason;
        ASSERT_TRUE(result.claim->postpone(kDue + std::chrono::hours(1)));
        ASSERT_TRUE(result.claim->set_aside());
    };
    const std::size_t calls = count_calls(with_a_message, life);
    for (std::size_t stop_at = 1; stop_at <= calls + 1; ++stop_at) {
        const test::TemporaryDirectory root;
        Machine machine(root.path());
        with_a_message(machine);
        const bool is_finished =
            machine.run(stop_at, [&](FileSystem& files) { life(machine, files); });
        for (const VolatileDisk::State& end : machine.ends()) {
            machine.become(end);
            BoxStore store(machine.posix(), machine.open_box(machine.posix()));
            std::size_t in_queue = 0;
            ASSERT_TRUE(store.list([&](const EntryName& name) {
                EXPECT_EQ(name.id, kId);
                ++in_queue;
            }));
            EXPECT_GE(in_queue + store.count_corrupt(), 1U) << stop_at;
            if (is_finished) {
                EXPECT_EQ(in_queue, 0U);
                EXPECT_EQ(store.count_corrupt(), 1U);
            }
        }
    }
}

/// Of an administrator's order it is durable that it was carried out, once that was said.
TEST(SpoolCrash, OrdersLastAndLoseNothing) {
    for (const Verb verb : {Verb::hold, Verb::bounce, Verb::retry}) {
        Order order;
        order.verb = verb;
        order.by = "root";
        order.now = WallTime(kDue);
        const auto life = [&order](Machine& machine, FileSystem& files) {
            BoxStore store(files, machine.open_box(files));
            const ClaimResult result = store.claim({kId, kDue});
            return result.claim != nullptr && carry_out(*result.claim, order).has_value();
        };
        for (std::size_t stop_at = 1; stop_at < 40; ++stop_at) {
            const test::TemporaryDirectory root;
            Machine machine(root.path());
            with_a_message(machine);
            bool is_done = false;
            machine.run(stop_at, [&](FileSystem& files) { is_done = life(machine, files); });
            for (const VolatileDisk::State& end : machine.ends()) {
                machine.become(end);
                BoxStore store(machine.posix(), machine.open_box(machine.posix()));
                std::vector<EntryName> names;
                ASSERT_TRUE(store.list([&](const EntryName& name) { names.push_back(name); }));
                ASSERT_EQ(names.size(), 1U) << stop_at;
                const ClaimResult found = store.claim(names[0]);
                ASSERT_NE(found.claim, nullptr) << found.reason;
                const JournalState& journal = found.claim->journal();
                if (is_done && verb == Verb::hold) {
                    EXPECT_TRUE(journal.is_held());
                }
                if (is_done && verb == Verb::bounce) {
                    EXPECT_FALSE(journal.recipients[0].is_pending());
                }
            }
        }
    }
}

/// Two messages end with one sync of the directory: until it, each may come back, and none is lost
/// or comes back afterwards.
TEST(SpoolCrash, RemovalsAreSyncedTogether) {
    const MessageId other = "01hk2w7yz0c0000001";
    for (std::size_t stop_at = 1; stop_at < 60; ++stop_at) {
        const test::TemporaryDirectory root;
        Machine machine(root.path());
        for (const MessageId& id : {kId, other}) {
            BoxStore store(machine.posix(), machine.open_box(machine.posix()));
            ASSERT_TRUE(store.submit(id, make_envelope(), kHeader, kShortBody, kDue));
        }
        machine.disk().start_anew();
        bool is_synced = false;
        machine.run(stop_at, [&](FileSystem& files) {
            BoxStore store(files, machine.open_box(files));
            for (const MessageId& id : {kId, other}) {
                const ClaimResult result = store.claim({id, kDue});
                ASSERT_NE(result.claim, nullptr) << result.reason;
                ASSERT_TRUE(result.claim->remove());
            }
            is_synced = store.sync_removals().has_value();
        });
        for (const VolatileDisk::State& end : machine.ends()) {
            machine.become(end);
            const Found found = look(machine);
            EXPECT_EQ(found.corrupt, 0U);
            EXPECT_TRUE(found.messages == 0 || !is_synced) << stop_at;
        }
    }
}

}  // namespace
}  // namespace mxpost::spool
