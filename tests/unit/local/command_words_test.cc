#include "local/command_words.h"

#include <gmock/gmock.h>

namespace mxpost::local {

namespace {

using ::testing::ElementsAre;

TEST(CommandWords, AreSplitAsAShellWould) {
    EXPECT_THAT(
        *split_command("/usr/bin/vacation alice"), ElementsAre("/usr/bin/vacation", "alice")
    );
    EXPECT_THAT(
        *split_command(" /bin/a  -x 'b c'\t\"d 'e' \\\"f\\\"\" g\\ h ''"),
        ElementsAre("/bin/a", "-x", "b c", "d 'e' \"f\"", "g h", "")
    );
    EXPECT_THAT(
        *split_command("exec /usr/bin/procmail -t"), ElementsAre("/usr/bin/procmail", "-t")
    );
    EXPECT_THAT(
        *split_command("/bin/sh -c 'cat > $HOME/x; exit 75'"),
        ElementsAre("/bin/sh", "-c", "cat > $HOME/x; exit 75")
    );
    EXPECT_THAT(
        *split_command("/bin/x a=b user+ext@example.com it#s"),
        ElementsAre("/bin/x", "a=b", "user+ext@example.com", "it#s")
    );
}

TEST(CommandWords, RefuseWhatOnlyAShellCanDo) {
    for (const char* command :
         {"IFS=' ' && exec /usr/bin/procmail -f- || exit 75 #alice",
          "/bin/a; /bin/b",
          "/bin/a | /bin/b",
          "/bin/a > /tmp/x",
          "/bin/a $HOME",
          "/bin/a \"$HOME\"",
          "/bin/a `id`",
          "/bin/a \"`id`\"",
          "/bin/a *.txt",
          "/bin/a [x]",
          "~/bin/a",
          "/bin/a ~/x",
          "/bin/a # comment",
          "PATH=/x a",
          "/bin/a &",
          "(/bin/a)",
          "/bin/a\n/bin/b"}) {
        const auto words = split_command(command);
        ASSERT_FALSE(words) << command;
        EXPECT_NE(words.error().message().find("shell syntax"), std::string::npos) << command;
    }
}

TEST(CommandWords, RefuseWhatIsNoCommand) {
    for (const char* command : {"", "  ", "''", "/bin/a 'b", "/bin/a \"b", "/bin/a \\"}) {
        EXPECT_FALSE(split_command(command)) << command;
    }
    EXPECT_FALSE(split_command(std::string_view("/bin/a\0b", 8)));
    std::string many;
    for (int i = 0; i < 1000; ++i) {
        many += "a ";
    }
    EXPECT_FALSE(split_command(many));
}

}  // namespace

}  // namespace mxpost::local
