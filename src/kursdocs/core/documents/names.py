"""How names are folded, so that a person is found again whatever spelling is typed.

:func:`index_tokens` is what is stored, :func:`words` what is looked for. A word is found by the
beginning of its folded spelling; what merely sounds alike is the matter of ``sounds``.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from kursdocs.core.documents import sounds

TOKENS_MAX = 12
# Folding can make a word longer (ß becomes ss), but its column has an end.
TOKEN_LENGTH_MAX = 120
# Latin letters that Unicode does not take apart into a plain letter and an accent.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "ħ": "h", "æ": "ae", "œ": "oe", "ə": "e"}
)


@dataclass(frozen=True)
class Word:
    """One typed word: as it is folded, as typed, and how the keys begin of what may sound like it.

    ``sounds.is_similar`` tells which of the keys that begin so do.
    """

    text: str
    typed: str
    sounds: Sequence[str]


def fold(text: str) -> str:
    """One spelling for many: case, accents and German digraphs do not count.

    ``Müller``, ``Mueller`` and ``MULLER`` fold to the same.
    """
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_PLAIN))
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    return sounds.UMLAUT_DIGRAPHS.sub(r"\1", letters)


def tokens(texts: Iterable[str]) -> list[str]:
    """The distinct folded words of these texts, at most ``TOKENS_MAX``."""
    return list(_folded(texts))


def _folded(texts: Iterable[str]) -> dict[str, str]:
    """The folded words, each with its own spelling."""
    written = (
        word for text in texts for word in re.findall(r"\w+", unicodedata.normalize("NFC", text))
    )
    found = dict[str, str]()
    for word in written:
        for part in re.findall(r"\w+", fold(word)):
            found.setdefault(part[:TOKEN_LENGTH_MAX], word)
    return dict(islice(found.items(), TOKENS_MAX))


def index_tokens(texts: Iterable[str]) -> list[str]:
    """What finds a paper with these texts on it: its folded words, and the keys of their sounds."""
    found = _folded(texts)
    return [*found, *dict.fromkeys(key for word in found.values() for key in sounds.keys(word))]


def words(typed: str) -> list[Word]:
    """What to look for when somebody typed this."""
    return [Word(text, word, sounds.beginnings(word)) for text, word in _folded([typed]).items()]


class Named(Protocol):
    """Whatever carries the name of a person."""

    @property
    def family_name(self) -> str: ...

    @property
    def given_names(self) -> str: ...


def is_same_name(one: Named, other: Named) -> bool:
    """Whether both name the same person: folded words, whichever stands in which field."""
    return name_words(one) == name_words(other)


def name_words(named: Named) -> Sequence[str]:
    """The folded words of a name, in one order whoever typed it: equal for one and the same."""
    return sorted(tokens([named.family_name, named.given_names]))
