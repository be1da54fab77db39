// A day of a busy queue in a few seconds: the real engine, its sites and sessions, a box on a disk
// that forgets what wasn't synced, and twenty mail servers. Everything goes wrong at random:
// servers refuse, hang up, fall silent and lose the last reply; names can't be looked up; disk
// calls fail, one at a time and for minutes; the calendar jumps; the engine is told to end, is
// killed, and loses its power. Throughout, each accepted recipient must be in exactly one of:
// delivered, reported, queued; none is delivered twice but where a reply or a crash came between;
// nothing is tried too early, left untried, given up early or kept for ever (day_ledger.h).
//
//     MXPOST_DAY_SEED=7 MXPOST_DAY_SEEDS=100 crash_day      days 7 to 106
//     MXPOST_DAY_SEED=7 MXPOST_DAY_LOG=1 crash_day          with the engines' log
//
// Without MXPOST_DAY_SEEDS a day has four hours, unless MXPOST_DAY_HOURS says otherwise.
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>

#include "day_ledger.h"
#include "day_world.h"
#include "deliver/engine.h"
#include "support/virtual_time.h"
#include "support/volatile_disk.h"
#include "unit/deliver/deliver_test.h"

namespace mxpost::deliver {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto kBegin = SteadyTime(hours(1));
constexpr auto kOnce = seconds(25);  // a message, on average

enum class End { asked, killed, power };

schedule::RetryPolicy policy_of_the_day() {
    schedule::RetryPolicy policy;
    policy.max_delay = hours(1);
    policy.lifetime = hours(8);
    policy.warning = hours(1);
    return policy;
}

class Day {
public:
    Day(std::uint64_t seed, hours length)
        : length_(length),
          random_(seed),
          clock_(&first_clock_),
          box_(queue_.open(posix_)),
          disk_(box_.path()),
          ledger_(clock_, policy_),
          world_(ledger_, random_) {
        queue_.go_through(disk_);
        set(first_clock_, first_clock_.now(), kBegin);
    }

    void run() {
        while (now() < kBegin + length_ && !testing::Test::HasFailure()) {
            live(static_cast<End>(random_() % 3));
        }
        world_.is_calm = true;
        for (int lives = 0; !is_empty() && !testing::Test::HasFailure(); ++lives) {
            ASSERT_LT(lives, 20) << "the queue doesn't become empty";
            live(End::asked);
        }
        if (testing::Test::HasFailure()) {
            return;
        }
        for (const auto& [address, story] : ledger_.stories) {
            EXPECT_TRUE(
                story.taken > 0 || story.reported > 0 || (story.is_silent && story.is_failed)
            ) << address
              << " is lost";
        }
        std::cout << accepted_ << " recipients accepted, " << ledger_.deliveries
                  << " deliveries (with reports), " << ledger_.repeated << " of them again, "
                  << ends_[0] << " engines ended, " << ends_[1] << " killed, " << ends_[2]
                  << " lost their power, " << faults_ << " calls failed, " << ledger_.jumps
                  << " jumps of the calendar\n";
    }

private:
    using Task = boost::asio::awaitable<void>;

    SteadyTime now() const { return clock_->steady_now(); }
    bool is_likely(unsigned percent) { return random_() % 100 < percent; }
    seconds up_to(seconds most) {
        return seconds(random_() % static_cast<std::uint64_t>(most.count()) + 1);
    }
    bool is_empty() { return queue_.names().empty(); }

    // One life of an engine

    static void set(test::ManualClock& clock, WallTime wall, SteadyTime steady) {
        clock.advance(
            std::chrono::duration_cast<std::chrono::microseconds>(steady - clock.steady_now())
        );
        clock.jump_to(wall);
    }
    void live(End end) {
        const WallTime wall = clock_->now();
        const SteadyTime steady = now();
        std::optional<VolatileState> left;
        {
            Life life(queue_, wall);
            set(life.clock, wall, steady);
            clock_ = &life.clock;
            run_engine(life, end);
            set(first_clock_, life.clock.now(), now());
            clock_ = &first_clock_;
            if (end == End::power) {
                left = disk_.any_state(random_);
            }
            world_.close();
        }
        if (left) {
            test::VolatileDisk::make(*left, box_.path());
        }
        disk_.start_anew();
        ++ends_[static_cast<std::size_t>(end)];
        if (is_told_) {
            constexpr const char* kEnds[] = {"was asked", "was killed", "lost its power"};
            std::cout << Ledger::seconds(now() - kBegin) << " the engine "
                      << kEnds[static_cast<std::size_t>(end)] << "\n";
        }
        if (end != End::asked) {
            ledger_.crashed(pending());
        }
        inspect();
    }

    void run_engine(Life& life, End end) {
        prepare(life);
        EngineOptions options;
        options.role = EngineRole::system;
        options.spools = {queue_.root()};
        options.own_spool = queue_.root();
        Engine engine(life.io, life.files, life.services, std::move(options));
        const test::VirtualTime time(life.clock, [this, &life] {
            if (life.files.is_stopped()) {
                life.io.stop();
            }
            return life.files.is_stopped() || !world_.is_busy();
        });
        world_.open(life.io);
        is_over_ = false;
        start(life, submissions(life));
        start(life, weather(life));
        start(life, inspections(life));
        start(life, ending(life, end));
        try {
            engine.run();
        } catch (const test::Stopped&) {
        }
    }
    static void start(Life& life, Task task) {
        boost::asio::co_spawn(life.io, std::move(task), [](const std::exception_ptr& error) {
            if (error) {
                std::rethrow_exception(error);
            }
        });
    }
    void prepare(Life& life) {
        life.services.retry = policy_;
        life.settings.message_size_limit = 1 << 20;
        life.settings.max_recipients = 1000;
        life.settings.bounce_lifetime = policy_.lifetime;
        life.log.on_line = [this](std::string_view line) {
            if (is_told_) {
                std::cout << Ledger::seconds(now() - kBegin) << " " << line << "\n";
            }
            ledger_.heard(line);
        };
        life.files.tear_writes(9);
        life.files.on_failed_sync = [this](int fd) { disk_.lose_writes(fd); };
        world_.tell(life.resolver);
    }

    // What happens in it

    static Task wait(Life& life, std::chrono::milliseconds time) {
        boost::asio::steady_timer timer(life.io, time);
        co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }

    Task submissions(Life& life) {
        while (!is_over_ && !world_.is_calm) {
            co_await wait(life, up_to(2 * kOnce));
            const std::size_t burst = is_likely(1) ? 50 : 1;
            for (std::size_t i = 0; i < burst && !is_over_; ++i) {
                submit(life);
            }
        }
    }

    void submit(Life& life) {
        const unsigned number = ++submitted_;
        mail::Envelope envelope;
        envelope.sender = mail::Address("s", "home.example");
        if (is_likely(3)) {
            envelope.sender.reset();
        }
        envelope.arrival = life.clock.now();
        const std::size_t count = is_likely(70) ? 1 : is_likely(95) ? random_() % 4 + 1 : 30;
        for (std::size_t i = 0; i < count; ++i) {
            const bool is_nowhere = is_likely(3);
            const std::size_t site = random_() % (World::kReceivers - 1) + 1;
            envelope.recipients.emplace_back(mail::Address(
                "r" + std::to_string(number) + "-" + std::to_string(i),
                is_nowhere ? "nowhere.example" : world_.receivers()[site].domain
            ));
        }
        const spool::MessageId id = spool::make_message_id(life.clock.now(), ids_);
        const std::string header = "Subject: " + std::to_string(number) + "\r\n";
        spool::BoxStore store(disk_, queue_.open(disk_));
        auto claim =
            store.submit(id, envelope, header, body_of(number), to_seconds(envelope.arrival));
        ASSERT_TRUE(claim) << claim.error().message();
        for (const mail::Recipient& recipient : envelope.recipients) {
            const std::string address = recipient.address.text();
            ledger_.accepted(address, id, !envelope.sender);
            ledger_.stories[address].is_doomed = recipient.address.domain() == "nowhere.example";
            ++accepted_;
        }
    }

    Task weather(Life& life) {
        if (world_.is_calm) {
            for (Receiver& receiver : world_.receivers()) {
                receiver.mood = Mood::well;
                World::tell(life.resolver, receiver);
            }
            co_return;
        }
        while (!is_over_) {
            co_await wait(life, up_to(minutes(4)));
            if (is_over_) {
                co_return;  // the engine may be about to unlock its box
            }
            Receiver& receiver = world_.receivers()[random_() % World::kReceivers];
            receiver.mood = is_likely(50) ? Mood::well : static_cast<Mood>(random_() % kMoods);
            World::tell(life.resolver, receiver);
            if (is_likely(2)) {
                jump(life);
            }
            if (is_likely(20)) {
                fail(life, 1);
            }
            if (is_likely(2)) {
                co_await bad_disk(life);
            }
        }
    }

    void jump(Life& life) {
        constexpr std::chrono::seconds kJumps[] = {
            minutes(1), hours(1), hours(30), hours(24 * 365)};
        const seconds by = kJumps[random_() % std::size(kJumps)];
        life.clock.jump_to(life.clock.now() + (is_likely(50) ? by : -by));
        ++ledger_.jumps;
        ++ledger_.era;
        ledger_.jumped = now();
    }

    void fail(Life& life, std::size_t within) {
        constexpr int kErrors[] = {EIO, ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM, EROFS};
        life.files.fail(random_() % (20 * within) + 1, kErrors[random_() % std::size(kErrors)]);
        ledger_.trouble = now();
        ++faults_;
    }

    /// For some minutes nothing can be relied on, or the disk is full.
    Task bad_disk(Life& life) {
        const SteadyTime end = now() + up_to(minutes(8));
        const bool is_full = is_likely(50);
        if (is_full) {
            for (const char* call : {"write", "pwrite", "open", "fallocate", "link"}) {
                life.files.fail_always(call, ENOSPC);
            }
        }
        while (now() < end && !is_over_) {
            if (!is_full) {
                fail(life, 10);
            }
            ledger_.trouble = now();
            co_await wait(life, std::chrono::milliseconds(random_() % 2000));
        }
        if (!life.files.is_stopped()) {
            life.files.heal();
        }
        ledger_.trouble = now();
    }

    Task inspections(Life& life) {
        while (!is_over_) {
            co_await wait(life, minutes(5));
            inspect();
            life.log.lines.clear();
            if (testing::Test::HasFailure() || (world_.is_calm && is_empty())) {
                break;
            }
        }
    }

    Task ending(Life& life, End end) {
        const SteadyTime until = now() + up_to(hours(3));
        while (now() < until && !testing::Test::HasFailure() && !(world_.is_calm && is_empty())) {
            co_await wait(life, seconds(30));
        }
        if (end == End::killed && is_likely(50)) {
            life.io.stop();  // between two calls
        } else if (end != End::asked) {
            life.files.stop_before(random_() % 100 + 1);
        } else {
            is_over_ = true;
            life.files.heal();
            ::raise(SIGTERM);
            co_await engine_end(life);
            life.io.stop();
        }
    }

    /// The engine lets go of the box within the time that one transaction may take.
    Task engine_end(Life& life) {
        for (int tries = 0; tries < 3600; ++tries) {
            co_await wait(life, seconds(1));
            const auto is_free = posix_.try_lock(box_.directory());
            if (is_free && *is_free) {
                EXPECT_TRUE(posix_.unlock(box_.directory()));
                co_return;
            }
        }
        ADD_FAILURE() << "the engine doesn't end";
    }

    // What must be so

    void inspect() {
        std::set<std::string> queued;  // or reported by a report that is queued
        spool::BoxStore store(posix_, queue_.open(posix_));
        EXPECT_EQ(store.count_corrupt(), 0U);
        for (const spool::EntryName& name : queue_.names()) {
            auto message = spool::read_message(posix_, store.box(), name);
            if (!message) {
                ADD_FAILURE() << name.text() << ": " << message.error().message();
                continue;
            }
            note(name.id, *message, queued);
        }
        for (const std::string& report : ledger_.given_up) {
            for (const std::string& address : subjects_[report]) {
                ledger_.stories[address].is_silent = true;
            }
        }
        for (auto& [address, story] : ledger_.stories) {
            if (!story.is_settled && !queued.contains(address) && !story.message.empty()) {
                EXPECT_TRUE(
                    story.taken > 0 || story.reported > 0 || (story.is_failed && story.is_silent)
                ) << address
                  << " is lost";
                story.is_settled = true;
            }
        }
    }

    void note(
        const spool::MessageId& id, spool::MessageFile& message, std::set<std::string>& queued
    ) {
        const mail::Envelope& envelope = message.envelope();
        if (envelope.is_bounce) {
            for (const std::string& address : subjects(id, message)) {
                queued.insert(address);
            }
            return;
        }
        for (std::size_t i = 0; i < envelope.recipients.size(); ++i) {
            const std::string address = envelope.recipients[i].address.text();
            const auto known = ledger_.stories.find(address);
            if (known == ledger_.stories.end()) {
                ADD_FAILURE() << address << " was never accepted";
                continue;
            }
            queued.insert(address);
            if (message.journal().recipients[i].is_pending()) {
                ledger_.still_queued(address, known->second);
            }
        }
    }

    /// Of a report; each is read once.
    const std::vector<std::string>& subjects(
        const spool::MessageId& id, spool::MessageFile& report
    ) {
        const auto [at, is_new] = subjects_.try_emplace(id);
        if (is_new) {
            spool::FileContent content(posix_, report, report.header());
            std::string text(static_cast<std::size_t>(content.size()), '\0');
            EXPECT_TRUE(content.rewind());
            EXPECT_TRUE(content.read(text));
            for (auto& [address, action] : subjects_of(text)) {
                at->second.push_back(std::move(address));
            }
        }
        return at->second;
    }

    /// Recipients (reports: their ids) that an engine will try, by what is on disk.
    std::set<std::string> pending() {
        std::set<std::string> found;
        spool::BoxStore store(posix_, queue_.open(posix_));
        for (const spool::EntryName& name : queue_.names()) {
            const auto message = spool::read_message(posix_, store.box(), name);
            if (!message) {
                continue;
            }
            const auto& states = message->journal().recipients;
            for (std::size_t i = 0; i < states.size(); ++i) {
                if (states[i].is_pending()) {
                    const auto& envelope = message->envelope();
                    found.insert(
                        envelope.is_bounce ? name.id : envelope.recipients[i].address.text()
                    );
                }
            }
        }
        return found;
    }

    using VolatileState = test::VolatileDisk::State;

    hours length_;
    std::mt19937_64 random_;
    test::FixedRandom ids_;
    test::ManualClock first_clock_;   // between two lives
    const test::ManualClock* clock_;  // the present one
    schedule::RetryPolicy policy_ = policy_of_the_day();
    PosixFileSystem posix_;
    Queue queue_;
    spool::Box box_;
    test::VolatileDisk disk_;
    Ledger ledger_;
    World world_;
    std::map<std::string, std::vector<std::string>> subjects_;  // by report
    bool is_over_ = false;                                      // this life is about to end
    bool is_told_ = std::getenv("MXPOST_DAY_LOG") != nullptr;
    unsigned submitted_ = 0;
    std::size_t accepted_ = 0;
    std::size_t faults_ = 0;
    std::array<std::size_t, 3> ends_{};
};

std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
    const char* const text = std::getenv(variable);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(Day, LosesNothingAndRepeatsNothing) {
    const std::uint64_t first = number_of("MXPOST_DAY_SEED", 1);
    const std::uint64_t count = number_of("MXPOST_DAY_SEEDS", 0);
    const hours length(number_of("MXPOST_DAY_HOURS", count == 0 ? 4 : 24));
    for (std::uint64_t seed = first;
         seed < first + std::max<std::uint64_t>(1, count) && !HasFailure();
         ++seed) {
        SCOPED_TRACE("MXPOST_DAY_SEED=" + std::to_string(seed));
        std::cout << "day " << seed << ": " << std::flush;
        Day(seed, length).run();
    }
}

}  // namespace
}  // namespace mxpost::deliver
