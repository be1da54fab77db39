#include "submit/alias_check.h"

#include <fstream>

#include <gmock/gmock.h>

#include "submission_fixture.h"

namespace mxpost::submit {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

class AliasCheck : public SubmissionFixture {
protected:
    ExitStatus check(const std::string& text) {
        const std::string path = directory_ / "aliases";
        std::ofstream(path) << text;
        settings_.alias_files = {path};
        said_.clear();
        complaints_.clear();
        return check_aliases(
            around_,
            [this](std::string_view line) { said_.emplace_back(line); },
            [this](std::string_view line) { complaints_.emplace_back(line); }
        );
    }

    std::vector<std::string> said_;
    std::vector<std::string> complaints_;
};

TEST_F(AliasCheck, ApprovesCommandsThatCanRun) {
    EXPECT_EQ(check("log: |/bin/log\nall: \"|/bin/sh -c 'cat > /tmp/x'\"\n"), ExitStatus::ok);
    EXPECT_THAT(said_, ElementsAre(EndsWith("aliases: 2 aliases, 0 bad lines")));
    EXPECT_THAT(complaints_, IsEmpty());
}

TEST_F(AliasCheck, NamesCommandsThatNoDeliveryCouldRun) {
    EXPECT_EQ(
        check("ok: a@x.test\npipe: bob, \"|/bin/cat > /tmp/x\"\nopen: \"|/bin/a 'b\"\n"),
        ExitStatus::data_error
    );
    EXPECT_THAT(said_, ElementsAre(EndsWith("aliases: 3 aliases, 2 bad lines")));
    EXPECT_THAT(
        complaints_,
        ElementsAre(
            HasSubstr("aliases:2: |/bin/cat > /tmp/x: '>' is shell syntax"),
            HasSubstr("aliases:3: |/bin/a 'b: a quote is not closed")
        )
    );
}

}  // namespace
}  // namespace mxpost::submit
