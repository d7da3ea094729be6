"""Whose paper it is: names and birth date, where the paper says which is which.

Where a name is one string ("Mia Anna Beispiel"), nobody can tell where the family name begins;
then nothing is proposed, unless it has just two words.
"""

import re
from collections.abc import Iterator
from datetime import date

from kursdocs.catalogue.fields import fits, read_value
from kursdocs.core.documents.sending import common_fields
from kursdocs.operations.proposals.labels import Paper, is_label, the_only
from kursdocs.operations.proposals.values import DATE, value_in

_WORDS_MAX = 4
# Letters of any script, joined by hyphens, apostrophes (also the Ukrainian ones) or dots.
_NAME_WORD = r"[^\W\d_]+(?:['’ʼ`.‐‑-][^\W\d_]+)*[.’]?"
_NAME = re.compile(rf"{_NAME_WORD}(?: {_NAME_WORD}){{0,{_WORDS_MAX - 1}}}")
_PARTICLES = frozenset(
    (
        "von", "vom", "zu", "zur", "van", "der", "den", "de", "da", "di", "do", "dos", "das",
        "del", "della", "la", "le", "al", "el", "bin", "ibn", "abu", "y",
    )
)  # fmt: skip
_BORN = re.compile(
    rf"[\s,(]{{0,4}}(?:\bgeboren(?: am)?|\bgeb\.?(?: am)?|\*) ?:? ?({DATE})", re.IGNORECASE
)

_FAMILY = (r"Familiennamen?|Nachnamen?|Zuname", r"Name")
_GIVEN = r"Vornamen?|Vorname\(n\)"
_BOTH = r"(?:Familien|Nach)?namen?\s*[,/]\s*Vornamen?|Name und Vorname|Familienname und Vornamen?"
_BIRTH = r"Geburtsdatum|Geburtstag|Tag der Geburt|Geb\.?-?datum|geb(?:oren|\.)(?: am)?"

# Words before a name that are none of it, and such that make a string no name at all.
_BEFORE = frozenset(
    (
        "herr", "herrn", "frau", "die", "der", "den", "dem", "das", "für", "person", "dass",
        "teilnehmer", "teilnehmerin", "teilnehmenden", "kursteilnehmer", "kursteilnehmerin",
        "hiermit", "hat", "und", "dr.",
    )
)  # fmt: skip
_NO_NAMES = re.compile(
    r"kurs|bescheinigung|zulassung|bestätigung|verpflichtung|berechtigung|mitteilung|stadt\b|amt\b"
    r"|behörde|jobcenter|schule|akademie|institut|gmbh|e\.v|träger|datum|geburt|unterschrift"
    r"|nummer|zertifikat|einladung|name\b|namen\b",
    re.IGNORECASE,
)


def person_of(paper: Paper, *, today: date) -> dict[str, str]:
    """``family_name``, ``given_names`` and ``birth_date``, as far as the paper is clear."""
    family, given = _labelled(paper) or _in_phrase(paper) or ("", "")
    asked = {asked.field.name: asked.field.format for asked in common_fields(today)}
    raw = {"family_name": family, "given_names": given, "birth_date": _birth_date(paper, today)}
    return {
        name: read_value(asked[name], value)
        for name, value in raw.items()
        if value and fits(asked[name], value)
    }


def _labelled(paper: Paper) -> tuple[str, str] | None:
    """Family and given names by their labels; of either one alone, the other is empty."""
    given = _beside(paper, _GIVEN)
    for label in _FAMILY:
        # "Name" alone may be anything's, unless given names stand on the paper as well.
        if (family := _beside(paper, label)) and (given or label == _FAMILY[0]):
            return the_only(family), the_only(given)
    both = {pair: True for beside in paper.beside(_BOTH, loosely=False) if (pair := _cut(beside))}
    if len(both) == 1:
        return next(iter(both))
    return ("", the_only(given)) if given else None


def _beside(paper: Paper, label: str) -> dict[str, bool]:
    found = {name: True for text in paper.beside(label, loosely=False) if (name := _name(text))}
    return {next(iter(found)): True} if len({name.casefold() for name in found}) == 1 else found


def _cut(text: str) -> tuple[str, str] | None:
    """ "Muster, Mia" cut at its comma."""
    family, comma, given = text.partition(",")
    if not comma:
        return None
    names = _name(family), _name(given)
    return names if all(names) else None


def _name(text: str) -> str:
    """The text, if it can be a name; otherwise empty."""
    name = " ".join(text.split()).strip(" ,;")
    if len(name) < 2 or not _NAME.fullmatch(name) or _NO_NAMES.search(name) or is_label(name):
        return ""
    return name if all(_is_name_word(word) for word in name.split()) else ""


def _is_name_word(word: str) -> bool:
    # Scripts without capitals have neither; a word in small letters is a particle or no name.
    return not word[0].islower() or word in _PARTICLES


def _in_phrase(paper: Paper) -> tuple[str, str] | None:
    """A name before "geboren am …": cut at its comma, or of two words."""
    found = {pair: True for text in _before_birth(paper) if (pair := _trailing(text))}
    return next(iter(found)) if len(found) == 1 else None


def _before_birth(paper: Paper) -> Iterator[str]:
    before = ""
    for text in paper.texts:
        if born := _BORN.search(text):
            yield text[: born.start()] or before
        before = text


def _trailing(text: str) -> tuple[str, str] | None:
    words: list[str] = []
    for word in reversed(text.split()):
        plain = word.strip(",")
        if plain.lower() in _BEFORE or not _NAME.fullmatch(plain) or not _is_name_word(plain):
            break
        words.insert(0, word)
    name = " ".join(words).strip(" ,")
    if "," in name:
        return _cut(name)
    given, *rest = name.split() or [""]
    names = (_name(rest[0]), _name(given)) if len(rest) == 1 else ("", "")
    return names if all(names) else None


def _birth_date(paper: Paper, today: date) -> str:
    [past] = [a.field.format for a in common_fields(today) if a.field.name == "birth_date"]
    texts = [*paper.beside(_BIRTH), *(m[1] for text in paper.texts for m in _BORN.finditer(text))]
    return the_only({value: True for text in texts if (value := value_in(past, text))})
