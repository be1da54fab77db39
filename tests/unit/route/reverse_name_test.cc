#include "route/reverse_name.h"

#include <optional>

#include <boost/asio.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_resolver.h"
#include "support/manual_clock.h"

namespace mxpost::route {
namespace {

namespace asio = boost::asio;
using asio::ip::make_address;
using testing::ElementsAre;

const asio::ip::address kSource = make_address("2001:db8::25");
constexpr std::chrono::milliseconds kPatience(10000);

class ReverseNameTest : public testing::Test {
protected:
    ReverseName find(std::chrono::milliseconds patience = kPatience) {
        std::optional<ReverseName> found;
        asio::co_spawn(
            context_,
            names_.find(kSource, patience),
            [&](std::exception_ptr failure, ReverseName result) {
                EXPECT_FALSE(failure);
                found = std::move(result);
            }
        );
        context_.restart();
        context_.run();
        EXPECT_TRUE(found);
        return found.value_or(ReverseName());
    }
    void confirm(const std::string& name) {
        resolver_.add_ptr("2001:db8::25", name);
        resolver_.add_address(name, "2001:db8::25");
    }

    asio::io_context context_;
    test::FakeResolver resolver_;
    test::ManualClock clock_;
    ReverseNames names_{resolver_, clock_};
};

TEST_F(ReverseNameTest, IsConfirmedWhereANameLeadsBack) {
    resolver_.add_ptr("2001:db8::25", "claimed.example");
    resolver_.add_address("claimed.example", "2001:db8::99");
    confirm("us.example");
    const ReverseName name = find();
    EXPECT_TRUE(name.is_confirmed);
    EXPECT_TRUE(name.is_settled);
    EXPECT_TRUE(name.is_host_name_confirmed);
    EXPECT_EQ(name.host_name, "us.example");
}

TEST_F(ReverseNameTest, ANameThatIsNoHeloNameConfirmsAsWell) {
    resolver_.add_ptr("2001:db8::25", "us.example");
    confirm("our_host.example");
    const ReverseName name = find();
    EXPECT_TRUE(name.is_confirmed);
    EXPECT_FALSE(name.is_host_name_confirmed);
    EXPECT_EQ(name.host_name, "us.example");
}

TEST_F(ReverseNameTest, PrefersNamesThatOthersCanLookUp) {
    confirm("a.corp.internal");
    confirm("us.example");
    EXPECT_EQ(find().host_name, "us.example");
}

TEST_F(ReverseNameTest, IsNothingWithoutPtrRecord) {
    const ReverseName name = find();
    EXPECT_FALSE(name.is_confirmed);
    EXPECT_TRUE(name.is_settled);
    EXPECT_EQ(name.host_name, "");
}

TEST_F(ReverseNameTest, AFailureSettlesNothing) {
    resolver_.fail_ptr("2001:db8::25", "SERVFAIL");
    EXPECT_FALSE(find().is_settled);
    EXPECT_FALSE(find().is_confirmed);
    resolver_.clear_ptr();
    resolver_.add_ptr("2001:db8::25", "us.example");
    resolver_.fail_addresses("us.example", dns::Family::ipv6, "SERVFAIL");
    clock_.advance(std::chrono::minutes(2));
    find();
    const ReverseName name = find();
    EXPECT_FALSE(name.is_settled);
    EXPECT_FALSE(name.is_confirmed);
    EXPECT_EQ(name.host_name, "us.example");
}

TEST_F(ReverseNameTest, LooksUpNoMoreThanTenNames) {
    for (int i = 0; i < 90; ++i) {
        resolver_.add_ptr("2001:db8::25", "n" + std::to_string(i) + ".example");
    }
    EXPECT_FALSE(find().is_confirmed);
    EXPECT_EQ(resolver_.questions().size(), 11U);
}

TEST_F(ReverseNameTest, IsKeptForAWhile) {
    confirm("us.example");
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(find().is_confirmed);
    }
    EXPECT_THAT(resolver_.questions(), ElementsAre("PTR 2001:db8::25", "AAAA us.example"));
    clock_.advance(std::chrono::hours(3));
    resolver_.clear_ptr();
    EXPECT_TRUE(find().is_confirmed) << "what was known is given while it is looked up again";
    EXPECT_FALSE(find().is_confirmed);
    EXPECT_EQ(resolver_.questions().size(), 3U);
    clock_.advance(std::chrono::minutes(6));
    confirm("us.example");
    find();
    EXPECT_TRUE(find().is_confirmed);
}

TEST_F(ReverseNameTest, AFailureUnsettlesNothingThatWasConfirmed) {
    confirm("us.example");
    find();
    clock_.advance(std::chrono::hours(3));
    resolver_.fail_ptr("2001:db8::25", "SERVFAIL");
    find();  // looks it up again behind the scenes
    EXPECT_TRUE(find().is_confirmed);
    EXPECT_EQ(find().host_name, "us.example");
    clock_.advance(std::chrono::minutes(2));
    resolver_.clear_ptr();
    find();
    EXPECT_FALSE(find().is_confirmed) << "it is asked again soon, and this is an answer";
}

/// Answers when the test says so.
class SlowResolver final : public dns::Resolver {
public:
    explicit SlowResolver(asio::io_context& context)
        : gate(context, asio::steady_timer::time_point::max()) {}

    asio::awaitable<dns::Answer<dns::MxRecord>> mx(std::string) override {
        co_return dns::Answer<dns::MxRecord>();
    }
    asio::awaitable<dns::Answer<asio::ip::address>> addresses(std::string, dns::Family) override {
        dns::Answer<asio::ip::address> answer(dns::LookupStatus::ok);
        answer.records.push_back(kSource);
        co_return answer;
    }
    asio::awaitable<dns::Answer<std::string>> ptr(asio::ip::address) override {
        ++questions;
        co_await gate.async_wait(asio::as_tuple(asio::use_awaitable));
        dns::Answer<std::string> answer(dns::LookupStatus::ok);
        answer.records.emplace_back("us.example");
        co_return answer;
    }
    asio::awaitable<dns::Answer<dns::TxtRecord>> txt(std::string) override {
        co_return dns::Answer<dns::TxtRecord>();
    }
    asio::awaitable<dns::Answer<dns::TlsaRecord>> tlsa(std::string) override {
        co_return dns::Answer<dns::TlsaRecord>();
    }
    asio::awaitable<dns::Answer<std::string>> cname(std::string) override {
        co_return dns::Answer<std::string>();
    }

    asio::steady_timer gate;
    int questions = 0;
};

TEST(ReverseNames, LooksUpOnceForAllWhoWaitAndKeepsNobodyLongerThanHeWants) {
    asio::io_context context;
    SlowResolver resolver(context);
    test::ManualClock clock;
    ReverseNames names(resolver, clock);
    std::vector<std::optional<bool>> confirmed(3);
    const auto ask = [&](std::size_t i, std::chrono::milliseconds patience) {
        asio::co_spawn(
            context,
            names.find(kSource, patience),
            [&confirmed, i](std::exception_ptr, const ReverseName& name) {
                confirmed[i] = name.is_confirmed;
            }
        );
    };
    ask(0, kPatience);
    ask(1, std::chrono::milliseconds(1));
    while (!confirmed[1]) {
        context.run_one();
    }
    EXPECT_FALSE(*confirmed[1]);
    EXPECT_FALSE(confirmed[0]);
    clock.advance(std::chrono::seconds(11));
    ask(2, kPatience);
    context.poll();
    EXPECT_EQ(confirmed[2], std::optional(false)) << "the look-up is too old to be waited for";
    resolver.gate.cancel();
    context.run();
    EXPECT_FALSE(*confirmed[0]) << "more than ten seconds: no further look-up is begun";
    EXPECT_EQ(resolver.questions, 1);
}

TEST(ReverseNames, LetsTheOneWhoWaitsGo) {
    asio::io_context context;
    SlowResolver resolver(context);
    test::ManualClock clock;
    ReverseNames names(resolver, clock);
    asio::cancellation_signal signal;
    bool is_over = false;
    asio::co_spawn(
        context,
        names.find(kSource, kPatience),
        asio::bind_cancellation_slot(
            signal.slot(), [&](std::exception_ptr, const ReverseName&) { is_over = true; }
        )
    );
    context.poll();
    EXPECT_FALSE(is_over);
    signal.emit(asio::cancellation_type::terminal);
    context.poll();
    EXPECT_TRUE(is_over);
    // The look-up is still there when the event loop goes.
}

}  // namespace
}  // namespace mxpost::route
