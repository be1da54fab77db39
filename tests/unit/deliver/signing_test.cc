// Which mail is signed, and what becomes of it where it can't be. The signatures: tests/unit/dkim.
#include "deliver/signing.h"

#include <fstream>

#include <sys/stat.h>

#include "deliver_test.h"
#include "dkim/signature.h"
#include "support/string_content.h"
#include "unit/dkim/keys.h"

namespace mxpost::deliver {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class SigningTest : public testing::Test {
protected:
    std::string write(const std::string& name, const std::string& text) {
        const std::string path = directory_ / name;
        std::ofstream(path) << text;
        ::chmod(path.c_str(), 0600);
        return path;
    }
    void add_key(const std::string& domain, const std::string& selector, const std::string& path) {
        const bool is_below = domain.starts_with("*.");
        settings_.dkim.push_back({domain.substr(is_below ? 2 : 0), is_below, selector, path});
    }
    void make(bool is_system_engine = true) {
        signing_ = Signing::make(files_, clock_, log_, settings_, is_system_engine);
        ASSERT_NE(signing_, nullptr);
    }
    /// "d= s=" of each signature, or "".
    std::string signers(const std::string& header) {
        std::string text;
        for (const dkim::SigningKey& key : signing_->decide(header).keys) {
            text += (text.empty() ? "" : ", ") + key.domain + " " + key.selector;
        }
        return text;
    }

    test::TemporaryDirectory directory_;
    PosixFileSystem files_;
    test::ManualClock clock_;
    LogLines log_;
    config::Settings settings_;
    std::unique_ptr<Signing> signing_;
};

TEST_F(SigningTest, IsThereOnlyWhereAKeyIsNamed) {
    EXPECT_EQ(Signing::make(files_, clock_, log_, settings_, true), nullptr);
}

TEST_F(SigningTest, GoesByTheDomainOfFrom) {
    const std::string rsa = write("rsa", test::kRfc6376Key);
    const std::string ed25519 = write("ed25519", test::kRfc8463Ed25519Key);
    add_key("example.com", "s1", rsa);
    add_key("example.com", "s2", ed25519);
    add_key("*.example.org", "s3", rsa);
    add_key(
        "b\xC3\xBC"
        "cher.example",
        "s4",
        rsa
    );
    make();
    EXPECT_EQ(signers("From: Alice <alice@EXAMPLE.com>\r\n"), "example.com s1, example.com s2");
    EXPECT_EQ(signers("From: a@b.example.org\r\nSender: x@example.com\r\n"), "example.org s3");
    EXPECT_EQ(
        signers("From: a@b\xC3\xBC"
                "cher.example\r\n"),
        "xn--bcher-kva.example s4"
    );
    EXPECT_EQ(signers("From: a@other.example\r\n"), "");
    EXPECT_EQ(signers("From: a@[192.0.2.1]\r\n"), "");
    EXPECT_EQ(signers("Subject: no From\r\n"), "");
    EXPECT_FALSE(signing_->decide("From: a@other.example\r\n").deferral);
    EXPECT_TRUE(log_.lines.empty());
}

TEST_F(SigningTest, MailWaitsWhereNoKeyCanBeUsed) {
    add_key("example.com", "s1", directory_ / "none");
    make();
    for (int i = 0; i < 3; ++i) {
        const auto decision = signing_->decide("From: a@example.com\r\n");
        EXPECT_TRUE(decision.keys.empty());
        ASSERT_TRUE(decision.deferral);
        EXPECT_EQ(decision.deferral->kind, mail::OutcomeKind::deferred);
        EXPECT_THAT(decision.deferral->text, StartsWith("it can't be signed: can't read the DKIM"));
    }
    EXPECT_EQ(log_.count("No such file or directory; mail from example.com waits"), 1U);
    clock_.advance(std::chrono::minutes(11));
    EXPECT_TRUE(signing_->decide("From: a@example.com\r\n").deferral);
    EXPECT_EQ(log_.lines.size(), 2U);
    write("none", test::kRfc6376Key);
    clock_.advance(std::chrono::seconds(2));
    EXPECT_EQ(signers("From: a@example.com\r\n"), "example.com s1");
}

TEST_F(SigningTest, MailLeavesUnsignedWhereTheSettingsSaySo) {
    add_key("example.com", "s1", directory_ / "none");
    settings_.dkim_failure = config::DkimFailure::send;
    make();
    const auto decision = signing_->decide("From: a@example.com\r\n");
    EXPECT_TRUE(decision.keys.empty());
    EXPECT_FALSE(decision.deferral);
    EXPECT_EQ(log_.count("mail from example.com leaves unsigned"), 1U);
}

TEST_F(SigningTest, OneGoodKeyIsEnough) {
    add_key("example.com", "s1", directory_ / "none");
    add_key("example.com", "s2", write("rsa", test::kRfc6376Key));
    make();
    EXPECT_EQ(signers("From: a@example.com\r\n"), "example.com s2");
    EXPECT_EQ(log_.count("mail from example.com is signed without it"), 1U);
}

/// May open nothing.
class ForbiddingFileSystem final : public PosixFileSystem {
public:
    Result<Fd> open(int, const std::string&, int, mode_t) override {
        return Error::from_errno(EACCES, "open");
    }
};

TEST_F(SigningTest, AnOnDemandEngineLeavesMailForTheSystemEngine) {
    add_key("example.com", "s1", "/etc/mxpost/dkim/k");
    ForbiddingFileSystem files;
    const auto on_demand = Signing::make(files, clock_, log_, settings_, false);
    const auto decision = on_demand->decide("From: a@example.com\r\n");
    ASSERT_TRUE(decision.deferral);
    EXPECT_THAT(
        decision.deferral->text,
        StartsWith("waits for the system engine, which can read the DKIM key of example.com")
    );
    EXPECT_TRUE(log_.lines.empty());  // each recipient's line says it
    const auto system = Signing::make(files, clock_, log_, settings_, true);
    EXPECT_THAT(
        system->decide("From: a@example.com\r\n").deferral->text,
        HasSubstr("(it should have mode 640 and group mxpost)")
    );
    settings_.dkim_failure = config::DkimFailure::send;
    const auto careless = Signing::make(files, clock_, log_, settings_, false);
    EXPECT_FALSE(careless->decide("From: a@example.com\r\n").deferral);
}

/// Counts how often it is read from its start.
class CountedContent final : public mail::Content {
public:
    CountedContent(std::string text, int& passes) : content_(std::move(text)), passes_(passes) {}
    std::uint64_t size() const override { return content_.size(); }
    bool is_eight_bit() const override { return content_.is_eight_bit(); }
    Result<void> rewind() override { return content_.rewind(); }
    Result<std::size_t> read(std::span<char> buffer) override {
        const auto got = content_.read(buffer);
        passes_ += got && *got == 0 ? 1 : 0;
        return got;
    }

private:
    test::StringContent content_;
    int& passes_;
};

TEST_F(SigningTest, AMessageIsReadOnceForEachForm) {
    add_key("example.com", "s1", write("rsa", test::kRfc6376Key));
    make();
    MessageSigner signer(signing_.get());
    const std::string header = "From: a@example.com\r\n";
    ASSERT_FALSE(signer.prepare(header));
    int passes = 0;
    const auto sign = [&](const std::string& body, bool is_recoded) {
        auto content = std::make_unique<CountedContent>(header + "\r\n" + body, passes);
        auto result = signer.sign(std::move(content), is_recoded).value();
        std::string text(static_cast<std::size_t>(result->size()), '\0');
        EXPECT_TRUE(result->rewind());
        EXPECT_EQ(result->read(text).value(), text.size());
        return text;
    };
    const std::string first = sign("8-bit\r\n", false);
    EXPECT_EQ(passes, 1);
    EXPECT_THAT(first, StartsWith("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; "));
    EXPECT_THAT(first, testing::EndsWith("\r\nFrom: a@example.com\r\n\r\n8-bit\r\n"));
    EXPECT_EQ(sign("8-bit\r\n", false), first);
    EXPECT_EQ(passes, 1);
    EXPECT_NE(sign("7-bit\r\n", true), first);
    EXPECT_EQ(passes, 2);
}

TEST_F(SigningTest, ALargeMessageIsSignedInSlices) {
    add_key("example.com", "s1", write("rsa", test::kRfc6376Key));
    make();
    const std::string header = "From: a@example.com\r\n";
    std::string body;
    while (body.size() < (3U << 20)) {
        body += "a line of a large message\r\n";
    }
    const auto content = [&] {
        return std::make_unique<test::StringContent>(header + "\r\n" + body);
    };
    const auto signed_by = [](MessageSigner& signer, std::unique_ptr<mail::Content> given) {
        auto result = signer.sign(std::move(given), false).value();
        std::string text(4096, '\0');
        EXPECT_TRUE(result->rewind());
        EXPECT_TRUE(result->read(text));
        return text;
    };
    MessageSigner whole(signing_.get());
    ASSERT_FALSE(whole.prepare(header));
    MessageSigner sliced(signing_.get());
    ASSERT_FALSE(sliced.prepare(header));
    EXPECT_TRUE(sliced.is_large(body.size()));
    EXPECT_FALSE(sliced.is_large(2048));
    boost::asio::io_context io;
    bool is_done = false;
    boost::asio::co_spawn(io, sliced.sign_ahead(content()), [&](const std::exception_ptr& error) {
        EXPECT_FALSE(error);
        is_done = true;
    });
    std::size_t turns = 0;
    while (!is_done && io.run_one() > 0) {
        ++turns;  // so often others get theirs
    }
    EXPECT_GT(turns, 8U);
    // Signed from the slices, whatever is given now.
    const auto fields = [](const std::string& text) {
        return text.substr(0, text.find("\r\nFrom: "));
    };
    const std::string from_slices =
        fields(signed_by(sliced, std::make_unique<test::StringContent>(header + "\r\n")));
    EXPECT_THAT(from_slices, StartsWith("DKIM-Signature: "));
    EXPECT_EQ(from_slices, fields(signed_by(whole, content())));
}

TEST_F(SigningTest, NothingChangesWithoutIt) {
    MessageSigner signer(nullptr);
    EXPECT_FALSE(signer.prepare("From: a@example.com\r\n"));
    auto content = std::make_unique<test::StringContent>("From: a@example.com\r\n\r\n");
    const auto* const before = content.get();
    EXPECT_EQ(signer.sign(std::move(content), false).value().get(), before);
}

TEST_F(SigningTest, ADeferredMessageAsksNoServer) {
    Queue queue;
    const auto name = queue.commit(make_envelope({"bob@there.example"}));
    Life life(queue);
    life.resolver.add_mx("there.example", 10, "mx.there.example");
    add_key("example.com", "s1", directory_ / "none");
    make();
    life.services.signing = signing_.get();
    EXPECT_NE(life.attempt(name), std::nullopt);
    EXPECT_THAT(queue.state().last->text, StartsWith("it can't be signed: "));
    EXPECT_TRUE(life.resolver.questions().empty());
}

}  // namespace
}  // namespace mxpost::deliver
