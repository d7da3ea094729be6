"""What a handler knows of one request: its row of the table, who asks, what the page needs.

:class:`Row` is a line of the route table, :class:`Kit` what all requests share, :class:`Call` one
request. ``endpoint`` makes calls and runs handlers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

import anyio
import anyio.to_thread
import structlog
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from kursdocs.core import audit
from kursdocs.core.access import Actor, ActorKind, Permission
from kursdocs.core.accounts import SignedIn
from kursdocs.core.audit import Happening
from kursdocs.core.documents import inbox
from kursdocs.core.errors import KursdocsError, NotFound
from kursdocs.core.follow_ups import reading as follow_ups
from kursdocs.core.ports import Identity
from kursdocs.core.requests import asking, reading
from kursdocs.core.workdays import local_date
from kursdocs.services import Services
from kursdocs.web import pages
from kursdocs.web.errors import BadRequest
from kursdocs.web.multipart import ByteBudget
from kursdocs.web.pages import Flash, Membership, Page, Pages

_T = TypeVar("_T")
_log = structlog.get_logger()

SMALL_BODY_BYTES_MAX = 64 * 1024
SMALL_BODY_SECONDS = 30
# A page of a list; and numbers above this read "100+".
PAGE_SIZE = 50
COUNT_MAX = 100
LANGUAGE_COOKIE = "kursdocs_language"
THEME_COOKIE = "kursdocs_theme"
KEYS_COOKIE = "kursdocs_keys"
INSTRUCTION_PATH = "/instruction"


class Gate(StrEnum):
    """What a row asks for when it asks for no permission.

    ``OPEN`` does not even look who it is, so it answers without a database; ``PUBLIC`` is for
    anybody, signed in or not.
    """

    OPEN = "open"
    PUBLIC = "public"
    SIGNED_IN = "signed_in"


class Body(StrEnum):
    """What kind of body a row takes."""

    NONE = "none"
    FORM = "form"
    JSON = "json"
    FILES = "files"


class Mode(StrEnum):
    """Where a handler runs: inside a transaction, in a thread without one, or in the event loop."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    SHELL = "shell"


class Query(BaseModel):
    """What may stand behind the question mark of an address; anything else is refused."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*")
    @classmethod
    def _is_printable(cls, value: Any) -> Any:
        """No code and no slug has control characters, and PostgreSQL fails on a NUL."""
        if isinstance(value, str) and not value.isprintable():
            raise ValueError
        return value


@dataclass(frozen=True)
class Row:
    """One line of the route table.

    ``happening`` is what a successful call leaves in the audit log, exactly once. ``query``,
    ``request`` and ``response`` are the models of the API, from which OpenAPI is made.
    ``content_type`` is that of an answer without a model.
    ``before_instruction``: open also to people who must confirm their instruction first.
    """

    method: str
    path: str
    handler: Callable[..., Any]
    gate: Gate | Permission
    name: str
    summary: str = ""
    happening: Happening | None = None
    body: Body = Body.NONE
    body_bytes_max: int = SMALL_BODY_BYTES_MAX
    mode: Mode = Mode.INSIDE
    status: int = 200
    before_instruction: bool = False
    query: type[BaseModel] | None = None
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    content_type: str = "application/pdf"

    @property
    def is_api(self) -> bool:
        """API rows take bearer tokens and answer JSON; pages take cookies and answer HTML."""
        return self.path.startswith("/api/")


@dataclass(frozen=True)
class Kit:
    """What all requests share. Limiters and budget belong to the event loop."""

    services: Services
    pages: Pages
    uploads: anyio.CapacityLimiter
    downloads: anyio.CapacityLimiter
    budget: ByteBudget

    @property
    def session_cookie(self) -> str:
        """The session cookie's name; browsers keep a ``__Host-`` cookie over TLS only."""
        return "__Host-kursdocs" if self.services.settings.is_https else "kursdocs"

    @property
    def browser_cookie(self) -> str:
        """The cookie that binds a sign-in attempt to one browser."""
        return self.session_cookie + "_login"

    @property
    def invitation_cookie(self) -> str:
        """The cookie that carries an invitation through the sign-in."""
        return self.session_cookie + "_invitation"

    def set_cookie(
        self, response: Response, name: str, value: str, *, seconds: int | None = None
    ) -> None:
        """Set a cookie that scripts cannot read and other sites cannot send along."""
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path="/",
            secure=self.services.settings.is_https,
            httponly=True,
            samesite="lax",
        )


@dataclass(frozen=True)
class Call:
    """One request as a handler sees it. ``db`` is the open transaction (mode INSIDE only).

    ``form`` holds one value for each name; ``chosen`` all of them, where boxes can be ticked.
    """

    kit: Kit
    row: Row
    request: Request
    now: datetime
    language: str
    token: str = ""
    identity: Identity | None = None
    signed_in: SignedIn | None = None
    actor: Actor = field(default_factory=lambda: Actor(kind=ActorKind.PERSON))
    form: Mapping[str, str] = field(default_factory=dict)
    chosen: Mapping[str, Sequence[str]] = field(default_factory=dict)
    db: Session | None = None

    @property
    def services(self) -> Services:
        """The ports."""
        return self.kit.services

    @property
    def session(self) -> Session:
        """The open transaction."""
        if self.db is None:
            raise RuntimeError("this handler runs outside a transaction")
        return self.db

    def inside(self, session: Session) -> "Call":
        """The same call within an open transaction."""
        return replace(self, db=session)

    def id_in_path(self, name: str) -> UUID:
        """An id of the path; whatever is none cannot be found: ``NotFound``."""
        try:
            return UUID(self.request.path_params[name])
        except ValueError:
            raise NotFound from None

    def query(self) -> Any:
        """The row's query model, checked; raises ``BadRequest`` (``parameter_invalid``)."""
        if self.row.query is None:
            raise RuntimeError("this row declares no query")
        try:
            return self.row.query.model_validate(dict(self.request.query_params))
        except ValidationError as error:
            name = str((error.errors()[0]["loc"] or ("?",))[0])
            raise BadRequest("parameter_invalid", field=name[:60]) from None

    def page(self, flash: str = "") -> Page:
        """What every page needs to know about this request."""
        return page_of(self, flash=flash)

    def render(
        self, template: str, *, status: int = 200, flash: str = "", **context: Any
    ) -> Response:
        """A page."""
        html = self.kit.pages.render(template, self.page(flash), **context)
        return HTMLResponse(html, status)

    def record(self, happening: Happening, **detail: Any) -> None:
        """Write the audit row of this call."""
        audit.record(self.session, self.actor, happening, now=self.now, **detail)

    def refused(self, error: KursdocsError) -> None:
        """Write down a refusal that is answered by the same page with its mistakes."""
        self.record(Happening.REQUEST_REFUSED, route=self.row.name, code=error.code)


def redirect(path: str) -> Response:
    """Go on to another page of ours, by GET."""
    return RedirectResponse(path, 303)


# ── What a page needs to know ────────────────────────────────────────────────────────────────


def page_of(call: Call, *, flash: str = "", with_count: bool = True) -> Page:
    signed_in, actor = call.signed_in, call.actor
    path = call.request.url.path
    if call.request.url.query:
        path += "?" + call.request.url.query
    theme = call.request.cookies.get(THEME_COOKIE, "")
    count = 0
    if with_count and call.db is not None and actor.may(Permission.INBOX_READ):
        count = inbox.new_count(call.db, actor)
    return Page(
        language=call.language,
        today=local_date(call.now),
        path=path if call.request.method == "GET" else "/",
        theme=theme if theme in pages.THEMES else "",
        municipality=_municipality(call),
        actor_name=actor.display_name or ("?" if signed_in else ""),
        agency_name=actor.agency.name if actor.agency else "",
        memberships=_memberships(signed_in),
        permissions=frozenset(p for p in Permission if actor.may(p)),
        new_count=count,
        **_requests(call, with_count=with_count),
        **_follow_ups(call, with_count=with_count),
        flash=Flash("success", call.kit.pages.text(call.language, flash)) if flash else None,
        is_demo=call.services.settings.demo,
        is_unscanned=call.services.settings.clamd == "off",
    )


def _requests(call: Call, *, with_count: bool) -> dict[str, Any]:
    """What the navigation says of requests."""
    actor = call.actor
    if actor.agency is None or not actor.may(Permission.REQUEST_READ):
        return {}
    has_requests = asking.can_take_part(call.services.catalogue, actor.agency.kind)
    if call.db is None or not with_count or not has_requests:
        return {"has_requests": has_requests}
    return {
        "has_requests": True,
        "requests_open": reading.open_count(call.db, actor),
        "requests_overdue": reading.overdue_count(call.db, actor, today=local_date(call.now)),
    }


def _follow_ups(call: Call, *, with_count: bool) -> dict[str, Any]:
    """What the navigation says of follow-ups."""
    actor = call.actor
    if actor.agency is None or not actor.may(Permission.FOLLOW_UPS):
        return {}
    if not follow_ups.clocks_of(call.services.catalogue, actor.agency.kind):
        return {}
    is_counted = call.db is not None and with_count
    found = follow_ups.waiting(call.session, actor.agency.id) if is_counted else {}
    return {"has_follow_ups": True, "follow_ups_open": sum(found.values())}


def _municipality(call: Call) -> str:
    if call.signed_in is None:
        return ""
    acting = call.signed_in.membership_id
    return next((m.municipality_name for m in call.signed_in.memberships if m.id == acting), "")


def _memberships(signed_in: SignedIn | None) -> list[Membership]:
    if signed_in is None:
        return []
    return [
        Membership(
            id=str(membership.id),
            label=membership.agency_name or membership.municipality_name,
            is_acting=membership.id == signed_in.membership_id,
        )
        for membership in signed_in.memberships
    ]
