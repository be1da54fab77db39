"""Address lists and texts out of the grammar of RFC 5322, with what they mean.

Each production returns its text; `expected` is what whoever made the text knows about it: the
generator is an implementation of the grammar that reads nothing, so it can't be wrong in the way
that a parser is.
"""

ATEXT = "abcxyzABCXYZ0189!#$%&'*+-/=?^_`{|}~"
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
# Letters of two, three and four octets; a C1 control (U+0085) is none.
BEYOND_ASCII = "äöüßéñøЖжΩλ日本語한글€–“”😀🚀\u00a0\u2028"
# What a quoted string or a comment may hold as it is, besides letters (RFC 5322 3.2.4, 3.2.2).
SPECIALS = "()<>[]:;@,. .!#$%&'*+-/=?^_`{|}~"


class Grammar:
    """One text; `is_obsolete`: with what RFC 5322 4 wants read and not written; `default_domain`:
    some addresses have no domain, and this one is meant."""

    def __init__(self, random, is_obsolete=False, is_beyond_ascii=True, default_domain=None):
        self.random = random
        self.default_domain = default_domain
        self.is_obsolete = is_obsolete
        self.is_beyond_ascii = is_beyond_ascii
        self.expected = []  # (local part, domain), in order

    def chance(self, share):
        return self.random.random() < share

    def letters(self, alphabet, most, least=1):
        count = self.random.randint(least, most)
        result = "".join(self.random.choice(alphabet) for _ in range(count))
        if self.is_beyond_ascii and self.chance(0.1):
            result += self.random.choice(BEYOND_ASCII[:-2])
        return result

    # Space and comments.

    def fws(self):
        return self.random.choice([" ", " ", "\t", "  ", "\r\n ", " \r\n\t"])

    def comment(self, depth=0):
        parts = []
        for _ in range(self.random.randint(0, 3)):
            kind = self.random.randrange(8)
            if kind == 0 and depth < 2:
                parts.append(self.comment(depth + 1))
            elif kind == 1:
                parts.append("\\" + self.random.choice("()\\\" a,@<"))
            elif kind == 2:
                parts.append(self.fws())
            else:
                parts.append(self.letters(LETTERS + "<>[]:;@,.\"!'", 5))
        return "(" + "".join(parts) + ")"

    def cfws(self, share=0.15):
        if not self.chance(share):
            return ""
        parts = [self.fws() if self.chance(0.6) else self.comment()
                 for _ in range(self.random.randint(1, 2))]
        return "".join(parts)

    def space(self):
        """CFWS that can't be left out."""
        return self.cfws(1)

    # Words. An encoded word in an atom is for those cases that look for it.

    def atom_text(self, most=8):
        while True:
            text = self.letters(ATEXT, most)
            if "=?" not in text:
                return text

    def quoted_string(self):
        """The text, and its meaning."""
        text, meaning = "", ""
        for _ in range(self.random.randint(1, 4)):
            kind = self.random.randrange(6)
            if kind == 0:
                char = self.random.choice("\\\"" + SPECIALS + LETTERS)
                text, meaning = text + "\\" + char, meaning + char
            elif kind == 1:
                space = self.fws()
                text, meaning = text + space, meaning + space.replace("\r\n", "")
            else:
                letters = self.letters(LETTERS + SPECIALS, 6)
                text, meaning = text + letters, meaning + letters
        return '"' + text + '"', meaning

    def phrase(self):
        words = [self.quoted_string()[0] if self.chance(0.3) else self.atom_text()
                 for _ in range(self.random.randint(1, 3))]
        if self.is_obsolete and self.chance(0.3):
            words.insert(self.random.randint(1, len(words)), ".")
        result = words[0]
        for word in words[1:]:
            result += self.space() + word
        return result

    # Addresses.

    def local_part(self):
        if self.chance(0.25):
            text, meaning = self.quoted_string()
            return text, meaning
        text = ".".join(self.atom_text(6) for _ in range(self.random.randint(1, 3)))
        return text, text

    def label(self):
        text = self.letters(LETTERS, 6)
        if self.chance(0.1):
            text += "-" + self.random.choice(LETTERS)
        return text

    def domain(self):
        if self.chance(0.08):
            return self.random.choice(["[192.0.2.1]", "[IPv6:2001:db8::1]", "[IPv6:::ffff:192.0.2.9]"])
        return ".".join(self.label() for _ in range(self.random.randint(1, 4)))

    def addr_spec(self):
        text, local = self.local_part()
        # "host!user" without a domain is user@host.
        if self.default_domain and "!" not in local and self.chance(0.5):
            self.expected.append((local, self.default_domain))
            return text
        domain = self.domain()
        self.expected.append((local, domain))
        return text + self.cfws(0.05) + "@" + self.cfws(0.05) + domain

    def angle_addr(self):
        route = ""
        if self.is_obsolete and self.chance(0.2):
            route = ",".join("@" + self.domain() for _ in range(self.random.randint(1, 2))) + ":"
        return "<" + self.cfws() + route + self.addr_spec() + self.cfws() + ">"

    def mailbox(self):
        if self.chance(0.4):
            return self.addr_spec()
        name = self.phrase() + self.cfws(0.8) if self.chance(0.8) else ""
        return name + self.angle_addr()

    def group(self):
        count = self.random.randint(0, 3)
        members = (self.cfws() + "," + self.cfws()).join(self.mailbox() for _ in range(count))
        return self.phrase() + self.cfws() + ":" + self.cfws() + members + self.cfws() + ";"

    def address_list(self):
        elements = [self.group() if self.chance(0.15) else self.mailbox()
                    for _ in range(self.random.randint(1, 4))]
        result = self.cfws()
        for i, element in enumerate(elements):
            if i > 0:
                result += "," + self.cfws(0.6)
            if self.is_obsolete and self.chance(0.1):
                result += "," + self.cfws()
            result += element + self.cfws()
        return result

    # Text, as in Subject.

    def unstructured(self):
        words = []
        for _ in range(self.random.randint(1, 8)):
            if self.chance(0.4):
                words.append("".join(self.random.choice(BEYOND_ASCII[:-2] + LETTERS[:6])
                                     for _ in range(self.random.randint(1, 30))))
            else:
                words.append(self.letters(ATEXT + SPECIALS.replace(" ", "") + "\"\\", 12))
        result = words[0]
        for word in words[1:]:
            result += self.random.choice([" ", " ", " ", "  ", "\t", "\r\n "]) + word
        return result
