"""One request, always in the same order, for pages and API alike.

Row of the route table → who is it, and may they (before the first byte of a body) → body within
its limit → thread → transaction → handler → render → commit → response. An exception rolls
everything back and becomes one page or one problem+json; a refusal is then audited in a
transaction of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import parse_qs, quote

import anyio
import anyio.to_thread
import structlog
from pydantic import ValidationError
from sqlmodel import Session
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from kursdocs.core import accounts, audit, instructions, scopes
from kursdocs.core.access import Actor, Permission
from kursdocs.core.audit import Happening
from kursdocs.core.errors import (
    Forbidden,
    Invalid,
    KursdocsError,
    NotFound,
    TooLarge,
    Unavailable,
)
from kursdocs.core.ports import Identity, SignInRefused
from kursdocs.web import errors, pages, retry, ways_on
from kursdocs.web.call import (
    INSTRUCTION_PATH,
    LANGUAGE_COOKIE,
    SMALL_BODY_SECONDS,
    Body,
    Call,
    Gate,
    Kit,
    Mode,
    Row,
    page_of,
    redirect,
)
from kursdocs.web.errors import BadRequest, Busy, SignInRequired, TooSlow, UnsupportedBody
from kursdocs.web.pages import N_
from kursdocs.web.retry import Retry

_T = TypeVar("_T")
_log = structlog.get_logger()


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
    """Answer one request; every domain error becomes a response here.

    How far its transactions reach is set here and in :func:`_with_actor`. It holds for all that the
    request's task and its threads do from now on, the streaming of the response as well.
    """
    scopes.enter(scopes.SYSTEM if row.gate is Gate.OPEN else scopes.NOBODY)
    call = _call(kit, row, request)
    try:
        if row.gate is Gate.OPEN:
            return await _HANDLED_BY[row.mode](call)
        call = await _identified(call)
        if row.body is Body.NONE and row.mode is Mode.INSIDE:
            return await _in_thread(_run, call)
        call = await _in_thread(_admitted, call)
        scopes.enter(call.actor.scope)
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
    scopes.move(session, call.actor.scope)
    # The refusal below is audited with this actor, outside this transaction.
    call.request.state.known = call
    _check_gate(call, session)
    _check_path(call)
    return call


def _check_path(call: Call) -> None:
    """What has control characters names nothing, and PostgreSQL fails on a NUL: ``NotFound``."""
    if not all(value.isprintable() for value in call.request.path_params.values()):
        raise NotFound


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


async def _with_body(call: Call) -> Call:
    chosen = await _small_body(call)
    last = {name: values[-1] for name, values in chosen.items() if values}
    return replace(call, form=last, chosen=chosen)


async def _inside(call: Call) -> Response:
    return await _in_thread(_run, await _with_body(call))


async def _outside(call: Call) -> Response:
    limiter = call.kit.downloads
    if limiter.available_tokens <= 0 and limiter.statistics().tasks_waiting >= limiter.total_tokens:
        raise Busy("downloads_busy")
    if call.row.body is not Body.NONE:
        call = await _with_body(call)
    return await _in_thread(call.row.handler, call, limiter=limiter)


async def _shell(call: Call) -> Response:
    response: Response = await call.row.handler(call)
    return response


_HANDLED_BY: Mapping[Mode, Callable[[Call], Awaitable[Response]]] = {
    Mode.INSIDE: _inside,
    Mode.OUTSIDE: _outside,
    Mode.SHELL: _shell,
}


async def _small_body(call: Call) -> dict[str, list[str]]:
    """The fields of a small form or JSON object, as text."""
    retry.keep(call.request, {})  # a body that fails on its way is not read a second time
    raw = await read_body(call.request, call.row.body_bytes_max, seconds=SMALL_BODY_SECONDS)
    if call.row.body is Body.JSON:
        return {
            name: [str(one) for one in value] if isinstance(value, list) else [value]
            for name, value in _json_fields(call, raw).items()
        }
    if raw and _content_type(call) != "application/x-www-form-urlencoded":
        raise UnsupportedBody
    try:
        fields = parse_qs(
            raw.decode("utf-8"), keep_blank_values=True, max_num_fields=retry.FIELDS_MAX
        )
    except (UnicodeDecodeError, ValueError) as error:
        raise BadRequest("body_malformed") from error
    retry.keep(call.request, fields)
    return fields


def _content_type(call: Call) -> str:
    """The type of the body, without its parameters."""
    return call.request.headers.get("content-type", "").partition(";")[0].strip().lower()


_JSON_CODES = {"missing": "field_missing", "extra_forbidden": "field_unknown"}


def _json_fields(call: Call, raw: bytes) -> dict[str, Any]:
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
    """One page for every refusal. It says nothing about the address it stands at.

    Only where a part is down it leads back there: the address is known to be one of ours.
    """
    page = replace(page_of(call, with_count=False), path="/")
    html = call.kit.pages.render(
        "error.html",
        page,
        status=told.status,
        heading=told.heading,
        sentence=told.sentence,
        advice=" ".join(text for text in told.fields.values() if text != told.sentence),
        steps=ways_on.steps(page, told.status, told.code),
        ways=ways_on.ways(page, told.status, again=_address_again(call, told.status)),
        reference=_reference(call, told.status),
        retry=again,
    )
    return HTMLResponse(html, told.status, errors.headers_of(told))


def _address_again(call: Call, status: int) -> str:
    """The address that was called, where it may answer the next time; else empty."""
    is_known = call.row.name != "unknown" and call.request.method == "GET"
    if status != 503 or not is_known:
        return ""
    return call.request.url.path + (f"?{query}" if (query := call.request.url.query) else "")


def _no_role(call: Call) -> Response:
    """Signed in, but nothing to do here yet: whom to ask, and as whom."""
    if call.signed_in is None:
        raise RuntimeError("nobody is signed in")
    user = call.signed_in.user
    html = call.kit.pages.render(
        "accounts/no_role.html",
        replace(page_of(call, with_count=False), path="/"),
        issuer=user.issuer,
        subject_tail=user.subject[-6:],
        contact="",
    )
    return HTMLResponse(html, 403)
