"""What sounds alike: names that somebody heard, or that came over from another script.

A name has a *sound* (its letters by how they are spoken, transliterated where they are not Latin)
and a *skeleton* (the consonants of that). The skeleton finds candidates by an index, in whatever
spelling; :func:`is_similar` then looks at the vowels, so that Muster does not find Master.
Transliteration is ``anyascii``'s. Entry points: :func:`keys`, :func:`beginnings`,
:func:`is_similar`.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from anyascii import anyascii

# No word can begin with it.
MARK = "~"
TYPED_LENGTH_MIN = 3
_SKELETON_LENGTH_MAX, _WORD_LENGTH_MAX = 40, 75
# Letters of several languages whose sound is lost with their accent.
_SPOKEN = str.maketrans({"č": "tsch", "ć": "tsch", "ç": "tsch"})
# How German writes umlauts without their dots.
UMLAUT_DIGRAPHS = re.compile("([aou])e")
# From the longest to the shortest spelling; the first that fits counts.
_SOUNDS = (
    ("dsch|dzh|dj", "i"),
    ("schtsch|shch|tsch|tch|sch|sh|sz|cz|zh|tz|ts|z", "s"),
    ("^abd[aeu]l", "abdul"),
    ("^chr", "kr"),
    ("kh|ch", "h"),
    ("ph|f|w", "v"),
    ("th|dt", "t"),
    ("dh", "d"),
    ("gh", "g"),
    ("c(?=[eiy])", "s"),
    ("ck|c|q", "k"),
    ("x", "ks"),
    ("[jy]", "i"),
    ("ou|oo", "u"),
    ("ee|ie", "i"),
)
_REPLACED = [(re.compile(pattern), sound) for pattern, sound in _SOUNDS]
# Scripts that leave out most vowels, by their names in Unicode.
_WITHOUT_VOWELS = ("ARABIC", "HEBREW", "SYRIAC")
_BEFORE_VOWELS = "اأإآٱعאע"
_DOUBLED = re.compile(r"(.)\1+")
_VOWELS = frozenset("aeiou")
_COARSE = str.maketrans({"g": "h", "d": "t"})
# How far apart two letters are that may stand for each other; other consonants never do.
_APART = {
    **dict.fromkeys(("ae", "ou"), 0.25),
    **dict.fromkeys(("ei", "eu", "eo"), 0.5),
    "ai": 0.75,
    "ao": 1.0,
    "dt": 0.25,
    "gh": 0.5,
}
_VOWELS_APART, _VOWEL_MISSING, _GLIDE_MISSING = 1.5, 0.75, 0.25
# Aleksandr is Oleksandr further west; at the end of a name the same two tell Maria from Mario.
_IN_FRONT = {"ao": 0.5}
_NEVER = 99.0
# By the length of what was typed: how far apart it may be in all. Longer ones have the last.
_TOLERATED = (0.0, 0.0, 0.0, 0.0, 0.25, 0.5, 0.5, 1.0, 1.0, 1.25)


def keys(word: str) -> Sequence[str]:
    """What makes a written word findable by its sound: its skeletons, each with the word itself."""
    skeletons = dict.fromkeys(_skeleton(sound) for sound in _sounds(word))
    return [
        f"{MARK}{skeleton[:_SKELETON_LENGTH_MAX]}{MARK}{word.casefold()[:_WORD_LENGTH_MAX]}"
        for skeleton in skeletons
        if len(skeleton) > 1
    ]


def beginnings(typed: str) -> Sequence[str]:
    """How the keys of words begin that may sound like this beginning of one; none if too short."""
    if len(typed) < TYPED_LENGTH_MIN and not _lacks_vowels(typed):
        return []
    skeletons = dict.fromkeys(_skeleton(sound) for sound in _sounds(typed))
    return [
        f"{MARK}{skeleton[:_SKELETON_LENGTH_MAX]}" for skeleton in skeletons if len(skeleton) > 1
    ]


def is_similar(typed: str, key: str) -> bool:
    """Whether the word of a key begins with what sounds like the typed one."""
    word = key.rpartition(MARK)[2]
    if _lacks_vowels(typed) or _lacks_vowels(word):
        return True  # Nothing but the skeletons, which fit, can be compared.
    return any(
        _distance(one, other) <= _TOLERATED[min(len(one), len(_TOLERATED) - 1)]
        for one in _sounds(typed)
        for other in _sounds(word)
    )


@lru_cache(maxsize=4096)
def _sounds(word: str) -> Sequence[str]:
    """The ways in which the word may be spoken: ``ch`` has two. Nothing for numbers."""
    if any(letter.isdigit() for letter in word):
        return []
    text = unicodedata.normalize("NFC", word).casefold()
    if _lacks_vowels(word):
        ways = _without_vowels(text)
    else:
        ways = [_latin(text), _latin(text.translate(_SPOKEN))]
        if "ch" in re.sub("t?sch|tch|shch", "", ways[0]):
            ways.append(ways[0].replace("ch", "sch"))
    return list(dict.fromkeys(_sound(way) for way in ways))


def _latin(text: str) -> str:
    return UMLAUT_DIGRAPHS.sub(r"\1", re.sub("[^a-z]", "", anyascii(text).lower()))


def _without_vowels(text: str) -> list[str]:
    """These scripts write a consonant where a word begins with a vowel, and w for u."""
    latin = re.sub("[^a-z]", "", anyascii(text).lower())
    if text[:1] in _BEFORE_VOWELS:
        latin = "a" + latin.lstrip("a")
    latin = re.sub("(?<=..)h$", "", latin)
    return [latin, latin.replace("w", "u")]


def _sound(plain: str) -> str:
    for pattern, sound in _REPLACED:
        plain = pattern.sub(sound, plain)
    plain = _DOUBLED.sub(r"\1", plain)
    plain = re.sub("[ei]?i$", "i", plain)
    return re.sub("(?<=.[aeiou])h$", "", plain)


def _skeleton(sound: str) -> str:
    """The consonants, roughly; a vowel in front is kept, whichever it is."""
    coarse = sound.translate(_COARSE)
    first = "a" if coarse[:1] in _VOWELS else ""
    return first + _DOUBLED.sub(r"\1", "".join(c for c in coarse if c not in _VOWELS))


@lru_cache(maxsize=4096)
def _lacks_vowels(word: str) -> bool:
    return any(unicodedata.name(letter, "").startswith(_WITHOUT_VOWELS) for letter in word)


def _distance(typed: str, word: str) -> float:
    """How far the typed sound is from the nearest beginning of the word's."""
    row = [0.0]
    for place in range(len(word)):
        row.append(row[-1] + _missing(word, place))
    for place, letter in enumerate(typed):
        missing = _missing(typed, place)
        following = [row[0] + missing]
        for other in range(len(word)):
            following.append(
                min(
                    row[other] + _apart(letter, word[other], place == other == 0),
                    row[other + 1] + missing,
                    following[other] + _missing(word, other),
                )
            )
        row = following
    return min(row)


def _missing(sound: str, place: int) -> float:
    """What it costs that the other one lacks this letter."""
    if sound[place] not in _VOWELS:
        return _NEVER
    beside = sound[max(place - 1, 0) : place] + sound[place + 1 : place + 2]
    glides = sound[place] in "iu" and _VOWELS & set(beside)
    return _GLIDE_MISSING if glides else _VOWEL_MISSING


def _apart(one: str, other: str, are_in_front: bool) -> float:
    if one == other:
        return 0.0
    pair = "".join(sorted((one, other)))
    if are_in_front and pair in _IN_FRONT:
        return _IN_FRONT[pair]
    are_vowels = one in _VOWELS and other in _VOWELS
    return _APART.get(pair, _VOWELS_APART if are_vowels else _NEVER)
