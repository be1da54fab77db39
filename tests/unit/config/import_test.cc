#include "config/import.h"

#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.h"
#include "support/temporary_directory.h"

namespace mxpost::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Files = std::map<std::string, std::string>;

Import import_of(const std::string& path, const Files& files) {
    auto import = import_settings(path, [&](const std::string& name) -> std::optional<std::string> {
        const auto found = files.find(name);
        return found == files.end() ? std::nullopt : std::optional(found->second);
    });
    EXPECT_TRUE(import) << path;
    return import.value_or(Import());
}

/// "key = value" lines; the whole text was read by the program's own reader first.
std::vector<std::string> settings_of(const Import& import) {
    const test::TemporaryDirectory directory;
    const std::string path = directory / "mxpost.conf";
    std::ofstream(path) << import_text(import);
    PosixFileSystem files;
    const auto loaded = load(files, path, {});
    EXPECT_TRUE(loaded) << loaded.error().message() << "\n" << import_text(import);
    std::vector<std::string> settings;
    for (const Setting& setting : loaded->set) {
        settings.push_back(setting.key + " = " + setting.value);
    }
    return settings;
}

// ---- ssmtp: what Debian's postinst writes, and what people add

constexpr const char* kSsmtp =
    "#\n"
    "# Config file for sSMTP sendmail\n"
    "#\n"
    "# The person who gets all mail for userids < 1000\n"
    "# Make this empty to disable rewriting.\n"
    "root=postmaster\n"
    "\n"
    "# The place where the mail goes. The actual machine name is required no \n"
    "# MX records are consulted. Commonly mailhosts are named mail.domain.com\n"
    "mailhub=mail\n"
    "\n"
    "# Where will the mail seem to come from?\n"
    "#rewriteDomain=\n"
    "\n"
    "# The full hostname\n"
    "hostname=web1.example.com\n"
    "\n"
    "# Are users allowed to set their own From: address?\n"
    "# YES - Allow the user to specify their own From: address\n"
    "# NO - Use the system generated From: address\n"
    "#FromLineOverride=YES\n";

TEST(ImportSsmtp, TakesWhatDebianInstalls) {
    const Import import = import_of("/etc/ssmtp/ssmtp.conf", {{"/etc/ssmtp/ssmtp.conf", kSsmtp}});
    EXPECT_EQ(import.program, "ssmtp");
    EXPECT_THAT(
        settings_of(import),
        ElementsAre(
            "host-name = web1.example.com",
            "relay = [mail]",
            "local-mail-to = postmaster@web1.example.com"
        )
    );
    EXPECT_THAT(import.remarks, IsEmpty());
}

TEST(ImportSsmtp, TakesALoginAndAliasesAndNamesTheRest) {
    const Import import = import_of(
        "/etc/ssmtp/ssmtp.conf",
        {{"/etc/ssmtp/ssmtp.conf",
          "root=ops@example.com\nMailHub=smtp.example.com:587\nREWRITEDOMAIN=example.com\n"
          "UseTLS=yes\nUseSTARTTLS=YES\nAuthUser=me@example.com\nAuthPass=se=cret#1\n"
          "AuthMethod=CRAM-MD5\nTLS_CA_File=/etc/ca.pem\nFromLineOverride=NO\n"},
         {"/etc/ssmtp/revaliases",
          "# sSMTP aliases\nroot:me@example.com:smtp.example.com:587\nwww-data:web@example.com\n"
          "bad\n"}}
    );
    EXPECT_THAT(
        settings_of(import),
        ElementsAre(
            "from-domain = example.com",
            "relay = smtp.example.com:587",
            "relay-credentials = /etc/mxpost.credentials",
            "relay-auth = cram-md5",
            "local-mail-to = ops@example.com"
        )
    );
    EXPECT_THAT(import.sender_map, ElementsAre("root me@example.com", "www-data web@example.com"));
    EXPECT_THAT(
        import.remarks,
        ElementsAre(
            "/etc/ssmtp/ssmtp.conf:9: TLS_CA_File: has no equal",
            "/etc/ssmtp/ssmtp.conf:10: FromLineOverride: From stays as the caller writes it; see "
            "sender-map",
            "/etc/ssmtp/revaliases:2: smtp.example.com: there is one relay for all senders",
            "/etc/ssmtp/revaliases:4: bad: is no account:address",
            "/etc/ssmtp/ssmtp.conf:1: root=ops@example.com: local-mail-to is for this host's own "
            "domains: root's mail leaves as root@example.com, which from-domain makes of it "
            "(unless "
            "that is this host's name)"
        )
    );
    EXPECT_EQ(credentials_text(import), "me@example.com:se=cret#1\n");
    EXPECT_THAT(import_text(import), Not(HasSubstr("se=cret")));
}

TEST(ImportSsmtp, TlsFromTheFirstOctetIsPort465) {
    const auto relay = [](const char* text) {
        return settings_of(import_of("ssmtp.conf", {{"./ssmtp.conf", text}}));
    };
    EXPECT_THAT(relay("mailhub=a.test\nUseTLS=YES\n"), ElementsAre("relay = a.test:465"));
    EXPECT_THAT(relay("mailhub=a.test:465\nUseTLS=YES\n"), ElementsAre("relay = a.test:465"));
    EXPECT_THAT(
        relay("mailhub=a.test:587\nUseSTARTTLS=YES\n"),
        ElementsAre("relay = a.test:587", "relay-tls = encrypt")
    );
    EXPECT_THAT(relay("mailhub=a.test:25\n"), ElementsAre("relay = [a.test]:25"));
    EXPECT_THAT(relay("mailhub=[2001:db8::1]:26\n"), ElementsAre("relay = [2001:db8::1]:26"));
}

TEST(ImportSsmtp, SaysWhereRootsMailLeavesInstead) {
    const auto remarks = [](const char* text) {
        return import_of("ssmtp.conf", {{"./ssmtp.conf", text}}).remarks;
    };
    EXPECT_THAT(
        remarks("root=ops@a.test\nrewriteDomain=a.test\nhostname=web1.a.test\n"),
        ElementsAre(
            "./ssmtp.conf:1: root=ops@a.test: local-mail-to is for this host's own domains: "
            "root's mail leaves as root@a.test, which from-domain makes of it"
        )
    );
    EXPECT_THAT(
        remarks("root=ops@a.test\nrewriteDomain=web1.a.test\nhostname=web1.a.test\n"), IsEmpty()
    );
    EXPECT_THAT(remarks("root=ops@a.test\nhostname=web1.a.test\n"), IsEmpty());
    EXPECT_THAT(remarks("rewriteDomain=a.test\nhostname=web1.a.test\n"), IsEmpty());
}

// ---- msmtp: the package's examples

TEST(ImportMsmtp, TakesTheSystemExample) {
    const Import import = import_of(
        "/etc/msmtprc",
        {{"/etc/msmtprc",
          "# Example for a system wide configuration file\n\n"
          "# A system wide configuration file is optional.\n"
          "account default\n\n"
          "# The SMTP smarthost\n"
          "host mail.oursite.example\n\n"
          "# Use TLS on port 465\n"
          "port 465\n"
          "tls on\n"
          "tls_starttls off\n\n"
          "from %U@oursite.example\n"
          "allow_from_override off\n"
          "set_from_header on\n\n"
          "# Syslog logging with facility LOG_MAIL instead of the default LOG_USER\n"
          "syslog LOG_MAIL\n"}}
    );
    EXPECT_THAT(
        settings_of(import),
        ElementsAre(
            "relay = mail.oursite.example:465",
            "relay-tls = verify",
            "from-domain = oursite.example"
        )
    );
    EXPECT_THAT(import.sender_map, ElementsAre("* @oursite.example"));
    EXPECT_THAT(import.remarks, IsEmpty());
}

TEST(ImportMsmtp, TakesTheDefaultAccountWithItsParents) {
    const Import import = import_of(
        "/root/.msmtprc",
        {{"/root/.msmtprc",
          "defaults\nport 587\ntls on\ntls_starttls on\n"
          "account freemail\nhost smtp.freemail.example\nfrom joe_smith@freemail.example\n"
          "auth on\nuser joe.smith\npasswordeval gpg2 --no-tty -q -d ~/.msmtp-password.gpg\n"
          "account freemail2 : freemail\nfrom joey@freemail.example\n"
          "account company\nhost mail.company.example\nauth on\nuser company12345\n"
          "password \"pass word\"\n"
          "account default : freemail2\n"}}
    );
    EXPECT_THAT(
        settings_of(import),
        ElementsAre(
            "relay = smtp.freemail.example:587",
            "relay-credentials = /etc/mxpost.credentials",
            "relay-tls = verify",
            "from-domain = freemail.example"
        )
    );
    EXPECT_THAT(import.sender_map, ElementsAre("@freemail.example joey@freemail.example"));
    EXPECT_EQ(import.user, "joe.smith");
    EXPECT_EQ(import.password, "");
    EXPECT_THAT(
        import.remarks,
        ElementsAre(
            "/root/.msmtprc:10: passwordeval: the password is read from relay-credentials only",
            "/root/.msmtprc: account freemail: there is one relay for all mail",
            "/root/.msmtprc: account freemail2: there is one relay for all mail",
            "/root/.msmtprc: account company: there is one relay for all mail"
        )
    );
    EXPECT_THAT(import_text(import), Not(HasSubstr("pass word")));
}

TEST(ImportMsmtp, NamesWhatIsUnknown) {
    const Import import = import_of(
        "msmtprc",
        {{"msmtprc",
          "account a\nhost relay.test\ntls_fingerprint 00:11\naliases /etc/aliases\nlogfile ~/log\n"
          "source_ip 192.0.2.9\nauth gssapi\nuser u\npassword p\n"}}
    );
    EXPECT_THAT(
        settings_of(import),
        ElementsAre(
            "relay = [relay.test]",
            "relay-credentials = /etc/mxpost.credentials",
            "relay-tls = may",
            "alias-files = /etc/aliases",
            "source-address-ipv4 = 192.0.2.9"
        )
    );
    EXPECT_THAT(
        import.remarks,
        ElementsAre(
            "msmtprc:7: auth gssapi: see relay-auth", "msmtprc:3: tls_fingerprint: has no equal"
        )
    );
}

// ---- dma: the package's files

constexpr const char* kDma =
    "# $DragonFly: src/etc/dma/dma.conf,v 1.2 2008/02/04 10:11:41 matthias Exp $\n#\n"
    "# Your smarthost (also called relayhost).  Leave blank if you don't want\n"
    "# smarthost support.\n"
    "#SMARTHOST mail.example.com\n\n# Use this SMTP port.\n#PORT 25\n\n"
    "#ALIASES /etc/aliases\n\n#SPOOLDIR /var/spool/dma\n\n#AUTHPATH /etc/dma/auth.conf\n\n"
    "#SECURETRANSFER\n\n#STARTTLS\n\n#DEFER\n\n"
    "# NOTE: on Debian systems this is handled via debconf!\n"
    "MAILNAME /etc/mailname\n\n"
    "# Format: MASQUERADE [user@][host]\n#NULLCLIENT\n";

TEST(ImportDma, TakesWhatDebianInstalls) {
    const Import import = import_of(
        "/etc/dma/dma.conf",
        {{"/etc/dma/dma.conf", kDma},
         {"/etc/dma/auth.conf",
          "# $DragonFly: src/etc/dma/auth.conf,v 1.1 2008/02/02 18:24:00 matthias Exp $\n#\n"
          "# SMTP authentication entries (currently AUTH LOGIN only)\n"
          "# Format: user|my.smarthost.example.com:password\n"}}
    );
    EXPECT_THAT(settings_of(import), IsEmpty());  // direct delivery, as here
    EXPECT_THAT(import.remarks, IsEmpty());
}

TEST(ImportDma, TakesASmarthostWithItsLogin) {
    const Import import = import_of(
        "/etc/dma/auth.conf",
        {{"/etc/dma/dma.conf",
          "SMARTHOST smtp.example.com\nPORT 587\nSECURETRANSFER\nSTARTTLS\nOPPORTUNISTIC_TLS\n"
          "MASQUERADE herb@ert.example\nDEFER\nFINGERPRINT 12AB\nMAILNAME /etc/other\n"},
         {"/etc/dma/auth.conf",
          "other|elsewhere.example:geheim\nuser:x|smtp.example.com:pass:word\nnonsense geheim\n"}}
    );
    EXPECT_THAT(
        settings_of(import),
        ElementsAre(
            "delivery-mode = queue",
            "relay = smtp.example.com:587",
            "relay-credentials = /etc/mxpost.credentials",
            "relay-tls = may"
        )
    );
    EXPECT_THAT(import.sender_map, ElementsAre("* herb@ert.example"));
    EXPECT_EQ(import.user, "user:x");
    EXPECT_EQ(import.password, "pass:word");
    EXPECT_THAT(
        import.remarks,
        ElementsAre(
            "/etc/dma/dma.conf:8: FINGERPRINT: has no equal",
            "/etc/dma/dma.conf:9: MAILNAME: only /etc/mailname is looked into; see from-domain",
            "/etc/dma/auth.conf:1: elsewhere.example: is not the relay",
            "/etc/dma/auth.conf:3: a line: is no user|host:password"
        )
    );
    EXPECT_THAT(import_text(import), Not(HasSubstr("geheim")));
}

TEST(ImportDma, MasqueradesTheDomain) {
    const Import import =
        import_of("dma.conf", {{"./dma.conf", "MASQUERADE percolator.example\n"}});
    EXPECT_THAT(settings_of(import), ElementsAre("from-domain = percolator.example"));
    EXPECT_THAT(import.sender_map, ElementsAre("* @percolator.example"));
}

// ---- nullmailer

TEST(ImportNullmailer, DefaulthostCompletesAddressesAndDefaultdomainHosts) {
    const auto domain_of = [](const Files& files) {
        for (const std::string& line : settings_of(import_of("/etc/nullmailer", files))) {
            if (line.starts_with("from-domain = ")) {
                return line.substr(14);
            }
        }
        return std::string();
    };
    const std::string d = "/etc/nullmailer/";
    EXPECT_EQ(
        domain_of({{d + "me", "web1\n"}, {d + "defaultdomain", "b.example\n"}}), "web1.b.example"
    );
    EXPECT_EQ(
        domain_of({{d + "me", "web1.a.example\n"}, {d + "defaulthost", "b.example\n"}}), "b.example"
    );
    EXPECT_EQ(
        domain_of({{d + "defaulthost", "web1\n"}, {d + "defaultdomain", "b.example\n"}}),
        "web1.b.example"
    );
}

TEST(ImportNullmailer, TakesItsDirectory) {
    const Files files = {
        {"/etc/nullmailer/me", "web1.example.com\n"},
        {"/etc/nullmailer/defaultdomain", "example.com\n"},
        {"/etc/nullmailer/adminaddr", "ops@example.com\n"},
        {"/etc/nullmailer/pausetime", "600\n"},
        {"/etc/nullmailer/remotes",
         "smtp.example.com smtp --port=587 --starttls --user=me --pass='se cret' --x509cafile=/x\n"
         "backup.example.com smtp --pass=geheim\n"}};
    for (const char* path : {"/etc/nullmailer", "/etc/nullmailer/", "/etc/nullmailer/remotes"}) {
        const Import import = import_of(path, files);
        EXPECT_THAT(
            settings_of(import),
            ElementsAre(
                "host-name = web1.example.com",
                "from-domain = web1.example.com",
                "local-mail-to = ops@example.com",
                "retry-min = 600s",
                "relay = smtp.example.com:587",
                "relay-credentials = /etc/mxpost.credentials",
                "relay-tls = verify"
            )
        );
        EXPECT_THAT(
            import.remarks,
            ElementsAre(
                "/etc/nullmailer/remotes:1: x509cafile: has no equal",
                "/etc/nullmailer/remotes:2: backup.example.com: there is one relay"
            )
        );
        EXPECT_EQ(credentials_text(import), "me:se cret\n");
        EXPECT_THAT(import_text(import), Not(HasSubstr("se cret")));
        EXPECT_THAT(import_text(import), Not(HasSubstr("geheim")));
    }
}

TEST(ImportNullmailer, SaysWhereRootsMailLeavesInstead) {
    const std::string d = "/etc/nullmailer/";
    const Import import = import_of(
        "/etc/nullmailer",
        {{d + "me", "web1.a.test\n"},
         {d + "defaulthost", "a.test\n"},
         {d + "adminaddr", "o@a.test\n"}}
    );
    EXPECT_THAT(
        import.remarks,
        ElementsAre("/etc/nullmailer/adminaddr:1: adminaddr: local-mail-to is for this host's own "
                    "domains: root's mail leaves as root@a.test, which from-domain makes of it")
    );
}

TEST(ImportNullmailer, TakesWhatDebianInstalls) {
    const Import import = import_of(
        "/etc/nullmailer",
        {{"/etc/nullmailer/adminaddr", ""},
         {"/etc/nullmailer/defaultdomain", ""},
         {"/etc/nullmailer/remotes", "mail.example.com\n"}}
    );
    EXPECT_THAT(settings_of(import), ElementsAre("relay = [mail.example.com]"));
    EXPECT_THAT(import.remarks, IsEmpty());
}

// ---- Postfix

TEST(ImportPostfix, TakesWhatDebianInstallsForASatellite) {
    const Import import = import_of(
        "/etc/postfix/main.cf",
        {{"/etc/postfix/main.cf",
          "# See /usr/share/postfix/main.cf.dist for a commented, more complete version\n\n\n"
          "# Debian specific:  Specifying a file name will cause the first\n"
          "# line of that file to be used as the name.  The Debian default\n"
          "# is /etc/mailname.\n#myorigin = /etc/mailname\n\n"
          "smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)\nbiff = no\n\n"
          "# appending .domain is the MUA's job.\nappend_dot_mydomain = no\n\n"
          "readme_directory = no\n\ncompatibility_level = 3.6\n\n\n"
          "# TLS parameters\n"
          "smtpd_tls_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem\n"
          "smtp_tls_CApath=/etc/ssl/certs\nsmtp_tls_security_level=may\n"
          "smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache\n\n"
          "smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated "
          "defer_unauth_destination\n"
          "myhostname = web1.example.com\nalias_maps = hash:/etc/aliases\n"
          "alias_database = hash:/etc/aliases\nmyorigin = /etc/mailname\n"
          "mydestination = $myhostname, web1, localhost.localdomain, localhost\n"
          "relayhost = [smtp.example.com]:587\n"
          "mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128, 10.1.0.0/16\n"
          "mailbox_size_limit = 0\nrecipient_delimiter = +\n"
          "inet_interfaces = loopback-only\ninet_protocols = all\n"}}
    );
    EXPECT_THAT(
        settings_of(import),
        ElementsAre(
            "host-name = web1.example.com",
            "local-domains = web1",
            "relay = smtp.example.com:587",
            "relay-tls = may"
        )
    );
    EXPECT_THAT(
        import.remarks,
        testing::Contains("/etc/postfix/main.cf:21: smtpd_tls_cert_file: has no equal")
    ) << import_text(import);
    EXPECT_THAT(import.remarks, testing::Contains(HasSubstr("recipient_delimiter")));
    EXPECT_THAT(
        import.remarks,
        testing::Contains("/etc/postfix/main.cf:33: 10.1.0.0/16: see listen and relay-networks")
    );
    EXPECT_THAT(import.remarks, Not(testing::Contains(HasSubstr("biff"))));
}

TEST(ImportPostfix, ExpandsContinuesAndReadsItsMaps) {
    const Import import = import_of(
        "/etc/postfix/main.cf",
        {{"/etc/postfix/main.cf",
          "myhostname = web1.example.com\n"
          "myorigin = ${mydomain}\n"
          "relayhost = $relay_name\n"
          "relay_name = mx.example.net\n"
          "smtp_sasl_auth_enable = yes\n"
          "smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd\n"
          "smtp_tls_security_level = secure\n"
          "masquerade_domains = !lab.example.com\n"
          "# between\n"
          "   example.com\n"
          "sender_canonical_maps = hash:/etc/postfix/canonical, regexp:/etc/postfix/re\n"
          "maximal_queue_lifetime = 3\n"
          "bounce_queue_lifetime = 1\n"
          "delay_warning_time = 0\n"
          "minimal_backoff_time = 300s\n"
          "message_size_limit = 20480000\n"},
         {"/etc/postfix/sasl_passwd", "other a:b\nmx.example.net me:geheim\n"},
         {"/etc/postfix/canonical", "root ops@example.com\n@old.example @example.com\nx\n"}}
    );
    EXPECT_THAT(
        settings_of(import),
        ElementsAre(
            "host-name = web1.example.com",
            "message-size-limit = 20480000",
            "queue-lifetime = 3d",
            "bounce-lifetime = 1d",
            "retry-min = 300s",
            "masquerade-domains = !lab.example.com example.com",
            "from-domain = example.com",
            "relay = mx.example.net",
            "relay-credentials = /etc/mxpost.credentials",
            "relay-tls = verify"
        )
    );
    EXPECT_THAT(
        import.sender_map, ElementsAre("root ops@example.com", "@old.example @example.com")
    );
    EXPECT_EQ(credentials_text(import), "me:geheim\n");
    EXPECT_THAT(import_text(import), Not(HasSubstr("geheim")));
}

TEST(ImportPostfix, ReferencesThatNeverEndDo) {
    std::string text = "relayhost = $a0\nmyorigin = $loop\nloop = $loop$loop x\n";
    for (int i = 0; i < 12; ++i) {
        text += "a" + std::to_string(i) + " =";
        for (int n = 0; n < 500; ++n) {
            text += " $a" + std::to_string(i + 1);
        }
        text += "\n";
    }
    EXPECT_THAT(settings_of(import_of("main.cf", {{"main.cf", text}})), IsEmpty());
}

// ---- all of them

TEST(Import, KnowsWhoseAFileIsByItsName) {
    const ReadText nothing = [](const std::string&) { return std::nullopt; };
    EXPECT_EQ(import_settings("/etc/ssmtp/revaliases", nothing)->path, "/etc/ssmtp/ssmtp.conf");
    EXPECT_EQ(import_settings("/x/main.cf", nothing)->program, "postfix");
    EXPECT_FALSE(import_settings("/etc/exim4/exim4.conf", nothing));
    EXPECT_FALSE(import_settings("/etc/hosts", nothing));
    EXPECT_FALSE(import_settings("", nothing));
}

TEST(Import, HostileValuesGetNowhere) {
    const Import import = import_of(
        "ssmtp.conf",
        {{"./ssmtp.conf",
          "mailhub=a.test\x01:25\nhostname=x.test # relay = evil\nrewriteDomain=\xff\n"
          "root=a@b.test\r\nAuthUser=\x1b[2J\nAuthPass=p\nx\x07y=1\nmailhub\n=\n"}}
    );
    EXPECT_THAT(settings_of(import), ElementsAre("local-mail-to = a@b.test"));
    for (const std::string& remark : import.remarks) {
        EXPECT_EQ(remark.find_first_of("\x01\x07\x1b\n"), std::string::npos) << remark;
    }
}

TEST(Import, TheFirstOfSeveralFilesThatSetsAKeyCounts) {
    Import first =
        import_of("ssmtp.conf", {{"./ssmtp.conf", "mailhub=a.test:587\nhostname=web1.a.test\n"}});
    Import second = import_of(
        "main.cf",
        {{"main.cf",
          "myhostname = web2.b.test\nrelayhost = b.test:587\nmessage_size_limit = 1000\n"
          "smtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = hash:/sasl\n"
          "smtp_tls_security_level = may\n"},
         {"/sasl", "b.test:587 me:geheim\n"}}
    );
    ASSERT_EQ(second.user, "me");
    std::vector<ImportedSetting> taken;
    leave_to_earlier(first, taken);
    leave_to_earlier(second, taken);
    EXPECT_THAT(settings_of(first), ElementsAre("host-name = web1.a.test", "relay = a.test:587"));
    EXPECT_THAT(settings_of(second), ElementsAre("message-size-limit = 1000"));
    EXPECT_THAT(
        second.remarks,
        testing::Contains("main.cf:1: host-name = web2.b.test: host-name is set already, from "
                          "./ssmtp.conf:2")
    );
    EXPECT_THAT(second.remarks, testing::Contains(HasSubstr("relay = b.test:587: relay is set")));
    // A login is for the server that it came with.
    EXPECT_THAT(
        second.remarks,
        testing::Contains(HasSubstr("relay-credentials = /etc/mxpost.credentials: relay is set"))
    );
    EXPECT_EQ(second.user + second.password, "");
}

TEST(Import, BoundsItsRemarks) {
    std::string text;
    for (int i = 0; i < 20000; ++i) {
        text += "x" + std::to_string(i) + " = 1\n";
    }
    EXPECT_EQ(import_of("main.cf", {{"main.cf", text}}).remarks.size(), 501U);
}

TEST(ImportText, NamesTheFileThatTheCredentialsAreIn) {
    const Import import = import_of(
        "/etc/msmtprc",
        {{"/etc/msmtprc", "account default\nhost smtp.a.test\nauth on\nuser u\npassword geheim\n"}}
    );
    EXPECT_THAT(import_text(import), HasSubstr("relay-credentials = /etc/mxpost.credentials\n"));
    const std::string text = import_text(import, "/root/file");
    EXPECT_THAT(text, HasSubstr("relay-credentials = /root/file\n"));
    EXPECT_THAT(text, Not(HasSubstr("/etc/mxpost.credentials")));
}

TEST(ImportMsmtp, TheDefaultAliasHasAnotherName) {
    const Import import = import_of(
        "/etc/msmtprc",
        {{"/etc/msmtprc", "account default\nhost smtp.a.test\naliases /etc/msmtp.aliases\n"},
         {"/etc/msmtp.aliases", "root: ops@a.test\ndefault: all@a.test\n"}}
    );
    EXPECT_THAT(import.remarks, testing::Contains(HasSubstr("/etc/msmtp.aliases:2: default:")));
}

}  // namespace
}  // namespace mxpost::config
