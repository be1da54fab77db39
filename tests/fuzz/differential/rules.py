"""The differences that are allowed, each with its reason. Whatever none of these explains is a
failure. Names of the rules are counted and shown at the end of a run."""

# Why mxpost doesn't take an element that RFC 5322 has a reading of. It says so, and the sender gets
# to know: nothing is lost in silence.
REFUSED = {
    # RFC 5321 4.1.2: SMTP has no form for a tab (or any control) in a local part.
    "control character": "unsendable local part",
    # RFC 5322 lets any atom be a domain; there is mail for DNS names only (RFC 5321 2.3.5, 4.1.2).
    "bad domain": "no domain name",
    # RFC 5322 lets anything stand in brackets; RFC 5321 4.1.3 has two kinds of literals.
    "bad address literal": "no address literal",
    "address literal without end": "no address literal",
    # RFC 5322 4.4 reads "a . b@c . d" without the spaces. In mxpost white space separates addresses:
    # callers write "a@x b@y", and nobody was seen to write the other.
    "name, no address": "spaces around dots",
    "not an address": "spaces around dots",
    # RFC 5322 4.4 lets an obsolete route have commas at its ends. None was ever seen.
    "< without >": "commas around a route",
    "> without <": "commas around a route",
    "misplaced colon": "commas around a route",
    # Where the rest of one of these begins anew.
    "parenthesis without begin": "rest of another",
    # RFC 5321 4.5.3.1: what no server must take.
    "local part too long": "too long",
}

# What email._header_value_parser calls a defect though it is none for us.
HARMLESS_DEFECTS = {
    "ObsoleteHeaderDefect",  # RFC 5322 4: to be read, not to be written
    "NonASCIILocalPartDefect",  # RFC 6532 came later
}

# Lines that Python passes over in a header. For mxpost the body begins there (header.h), so that
# nothing of a message is lost.
HEADER_DEFECTS = {
    "InvalidHeaderDefect": "no name before the colon",
    "FirstHeaderLineIsContinuationDefect": "continues nothing",
}
