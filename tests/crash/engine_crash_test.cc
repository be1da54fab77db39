// The real engine on a disk on which nothing lasts that wasn't synced (VolatileDisk): before each
// of its file-system calls in turn it is killed, or loses its power, and from each state that this
// may leave the next engines must keep the promises. Each recipient ends as he is to end: he gets
// the message, or its sender a report that he doesn't. Nobody is served again but within the window
// that design 1.3 leaves, and what was sent for a message and has gone (a report, a copy) isn't
// made anew. A message whose deletion was carried out isn't sent.
//
// spool_crash_test.cc does the same to the spool, with an engine of its own. Here it is the order
// in which the engine writes, syncs, tells and removes: MessageDelivery with its OutcomeRecorder,
// Reporting, Forwarding, Requests, Removals.
//
// The users of this host are the world outside: no network is between them and the engine, and time
// is virtual, so that a crash comes at a known distance from each delivery.
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "deliver/engine.h"
#include "report_subjects.h"
#include "support/virtual_time.h"
#include "support/volatile_disk.h"
#include "unit/deliver/deliver_test.h"

namespace mxpost::deliver {
namespace {

using std::chrono::milliseconds;
using test::VolatileDisk;
using testing::IsEmpty;

constexpr milliseconds kWindow{50};        // design 1.3
constexpr std::size_t kMostStates = 4096;  // of one stop point; none here has more

const std::string kHere = "host.example.net";
const std::string kAnn = "ann@" + kHere;
const std::string kBob = "bob@" + kHere;
const std::string kNobody = "nobody@" + kHere;      // the one user whom this host doesn't have
const std::string kElsewhere = "eve@gone.example";  // in a domain that doesn't exist
const std::set<std::string> kReads = {
    "open",
    "read",
    "pread",
    "fstat",
    "stat",
    "list",
    "flock",
    "flock_shared",
    "unlock",
    "statfs",
    "statx",
    "fchmod",
    "fallocate"};
const spool::Request kDeletion{kId, std::string(spool::verb_word(spool::Verb::remove))};

/// Its reports go to a user of this host.
mail::Envelope message_to(const std::vector<std::string>& recipients) {
    mail::Envelope envelope = make_envelope(recipients);
    envelope.sender = mail::Address("alice", kHere);
    return envelope;
}

/// What is sent, and what goes wrong. That is in the first life, where nothing else is said: later
/// all is well.
struct Scenario {
    std::vector<mail::Envelope> messages;
    std::string aliases;                       // the file's text
    std::set<std::string> receipts;            // that there are at last, and no others: see World
    std::set<std::string> busy;                // users whose mailboxes can't be written to …
    std::size_t busy_lives = 1;                // … in so many lives
    std::map<std::string, milliseconds> slow;  // users whose delivery takes so long
    std::function<void(Life&)> begin;
    std::function<void(test::FailingFileSystem&)> trouble;  // with the disk
    std::optional<milliseconds> deleted_after;  // somebody asks for the first message's deletion
};

/// How a life ended.
struct End {
    bool is_stopped = false;
    std::string where;
    WallTime at;
    std::size_t changes = 0;  // of what is known of recipients, by then
    std::size_t calls = 0;
    bool has_trouble = false;     // with the disk
    bool is_repeat_told = false;  // the log says that mail may be sent twice
};

/// Somebody outside has got something: a user the message, or its sender a report.
struct Receipt {
    int times = 0;
    spool::MessageId message;  // that it was, the last time
    std::size_t life = 0;      // in which
    WallTime at;
    std::size_t changes = 0;  // see End
    bool may_come_again = false;
};

/// What the world outside has seen, over all lives of the program.
struct World {
    std::map<std::string, Receipt> receipts;  // "ann@host.example.net", "failed bob@gone.example"
    std::size_t lives = 0;
    bool is_deletion_asked_for = false;
    bool is_deletion_done = false;  // as far as who asked can see: the request has gone

    void receive(const std::string& what, Receipt now) {
        Receipt& receipt = receipts[what];
        EXPECT_TRUE(receipt.times == 0 || receipt.may_come_again) << what << " came again";
        now.times = receipt.times + 1;
        receipt = now;
    }
    /// `left`: messages that are there now.
    void crashed(const End& end, bool is_power_lost, const std::set<spool::MessageId>& left) {
        for (auto& [what, receipt] : receipts) {
            // What isn't there any more may only be made anew by who has forgotten it.
            receipt.may_come_again =
                left.contains(receipt.message) &&
                (end.is_repeat_told || may_come_again(receipt, end, is_power_lost));
        }
    }
    std::set<std::string> all() const {
        std::set<std::string> found;
        for (const auto& [what, receipt] : receipts) {
            found.insert(what);
        }
        return found;
    }
    /// The same for two worlds in which the same may happen.
    std::string text() const {
        std::string text = is_deletion_done ? "deleted " : "";
        for (const auto& [what, receipt] : receipts) {
            text += what + ":" + receipt.message + (receipt.may_come_again ? "? " : ". ");
        }
        return text;
    }

private:
    bool may_come_again(const Receipt& receipt, const End& end, bool is_power_lost) const {
        const bool was_stopped_here = receipt.life + 1 == lives && end.is_stopped;
        if (is_power_lost || (was_stopped_here && end.has_trouble)) {
            return receipt.may_come_again || (end.is_stopped && end.at - receipt.at <= kWindow);
        }
        // The disk of a killed program has all that it wrote: it was just about to write this.
        return receipt.may_come_again || (was_stopped_here && end.changes == receipt.changes);
    }
};

/// The users of this host, as the local helper would answer for them.
class Users final : public LocalAgent {
public:
    Users(const Scenario& scenario, World& world) : scenario_(scenario), world_(world) {}

    /// Before the call number `stop_at` of those that don't only read (0: never) the life ends. A
    /// stop before one that does would leave the same.
    void live_in(Life& life, std::size_t stop_at) {
        life_ = &life;
        life.files.on_call = [this, stop_at, count = std::size_t{0}](const std::string& call
                             ) mutable {
            // The one before is done.
            changes_ += is_change_ ? 1U : 0U;
            is_change_ = call == "pwrite" || call == "unlink";
            called_at_ = life_->clock.now();
            if (!kReads.contains(call) && ++count == stop_at) {
                life_->files.stop_before(1);
            }
        };
    }
    WallTime called_at() const { return called_at_; }
    std::size_t changes() const { return changes_; }

    boost::asio::awaitable<local::Answer> deliver(std::string name, RequestMaker make) override {
        const auto slow = scenario_.slow.find(name);
        if (world_.lives == 0 && slow != scenario_.slow.end()) {
            boost::asio::steady_timer timer(life_->io, slow->second);
            co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        }
        local::Answer answer;
        const auto request = make();
        const bool is_busy = world_.lives < scenario_.busy_lives && scenario_.busy.contains(name);
        if (!request || is_busy || life_->files.is_stopped()) {
            answer.outcome = {mail::OutcomeKind::deferred, {4, 2, 0}, "not now"};
        } else if (request->recipient == kNobody) {
            answer.outcome = {mail::OutcomeKind::failed, {5, 1, 1}, "no such user"};
        } else {
            answer.outcome = {mail::OutcomeKind::delivered, {2, 0, 0}, "in the mailbox"};
            receive(*request);
        }
        co_return answer;
    }

private:
    void receive(const local::Request& request) {
        std::string text(1 << 16, '\0');
        const ssize_t size = ::pread(request.message.get(), text.data(), text.size(), 0);
        ASSERT_GT(size, 0);
        text.resize(static_cast<std::size_t>(size));
        Receipt receipt;
        receipt.message = request.message_id;
        receipt.life = world_.lives;
        receipt.at = life_->clock.now();
        receipt.changes = changes_ + (is_change_ ? 1U : 0U);
        if (!request.sender.empty()) {
            EXPECT_TRUE(text.ends_with("\n\nHello\n")) << "half a message: " << text;
            world_.receive(request.recipient, receipt);
            return;
        }
        for (const auto& [address, action] : subjects_of(text)) {
            world_.receive(action + " " + address, receipt);
        }
    }

    const Scenario& scenario_;
    World& world_;
    Life* life_ = nullptr;
    WallTime called_at_;
    std::size_t changes_ = 0;
    bool is_change_ = false;
};

/// After `time`, if the engine still lives.
void later(Life& life, milliseconds time, std::function<void()> what) {
    const auto timer = std::make_shared<boost::asio::steady_timer>(life.io, time);
    timer->async_wait([timer, &life, what = std::move(what)](const auto& error) {
        if (!error && !life.files.is_stopped()) {
            what();
        }
    });
}

/// One life after another in one box.
class Machine {
public:
    explicit Machine(const Scenario& scenario)
        : scenario_(scenario),
          path_(queue_.root() + "/" + std::to_string(::geteuid())),
          disk_(path_),
          store_(disk_, queue_.open(disk_)) {
        queue_.write_aliases(scenario.aliases);
        spool::MessageId id = kId;
        for (const mail::Envelope& envelope : scenario.messages) {
            EXPECT_TRUE(store_.submit(id, envelope, kHeader, kBody, to_seconds(kArrival)));
            ++id.back();
        }
        queue_.go_through(disk_);
        start_ = now();
    }
    /// The messages have just come.
    void restart() { become(start_); }

    /// An engine does what is due and ends, or is stopped (see Users::live_in).
    End live(World& world, std::size_t stop_at, std::optional<WallTime> now = std::nullopt) {
        Users users(scenario_, world);
        Life life(queue_, now.value_or(kArrival + std::chrono::hours(world.lives)), &users);
        users.live_in(life, stop_at);
        run(life, world);
        End end;
        end.is_stopped = life.files.is_stopped();
        end.where = end.is_stopped ? "before " + life.files.trace().back() : "at the end";
        end.at = users.called_at();
        end.changes = users.changes();
        end.calls = life.files.count();
        end.has_trouble = world.lives == 0 && scenario_.trouble;
        end.is_repeat_told = life.log.count("removals may not survive a crash") > 0;
        world.is_deletion_done |= world.is_deletion_asked_for && !store_.asker(kDeletion);
        ++world.lives;
        return end;
    }

    World after_kill(const End& end, World world) { return after(end, std::move(world), false); }
    /// What is there now, on a disk that has it all.
    VolatileDisk::State now() const { return VolatileDisk(path_).states(1).front(); }
    void become(const VolatileDisk::State& state) {
        VolatileDisk::make(state, path_);
        disk_.start_anew();
    }

    /// Shows the world after a life that ended so: killed, and then after each loss of power. What
    /// is in `known` is passed over.
    void visit(
        const End& end,
        const World& world,
        std::set<std::string>& known,
        const std::function<void(const World& after)>& visitor
    ) {
        const std::vector<VolatileDisk::State> states = disk_.states(kMostStates);
        EXPECT_LT(states.size(), kMostStates) << "not all of them are tried";
        const auto visit_new = [&](bool is_power_lost) {
            const World seen = after(end, world, is_power_lost);
            std::string key = seen.text();
            for (const auto& [path, node] : now()) {
                key += path + '\0' + node.octets + '\0';
            }
            if (known.insert(std::move(key)).second) {
                SCOPED_TRACE((is_power_lost ? "the power was lost " : "killed ") + end.where);
                visitor(seen);
            }
        };
        visit_new(false);
        for (const VolatileDisk::State& state : states) {
            become(state);
            visit_new(true);
        }
    }

    /// Engines in whose lives nothing goes wrong, until nothing is left to do.
    void expect_good_end(World world) {
        const bool is_deleted = world.is_deletion_done || store_.asker(kDeletion);
        for (int lives = 0; lives < 4 && (lives == 0 || !queue_.names().empty()); ++lives) {
            (void)live(world, 0);
        }
        EXPECT_THAT(queue_.names(), IsEmpty());
        EXPECT_EQ(store_.count_corrupt(), 0U);
        if (is_deleted) {
            EXPECT_THAT(world.all(), IsEmpty()) << "it was to be deleted";
        } else if (!scenario_.deleted_after) {
            EXPECT_EQ(world.all(), scenario_.receipts);
        }
    }

private:
    World after(const End& end, World world, bool is_power_lost) {
        std::set<spool::MessageId> left;
        for (const spool::EntryName& name : queue_.names()) {
            left.insert(name.id);
        }
        world.crashed(end, is_power_lost, left);
        return world;
    }
    void run(Life& life, World& world) {
        EngineOptions options;
        options.role = EngineRole::once;
        options.spools = {queue_.root()};
        options.own_spool = queue_.root();
        const test::VirtualTime time(life.clock, [&life] {
            if (life.files.is_stopped()) {
                life.io.stop();  // a job may have caught it
            }
            return true;
        });
        if (world.lives == 0) {
            begin(life, world);
        }
        try {
            Engine engine(life.io, life.files, life.services, std::move(options));
            engine.run();
        } catch (const test::Stopped&) {
        }
    }
    void begin(Life& life, World& world) {
        if (scenario_.trouble) {
            life.files.tear_writes(9);
            life.files.on_failed_sync = [this](int fd) { disk_.lose_writes(fd); };
            scenario_.trouble(life.files);
        }
        if (scenario_.begin) {
            scenario_.begin(life);
        }
        if (!scenario_.deleted_after) {
            return;
        }
        const auto ask = [this, &world] {
            EXPECT_TRUE(store_.leave_request(kDeletion.id, kDeletion.verb));
            world.is_deletion_asked_for = true;
        };
        if (scenario_.deleted_after->count() > 0) {
            later(life, *scenario_.deleted_after, ask);
        } else {
            ask();
            disk_.start_anew();  // long ago
        }
    }

    const Scenario& scenario_;
    Queue queue_;
    std::string path_;
    VolatileDisk disk_;
    spool::BoxStore store_;
    VolatileDisk::State start_;
};

/// A crash before each call of the first life, and one after its end.
void expect_promises(const Scenario& scenario) {
    Machine machine(scenario);
    std::set<std::string> known;
    std::size_t stop = 1;
    for (bool is_stopped = true; is_stopped; ++stop) {
        machine.restart();
        World world;
        const End end = machine.live(world, stop);
        is_stopped = end.is_stopped;
        machine.visit(end, world, known, [&](const World& after) {
            machine.expect_good_end(after);
        });
    }
    EXPECT_GE(known.size(), 2U);
}

/// The engine that goes on where one has lost its power loses it as well, or is killed.
void expect_promises_after_two_crashes(const Scenario& scenario) {
    Machine machine(scenario);
    std::set<std::string> known;
    std::set<std::string> known_second;
    std::size_t stop = 1;
    for (bool is_stopped = true; is_stopped; ++stop) {
        machine.restart();
        World world;
        const End end = machine.live(world, stop);
        is_stopped = end.is_stopped;
        machine.visit(end, world, known, [&](const World& after) {
            const VolatileDisk::State state = machine.now();
            bool is_second_stopped = true;
            for (std::size_t second_stop = 1; is_second_stopped; ++second_stop) {
                machine.become(state);
                World second = after;
                const End second_end = machine.live(second, second_stop);
                is_second_stopped = second_end.is_stopped;
                machine.visit(second_end, second, known_second, [&](const World& last) {
                    machine.expect_good_end(last);
                });
            }
        });
    }
    EXPECT_GT(known_second.size(), known.size());
}

/// The power is lost in the life that follows a kill at once: it mustn't have taken for durable
/// what the first one wrote and didn't sync.
void expect_promises_after_a_kill(const Scenario& scenario) {
    Machine machine(scenario);
    std::set<std::string> known;
    bool is_first_stopped = true;
    for (std::size_t stop = 1; is_first_stopped; ++stop) {
        bool is_second_stopped = true;
        for (std::size_t second_stop = 1; is_second_stopped && is_first_stopped; ++second_stop) {
            machine.restart();
            World world;
            const End first = machine.live(world, stop);
            is_first_stopped = first.is_stopped;
            SCOPED_TRACE("first killed " + first.where);
            world = machine.after_kill(first, std::move(world));
            const End end = machine.live(world, second_stop, first.at);
            is_second_stopped = end.is_stopped;
            machine.visit(end, world, known, [&](const World& after) {
                machine.expect_good_end(after);
            });
        }
    }
    EXPECT_GE(known.size(), 2U);
}

Scenario one_of_each() {
    Scenario scenario;
    scenario.messages = {message_to({kAnn, kNobody, kBob})};
    scenario.receipts = {kAnn, "failed " + kNobody, kBob};
    scenario.busy = {"bob"};
    return scenario;
}

TEST(EngineCrash, OneDelivered) {
    Scenario scenario;
    scenario.messages = {message_to({kAnn})};
    scenario.receipts = {kAnn};
    expect_promises(scenario);
}

TEST(EngineCrash, OneDeliveredAndOneDeferred) {
    Scenario scenario;
    scenario.messages = {message_to({kAnn, kBob})};
    scenario.receipts = {kAnn, kBob};
    scenario.busy = {"bob"};
    expect_promises(scenario);
}

TEST(EngineCrash, OneBounced) {
    Scenario scenario;
    scenario.messages = {message_to({kNobody})};
    scenario.receipts = {"failed " + kNobody};
    expect_promises(scenario);
}

/// The report goes, and the message stays.
TEST(EngineCrash, OneOfEach) {
    expect_promises(one_of_each());
}

TEST(EngineCrash, OneWhoseDeliveryIsReported) {
    Scenario scenario;
    scenario.messages = {message_to({kAnn})};
    scenario.messages[0].recipients[0].notify = static_cast<mail::NotifySet>(mail::Notify::success);
    scenario.receipts = {kAnn, "delivered " + kAnn};
    expect_promises(scenario);
}

/// The first one's outcome is to be synced within 20 ms: the second is there before that, after it,
/// and when the window is over.
TEST(EngineCrash, ASecondRecipientSettlesWhileASyncIsPending) {
    for (const int time : {10, 30, 100}) {
        Scenario scenario;
        scenario.messages = {message_to({kAnn, kBob})};
        scenario.receipts = {kAnn, kBob};
        scenario.slow = {{"bob", milliseconds(time)}};
        expect_promises(scenario);
    }
}

TEST(EngineCrash, ASecondDomainSettlesWhileASyncIsPending) {
    for (const int time : {10, 30, 100}) {
        Scenario scenario;
        scenario.messages = {message_to({kAnn, kElsewhere})};
        scenario.receipts = {kAnn, "failed " + kElsewhere};
        scenario.slow = {{"ann", milliseconds(time)}};
        expect_promises(scenario);

        scenario.slow.clear();
        scenario.begin = [time](Life& life) {
            life.resolver.stall_mx("gone.example");
            later(life, milliseconds(time), [&life] { life.resolver.answer_mx("gone.example"); });
        };
        expect_promises(scenario);
    }
}

/// Copies are made before the journal says so, and go afterwards; the message stays.
Scenario one_forwarded() {
    Scenario scenario;
    scenario.aliases = "team: ann, bob\n";
    scenario.messages = {message_to({"team@" + kHere, "carol@" + kHere})};
    scenario.receipts = {kAnn, kBob, "carol@" + kHere};
    scenario.busy = {"carol"};
    return scenario;
}

TEST(EngineCrash, OneForwarded) {
    Scenario scenario = one_forwarded();
    expect_promises(scenario);
    scenario.busy.clear();
    expect_promises(scenario);
}

/// The second message keeps the engine at work until the window is over.
TEST(EngineCrash, ARemovalIsDurableWithinTheWindow) {
    Scenario scenario;
    scenario.messages = {message_to({kAnn}), message_to({kBob})};
    scenario.receipts = {kAnn, kBob};
    scenario.slow = {{"bob", milliseconds(200)}};
    expect_promises(scenario);
}

TEST(EngineCrash, ARemovalThatFailsRepeatsNothing) {
    for (const bool is_lasting : {false, true}) {
        Scenario scenario;
        scenario.messages = {message_to({kAnn})};
        scenario.receipts = {kAnn};
        scenario.trouble = [is_lasting](test::FailingFileSystem& files) {
            is_lasting ? files.fail_always("unlink", EIO) : files.fail(1, EIO, "unlink");
        };
        expect_promises(scenario);

        scenario.messages = {message_to({kAnn, kNobody})};
        scenario.receipts = {kAnn, "failed " + kNobody};
        expect_promises(scenario);
    }
}

/// Before its first attempt.
Scenario one_deleted() {
    Scenario scenario;
    scenario.messages = {message_to({kAnn})};
    scenario.deleted_after = milliseconds(0);
    return scenario;
}

TEST(EngineCrash, OneDeleted) {
    expect_promises(one_deleted());
}

TEST(EngineCrash, OneDeletedDuringItsAttempt) {
    Scenario scenario = one_deleted();
    scenario.busy = {"ann"};
    scenario.slow = {{"ann", milliseconds(30)}};
    scenario.deleted_after = milliseconds(10);
    expect_promises(scenario);
}

/// The message hasn't gone for good, and so the request mustn't go.
TEST(EngineCrash, OneDeletedAndTheSyncOfThatFails) {
    Scenario scenario = one_deleted();
    scenario.trouble = [](test::FailingFileSystem& files) { files.fail_always("fsync", EIO); };
    expect_promises(scenario);
}

TEST(EngineCrash, OneDeletedAfterAKill) {
    expect_promises_after_a_kill(one_deleted());
}

TEST(EngineCrash, OneOfEachAfterTwoCrashes) {
    expect_promises_after_two_crashes(one_of_each());
}

// What a killed engine linked or removed without a sync must not be taken for safe by the next one.
// Where the power goes then, a report or a copy would be lost, a removed message be back and sent
// again long after the window, or a recipient be reported twice.
TEST(EngineCrash, OneOfEachAfterAKill) {
    Scenario scenario = one_of_each();
    expect_promises_after_a_kill(scenario);
    scenario.busy_lives = 2;  // then the second engine has nothing to write that must last
    expect_promises_after_a_kill(scenario);
}

TEST(EngineCrash, OneForwardedAfterAKill) {
    Scenario scenario = one_forwarded();
    expect_promises_after_a_kill(scenario);
    scenario.busy_lives = 2;
    expect_promises_after_a_kill(scenario);
}

/// Then the engine goes on to its end, and the power is lost: no failure was forgotten.
TEST(EngineCrash, EveryCallMayFail) {
    Scenario scenario = one_of_each();
    scenario.aliases = "team: carol, dora\n";
    scenario.messages[0].recipients.emplace_back(mail::Address("team", kHere));
    scenario.receipts.insert({"carol@" + kHere, "dora@" + kHere});
    Machine machine(scenario);
    std::set<std::string> known;
    bool has_failed = true;
    for (std::size_t fail_at = 1; has_failed; ++fail_at) {
        SCOPED_TRACE("call " + std::to_string(fail_at) + " fails");
        scenario.trouble = [&](test::FailingFileSystem& files) { files.fail(fail_at, EIO); };
        machine.restart();
        World world;
        const End end = machine.live(world, 0);
        has_failed = fail_at <= end.calls;
        machine.visit(end, world, known, [&](const World& after) {
            machine.expect_good_end(after);
        });
    }
}

}  // namespace
}  // namespace mxpost::deliver
