"""One request, always in the same order, for pages and API alike.

Row of the route table → who is it, and may they (before the first byte of a body) → body within
its limit → thread → transaction → handler → render → commit → response. An exception rolls
everything back and becomes one page or one problem+json; a refusal is then audited in a
transaction of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import parse_qs, quote
from uuid import UUID

import anyio
import anyio.to_thread
import structlog
from pydantic import BaseModel, ValidationError
from sqlmodel import Session
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from kursdocs.core import accounts, audit, instructions
from kursdocs.core.access import Actor, ActorKind, Permission
from kursdocs.core.accounts import SignedIn
from kursdocs.core.audit import Happening
from kursdocs.core.documents import reading
from kursdocs.core.documents.reading import InboxState
from kursdocs.core.errors import Forbidden, Invalid, KursdocsError, NotFound, TooLarge, Unavailable
from kursdocs.core.ports import Identity, SignInRefused
from kursdocs.core.workdays import local_date
from kursdocs.services import Services
from kursdocs.web import errors, pages, retry
from kursdocs.web.errors import BadRequest, Busy, SignInRequired, TooSlow, UnsupportedBody
from kursdocs.web.multipart import ByteBudget
from kursdocs.web.pages import N_, Flash, Membership, Page, Pages
from kursdocs.web.retry import Retry

_T = TypeVar("_T")
_log = structlog.get_logger()

SMALL_BODY_BYTES_MAX = 64 * 1024
SMALL_BODY_SECONDS = 30
LANGUAGE_COOKIE = "kursdocs_language"
THEME_COOKIE = "kursdocs_theme"
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


@dataclass(frozen=True)
class Row:
    """One line of the route table.

    ``happening`` is what a successful call leaves in the audit log, exactly once. ``query``,
    ``request`` and ``response`` are the models of the API, from which OpenAPI is made.
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
    """One request as a handler sees it. ``db`` is the open transaction (mode INSIDE only)."""

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
        return _page(self, flash=flash)

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


def _call(kit: Kit, row: Row, request: Request) -> Call:
    return Call(
        kit=kit,
        row=row,
        request=request,
        now=kit.services.clock(),
        language=pages.language_of(
            request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language")
        ),
        token=request.cookies.get(kit.session_cookie, ""),
    )


async def answer(kit: Kit, row: Row, request: Request) -> Response:
    """Answer one request; every domain error becomes a response here."""
    call = _call(kit, row, request)
    try:
        if row.gate is Gate.OPEN:
            return await _HANDLED_BY[row.mode](call)
        call = await _identified(call)
        if row.body is Body.NONE and row.mode is Mode.INSIDE:
            return await _in_thread(_run, call)
        call = await _in_thread(_admitted, call)
        return await _HANDLED_BY[row.mode](call)
    except KursdocsError as error:
        return await refuse(call, error)
    except ClientDisconnect:
        # Nobody is left to be told; nothing was stored before the body was whole.
        return Response(status_code=400)


def failure_response(request: Request, error: KursdocsError) -> Response:
    """The response to what went wrong outside of any row; asks neither database nor actor."""
    path = request.url.path
    row = Row(request.method, path, failure_response, Gate.PUBLIC, "unknown")
    call = _call(request.app.state.kit, row, request)
    if row.is_api:
        return _problem(call, error)
    told = errors.tell(call.kit.pages, call.language, error)
    return error_response(call, told)


async def _in_thread(
    work: Callable[..., _T], *arguments: Any, limiter: anyio.CapacityLimiter | None = None
) -> _T:
    return await anyio.to_thread.run_sync(lambda: work(*arguments), limiter=limiter)


# ── Who is it, and may they ──────────────────────────────────────────────────────────────────


async def _identified(call: Call) -> Call:
    """API calls bring a token, which the provider's keys must vouch for."""
    if not call.row.is_api or call.row.gate is Gate.PUBLIC:
        return call
    scheme, _, token = call.request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise SignInRequired("token_invalid")
    try:
        identity = await call.services.provider.bearer(token.strip())
    except SignInRefused as error:
        _log.info("token.refused", reason=error.reason)
        raise SignInRequired("token_invalid") from error
    return replace(call, identity=identity)


def _admitted(call: Call) -> Call:
    """The call with its actor, after role gate; in a short transaction of its own."""
    with call.services.transaction() as session:
        return _with_actor(call, session)


def _with_actor(call: Call, session: Session) -> Call:
    if call.identity is not None:
        call = replace(call, actor=_bearing(call, call.identity, session))
    elif call.token and not call.row.is_api:
        signed_in = accounts.actor_of_sign_in(session, call.token, now=call.now)
        if signed_in is not None:
            call = replace(call, signed_in=signed_in, actor=signed_in.actor)
    # The refusal below is audited with this actor, outside this transaction.
    call.request.state.known = call
    _check_gate(call, session)
    return call


def _bearing(call: Call, identity: Identity, session: Session) -> Actor:
    """The actor of an access token."""
    try:
        return accounts.actor_of_bearer(
            session,
            identity,
            call.services.claim_rules,
            agency=call.request.headers.get("kursdocs-agency", ""),
            now=call.now,
        )
    except SignInRefused as error:
        _log.info("token.refused", reason=error.reason)
        raise SignInRequired("token_invalid") from error


def readmit(call: Call, session: Session) -> None:
    """Raise unless the caller may still do what it was admitted to a while ago.

    For work that outlasts its admission: a body may take minutes to arrive, and what ended
    meanwhile must not be used to store anything. Raises ``SignInRequired``, ``Forbidden``.
    """
    now = call.services.clock()
    if call.identity is None and accounts.actor_of_sign_in(session, call.token, now=now) is None:
        raise SignInRequired
    accounts.require_standing(session, call.actor, call.identity, now=now)


def _check_gate(call: Call, session: Session) -> None:
    gate = call.row.gate
    if gate is Gate.PUBLIC:
        return
    if call.signed_in is None and call.identity is None:
        raise SignInRequired
    if isinstance(gate, Permission):
        call.actor.require(gate)
    # Staff of some agencies confirm first what they may use the data for (§ 78 SGB X).
    catalogue = call.services.catalogue
    if not call.row.before_instruction and instructions.is_missing(session, call.actor, catalogue):
        raise Forbidden("instruction_missing")


# ── Running the handler ──────────────────────────────────────────────────────────────────────


def _run(call: Call) -> Response:
    """Handler and rendering inside one transaction, committed before the response goes out."""
    with call.services.transaction() as session:
        call = replace(_with_actor(call, session), db=session)
        response: Response = call.row.handler(call)
        return response


async def _inside(call: Call) -> Response:
    call = replace(call, form=await _small_body(call))
    return await _in_thread(_run, call)


async def _outside(call: Call) -> Response:
    limiter = call.kit.downloads
    if limiter.available_tokens <= 0 and limiter.statistics().tasks_waiting >= limiter.total_tokens:
        raise Busy("downloads_busy")
    return await _in_thread(call.row.handler, call, limiter=limiter)


async def _shell(call: Call) -> Response:
    response: Response = await call.row.handler(call)
    return response


_HANDLED_BY: Mapping[Mode, Callable[[Call], Awaitable[Response]]] = {
    Mode.INSIDE: _inside,
    Mode.OUTSIDE: _outside,
    Mode.SHELL: _shell,
}


async def _small_body(call: Call) -> dict[str, str]:
    """The fields of a small form or JSON object, as text."""
    retry.keep(call.request, {})  # a body that fails on its way is not read a second time
    raw = await read_body(call.request, call.row.body_bytes_max, seconds=SMALL_BODY_SECONDS)
    if call.row.body is Body.JSON:
        return _json_fields(call, raw)
    if raw and _content_type(call) != "application/x-www-form-urlencoded":
        raise UnsupportedBody
    try:
        fields = parse_qs(
            raw.decode("utf-8"), keep_blank_values=True, max_num_fields=retry.FIELDS_MAX
        )
    except (UnicodeDecodeError, ValueError) as error:
        raise BadRequest("body_malformed") from error
    retry.keep(call.request, fields)
    return {name: values[-1] for name, values in fields.items()}


def _content_type(call: Call) -> str:
    """The type of the body, without its parameters."""
    return call.request.headers.get("content-type", "").partition(";")[0].strip().lower()


_JSON_CODES = {"missing": "field_missing", "extra_forbidden": "field_unknown"}


def _json_fields(call: Call, raw: bytes) -> dict[str, str]:
    if call.row.request is None:
        return {}
    if raw and _content_type(call) != "application/json":
        raise UnsupportedBody
    try:
        return call.row.request.model_validate_json(raw or b"{}").model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            raise BadRequest("body_malformed") from None
        name = str((first["loc"] or ("",))[0])[:60]
        raise Invalid(_JSON_CODES.get(first["type"], "field_format"), field=name) from None


async def read_body(request: Request, limit: int, *, seconds: float) -> bytes:
    """The whole body; raises ``TooLarge`` and ``TooSlow``."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise TooLarge("body_too_large")
    except TimeoutError as error:
        raise TooSlow from error
    return bytes(body)


# ── Refusals ─────────────────────────────────────────────────────────────────────────────────


async def refuse(call: Call, error: KursdocsError) -> Response:
    """The response to an error, after noting it in the log of whoever caused it."""
    call = getattr(call.request.state, "known", call)
    if isinstance(error, Unavailable):
        _log.error("request.unavailable", code=error.code, route=call.row.name)
    elif (call.actor.user_id or call.actor.service_account_id) and not _way_round(call, error):
        try:
            await _in_thread(_note_refusal, call, error)
        except Unavailable as second:
            error = second
    if call.row.is_api:
        return _problem(call, error)
    return await _error_page(call, error)


def _note_refusal(call: Call, error: KursdocsError) -> None:
    with call.services.transaction() as session:
        audit.record(
            session,
            call.actor,
            Happening.REQUEST_REFUSED,
            now=call.now,
            route=call.row.name,
            code=error.code,
        )


def _problem(call: Call, error: KursdocsError) -> Response:
    told = errors.tell(call.kit.pages, call.language, error)
    headers = errors.headers_of(told)
    headers["Content-Language"] = call.language
    if told.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="kursdocs"'
    body = errors.problem(told, reference=_reference(call, told.status))
    return JSONResponse(body, told.status, headers, media_type="application/problem+json")


async def _error_page(call: Call, error: KursdocsError) -> Response:
    if way := _way_round(call, error):
        here = call.request.url.path
        if call.request.url.query:
            here += "?" + call.request.url.query
        return redirect(f"{way}?next={quote(here, safe='')}")
    told = errors.tell(call.kit.pages, call.language, error)
    if error.code == "no_role" and call.signed_in is not None:
        return _no_role(call)
    return error_response(call, told, again=await _again(call, told.status))


def _way_round(call: Call, error: KursdocsError) -> str:
    """The page that leads back to the one asked for, once it has done its work; else empty."""
    if call.row.is_api or call.request.method not in ("GET", "HEAD"):
        return ""
    way = {"sign_in_required": "/sign-in", "instruction_missing": INSTRUCTION_PATH}
    return way.get(error.code, "")


async def _again(call: Call, status: int) -> Retry | None:
    """The same form once more, where trying again may help; strangers' bodies are not read."""
    if call.row.body not in (Body.FORM, Body.FILES) or status not in retry.WORTH_IT:
        return None
    if status == 401 and not call.token:
        return None
    typed = await retry.typed(call.request, call.kit.budget)
    if not typed and (call.row.body is Body.FILES or status == 408):
        return None
    label = call.kit.pages.text(call.language, N_("Datei"))
    return Retry(
        action=call.request.url.path,
        fields=[(name, value) for name, values in typed.items() for value in values],
        file_label=label if call.row.body is Body.FILES else "",
        sign_in=status == 401,
    )


def _reference(call: Call, status: int) -> str:
    """A number to quote to the operator. A 404 has none: foreign and unknown must be alike."""
    return str(call.request.state.request_id) if status >= 500 else ""


def error_response(call: Call, told: errors.Told, *, again: Retry | None = None) -> Response:
    """One page for every refusal. It says nothing about the address it stands at."""
    html = call.kit.pages.render(
        "error.html",
        replace(_page(call, with_count=False), path="/"),
        heading=told.heading,
        sentence=told.sentence,
        advice=" ".join(text for text in told.fields.values() if text != told.sentence),
        reference=_reference(call, told.status),
        retry=again,
    )
    return HTMLResponse(html, told.status, errors.headers_of(told))


def _no_role(call: Call) -> Response:
    """Signed in, but nothing to do here yet: whom to ask, and as whom."""
    if call.signed_in is None:
        raise RuntimeError("nobody is signed in")
    user = call.signed_in.user
    html = call.kit.pages.render(
        "accounts/no_role.html",
        replace(_page(call, with_count=False), path="/"),
        issuer=user.issuer,
        subject_tail=user.subject[-6:],
        contact="",
    )
    return HTMLResponse(html, 403)


# ── What a page needs to know ────────────────────────────────────────────────────────────────


def _page(call: Call, *, flash: str = "", with_count: bool = True) -> Page:
    signed_in, actor = call.signed_in, call.actor
    path = call.request.url.path
    if call.request.url.query:
        path += "?" + call.request.url.query
    theme = call.request.cookies.get(THEME_COOKIE, "")
    count = 0
    if with_count and call.db is not None and actor.may(Permission.INBOX_READ):
        count = reading.inbox_counts(call.db, actor)[InboxState.NEW]
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
        flash=Flash("success", call.kit.pages.text(call.language, flash)) if flash else None,
        is_demo=call.services.settings.demo,
        is_unscanned=call.services.settings.clamd == "off",
    )


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
