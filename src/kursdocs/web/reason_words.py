"""What the reasons in the log are called: the catalogue's, and those that the program gives."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from kursdocs.catalogue import Catalogue
from kursdocs.core.audit import Happening
from kursdocs.core.documents.retention import LeavingReason
from kursdocs.operations.restoring import KEY_DESTROYED
from kursdocs.web.pages import N_, Worded, return_reasons, withdrawal_reasons

_CHOSEN: Mapping[Happening, Callable[[Catalogue], tuple[Worded, ...]]] = MappingProxyType(
    {
        Happening.DOCUMENT_BLOCKED: withdrawal_reasons,
        Happening.DOCUMENT_WITHDRAWN: withdrawal_reasons,
        Happening.DOCUMENT_DECLINED: withdrawal_reasons,
        Happening.DELIVERY_RETURNED: return_reasons,
        Happening.PAPER_REQUEST_DECLINED: lambda catalogue: catalogue.request_decline_reasons,
        Happening.FOLLOW_UP_SETTLED: lambda catalogue: catalogue.settle_reasons,
    }
)
_KEY_GONE = N_("Schlüssel fehlt nach dem Zurückholen einer Sicherung")
_LEAVING: Mapping[str, str] = MappingProxyType(
    {
        LeavingReason.SETTLED: N_("Frist seit Übernahme oder Rückgabe abgelaufen"),
        LeavingReason.JUST_SETTLED: N_("30 Tage seit Übernahme oder Rückgabe"),
        LeavingReason.VALIDITY_END: N_("Frist nach dem Ende der Gültigkeit abgelaufen"),
        LeavingReason.COURSE_END: N_("Frist nach dem Tag abgelaufen, den das Papier nennt"),
        LeavingReason.MAXIMUM: N_("längste erlaubte Frist"),
        LeavingReason.UNTOUCHED: N_("von niemandem übernommen"),
        LeavingReason.RETURNED: N_("von allen Stellen zurückgegeben"),
        LeavingReason.WITHDRAWN: N_("nicht mehr zugestellt"),
        LeavingReason.BLOCKED: N_("gesperrt"),
        LeavingReason.UNAPPROVED: N_("nicht freigegeben"),
        KEY_DESTROYED: _KEY_GONE,
    }
)
_DRAFT_ENDS: Mapping[str, str] = MappingProxyType(
    {
        "discarded": N_("von Hand"),
        "expired": N_("Frist abgelaufen"),
        "joined": N_("mit einer anderen zusammengefügt"),
        KEY_DESTROYED: _KEY_GONE,
    }
)
_BROKEN_OFF: Mapping[str, str] = MappingProxyType(
    {
        "died": N_("mitten im Senden abgebrochen"),
        "file_infected": N_("Schadsoftware gefunden"),
    }
)
_FAILED = N_("beim Speichern gescheitert")
"""A failed intake may write any code of an error: what it was, its sender was told."""

Translate = Callable[[str], str]


def reason_name(
    happening: Happening, code: str, catalogue: Catalogue, language: str, translate: Translate
) -> str:
    """The reason of a row, in words; one that no list knows any more keeps its code."""
    if happening in _CHOSEN:
        texts = {one.code: one.text for one in _CHOSEN[happening](catalogue)}
        return texts[code].get(language) if code in texts else code or "–"
    if happening is Happening.DOCUMENT_ABANDONED:
        return translate(_BROKEN_OFF.get(code, _FAILED))
    words = _DRAFT_ENDS if happening is Happening.DRAFT_DISCARDED else _LEAVING
    return translate(words[code]) if code in words else code or "–"
