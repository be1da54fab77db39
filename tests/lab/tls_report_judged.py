#!/usr/bin/python3
"""Judges a TLS report by RFC 8460's text: 4.4 (the JSON), 5.3 (mail), 5.4 (HTTPS).

    tls_report_judged.py mail FILE.eml DOMAIN RESULT-TYPE
    tls_report_judged.py post CONTENT HEAD DOMAIN RESULT-TYPE

RESULT-TYPE is one that the report must have, or "success".
"""
import datetime
import email
import email.policy
import gzip
import ipaddress
import json
import re
import sys

RESULT_TYPES = {
    "starttls-not-supported", "certificate-host-mismatch", "certificate-expired",
    "certificate-not-trusted", "validation-failure", "tlsa-invalid", "dnssec-invalid",
    "dane-required", "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"}


def fields(value, required, optional, where):
    """`value` has these fields and no others, each of its type."""
    assert isinstance(value, dict), where
    for name, kind in required.items():
        assert name in value, f"{where}: no {name}"
        assert isinstance(value[name], kind), f"{where}: {name} is {value[name]!r}"
    for name, item in value.items():
        assert name in required or name in optional, f"{where}: {name}"
        if name in optional:
            assert isinstance(item, optional[name]), f"{where}: {name} is {item!r}"


def moment(text):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text), text
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def judge_policy(entry, domain):
    fields(entry, {"policy": dict, "summary": dict}, {"failure-details": list}, "policies")
    policy = entry["policy"]
    fields(policy, {"policy-type": str, "policy-domain": str},
           {"policy-string": list, "mx-host": list}, "policy")
    assert policy["policy-type"] in ("tlsa", "sts", "no-policy-found"), policy
    assert policy["policy-domain"] == domain, policy
    if policy["policy-type"] == "sts" and "policy-string" in policy:
        assert policy["policy-string"][0] == "version: STSv1", policy
        assert policy["mx-host"], policy
    summary = entry["summary"]
    fields(summary, {"total-successful-session-count": int, "total-failure-session-count": int}, {},
           "summary")
    details = entry.get("failure-details", [])
    for detail in details:
        fields(detail, {"result-type": str, "failed-session-count": int},
               {"sending-mta-ip": str, "receiving-mx-hostname": str, "receiving-mx-helo": str,
                "receiving-ip": str, "additional-information": str, "failure-reason-code": str},
               "failure-details")
        assert detail["result-type"] in RESULT_TYPES, detail
        for name in ("sending-mta-ip", "receiving-ip"):
            if name in detail:
                ipaddress.ip_address(detail[name])
    assert sum(d["failed-session-count"] for d in details) == summary["total-failure-session-count"]
    return {detail["result-type"] for detail in details} | (
        {"success"} if summary["total-successful-session-count"] else set())


def judge_json(content, domain, result_type):
    report = json.loads(content.decode("utf-8"))
    fields(report, {"organization-name": str, "date-range": dict, "contact-info": str,
                    "report-id": str, "policies": list}, {}, "report")
    fields(report["date-range"], {"start-datetime": str, "end-datetime": str}, {}, "date-range")
    begin = moment(report["date-range"]["start-datetime"])
    end = moment(report["date-range"]["end-datetime"])
    assert end - begin == datetime.timedelta(seconds=86399) and begin.hour == 0, report["date-range"]
    assert re.fullmatch(r"[^@\s]+@[^@\s]+", report["contact-info"]), report["contact-info"]
    found = set()
    for entry in report["policies"]:
        found |= judge_policy(entry, domain)
    assert result_type in found, found
    return report, int((begin - datetime.datetime(1970, 1, 1)).total_seconds())


def judge_mail(path, domain, result_type):
    with open(path, "rb") as file:
        message = email.message_from_binary_file(file, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report", message.get_content_type()
    assert message.get_param("report-type") == "tlsrpt", message["Content-Type"]
    assert message["TLS-Report-Domain"] == domain
    submitter = message["TLS-Report-Submitter"]
    assert message["TLS-Required"] == "No"
    assert not message.defects, message.defects
    text, attachment = message.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert attachment.get_content_type() == "application/tlsrpt+gzip"
    report, begin = judge_json(gzip.decompress(attachment.get_content()), domain, result_type)
    name = rf"{re.escape(submitter)}!{re.escape(domain)}!{begin}!{begin + 86399}!\w+\.json\.gz"
    assert re.fullmatch(name, attachment.get_filename()), attachment.get_filename()
    subject = f"Report Domain: {domain} Submitter: {submitter} Report-ID: <{report['report-id']}>"
    assert message["Subject"] == subject, message["Subject"]


def judge_post(path, head, domain, result_type):
    with open(head, encoding="utf-8") as file:
        assert re.search(r"(?im)^content-type: *application/tlsrpt\+gzip\s*$", file.read())
    with open(path, "rb") as file:
        judge_json(gzip.decompress(file.read()), domain, result_type)


if __name__ == "__main__":
    {"mail": judge_mail, "post": judge_post}[sys.argv[1]](*sys.argv[2:])
