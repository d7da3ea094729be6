"""How names are folded, so that a person is found again whatever spelling is typed."""

import re
import unicodedata
from collections.abc import Iterable

TOKENS_MAX = 12
_UMLAUT_DIGRAPHS = re.compile("([aou])e")


def fold(text: str) -> str:
    """One spelling for many: case, accents and German digraphs do not count.

    ``Müller``, ``Mueller`` and ``MULLER`` fold to the same.
    """
    plain = unicodedata.normalize("NFKD", text.replace("ø", "o").casefold())
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    return _UMLAUT_DIGRAPHS.sub(r"\1", letters)


def tokens(texts: Iterable[str]) -> list[str]:
    """The distinct folded words of these texts, at most ``TOKENS_MAX``."""
    words = (word for text in texts for word in re.findall(r"\w+", fold(text)))
    return list(dict.fromkeys(words))[:TOKENS_MAX]
