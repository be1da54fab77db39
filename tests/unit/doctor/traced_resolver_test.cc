#include "doctor/traced_resolver.h"

#include "doctor_test.h"

namespace mxpost::doctor {
namespace {

using testing::ElementsAre;

class Notes final : public protocol::Dialogue {
public:
    void client(std::string_view) override {}
    void server(std::string_view) override {}
    void note(std::string_view line) override { lines.emplace_back(line); }

    std::vector<std::string> lines;
};

class TracedResolverTest : public DoctorTest {
protected:
    Notes notes;
    TracedResolver traced{resolver, clock, notes};
};

TEST_F(TracedResolverTest, NotesEachQuestionWithItsAnswer) {
    resolver.add_mx("a.test", 10, "mx.a.test");
    resolver.add_mx("a.test", 20, "");
    resolver.add_address("mx.a.test", "192.0.2.1");
    resolver.add_ptr("192.0.2.1", "mx.a.test");
    resolver.add_txt("a.test", "v=spf1 -all");
    resolver.add_cname("www.test", "a.test");
    dns::TlsaRecord record;
    record.usage = 3;
    record.selector = 1;
    record.matching_type = 1;
    record.data = "\x0f\xa0";
    resolver.add_tlsa("_25._tcp.mx.a.test", record);
    resolver.fail_mx("down.test", "192.0.2.53: SERVFAIL");
    EXPECT_EQ(run(traced.mx("a.test")).records.size(), 2U);
    run(traced.addresses("mx.a.test", dns::Family::ipv4));
    run(traced.addresses("mx.a.test", dns::Family::ipv6));
    run(traced.ptr(ip("192.0.2.1")));
    run(traced.txt("a.test"));
    run(traced.txt("no.test"));
    run(traced.tlsa("_25._tcp.mx.a.test"));
    run(traced.cname("www.test"));
    run(traced.mx("down.test"));
    EXPECT_THAT(
        notes.lines,
        ElementsAre(
            "DNS a.test MX: 10 mx.a.test, 20 . (0 ms)",
            "DNS mx.a.test A: 192.0.2.1 (0 ms)",
            "DNS mx.a.test AAAA: none (0 ms)",
            "DNS 192.0.2.1 PTR: mx.a.test (0 ms)",
            "DNS a.test TXT: \"v=spf1 -all\" (0 ms)",
            "DNS no.test TXT: there is no such name (0 ms)",
            "DNS _25._tcp.mx.a.test TLSA: 3 1 1 0fa0 (0 ms)",
            "DNS www.test CNAME: a.test (0 ms)",
            "DNS down.test MX: no answer: 192.0.2.53: SERVFAIL (0 ms)"
        )
    );
}

}  // namespace
}  // namespace mxpost::doctor
