#include "deliver/address_check.h"

#include "deliver_test.h"

namespace mxpost::deliver {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class AddressCheckTest : public testing::Test {
protected:
    /// What is printed for `text`.
    std::vector<std::string> verify(std::string text) {
        lines_.clear();
        auto work = check_.verify(std::move(text));
        boost::asio::co_spawn(life_.io, std::move(work), [](const std::exception_ptr& error) {
            if (error) {
                std::rethrow_exception(error);
            }
        });
        life_.io.restart();
        life_.io.run();
        return lines_;
    }

    Queue queue_;
    Life life_{queue_};
    std::vector<std::string> lines_;
    AddressCheck check_{life_.services, "host.example.net", [this](const std::string& line) {
                            lines_.push_back(line);
                        }};
};

TEST_F(AddressCheckTest, SaysOfEachOfAListWhereItGoes) {
    EXPECT_THAT(
        verify("Ann <a@[192.0.2.1]>, List: b@[192.0.2.2], c@[192.0.2.3];"),
        ElementsAre(
            "a@[192.0.2.1]... deliverable: mailer esmtp, host [192.0.2.1], user a@[192.0.2.1]",
            StartsWith("b@[192.0.2.2]... deliverable"),
            StartsWith("c@[192.0.2.3]... deliverable")
        )
    );
    EXPECT_EQ(check_.status(), ExitStatus::ok);
}

TEST_F(AddressCheckTest, SaysWhichOnesOfAListAreBad) {
    EXPECT_THAT(
        verify("a@[192.0.2.1], b@x@y, c@[192.0.2.3]"),
        testing::UnorderedElementsAre(
            HasSubstr("... bad address: "),
            StartsWith("a@[192.0.2.1]... deliverable"),
            StartsWith("c@[192.0.2.3]... deliverable")
        )
    );
    EXPECT_EQ(check_.status(), ExitStatus::data_error);
}

TEST_F(AddressCheckTest, PassesOverWhatNamesNobody) {
    EXPECT_THAT(verify(""), IsEmpty());
    EXPECT_THAT(verify("undisclosed-recipients:;"), IsEmpty());
    EXPECT_EQ(check_.status(), ExitStatus::ok);
}

TEST_F(AddressCheckTest, TakesLoopbackLiteralsForThisHost) {
    for (const char* const domain : {"[127.0.0.1]", "[IPv6:::1]", "[IPv6:::ffff:127.0.0.1]"}) {
        EXPECT_THAT(
            verify("nobody-of-this-name@" + std::string(domain)),
            ElementsAre(HasSubstr("5.1.1 User unknown"))
        );
    }
    EXPECT_EQ(check_.status(), ExitStatus::no_user);
}

TEST_F(AddressCheckTest, SendsLoopbackLiteralsWhereMailOfLocalDomainsGoes) {
    life_.services.local_mail_to = mail::Address("ops", "[192.0.2.1]");
    EXPECT_THAT(
        verify("alice@[127.0.0.1]"),
        ElementsAre(
            "alice@[127.0.0.1]... goes to ops@[192.0.2.1] (local-mail-to)",
            StartsWith("ops@[192.0.2.1]... deliverable: mailer esmtp")
        )
    );
}

}  // namespace
}  // namespace mxpost::deliver
