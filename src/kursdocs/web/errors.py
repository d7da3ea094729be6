"""How errors look: the one place that turns a domain error into a status and a sentence.

Every code has one German sentence, in ``error_words``; translations are in ``frontend/locale``.
The API answers with problem+json (RFC 9457).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from kursdocs.core.documents.inbox import BadCursor
from kursdocs.core.errors import (
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    InvalidForm,
    KursdocsError,
    NotFound,
    TooLarge,
    Unavailable,
)
from kursdocs.web.error_words import HEADINGS, SENTENCES
from kursdocs.web.pages import N_, Pages, plain_date


class BadRequest(KursdocsError):
    """The request itself is malformed; a person at our own pages never sends one."""


class SignInRequired(KursdocsError):
    """Nobody is signed in, or the token does not count."""

    def __init__(self, code: str = "sign_in_required") -> None:
        super().__init__(code)


class Busy(Unavailable):
    """All places for this kind of work are taken; worth another try soon."""


class TooSlow(KursdocsError):
    """The body did not arrive in time."""

    def __init__(self) -> None:
        super().__init__("body_too_slow")


class MethodUnknown(KursdocsError):
    """The address exists, but not for this method."""

    def __init__(self) -> None:
        super().__init__("method_not_allowed")


class UnsupportedBody(KursdocsError):
    """The body is of a type that this address does not take."""

    def __init__(self) -> None:
        super().__init__("body_type_unsupported")


class InternalError(KursdocsError):
    """What nobody foresaw."""

    def __init__(self) -> None:
        super().__init__("internal")


_STATUS: tuple[tuple[type[KursdocsError], int], ...] = (
    (BadCursor, 400),
    (NotFound, 404),
    (Forbidden, 403),
    (Conflict, 409),
    (Gone, 410),
    (TooLarge, 413),
    (Invalid, 422),
    (InvalidForm, 422),
    (BadRequest, 400),
    (SignInRequired, 401),
    (TooSlow, 408),
    (MethodUnknown, 405),
    (UnsupportedBody, 415),
    (Unavailable, 503),
)

RETRY_AFTER_SECONDS = 5


def status_of(error: KursdocsError) -> int:
    """The HTTP status of a domain error."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


# ── What is said ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Told:
    """An error as people and programs are told of it."""

    status: int
    code: str
    heading: str
    sentence: str
    fields: Mapping[str, str]
    details: Mapping[str, str | int]


def tell(pages: Pages, language: str, error: KursdocsError) -> Told:
    """The status, heading and sentence of an error; per field when a form has several mistakes."""
    status = status_of(error)
    fields: dict[str, str] = {}
    mistakes = error.mistakes if isinstance(error, InvalidForm) else []
    if isinstance(error, Invalid):
        mistakes = [error]
    for mistake in mistakes:
        fields.setdefault(mistake.field, sentence(pages, language, mistake))
    return Told(
        status=status,
        code=error.code,
        heading=pages.text(language, HEADINGS[status]),
        sentence=sentence(pages, language, error),
        fields=fields,
        details=error.details,
    )


def sentence_then(pages: Pages, language: str, code: str) -> str:
    """What was said for a code once, with gaps for the details that nobody wrote down."""
    if code not in SENTENCES:
        return code or "–"
    gaps = dict.fromkeys(_PLACEHOLDER.findall(SENTENCES[code]), "…")
    return pages.text(language, SENTENCES[code], **gaps)


_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def sentence(pages: Pages, language: str, error: KursdocsError) -> str:
    """The one sentence for an error's code."""
    values = {name: _readable(name, value, language) for name, value in error.details.items()}
    for name in _STEPS_NAMED & values.keys():
        step = str(values[name])
        values[name] = pages.text(language, STEP_NAMES.get(step, step))
    return pages.text(language, SENTENCES[error.code], **values)


_STEPS_NAMED = {"earlier", "later"}
STEP_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "desk": N_("Erste Erinnerung an das Postfach"),
        "deputy": N_("Vertretung"),
        "head": N_("Leitung"),
        "coordinator": N_("Koordination"),
        "return_after": N_("Zurück an den Absender"),
    }
)
"""What the steps of a ladder are called where somebody sets them."""


def _readable(name: str, value: str | int, language: str) -> str | int:
    """A limit that is a day, as people write days; everything else as it is."""
    if name not in ("min", "max") or not isinstance(value, str):
        return value
    try:
        return plain_date(date.fromisoformat(value), language)
    except ValueError:
        return value


def headers_of(told: Told) -> dict[str, str]:
    """Tells programs (and our own script) when another try makes sense."""
    seconds = told.details.get("retry_after_seconds")
    if seconds is None and told.status == 503:
        seconds = RETRY_AFTER_SECONDS
    return {} if seconds is None else {"Retry-After": str(seconds)}


_TOLD = ("at", "by", "until", "retry_after_seconds")


def problem(told: Told, *, reference: str = "") -> dict[str, object]:
    """The body of an ``application/problem+json`` answer; ``reference`` finds it in the log."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": told.heading,
        "status": told.status,
        "code": told.code,
        "detail": told.sentence,
    }
    if told.fields:
        body["errors"] = [{"field": field, "detail": text} for field, text in told.fields.items()]
    body.update({name: value for name, value in told.details.items() if name in _TOLD})
    if reference:
        body["reference"] = reference
    return body
