#include "deliver/local_message.h"

#include <cerrno>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include "support/failing_file_system.h"
#include "support/string_content.h"

namespace mxpost::deliver {

namespace {

TEST(LocalHeader, HasTheFieldsOfFinalDelivery) {
    const LocalTrace trace{
        mail::Address("bob", "example.com"),
        mail::Address("alice", "host.example"),
        mail::Address("root", "host.example")};
    EXPECT_EQ(
        local_header(
            "Return-Path: <evil@x>\r\nDelivered-To: list@x\r\nSubject: a\r\n b\r\n", trace
        ),
        "Return-Path: <bob@example.com>\r\nX-Original-To: root@host.example\r\n"
        "Delivered-To: alice@host.example\r\nDelivered-To: list@x\r\nSubject: a\r\n b\r\n"
    );
    const LocalTrace bounce{std::nullopt, trace.delivered_to, trace.original_to};
    EXPECT_TRUE(local_header("", bounce).starts_with("Return-Path: <>\r\n"));
}

TEST(LocalHeader, TellsALoop) {
    const std::string header = "X: y\r\ndelivered-to: Alice@HOST.example\r\n";
    EXPECT_TRUE(was_delivered_to(header, mail::Address("alice", "host.example")));
    EXPECT_FALSE(was_delivered_to(header, mail::Address("bob", "host.example")));
}

TEST(LocalHeader, TellsInAsciiWhomItIsDeliveredTo) {
    const mail::Address plain("Ann+x=y", "HOST.example");
    EXPECT_EQ(delivered_to_field(plain), "Delivered-To: Ann+x=y@HOST.example\r\n");
    const std::string buecher =
        "b\xC3\xBC"
        "cher.example";
    EXPECT_EQ(
        delivered_to_field(mail::Address("ann+x", buecher)),
        "Delivered-To: ann+x@xn--bcher-kva.example\r\n"
    );
    const mail::Address joerg("j\xC3\xB6rg", buecher);
    const std::string field = delivered_to_field(joerg);
    EXPECT_EQ(field, "Delivered-To: j\\x{F6}rg@xn--bcher-kva.example\r\n");
    EXPECT_TRUE(was_delivered_to(field, joerg));
    EXPECT_TRUE(was_delivered_to(field, mail::Address("j\xC3\xB6rg", "xn--bcher-kva.example")));
    EXPECT_FALSE(was_delivered_to(field, mail::Address("jorg", buecher)));
    EXPECT_EQ(delivered_to_field(mail::Address("j\xC3\xB6rg", "")), "Delivered-To: j\\x{F6}rg\r\n");
}

TEST(LocalMessage, HasLfLinesHoweverItIsRead) {
    PosixFileSystem files;
    const std::string text = "A: b\r\n\r\nline\r\n.\r\nbare\rcr\r\r\nend\r\n";
    for (std::size_t size = 1; size < 9; ++size) {
        test::StringContent content(text);
        content.limit_reads(size);
        const auto fd = make_local_message(files, content);
        ASSERT_TRUE(fd);
        std::string got(100, '\0');
        const ssize_t length = ::pread(fd->get(), got.data(), got.size(), 0);
        got.resize(static_cast<std::size_t>(length));
        EXPECT_EQ(got, "A: b\n\nline\n.\nbare\rcr\r\nend\n") << size;
        struct stat status {};
        ASSERT_EQ(::fstat(fd->get(), &status), 0);
        EXPECT_EQ(status.st_nlink, 0U);
    }
}

TEST(LocalMessage, IsNoneWhereThereIsNoRoom) {
    PosixFileSystem real;
    test::FailingFileSystem files(real);
    files.fail(1, ENOSPC, "write");
    test::StringContent content("A: b\r\n\r\n");
    const auto fd = make_local_message(files, content);
    ASSERT_FALSE(fd);
    EXPECT_TRUE(fd.error().is(ENOSPC));
}

}  // namespace

}  // namespace mxpost::deliver
