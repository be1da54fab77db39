#include "doctor/render.h"

#include "doctor_test.h"

namespace mxpost::doctor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Report example() {
    Report report;
    report.host = "host.example";
    report.sender = "user@<script>.example";
    Report::Part part;
    part.section = Section::sender;
    part.subject = "corp.example";
    part.findings.emplace_back("bounces", "corp.example", Level::ok, "it takes mail");
    Finding finding("spf", "corp.example", Level::problem, "no \x1b[31mrecord");
    Remedy remedy = Remedy::record("corp.example", "TXT", "v=spf1 \"x\" ~all");
    remedy.replaced = {"v=spf1"};
    part.findings.push_back(finding.with(remedy).with(Remedy::setting("helo-name", "x.example")));
    report.parts.push_back(part);
    return report;
}

TEST(Render, Text) {
    EXPECT_THAT(
        render_text(example().parts[0], false),
        ElementsAre(
            "The sender's domain, corp.example",
            "  ok       corp.example: it takes mail",
            "  problem  corp.example: no ?[31mrecord",
            "            in the DNS, instead: corp.example. 3600 IN TXT \"v=spf1 \\\"x\\\" ~all\"",
            "            in mxpost.conf: helo-name = x.example"
        )
    );
    EXPECT_THAT(
        render_text(example().parts[0], true)[2], HasSubstr("\x1b[1;31mproblem\x1b[0m  corp")
    );
}

TEST(Render, Json) {
    EXPECT_EQ(
        render_json(example()),
        R"({"host":"host.example","sender":"user@<script>.example","worst":"problem","findings":[)"
        R"({"section":"sender","domain":"corp.example","check":"bounces","subject":"corp.example",)"
        R"("level":"ok","text":"it takes mail","remedies":[]},)"
        R"({"section":"sender","domain":"corp.example","check":"spf","subject":"corp.example",)"
        R"("level":"problem","text":"no ?[31mrecord","remedies":[{"kind":"record","name":"corp.example",)"
        R"("type":"TXT","value":"v=spf1 \"x\" ~all","text":"corp.example. 3600 IN TXT \"v=spf1 \\\"x\\\" ~all\"",)"
        R"("replaces":["v=spf1"]},{"kind":"setting","name":"helo-name","value":"x.example",)"
        R"("text":"helo-name = x.example"}]}]})"
    );
}

TEST(Render, HtmlIsAloneAndEscaped) {
    const std::string html = render_html(example());
    EXPECT_THAT(html, Not(HasSubstr("<script")));
    EXPECT_THAT(html, Not(HasSubstr("http://")));
    EXPECT_THAT(html, Not(HasSubstr("https://")));
    EXPECT_THAT(html, HasSubstr("&lt;script&gt;"));
    EXPECT_THAT(html, HasSubstr("v=spf1"));
}

TEST(Render, NoRecordIsCutShort) {
    Report::Part part;
    Finding finding("spf", "", Level::problem, "x");
    const std::string value = "v=spf1 " + std::string(3000, 'a') + " -all";
    part.findings.push_back(finding.with(Remedy::setting("helo-name", value)));
    EXPECT_THAT(render_text(part, false).back(), testing::EndsWith("= " + value));
    Report report;
    report.parts.push_back(part);
    EXPECT_THAT(render_json(report), HasSubstr(value));
    EXPECT_THAT(render_html(report), HasSubstr(value));
}

TEST(Remedy, LongTextIsSeveralStrings) {
    const Remedy remedy = Remedy::record("s._domainkey.x.test", "TXT", std::string(300, 'a'));
    EXPECT_EQ(
        remedy.text(),
        "s._domainkey.x.test. 3600 IN TXT \"" + std::string(255, 'a') + "\" \"" +
            std::string(45, 'a') + "\""
    );
}

}  // namespace
}  // namespace mxpost::doctor
