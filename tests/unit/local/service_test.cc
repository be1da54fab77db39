// What is answered before anybody's rights are needed; the rest is helper_test.cc's.
#include "local/service.h"

#include <array>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include <sys/socket.h>

#include "local/packet.h"
#include "local/wire.h"
#include "unit/local/mailbox_test.h"
#include "unit/local/no_descriptors.h"

namespace mxpost::local {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Lines final : public Log {
public:
    void write(Priority, std::string_view line) override { lines.emplace_back(line); }
    std::vector<std::string> lines;
};

TEST(ServiceTest, DefersARequestWhoseMessageItCantOpen) {
    std::array<int, 2> ends{-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    Fd ours(ends[0]);
    const Fd theirs(ends[1]);
    Request request;
    request.name = "alice";
    request.recipient = "alice@host.example";
    request.message_id = "ID";
    const Fd message = memory_file("Subject: x\n\nbody\n");
    ASSERT_TRUE(send_packet(theirs.get(), *encode(request), message.get()));
    Lines lines;
    Log& log = lines;
    meet_classes(log);
    lines.lines.clear();
    {
        const NoDescriptors none;
        serve_connection(ours, {}, log, [](uid_t) { ADD_FAILURE() << "it becomes nobody"; });
    }
    ours.reset();
    const auto reply = receive_packet(theirs.get(), kMaxAnswerPacket);
    ASSERT_TRUE(reply);
    const auto answer = decode_answer(reply->data);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->outcome.kind, mail::OutcomeKind::deferred);
    EXPECT_THAT(answer->outcome.text, HasSubstr("too many open files"));
    EXPECT_THAT(lines.lines, ElementsAre(HasSubstr("ID: the local helper can't open the message")));
}

}  // namespace

}  // namespace mxpost::local
