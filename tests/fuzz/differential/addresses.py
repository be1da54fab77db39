"""Address lists: the grammar's own knowledge, mxpost and Python's email package judge each other."""

from email import _header_value_parser

import mutation
import rules
from grammar import Grammar


class Python:
    """What Python reads. `is_valid`: it found nothing that RFC 5322 forbids."""

    def __init__(self, text):
        self.addresses, self.names, self.is_valid, self.has_crashed = [], [], False, False
        try:
            parsed, rest = _header_value_parser.get_address_list(text.replace("\r\n", ""))
            self.addresses = [(box.local_part, box.domain) for box in parsed.mailboxes]
            self.names = [box.display_name for box in parsed.mailboxes]
            defects = {type(defect).__name__ for defect in parsed.all_defects}
        except Exception:  # IndexError, AttributeError and others, by bugs of its own
            self.has_crashed = True
            return
        self.is_valid = not rest and not defects - rules.HARMLESS_DEFECTS


def is_sendable(address):
    return not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in address[0])


def valid(random, driver):
    """What the grammar makes is read as the grammar means it."""
    grammar = Grammar(random, is_obsolete=random.random() < 0.4)
    text = grammar.address_list()
    yield text
    answer, python = driver.ask("a", text.encode()), Python(text)
    wanted = [address for address in grammar.expected if is_sendable(address)]
    refused = len(grammar.expected) - len(wanted)
    if answer.addresses() != wanted or answer.reasons() != ["control character"] * refused:
        yield f"expected {wanted}, mxpost reads {answer.addresses()} and refuses {answer.reasons()}"
    if python.addresses != grammar.expected:
        yield f"expected {grammar.expected}, Python reads {python.addresses}"
    return "unsendable local part" if refused else "same"


def unqualified(random, driver):
    """Addresses without a domain get one; nothing else changes."""
    grammar = Grammar(random, default_domain="d.test")
    text = grammar.address_list()
    yield text
    if not all(map(is_sendable, grammar.expected)):
        return "unsendable local part"
    result = driver.ask("q", text.encode()).value().decode()
    if result.replace("@d.test", "") != text:
        yield f"changed to {result!r}"
    python = Python(result)
    if python.addresses != grammar.expected:
        yield f"in {result!r} Python reads {python.addresses}, not {grammar.expected}"
    return "same"


def mutated(random, driver):
    """Almost valid: what Python finds nothing wrong with is read the same, or refused aloud; of
    what is wrong nothing is lost in silence."""
    if random.random() < 0.1:
        text = random.choice(mutation.corpus("address_list")).decode("utf-8", "replace")
    else:
        grammar = Grammar(random, is_obsolete=random.random() < 0.3)
        text = grammar.address_list()
    text = mutation.refolded(mutation.mutated(random, text))
    yield text
    answer, python = driver.ask("a", text.encode()), Python(text)
    addresses, reasons = answer.addresses(), answer.reasons()
    if python.has_crashed:
        return "Python crashed"
    if addresses == python.addresses:
        return "same"
    lost = [address for address in python.addresses if address not in addresses]
    if python.is_valid:
        # Only whole elements may be missing, each for a reason that is allowed.
        kept = [address for address in python.addresses if address in addresses]
        if addresses != kept or not 0 < len(lost) <= len(reasons) or not set(reasons) <= set(rules.REFUSED):
            yield f"mxpost reads {addresses} and refuses {reasons}, Python reads {python.addresses}"
        return rules.REFUSED[reasons[0]]
    if lost and not reasons and "\\" not in text:
        yield f"mxpost loses {lost} without a word"
    return "refused" if reasons else "read though invalid"
