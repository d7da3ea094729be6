"""How names are folded, so that a person is found again whatever spelling is typed."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TOKENS_MAX = 12
# Folding can make a word longer (ß becomes ss), but its column has an end.
TOKEN_LENGTH_MAX = 120
# Latin letters that Unicode does not take apart into a plain letter and an accent.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "ħ": "h", "æ": "ae", "œ": "oe", "ə": "e"}
)
_UMLAUT_DIGRAPHS = re.compile("([aou])e")


@dataclass(frozen=True)
class Word:
    """One typed word: as it is folded, and the tokens of whatever sounds like it."""

    text: str
    sounds: Sequence[str] = ()


def fold(text: str) -> str:
    """One spelling for many: case, accents and German digraphs do not count.

    ``Müller``, ``Mueller`` and ``MULLER`` fold to the same.
    """
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_PLAIN))
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    return _UMLAUT_DIGRAPHS.sub(r"\1", letters)


def tokens(texts: Iterable[str]) -> list[str]:
    """The distinct folded words of these texts, at most ``TOKENS_MAX``."""
    found = (word for text in texts for word in re.findall(r"\w+", fold(text)))
    words = (word[:TOKEN_LENGTH_MAX] for word in found)
    return list(dict.fromkeys(words))[:TOKENS_MAX]


def words(typed: str) -> list[Word]:
    """What to look for when somebody typed this."""
    return [Word(token) for token in tokens([typed])]


def index_tokens(texts: Iterable[str]) -> list[str]:
    """What finds a paper with these texts on it."""
    return tokens(texts)
