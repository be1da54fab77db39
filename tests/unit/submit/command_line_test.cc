#include "submit/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mxpost::submit {
namespace {

using config::DeliveryMode;
using mail::ErrorMode;
using testing::ElementsAre;
using testing::IsEmpty;

/// The words behind "sendmail".
Invocation parse(std::vector<std::string> words) {
    words.insert(words.begin(), "sendmail");
    return parse_command_line(words).value();
}

std::string error_of(std::vector<std::string> words) {
    words.insert(words.begin(), "/usr/sbin/sendmail");
    const auto parsed = parse_command_line(words);
    return parsed ? "no error" : parsed.error().message();
}

TEST(CommandLine, GroupsLettersAttachesAndDetachesValues) {
    for (const auto& words : std::vector<std::vector<std::string>>{
             {"-t", "-i", "-f", "z@x", "r@a"},
             {"-tif", "z@x", "r@a"},
             {"-tifz@x", "r@a"},
             {"-it", "-fz@x", "--", "r@a"},
             {"-t", "-t", "-oi", "-fy@x", "-rz@x", "r@a"},
             {"-t", "-o", "i", "-r", "z@x", "r@a"}}) {
        const Invocation call = parse(words);
        EXPECT_TRUE(call.takes_recipients);
        EXPECT_TRUE(call.ignores_dots);
        EXPECT_EQ(call.sender, "z@x");
        EXPECT_THAT(call.operands, ElementsAre("r@a"));
    }
}

TEST(CommandLine, TheLastOfFAndRWins) {
    EXPECT_EQ(parse({"-f", "a@x", "-r", "b@x", "-f", "c@x"}).sender, "c@x");
    EXPECT_EQ(parse({"-f", "a@x", "-r", "b@x"}).sender, "b@x");
    EXPECT_EQ(parse({"-f", ""}).sender, "");
    EXPECT_EQ(parse({"-f", "-t"}).sender, "-t");  // getopt takes any word as value
    EXPECT_EQ(parse({"r@a"}).sender, std::nullopt);
}

TEST(CommandLine, StopsAtTheFirstRecipient) {
    const Invocation call = parse({"-i", "r@a", "-f", "z@x", "--", "-t"});
    EXPECT_THAT(call.operands, ElementsAre("r@a", "-f", "z@x", "--", "-t"));
    EXPECT_FALSE(call.has_operand_mark);
    EXPECT_EQ(call.sender, std::nullopt);
    EXPECT_FALSE(call.takes_recipients);
}

TEST(CommandLine, TakesTheFirstDoubleDashAsTheEnd) {
    const Invocation call = parse({"-oi", "--", "-x@a", "--"});
    EXPECT_THAT(call.operands, ElementsAre("-x@a", "--"));
    EXPECT_TRUE(call.has_operand_mark);
}

TEST(CommandLine, KeepsALoneDashAndAnEmptyWordAsRecipients) {
    EXPECT_THAT(parse({"-", "-t"}).operands, ElementsAre("-", "-t"));
    EXPECT_THAT(parse({"", "r@a"}).operands, ElementsAre("", "r@a"));
}

TEST(CommandLine, QAndDNeverTakeTheNextWord) {
    EXPECT_THAT(parse({"-d", "5"}).operands, ElementsAre("5"));
    EXPECT_EQ(parse({"-d0-99.1", "r@a"}).mode, Mode::deliver);
    const Invocation flush = parse({"-q", "5m"});
    EXPECT_EQ(flush.mode, Mode::flush_queue);
    EXPECT_THAT(flush.operands, ElementsAre("5m"));
}

TEST(CommandLine, OptionLettersHaveBooleanValues) {
    EXPECT_TRUE(parse({"-oi"}).ignores_dots);
    EXPECT_TRUE(parse({"-oiTrue"}).ignores_dots);
    EXPECT_TRUE(parse({"-oit"}).ignores_dots);
    EXPECT_FALSE(parse({"-i", "-oif"}).ignores_dots);
    EXPECT_FALSE(parse({"-i", "-oi0"}).ignores_dots);
    EXPECT_TRUE(parse({"-ov"}).is_verbose);
}

TEST(CommandLine, DeliveryModes) {
    EXPECT_EQ(parse({"-odb"}).delivery_mode, DeliveryMode::background);
    EXPECT_EQ(parse({"-odi"}).delivery_mode, DeliveryMode::interactive);
    EXPECT_EQ(parse({"-o", "dq"}).delivery_mode, DeliveryMode::queue);
    EXPECT_EQ(parse({"-odd"}).delivery_mode, DeliveryMode::deferred);
    EXPECT_EQ(parse({"-odi", "-odb"}).delivery_mode, DeliveryMode::background);
    EXPECT_EQ(parse({}).delivery_mode, std::nullopt);
    EXPECT_EQ(error_of({"-odx"}), "unknown delivery mode \"x\"");
    EXPECT_EQ(error_of({"-od"}), "unknown delivery mode \"\"");
}

TEST(CommandLine, ErrorModes) {
    EXPECT_EQ(parse({"-oep"}).error_mode, ErrorMode::print);
    EXPECT_EQ(parse({"-em"}).error_mode, ErrorMode::mail);
    EXPECT_EQ(parse({"-e", "q"}).error_mode, ErrorMode::quiet);
    EXPECT_EQ(parse({"-oee"}).error_mode, ErrorMode::always_zero);
    EXPECT_EQ(parse({"-oew"}).error_mode, ErrorMode::write);
    EXPECT_EQ(parse({"-oep", "-oex"}).error_mode, ErrorMode::print);
}

TEST(CommandLine, LongOptionsIgnoreCaseAndTakeUniquePrefixes) {
    EXPECT_EQ(parse({"-ODeliveryMode=b"}).delivery_mode, DeliveryMode::background);
    EXPECT_EQ(parse({"-O", "deliverymode=i"}).delivery_mode, DeliveryMode::interactive);
    EXPECT_EQ(parse({"-Odeliverym = d"}).delivery_mode, DeliveryMode::deferred);
    EXPECT_EQ(
        parse({"-ODeliver=i"}).delivery_mode, std::nullopt
    );  // DeliverByMin begins so as well
    EXPECT_EQ(parse({"-OErrorMode=p"}).error_mode, ErrorMode::print);
    EXPECT_EQ(parse({"-OErrorH=p"}).error_mode, ErrorMode::mail);
    EXPECT_TRUE(parse({"-O", "IgnoreDots"}).ignores_dots);
    EXPECT_FALSE(parse({"-O", "IgnoreDots=false"}).ignores_dots);
    EXPECT_TRUE(parse({"-OVerbose=True"}).is_verbose);
    EXPECT_EQ(parse({"-OQueueDirectory=/tmp", "-X", "/tmp/x.php", "r@a"}).mode, Mode::deliver);
}

TEST(CommandLine, QueueRuns) {
    EXPECT_EQ(parse({"-q"}).mode, Mode::flush_queue);
    EXPECT_EQ(parse({"-q0"}).mode, Mode::flush_queue);
    EXPECT_EQ(parse({"-qf"}).mode, Mode::run_once);
    EXPECT_EQ(parse({"-q15m"}).mode, Mode::start_engine);
    EXPECT_EQ(parse({"-q30"}).mode, Mode::start_engine);
    EXPECT_EQ(parse({"-qp"}).mode, Mode::start_engine);
    EXPECT_EQ(parse({"-bd", "-q1h30m"}).mode, Mode::start_engine);
    EXPECT_EQ(parse({"-q1h", "-bd"}).mode, Mode::start_engine);
    EXPECT_EQ(parse({"-bD", "-q1h"}).mode, Mode::run_engine);
    EXPECT_EQ(parse({"-bp", "-q1h"}).mode, Mode::print_queue);
    EXPECT_EQ(error_of({"-q15y"}), "invalid queue interval \"15y\"");
    EXPECT_EQ(error_of({"-qz"}), "invalid queue run \"z\"");
}

TEST(CommandLine, DaemonsListenWithAndWithoutAnInterval) {
    for (const auto& words :
         {std::vector<std::string>{"-bd"}, {"-bd", "-q15m"}, {"-q1h", "-bd"}, {"-L", "x", "-bd"}}) {
        EXPECT_EQ(parse(words).mode, Mode::start_engine);
        EXPECT_TRUE(parse(words).listens);
    }
    EXPECT_EQ(parse({"-bD"}).mode, Mode::run_engine);
    EXPECT_TRUE(parse({"-bD", "-q1h"}).listens);
    EXPECT_FALSE(parse({"-q15m"}).listens);
    EXPECT_EQ(parse({"-bd", "-bp"}).mode, Mode::print_queue);
    EXPECT_FALSE(parse({"-bd", "-bm", "r@a"}).listens);
}

TEST(CommandLine, QueueSelections) {
    const mail::Envelope to_a = [] {
        mail::Envelope envelope;
        envelope.sender = mail::Address("root", "host.test");
        envelope.recipients.emplace_back(mail::Address("bob", "a.test"));
        return envelope;
    }();
    const auto selects = [&](const std::vector<std::string>& words) {
        return parse(words).selection.matches(
            "1gdw4fgsm000000001", to_a, spool::JournalState(to_a.recipients.size())
        );
    };
    EXPECT_TRUE(selects({"-q"}));
    EXPECT_TRUE(selects({"-qIgdw4"}));
    EXPECT_FALSE(selects({"-qIother"}));
    EXPECT_TRUE(selects({"-qR@a.test", "-qSroot"}));
    EXPECT_FALSE(selects({"-qR@a.test", "-qSmallory"}));
    EXPECT_FALSE(selects({"-q!R@a.test"}));
    EXPECT_TRUE(selects({"-q!Iother", "-q!Smallory"}));
    EXPECT_TRUE(selects({"-qGmain"}));
    EXPECT_TRUE(selects({"-q!Q"}));
    EXPECT_FALSE(selects({"-qQ"}));
    EXPECT_FALSE(selects({"-qL"}));
    EXPECT_EQ(parse({"-qIx"}).mode, Mode::flush_queue);
    EXPECT_EQ(parse({"-qQspam"}).mode, Mode::flush_queue);
    EXPECT_EQ(parse({"-qf", "-qIx"}).mode, Mode::run_once);
    EXPECT_EQ(parse({"-bp", "-qIx"}).mode, Mode::print_queue);
    EXPECT_EQ(error_of({"-qGa", "-qGb"}), "-qG given twice");
    EXPECT_EQ(error_of({"-q!Gmain"}), "invalid queue selection \"!Gmain\"");
    EXPECT_EQ(error_of({"-q!"}), "invalid queue selection \"!\"");
    EXPECT_EQ(error_of({"-Qspam"}), "there is no quarantine (-Q)");
}

TEST(CommandLine, QueueAndHostListings) {
    EXPECT_EQ(parse({"-bP"}).mode, Mode::count_queue);
    EXPECT_EQ(parse({"-bh"}).mode, Mode::print_hosts);
    EXPECT_EQ(parse({"-b", "H"}).mode, Mode::purge_hosts);
    EXPECT_TRUE(parse({"-bp", "-v"}).is_verbose);
}

TEST(CommandLine, TheLastModeCounts) {
    EXPECT_EQ(parse({"-b", "v", "r@a"}).mode, Mode::verify);
    EXPECT_EQ(parse({"-bt"}).mode, Mode::test);
    EXPECT_EQ(parse({"-I"}).mode, Mode::check_aliases);
    EXPECT_EQ(parse({"-bs", "-bm"}).mode, Mode::deliver);
}

TEST(CommandLine, UnknownModesNeverSend) {
    EXPECT_EQ(error_of({"-bz", "r@a"}), "invalid operation mode \"z\"");
    EXPECT_EQ(error_of({"-b", "", "r@a"}), "invalid operation mode \"\"");
}

TEST(CommandLine, RefusesUnknownLettersAndMissingValues) {
    EXPECT_EQ(error_of({"-tZ", "r@a"}), "illegal option -- Z");
    EXPECT_EQ(error_of({"-\x1b"}), "illegal option -- ?");
    EXPECT_EQ(error_of({"--foo"}), "illegal option --foo");
    EXPECT_EQ(error_of({"-i", "-f"}), "option requires an argument -- f");
    EXPECT_EQ(error_of({"-o"}), "option requires an argument -- o");
    EXPECT_EQ(error_of({"-h", "x"}), "bad hop count \"x\"");
    EXPECT_EQ(parse({"-C"}).mode, Mode::deliver);
}

TEST(CommandLine, DeliveryReports) {
    EXPECT_EQ(parse({"-N", "never"}).notify, 1);
    EXPECT_EQ(parse({"-NSUCCESS,delay"}).notify, 2 | 8);
    EXPECT_EQ(parse({"-N", "failure, success"}).notify, 4 | 2);
    EXPECT_EQ(error_of({"-N", "never,failure"}), "bad -N \"never,failure\": never stands alone");
    EXPECT_EQ(
        error_of({"-N", "failure,sometimes"}),
        "bad -N \"failure,sometimes\": never, or success,failure,delay"
    );
    EXPECT_EQ(error_of({"-N", ""}), "bad -N \"\": never, or success,failure,delay");
    EXPECT_EQ(parse({"-R", "Full"}).dsn_return, mail::DsnReturn::full);
    EXPECT_EQ(parse({"-Rhdrs"}).dsn_return, mail::DsnReturn::headers);
    EXPECT_EQ(error_of({"-Rall"}), "bad -R \"all\": full or hdrs");
    EXPECT_EQ(error_of({"-Rfull", "-Rfull"}), "-R was given twice");
}

TEST(CommandLine, EnvelopeIdsAreXtext) {
    EXPECT_EQ(parse({"-V", "QQ314159"}).envelope_id, "QQ314159");
    EXPECT_EQ(parse({"-V", "a+2Bb"}).envelope_id, "a+2Bb");
    EXPECT_EQ(parse({"-V", std::string(100, 'x')}).envelope_id, std::string(100, 'x'));
    EXPECT_EQ(error_of({"-V", std::string(101, 'x')}), "bad -V: an id has at most 100 characters");
    for (const char* bad : {"", "a b", "a=b", "a+2b", "a+", "\xC3\xBC", "a\r\nb"}) {
        EXPECT_TRUE(error_of({"-V", bad}).starts_with("bad -V \"")) << bad;
    }
}

TEST(CommandLine, ProgramNamesChooseTheMode) {
    const auto mode_of = [](const char* program) {
        return parse_command_line(std::vector<std::string>{program}).value().mode;
    };
    EXPECT_EQ(mode_of("/usr/bin/mailq"), Mode::print_queue);
    EXPECT_EQ(mode_of("newaliases"), Mode::check_aliases);
    EXPECT_EQ(mode_of("/usr/sbin/smtpd"), Mode::start_engine);
    EXPECT_EQ(mode_of("/usr/bin/hoststat"), Mode::print_hosts);
    EXPECT_EQ(mode_of("purgestat"), Mode::purge_hosts);
    EXPECT_EQ(mode_of("rmail"), Mode::deliver);
    EXPECT_EQ(mode_of(""), Mode::deliver);
    EXPECT_EQ(parse_command_line({}).value().mode, Mode::deliver);
}

TEST(CommandLine, HelpAndVersionEndIt) {
    EXPECT_EQ(parse({"--help", "-Z"}).mode, Mode::print_help);
    EXPECT_EQ(parse({"-t", "--version"}).mode, Mode::print_version);
    EXPECT_THAT(parse({"r@a", "--version"}).operands, ElementsAre("r@a", "--version"));
}

}  // namespace
}  // namespace mxpost::submit
