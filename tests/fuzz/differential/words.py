"""Text beyond ASCII, as mxpost writes it (RFC 2047, RFC 2231), decoded by Python."""

import email
import email.header
import email.policy
import re

from addresses import Python, is_sendable
from grammar import BEYOND_ASCII, Grammar


ENCODED = r"=\?[\w-]+\?[QB]\?[^?\s]*\?="


def unfolded(text):
    return text.replace("\r\n", "")


def decoded(value):
    """Unstructured text, as RFC 2047 6 wants it shown."""
    return str(email.header.make_header(email.header.decode_header(unfolded(value))))


def spaced(text):
    """Within encoded words a control character is a space (a tab, for one)."""
    return "".join(" " if ord(char) < 32 else char for char in unfolded(text)).strip(" ")


def with_quoted_strings(value):
    """Names and comments decoded. Python leaves a space between two encoded words of a phrase
    (github.com/python/cpython issue 92081), so this isn't left to its parser of addresses."""
    def quoted(run):
        return '"' + "".join("\\" + char for char in decoded(run.group())) + '"'
    return re.sub(f"{ENCODED}(?:\\s+{ENCODED})*", quoted, unfolded(value))


def touching(value):
    """An encoded word without white space beside it (RFC 2047 5): readers may not know it. In a
    comment its parentheses may touch it."""
    for word in re.finditer(ENCODED, value):
        before, after = value[:word.start()][-1:], value[word.end():][:1]
        if before not in tuple(" \t\n(") or after not in tuple(" \t\r)"):
            return f"no white space around {word.group()!r} in {value!r}"
    return None


def misshapen(value):
    """RFC 2047 2 and 5: an encoded word has 75 octets at most and can be decoded without the next."""
    for word in re.findall(ENCODED, value):
        ((octets, charset),) = email.header.decode_header(word)
        try:
            octets.decode(charset)
        except UnicodeDecodeError:
            return f"a character is cut in two: {word}"
        if len(word) > 75:
            return f"over 75 octets: {word}"
    return None


def subject(random, driver):
    text = " " + Grammar(random).unstructured()
    yield text
    value = driver.ask("v", b"Subject:" + text.encode()).value().decode("ascii")
    if misshapen(value):
        yield misshapen(value)
    if spaced(decoded(value)) != spaced(text):
        yield f"written as {value!r}, which Python reads as {decoded(value)!r}"
    return "same"


def names(random, driver):
    """Names and addresses of a To field, before and after."""
    grammar = Grammar(random)
    text = " " + grammar.address_list()
    yield text
    if not all(map(is_sendable, grammar.expected)):
        return "unsendable local part"
    value = driver.ask("v", b"To:" + text.encode()).value().decode()
    problem = touching(value) or misshapen(value)
    if problem:
        yield problem
    before, after = Python(text), Python(with_quoted_strings(value))
    if after.addresses != grammar.expected:
        yield f"written as {value!r}, addresses {after.addresses} instead of {grammar.expected}"
    if [spaced(name or "") for name in after.names] != [spaced(name or "") for name in before.names]:
        yield f"written as {value!r}, names {after.names} instead of {before.names}"
    rest = value
    for domain in sorted((domain for _, domain in grammar.expected), key=len, reverse=True):
        rest = rest.replace(domain, "")
    if not rest.isascii() and all(local.isascii() for local, _ in grammar.expected):
        yield f"not ASCII: {value!r}"
    return "same"


def display_name(random, driver):
    text = "".join(random.choice(BEYOND_ASCII + "abc \"\\()<>@,.=?_\t\x01")
                   for _ in range(random.randint(0, 40)))
    yield text
    value = driver.ask("d", text.encode()).value().decode("ascii")
    wanted = "".join(" " if ord(char) < 32 else char for char in text).strip(" \t\r\n")
    if misshapen(value):
        yield misshapen(value)
    python = Python(with_quoted_strings(value) + " <a@b.test>")
    if python.addresses != [("a", "b.test")] or (python.names[0] or "") != wanted:
        yield f"written as {value!r}, which Python reads as {python.names} {python.addresses}"
    return "same"


def file_name(random, driver):
    name = "".join(random.choice(BEYOND_ASCII[:-2] + "abc ();=%'*.-_/")
                   for _ in range(random.randint(1, 30)))
    quoted = "".join("\\" + char if char in '"\\' else char for char in name)
    text = random.choice(["attachment", 'attachment; size=3', 'attachment; x="a;b"'])
    text = f' {text}; filename="{quoted}"; last=1'
    yield text
    value = driver.ask("v", b"Content-Disposition:" + text.encode()).value().decode("ascii")
    part = email.message_from_string("Content-Disposition:" + value + "\n\n", policy=email.policy.compat32)
    read = email.utils.collapse_rfc2231_value(part.get_param("filename", "", "content-disposition"))
    if read != name or part.get_param("last", header="content-disposition") != "1":
        yield f"written as {value!r}, which Python reads as {read!r}"
    return "same"
