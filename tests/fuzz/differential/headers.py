"""Whole headers: where they end, their fields, and what submission makes of them."""

import email
import email.policy
import re

import mutation
import rules
from addresses import Python, is_sendable
from grammar import LETTERS, Grammar
from words import decoded, spaced, with_quoted_strings

NAME_OCTETS = LETTERS + "ABCXYZ!#$%&'*+-./;<=>?@[]^_`{|}~\"(),\\"


def field(random):
    """A field with its meaning, (name, value)."""
    name = "".join(random.choice(NAME_OCTETS) for _ in range(random.randint(1, 12)))
    value = Grammar(random).unstructured()
    return f"{name}:{random.choice(['', ' ', '  '])}{value}", (name, value)


def message(random):
    """A message (CRLF), its fields and its body."""
    pairs = [field(random) for _ in range(random.randint(1, 6))]
    body = "\r\n".join(Grammar(random).unstructured().replace("\r\n", "") for _ in range(2)) + "\r\n"
    text = "".join(line + "\r\n" for line, _ in pairs) + "\r\n" + body
    return text, [meaning for _, meaning in pairs], body


def with_line_ends(random, text):
    return text if random.random() < 0.5 else text.replace("\r\n", "\n")


def unfolded(value):
    return value.replace("\r", "").replace("\n", "").strip(" \t")


def read(answer):
    fields = [(name.decode(), value.decode()) for name, value in answer.fields()]
    return fields, b"".join(parts[0] for parts in answer.all("body")).decode()


def without_blank_lines(text):
    """White space alone in a line ends a header for mxpost (header.h), also where a folded field
    might have it (RFC 5322 4.2)."""
    return re.sub(r"\r\n([ \t]*)(?=\r\n)", r"\1", text)


def without_space_before_colons(text):
    """RFC 5322 4.5 has it; Python doesn't know."""
    return re.sub(r"(?m)^([!-9;-~]+)[ \t]+:", r"\1:", text)


def python_read(text):
    parsed = email.message_from_string(text, policy=email.policy.compat32)
    defects = {type(defect).__name__ for defect in parsed.defects}
    return [(name, unfolded(value)) for name, value in parsed.raw_items()], parsed.get_payload(), defects


def valid(random, driver):
    text, fields, body = message(random)
    text = with_line_ends(random, text)
    yield text
    answer = driver.ask("m", text.encode())
    wanted = [(name, unfolded(value)) for name, value in fields]
    if read(answer) != (wanted, body):
        yield f"expected {(wanted, body)}, mxpost reads {read(answer)}"
    python = python_read(text)
    if python[0] != wanted:
        yield f"expected {wanted}, Python reads {python[0]}"
    return "same"


def mutated(random, driver):
    text, _, _ = message(random)
    head, _, body = text.partition("\r\n\r\n")
    text = mutation.mutated(random, head, mutation.INTERESTING + "\r\n:") + "\r\n\r\n" + body
    # A bare CR or LF is for the tests of input_reader.h: Python takes either for a line end.
    text = text.replace("\r\n", "\n").replace("\r", "").replace("\n", "\r\n")
    text = without_blank_lines(text)
    yield text
    fields, body = read(driver.ask("m", text.encode()))
    wanted, wanted_body, defects = python_read(without_space_before_colons(text))
    if (fields, without_space_before_colons(body)) == (wanted, wanted_body):
        return "same"
    known = [rules.HEADER_DEFECTS[name] for name in defects if name in rules.HEADER_DEFECTS]
    if not known or fields != wanted[:len(fields)]:
        yield f"mxpost reads {fields} and {body!r}, Python {wanted} and {wanted_body!r} {defects}"
    return known[0]


def submission(random, driver):
    """A message through all fix-ups, and the recipients of -t."""
    grammars = {}
    text = ""
    for name in ("To", "Cc", "Bcc", "From"):
        if random.random() < 0.7:
            grammars[name] = Grammar(random, is_beyond_ascii=random.random() < 0.3)
            text += f"{name}: {grammars[name].address_list()}"
            text = without_blank_lines(text + "\r\n")
    subject = Grammar(random).unstructured()
    text += f"Subject: {subject}\r\n\r\nbody\r\n"
    text = with_line_ends(random, text)
    yield text
    answer = driver.ask("f", text.encode())
    wanted = [address for name in ("To", "Cc", "Bcc") if name in grammars
              for address in grammars[name].expected]
    if not all(is_sendable(address) for grammar in grammars.values() for address in grammar.expected):
        return "unsendable local part"
    if answer.addresses() != wanted or answer.reasons():
        yield f"recipients {answer.addresses()}, refused {answer.reasons()}, not {wanted}"
    header = answer.value().decode()
    sent = email.message_from_string(header + "\r\n", policy=email.policy.compat32)
    for name in ("Received", "From", "Date", "Message-ID", "Subject"):
        if len(sent.get_all(name, [])) != 1:
            yield f"{name} isn't there once: {header!r}"
    if "Bcc" in sent or sent.defects:
        yield f"Bcc, or defects {sent.defects}: {header!r}"
    for name, grammar in grammars.items():
        if name != "Bcc" and grammar.expected and Python(with_quoted_strings(sent[name])).addresses != grammar.expected:
            yield f"{name}: {sent[name]!r} is {Python(with_quoted_strings(sent[name])).addresses}, not {grammar.expected}"
    if spaced(decoded(sent["Subject"])) != spaced(subject):
        yield f"Subject {sent['Subject']!r} reads {decoded(sent['Subject'])!r}"
    return "same"
