"""How an agency wants its downloads to be called, so that its case system can import them.

A pattern is text with placeholders, such as ``{eingang}_{name}_{art}``. What comes out is always a
name that every file system takes and that no two papers share: the paper's own number is appended
unless the pattern has it. Without a pattern nothing in the name tells of the person.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType

KEY = "kennung"
PLACEHOLDERS: Mapping[str, str] = MappingProxyType(
    {
        "eingang": "2026-11-23",
        "art": "Zulassung zum Integrationskurs (Jobcenter)",
        "name": "Muster",
        "vorname": "Lin",
        "geburtsdatum": "1990-04-01",
        "nummer": "4711081",
        "absender": "VHS Musterstadt",
        KEY: "0123456789ab",
    }
)
"""What a pattern may hold, each with an invented example."""

PERSONAL = frozenset({"name", "vorname", "geburtsdatum", "nummer"})
"""Those that tell of the person: left out where a paper no longer does."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_BRACE = re.compile(r"[{}]")
# What Windows, a share or a shell would stumble over.
_FORBIDDEN = re.compile(r"[<>:\"/\\|?*'`$&;!%#^~=\x00-\x1f\x7f]")
_RUNS = re.compile(r"([-_ ])[-_ ]+")
# Most file systems take 255 bytes; some case systems put a folder or a number in front.
NAME_BYTES_MAX = 160
_VALUE_BYTES_MAX = 60
_OMITTED = "xxx"


def unknown_placeholders(pattern: str) -> Sequence[str]:
    """What stands in braces and is no placeholder; a single brace counts as one."""
    unknown = [name for name in _PLACEHOLDER.findall(pattern) if name not in PLACEHOLDERS]
    return unknown or _BRACE.findall(_PLACEHOLDER.sub("", pattern))


def has_unsafe_characters(pattern: str) -> bool:
    """Whether the text between the placeholders holds what a file name cannot."""
    text = _PLACEHOLDER.sub("", pattern)
    return bool(_FORBIDDEN.search(text)) or not text.isprintable()


def file_name(pattern: str, values: Mapping[str, str]) -> str:
    """The name of a download, with ``.pdf``. ``values`` has a text for each placeholder.

    An empty pattern means the default.
    """
    pattern = pattern or "{art}-{" + KEY + "}"
    if "{" + KEY + "}" not in pattern:
        pattern += "-{" + KEY + "}"
    before, _, after = pattern.rpartition("{" + KEY + "}")
    tail = values[KEY] + _cut(_filled(after, values), NAME_BYTES_MAX // 3)
    room = NAME_BYTES_MAX - len(tail.encode()) - len(".pdf")
    return _tidy(_cut(_filled(before, values), room) + tail) + ".pdf"


def without_person(values: Mapping[str, str]) -> Mapping[str, str]:
    """The same values with nothing that tells of the person."""
    return {name: _OMITTED if name in PERSONAL else text for name, text in values.items()}


def _filled(pattern: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: _safe(values[found[1]]), pattern)


def _safe(text: str) -> str:
    """A value of somebody's typing as part of a file name."""
    plain = unicodedata.normalize("NFC", text)
    shown = "".join("-" if unicodedata.category(c)[0] in "CZ" and c != " " else c for c in plain)
    return _cut(_FORBIDDEN.sub("-", shown).replace(".", "-"), _VALUE_BYTES_MAX).strip(" -")


def _cut(text: str, bytes_max: int) -> str:
    """As much of the text as fits, without half a letter at the end."""
    return text.encode()[: max(bytes_max, 0)].decode(errors="ignore")


def _tidy(name: str) -> str:
    """Without the gaps that empty values leave, and without a dot or blank at an end."""
    return _RUNS.sub(r"\1", name).strip(" .-_")
