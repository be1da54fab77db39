// The helper with real users: needs root, and Debian's "games" and "news".
#include "local/helper.h"

#include <array>
#include <csignal>
#include <cstring>
#include <time.h>

#include <gmock/gmock.h>

#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "local/packet.h"
#include "local/wire.h"
#include "unit/local/mailbox_test.h"
#include "unit/local/no_descriptors.h"

namespace mxpost::local {

namespace {

using mail::OutcomeKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kUser = "games";

/// Then root can't kill other users' processes: it is as if they hung in a file system.
void give_up_killing() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    ::syscall(SYS_capget, &header, sets.data());
    sets[0].effective &= ~(1U << CAP_KILL);
    sets[0].permitted &= ~(1U << CAP_KILL);
    ::syscall(SYS_capset, &header, sets.data());
}

bool has_answer(const Fd& connection, int wait = 0) {
    pollfd event{connection.get(), POLLIN, 0};
    return ::poll(&event, 1, wait) == 1;
}

class HelperTest : public ::testing::Test {
protected:
    void SetUp() override {
        const auto user = find_account(kUser);
        const auto other = find_account("news");
        if (::geteuid() != 0 || !user || !*user || !other || !*other) {
            GTEST_SKIP() << "needs root, and users games and news";
        }
        user_ = **user;
        other_ = **other;
        ::chmod(directory.path().c_str(), 0755);
        const group* const mail = ::getgrnam("mail");
        ASSERT_NE(mail, nullptr);
        spool = directory / "mail";
        ASSERT_EQ(::mkdir(spool.c_str(), 0755), 0);
        ASSERT_EQ(::chown(spool.c_str(), 0, mail->gr_gid), 0);
        ASSERT_EQ(::chmod(spool.c_str(), 02775), 0);
        options.client = other_.uid;
        options.service.min_uid = 1;
        options.service.alias_user = "news";
        options.service.delivery.mailbox = {mail::MailboxKind::mbox, spool + "/%u"};
        options.service.delivery.alias_files = {directory / "aliases"};
        options.service.delivery.max_message = 1 << 20;
        options.service.delivery.program_time = std::chrono::seconds(20);
        options.service.delivery.mail_group = mail->gr_gid;
    }
    void TearDown() override { end(); }
    void end() {
        if (helper_ > 0) {
            ::kill(helper_, SIGTERM);
            int status = 0;
            ::waitpid(helper_, &status, 0);
            EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
            helper_ = 0;
        }
    }

    /// How often the log says that no connection can be taken.
    std::size_t complaints() const {
        const std::string text = content_of(directory / "log");
        std::size_t found = 0;
        for (std::size_t at = 0; (at = text.find("no connection", at)) != std::string::npos; ++at) {
            ++found;
        }
        return found;
    }
    std::chrono::nanoseconds processor_time() const {
        clockid_t clock{};
        timespec time{};
        EXPECT_EQ(::clock_getcpuclockid(helper_, &clock), 0);
        EXPECT_EQ(::clock_gettime(clock, &time), 0);
        return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    }

    void start(Helper::Source source = Helper::Source::listener) {
        socket = directory / "sock";
        std::array<int, 2> ends{-1, -1};
        Fd fd;
        if (source == Helper::Source::listener) {
            fd = listen_at(socket, options.client).value();
        } else {
            ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
            channel = Fd(ends[0]);
            fd = Fd(ends[1]);
        }
        helper_ = ::fork();
        if (helper_ == 0) {
            channel.reset();
            if (!may_kill) {
                give_up_killing();
            }
            const auto log = open_log(directory / "log", "helper");
            meet_classes(*log);
            Helper helper(options, *log, source, std::move(fd));
            helper.run();
            ::_exit(0);
        }
    }
    /// The other end is with the helper, or on its way there.
    Fd connect_through_channel() const {
        std::array<int, 2> ends{-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
        const Fd theirs(ends[1]);
        EXPECT_TRUE(send_packet(channel.get(), "c", theirs.get()));
        return Fd(ends[0]);
    }
    Fd connect() const {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, socket.c_str());
        Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            fd.reset();
        }
        return fd;
    }
    Request request(const std::string& name, RequestKind kind = RequestKind::user) const {
        Request request;
        request.kind = kind;
        request.name = name;
        request.recipient = name + "@host.example";
        request.sender = "bob@example.com";
        request.message_id = "ID";
        request.message = memory_file("Subject: x\n\nbody\n");
        return request;
    }
    Fd send(const Request& request) const { return send(request, connect()); }
    static Fd send(const Request& request, Fd fd) {
        EXPECT_TRUE(send_packet(fd.get(), *encode(request), request.message.get()));
        return fd;
    }
    Answer ask(const Request& request) const { return ask(request, connect()); }
    static Answer ask(const Request& request, const Fd& fd) {
        EXPECT_TRUE(send_packet(fd.get(), *encode(request), request.message.get()));
        return answer_of(fd);
    }
    static Answer answer_of(const Fd& fd) {
        const auto reply = receive_packet(fd.get(), kMaxAnswerPacket);
        const auto answer = decode_answer(reply ? reply->data : "");
        EXPECT_TRUE(answer);
        return answer ? *answer : Answer();
    }

    test::TemporaryDirectory directory;
    std::string spool;
    std::string socket;
    Fd channel;
    HelperOptions options;
    bool may_kill = true;
    Account user_;
    Account other_;
    pid_t helper_ = 0;
};

TEST_F(HelperTest, WritesAMailboxAsItsOwner) {
    start();
    const Answer answer = ask(request(kUser));
    EXPECT_EQ(answer.outcome.kind, OutcomeKind::delivered) << answer.outcome.text;
    struct stat status {};
    ASSERT_EQ(::stat((spool + "/" + kUser).c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, user_.uid);
    EXPECT_EQ(status.st_gid, *options.service.delivery.mail_group);
    EXPECT_EQ(status.st_mode & 07777, 0660U);
    EXPECT_THAT(content_of(spool + "/" + kUser), HasSubstr("Subject: x\n\nbody\n\n"));
}

TEST_F(HelperTest, UsesTheMailGroupOnlyWhereTheWayIsRoots) {
    const std::string home = directory / kUser;
    ASSERT_EQ(::mkdir(home.c_str(), 0755), 0);
    ASSERT_EQ(::chown(home.c_str(), user_.uid, user_.gid), 0);
    options.service.delivery.mailbox = {mail::MailboxKind::mbox, directory / "%u/Mail/inbox"};
    const std::string link = home + "/Mail";
    ASSERT_EQ(::symlink(spool.c_str(), link.c_str()), 0);
    ASSERT_EQ(::lchown(link.c_str(), user_.uid, user_.gid), 0);
    start();
    EXPECT_EQ(ask(request(kUser)).outcome.kind, OutcomeKind::deferred);
    EXPECT_FALSE(exists(spool + "/inbox"));
    ASSERT_EQ(::unlink(link.c_str()), 0);
    ASSERT_EQ(::mkdir(link.c_str(), 0755), 0);
    ASSERT_EQ(::chown(link.c_str(), user_.uid, user_.gid), 0);
    EXPECT_EQ(ask(request(kUser)).outcome.kind, OutcomeKind::delivered);
    struct stat status {};
    ASSERT_EQ(::stat((link + "/inbox").c_str(), &status), 0);
    EXPECT_EQ(status.st_gid, user_.gid);
}

TEST_F(HelperTest, ServesThroughAChannelAndEndsWithIt) {
    start(Helper::Source::channel);
    EXPECT_EQ(ask(request(kUser), connect_through_channel()).outcome.kind, OutcomeKind::delivered);
    channel.reset();
    int status = -1;
    EXPECT_GT(::waitpid(std::exchange(helper_, 0), &status, 0), 0);
    EXPECT_EQ(status, 0);
}

TEST_F(HelperTest, TakesNoConnectionOfAChannelWithoutADescriptorAndLivesOn) {
    start(Helper::Source::channel);
    EXPECT_EQ(ask(request(kUser), connect_through_channel()).outcome.kind, OutcomeKind::delivered);
    {
        const NoDescriptors none(helper_);
        for (int i = 0; i < 2; ++i) {
            const Fd lost = connect_through_channel();
            ASSERT_TRUE(has_answer(lost, 10'000)) << "its other end is closed";
            const auto reply = receive_packet(lost.get(), kMaxAnswerPacket);
            EXPECT_TRUE(!reply || reply->data.empty());
        }
    }
    EXPECT_EQ(ask(request(kUser), connect_through_channel()).outcome.kind, OutcomeKind::delivered);
    EXPECT_EQ(complaints(), 1U) << content_of(directory / "log");
}

TEST_F(HelperTest, LivesOnAfterAPacketThatIsNone) {
    start(Helper::Source::channel);
    ASSERT_TRUE(send_packet(channel.get(), "more than sixteen octets"));
    ASSERT_TRUE(send_packet(channel.get(), "without"));
    EXPECT_EQ(ask(request(kUser), connect_through_channel()).outcome.kind, OutcomeKind::delivered);
}

TEST_F(HelperTest, WaitsForDescriptorsWithoutBurningTheProcessor) {
    start();
    EXPECT_EQ(ask(request(kUser)).outcome.kind, OutcomeKind::delivered);
    Fd waiting;
    {
        const NoDescriptors none(helper_);
        const auto before = processor_time();
        waiting = send(request(kUser));
        EXPECT_FALSE(has_answer(waiting, 2'500)) << "several pauses";
        EXPECT_LT(processor_time() - before, std::chrono::milliseconds(100));
        EXPECT_EQ(complaints(), 1U) << content_of(directory / "log");
    }
    EXPECT_EQ(answer_of(waiting).outcome.kind, OutcomeKind::delivered) << "it kept its place";
    {
        const NoDescriptors none(helper_);
        waiting = send(request(kUser));
        for (int i = 0; i < 200 && complaints() < 2; ++i) {
            ::poll(nullptr, 0, 50);
        }
        EXPECT_EQ(complaints(), 2U) << "it is another time";
    }
    EXPECT_EQ(answer_of(waiting).outcome.kind, OutcomeKind::delivered);
}

TEST_F(HelperTest, RunsProgramsOfAliasesAsTheAliasUserWithoutTheMailGroup) {
    const std::string out = directory / "out";
    ASSERT_EQ(::mkdir(out.c_str(), 0755), 0);
    ASSERT_EQ(::chown(out.c_str(), other_.uid, other_.gid), 0);
    put(options.service.delivery.alias_files[0],
        "list: \"|/bin/sh -c 'grep -E \\\"^(Uid|Gid|Groups|CapEff)\\\" /proc/self/status > " + out +
            "/ids'\", " + out + "/copy, bob@example.com\nother: \"|/bin/false\"\n");
    start();
    const Answer answer = ask(request("LIST", RequestKind::alias_entry));
    EXPECT_EQ(answer.outcome.kind, OutcomeKind::delivered) << answer.outcome.text;
    EXPECT_TRUE(answer.forwards.empty()) << "the engine's";
    const std::string uid = std::to_string(other_.uid);
    const std::string gid = std::to_string(other_.gid);
    EXPECT_THAT(
        content_of(out + "/ids"),
        HasSubstr(
            "Uid:\t" + uid + "\t" + uid + "\t" + uid + "\t" + uid + "\nGid:\t" + gid + "\t" + gid +
            "\t" + gid + "\t" + gid + "\n"
        )
    );
    EXPECT_THAT(content_of(out + "/ids"), HasSubstr("CapEff:\t0000000000000000"));
    EXPECT_THAT(content_of(out + "/copy"), HasSubstr("body"));
    EXPECT_EQ(ask(request("nosuch", RequestKind::alias_entry)).outcome.kind, OutcomeKind::deferred);
    // What a request says is a name, not a command.
    EXPECT_EQ(
        ask(request("|/bin/sh", RequestKind::alias_entry)).outcome.kind, OutcomeKind::deferred
    );
}

TEST_F(HelperTest, NeverServesRootNorSystemAccounts) {
    start();
    EXPECT_EQ(ask(request("root")).outcome.kind, OutcomeKind::deferred);
    EXPECT_EQ(ask(request("nobody")).outcome.kind, OutcomeKind::deferred);
    EXPECT_EQ(ask(request("no-such-user")).outcome.status.text(), "5.1.1");
    EXPECT_EQ(ask(request("../" + std::string(kUser))).outcome.status.text(), "5.1.1");
    EXPECT_FALSE(exists(spool + "/root"));
    EXPECT_FALSE(exists(spool + "/nobody"));
    options.service.min_uid = user_.uid + 1;
    const Decision decision = decide(request(kUser), options.service);
    EXPECT_FALSE(decision.account);
    EXPECT_THAT(decision.refusal.outcome.text, HasSubstr("/etc/aliases"));
    options.service.alias_user = "root";
    EXPECT_FALSE(decide(request("list", RequestKind::alias_entry), options.service).account);
}

TEST_F(HelperTest, LeavesLmtpMailboxesToTheEngine) {
    options.service.delivery.mailbox = {mail::MailboxKind::lmtp, "/run/x"};
    start();
    for (const char* name : {kUser, "root", "virtual"}) {
        const Answer answer = ask(request(name));
        EXPECT_EQ(answer.outcome.kind, OutcomeKind::delivered) << name;
        EXPECT_TRUE(answer.wants_mailbox) << name;
    }
}

TEST_F(HelperTest, ServesOnlyItsClient) {
    start();
    ASSERT_EQ(::chmod(socket.c_str(), 0777), 0);
    const auto asks_as = [&](uid_t uid) {
        const pid_t child = ::fork();
        if (child == 0) {
            if (::setresuid(uid, uid, uid) != 0) {
                ::_exit(3);
            }
            const Fd fd = connect();
            const Request one = request(kUser);
            (void)send_packet(fd.get(), *encode(one), one.message.get()).has_value();
            const auto reply = receive_packet(fd.get(), kMaxAnswerPacket);
            ::_exit(reply && !reply->data.empty() ? 0 : 1);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        return WEXITSTATUS(status);
    };
    EXPECT_EQ(asks_as(user_.uid), 1);
    EXPECT_EQ(asks_as(options.client), 0);
    EXPECT_EQ(asks_as(0), 0);
}

TEST_F(HelperTest, SurvivesGarbageAndSilence) {
    start();
    std::vector<Fd> silent;
    for (int i = 0; i < 10; ++i) {
        silent.push_back(connect());
    }
    const Request good = request(kUser);
    const std::string packet = *encode(good);
    for (std::size_t i = 0; i < packet.size(); i += 3) {
        std::string bad = packet;
        bad[i] = static_cast<char>(bad[i] ^ 0xff);
        const Fd fd = connect();
        (void)send_packet(fd.get(), bad, good.message.get()).has_value();
    }
    for (const std::string& bad :
         {std::string(), std::string(kMaxRequestPacket + 1, 'x'), packet}) {
        const Fd fd = connect();
        (void)send_packet(fd.get(), bad).has_value();  // and no message
    }
    {
        const Fd fd = connect();
        const Fd pipe(::open("/dev/zero", O_RDONLY));
        (void)send_packet(fd.get(), packet, pipe.get()).has_value();
        const auto reply = receive_packet(fd.get(), kMaxAnswerPacket);
        ASSERT_TRUE(reply);
        EXPECT_EQ(decode_answer(reply->data)->outcome.kind, OutcomeKind::deferred);
    }
    EXPECT_EQ(ask(good).outcome.kind, OutcomeKind::delivered);
}

TEST_F(HelperTest, KillsWhatTakesTooLong) {
    put(options.service.delivery.alias_files[0], "slow: \"|/bin/sleep 1000\"\n");
    options.max_time = std::chrono::seconds(1);
    start();
    const Fd fd = send(request("slow", RequestKind::alias_entry));
    const auto reply = receive_packet(fd.get(), kMaxAnswerPacket);
    EXPECT_TRUE(!reply || reply->data.empty()) << "it was killed before it could answer";
}

TEST_F(HelperTest, ChildrenThatCantBeKilledTakeNobodyElsesTurn) {
    put(options.service.delivery.alias_files[0],
        "slow: \"|/bin/sh -c 'until test -e " + (directory / "go") + "; do sleep 0.1; done'\"\n");
    options.max_time = std::chrono::seconds(1);
    options.max_children = 2;
    options.max_stuck_of_one = 1;
    may_kill = false;
    start();
    const Request slow = request("slow", RequestKind::alias_entry);
    const std::array stuck{send(slow), send(slow)};
    EXPECT_EQ(ask(request(kUser)).outcome.kind, OutcomeKind::delivered);
    const Answer refused = ask(slow);
    EXPECT_EQ(refused.outcome.kind, OutcomeKind::deferred) << "it would hang, too";
    EXPECT_THAT(refused.outcome.text, HasSubstr("earlier deliveries for news hang"));
    for (const Fd& connection : stuck) {
        EXPECT_FALSE(has_answer(connection));
    }
    put(directory / "go", "");
    for (const Fd& connection : stuck) {
        EXPECT_TRUE(has_answer(connection, 10'000));
    }
    // They answer before they end.
    Answer answer = ask(slow);
    for (int i = 0; i < 100 && answer.outcome.kind == OutcomeKind::deferred; ++i) {
        ::poll(nullptr, 0, 50);
        answer = ask(slow);
    }
    EXPECT_EQ(answer.outcome.kind, OutcomeKind::delivered) << answer.outcome.text;
}

TEST_F(HelperTest, EndsWithoutChildrenThatCantBeKilled) {
    put(options.service.delivery.alias_files[0],
        "slow: \"|/bin/sh -c 'until test -e " + (directory / "go") + "; do sleep 0.1; done'\"\n");
    options.max_time = std::chrono::seconds(1);
    may_kill = false;
    start();
    const Request slow = request("slow", RequestKind::alias_entry);
    const Fd stuck = send(slow);
    EXPECT_EQ(ask(request(kUser)).outcome.kind, OutcomeKind::delivered) << "both are under way";
    end();
    EXPECT_FALSE(has_answer(stuck));
    put(directory / "go", "");
    EXPECT_TRUE(has_answer(stuck, 10'000));
}

TEST_F(HelperTest, ServesManyAtOnceWithABoundedNumberOfChildren) {
    options.max_children = 2;
    start();
    std::vector<Fd> connections;
    for (int i = 0; i < 20; ++i) {
        connections.push_back(connect());
        const Request one = request(kUser);
        ASSERT_TRUE(send_packet(connections.back().get(), *encode(one), one.message.get()));
    }
    for (const Fd& fd : connections) {
        const auto reply = receive_packet(fd.get(), kMaxAnswerPacket);
        ASSERT_TRUE(reply);
        EXPECT_EQ(decode_answer(reply->data)->outcome.kind, OutcomeKind::delivered);
    }
    const std::string text = content_of(spool + "/" + kUser);
    std::size_t found = 0;
    for (std::size_t at = 0; (at = text.find("From bob@example.com ", at)) != std::string::npos;
         ++at) {
        ++found;
    }
    EXPECT_EQ(found, 20U);
}

}  // namespace

}  // namespace mxpost::local
