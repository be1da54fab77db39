"""Valid texts made somewhat invalid, and seeds from the fuzzers' corpora."""

import pathlib
import re

INTERESTING = '()<>[]:;@,."\\ \t!%=?'
CORPUS = pathlib.Path(__file__).resolve().parent.parent / "corpus"


def refolded(text):
    """Line ends that fold nothing become spaces: in a header field there are none."""
    return re.sub(r"\r\n(?![ \t])|(?<!\r)\n|\r(?!\n)", " ", text)


def mutated(random, text, alphabet=INTERESTING):
    for _ in range(random.randint(1, 3)):
        kind = random.randrange(5)
        begin = random.randint(0, len(text))
        end = min(len(text), begin + random.randint(1, 6))
        if kind == 0:
            text = text[:begin] + random.choice(alphabet) + text[begin:]
        elif kind == 1:
            text = text[:begin] + text[begin + 1:]
        elif kind == 2:
            text = text[:begin] + text[end:]
        elif kind == 3:
            text = text[:begin] + text[begin:end] * 2 + text[end:]
        else:
            place = random.randint(0, len(text))
            text = text[:place] + text[begin:end] + text[place:]
    return text


def corpus(name):
    """The seeds of one fuzzer, in a fixed order."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
