#include "doctor/render.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace mxpost::doctor {

namespace {

std::string headline(const Report::Part& part) {
    switch (part.section) {
        case Section::host:
            return "This host";
        case Section::sender:
            return "The sender's domain, " + part.subject;
        case Section::recipient:
            break;
    }
    return "The recipient's domain, " + part.subject;
}

std::string coloured(Level level, const std::string& word) {
    const char* const colour = level == Level::ok        ? "\x1b[32m"
                               : level == Level::warning ? "\x1b[33m"
                                                         : "\x1b[1;31m";
    return colour + word + "\x1b[0m";
}

/// What comes before the remedy's text.
std::string lead(const Remedy& remedy) {
    switch (remedy.kind) {
        case Remedy::Kind::record:
            return remedy.replaced.empty() ? "in the DNS: " : "in the DNS, instead: ";
        case Remedy::Kind::setting:
            return "in mxpost.conf: ";
        case Remedy::Kind::command:
            return "as root: ";
        case Remedy::Kind::advice:
            break;
    }
    return "";
}

std::string finding_json(const Report::Part& part, const Finding& finding) {
    JsonArray remedies;
    for (const Remedy& remedy : finding.remedies) {
        JsonObject object;
        object.text("kind", name_of(remedy.kind));
        if (!remedy.name.empty()) {
            object.text("name", remedy.name);
        }
        if (!remedy.type.empty()) {
            object.text("type", remedy.type);
        }
        object.text("value", remedy.value).text("text", remedy.text());
        if (!remedy.replaced.empty()) {
            object.raw("replaces", json_strings(remedy.replaced));
        }
        remedies.add(object.end());
    }
    JsonObject object;
    object.text("section", name_of(part.section))
        .text("domain", part.subject)
        .text("check", finding.check)
        .text("subject", finding.subject)
        .text("level", name_of(finding.level))
        .text("text", finding.text)
        .raw("remedies", remedies.end());
    return object.end();
}

std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : printable(text, std::string::npos)) {
        switch (c) {
            case '&':
                result += "&amp;";
                break;
            case '<':
                result += "&lt;";
                break;
            case '>':
                result += "&gt;";
                break;
            case '"':
                result += "&quot;";
                break;
            default:
                result += c;
        }
    }
    return result;
}

constexpr std::string_view kStyle = R"(
:root{--ok:#1a7f37;--warning:#9a6700;--problem:#cf222e;--line:#d0d7de;--back:#fff;--ink:#1f2328}
@media(prefers-color-scheme:dark){:root{--ok:#3fb950;--warning:#d29922;--problem:#f85149;--line:#444c56;--back:#0d1117;--ink:#e6edf3}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1rem;background:var(--back);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
ol.path{display:flex;flex-wrap:wrap;gap:.5rem 1.6rem;list-style:none;margin:1rem 0;padding:0}
ol.path li{position:relative;flex:1 1 9rem;border:2px solid;border-radius:.5rem;padding:.5rem .7rem;overflow-wrap:anywhere}
ol.path li+li::before{content:"\2192";position:absolute;left:-1.4rem;top:.4rem;color:var(--ink)}
ol.path li.to+li.to::before{content:none}
@media(max-width:60rem){ol.path{flex-direction:column;gap:1.6rem}ol.path li{flex:none}ol.path li+li::before{content:"\2193";left:1rem;top:-1.6rem}ol.path li.to+li.to{margin-top:-1rem}}
ol.path b{display:block}ol.path span{font-size:.85rem}
ul.findings{list-style:none;margin:0;padding:0}
ul.findings>li{border-top:1px solid var(--line);padding:.5rem 0;overflow-wrap:anywhere}
.level{display:inline-block;min-width:5.2rem;font-weight:600}
.ok{color:var(--ok)}.warning{color:var(--warning)}.problem{color:var(--problem)}
.path .ok,.path .warning,.path .problem{border-color:currentColor}
.remedy{margin:.4rem 0 .2rem}.remedy p{margin:0;font-size:.9rem}
pre{margin:.2rem 0;padding:.5rem .7rem;border:1px solid var(--line);border-radius:.4rem;white-space:pre-wrap;overflow-wrap:anywhere;user-select:all;font-size:.85rem}
)";

Level worst_of(const Report::Part& part) {
    Level worst = Level::ok;
    for (const Finding& finding : part.findings) {
        worst = std::max(worst, finding.level);
    }
    return worst;
}

/// The worst of the checks of these names, and the text of the first that is.
std::string station(
    const Report::Part& part, const std::string& title, const std::vector<std::string>& checks
) {
    const std::string kind = part.section == Section::recipient ? "to " : "";
    const Finding* shown = nullptr;
    for (const Finding& finding : part.findings) {
        const bool is_meant =
            std::find(checks.begin(), checks.end(), finding.check) != checks.end();
        if (is_meant && (shown == nullptr || finding.level > shown->level)) {
            shown = &finding;
        }
    }
    if (shown == nullptr) {
        return {};
    }
    return "<li class=\"" + kind + std::string(name_of(shown->level)) + "\"><b>" + escaped(title) +
           "</b><span>" + escaped(shown->text) + "</span></li>\n";
}

/// From this host to the recipient's server.
std::string path_html(const Report& report) {
    std::string html = "<ol class=\"path\">\n";
    if (const Report::Part* const host = report.find(Section::host)) {
        html += station(
            *host, report.host, {"spool", "sendmail", "engine", "trust", "clock", "php", "cron"}
        );
        html += station(*host, "Name server", {"resolver", "dnssec"});
        html += station(*host, "Addresses", {"address", "ptr", "helo", "block-list"});
        html += station(*host, "Port 25", {"port-25"});
    }
    if (const Report::Part* const sender = report.find(Section::sender)) {
        html +=
            station(*sender, sender->subject, {"spf", "dkim", "dmarc", "bounces", "incoming-tls"});
    }
    for (const Report::Part& part : report.parts) {
        if (part.section == Section::recipient) {
            html += station(
                part, part.subject, {"mx", "connect", "greeting", "tls", "dane", "mta-sts"}
            );
        }
    }
    return html + "</ol>\n";
}

std::string finding_html(const Finding& finding) {
    const std::string level(name_of(finding.level));
    std::string html = "<li><span class=\"level " + level + "\">" + level + "</span> ";
    html += finding.subject.empty() ? "" : "<b>" + escaped(finding.subject) + "</b>: ";
    html += escaped(finding.text);
    for (const Remedy& remedy : finding.remedies) {
        html += "<div class=\"remedy\">";
        if (remedy.kind == Remedy::Kind::advice) {
            html += "<p>" + escaped(remedy.text()) + "</p>";
        } else {
            html += "<p>" + escaped(lead(remedy)) + "</p><pre>" + escaped(remedy.text()) + "</pre>";
        }
        html += "</div>";
    }
    return html + "</li>\n";
}

}  // namespace

std::string render_html(const Report& report) {
    std::string html =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
        "'unsafe-inline'\">\n<title>Mail from " +
        escaped(report.host) + "</title>\n<style>" + std::string(kStyle) +
        "</style>\n</head>\n<body>\n<h1>Mail from " + escaped(report.sender) + " by " +
        escaped(report.host) + "</h1>\n" + path_html(report);
    for (const Report::Part& part : report.parts) {
        html += "<h2 class=\"" + std::string(name_of(worst_of(part))) + "\">" +
                escaped(headline(part)) + "</h2>\n<ul class=\"findings\">\n";
        for (const Finding& finding : part.findings) {
            html += finding_html(finding);
        }
        html += "</ul>\n";
    }
    return html + "</body>\n</html>\n";
}

std::vector<std::string> render_text(const Report::Part& part, bool has_colours) {
    std::vector<std::string> lines = {headline(part)};
    for (const Finding& finding : part.findings) {
        const std::string word(name_of(finding.level));
        const std::string padding(sizeof "problem" - word.size(), ' ');
        lines.push_back(
            "  " + (has_colours ? coloured(finding.level, word) : word) + padding + " " +
            (finding.subject.empty() ? "" : printable(finding.subject) + ": ") +
            printable(finding.text)
        );
        for (const Remedy& remedy : finding.remedies) {
            lines.push_back(
                "            " + lead(remedy) + printable(remedy.text(), std::string::npos)
            );
        }
    }
    return lines;
}

std::string render_json(const Report& report) {
    JsonArray findings;
    for (const Report::Part& part : report.parts) {
        for (const Finding& finding : part.findings) {
            findings.add(finding_json(part, finding));
        }
    }
    JsonObject object;
    object.text("host", report.host)
        .text("sender", report.sender)
        .text("worst", name_of(report.worst()))
        .raw("findings", findings.end());
    return object.end();
}

}  // namespace mxpost::doctor
