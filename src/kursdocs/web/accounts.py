"""Signing in and out, the agency switcher, and what a person chose for their pages."""

import secrets
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import anyio
import anyio.to_thread
import structlog
from starlette.responses import JSONResponse, RedirectResponse, Response

from kursdocs.catalogue import AgencyKind
from kursdocs.core import accounts
from kursdocs.core.access import Actor, Permission
from kursdocs.core.errors import Forbidden, NotFound, TooLarge, Unavailable
from kursdocs.core.ports import (
    Identity,
    ProviderSignOut,
    SignInRefused,
    SignInStart,
    SignInUnavailable,
)
from kursdocs.web.call import (
    KEYS_COOKIE,
    LANGUAGE_COOKIE,
    SMALL_BODY_SECONDS,
    THEME_COOKIE,
    Call,
    redirect,
)
from kursdocs.web.endpoint import read_body
from kursdocs.web.errors import BadRequest, TooSlow
from kursdocs.web.pages import LANGUAGES, THEMES

_log = structlog.get_logger()

_PREFERENCE_SECONDS = 365 * 24 * 3600
_CALLBACK = "/sign-in/callback"
_NO_STORE = {"Cache-Control": "no-store"}
_LOGOUT_FIELDS_MAX = 20
_LOGOUT_PAUSES = (0.5, 2.0, 5.0)  # seconds between attempts to end sessions

_LANDINGS = (
    (Permission.INBOX_READ, "/inbox"),
    (Permission.MUNICIPALITY_NUMBERS_READ, "/agencies"),
    (Permission.MUNICIPALITY_LOG_READ, "/log"),
)


def own_path(address: str) -> str:
    """The address if it is a path of our own, else the start page: no open redirect."""
    parts = urlsplit(address)
    is_own = (
        address.startswith("/")
        and not address.startswith("//")
        and not parts.scheme
        and not parts.netloc
        and "\\" not in address
        and address.isprintable()
        and len(address) <= 500
    )
    return address if is_own else "/"


def start(call: Call) -> Response:
    """The start page: to where the role's day begins."""
    if call.signed_in is None:
        return redirect("/sign-in")
    if call.actor.role is None:
        raise Forbidden("no_role")
    return redirect(_landing(call.actor))


def _landing(actor: Actor) -> str:
    """Course providers send nearly all day and seldom receive; everybody else begins by reading."""
    is_provider = actor.agency is not None and actor.agency.kind is AgencyKind.COURSE_PROVIDER
    if is_provider and actor.may(Permission.DOCUMENT_SEND):
        return "/desk"
    return next(path for right, path in _LANDINGS if actor.may(right))


def sign_in(call: Call) -> Response:
    """The way in, for people who are not signed in."""
    if call.signed_in is not None:
        return redirect("/")
    next_path = own_path(call.request.query_params.get("next", "/"))
    return call.render("accounts/sign_in.html", start_href=_start_href(next_path))


def _start_href(next_path: str) -> str:
    return "/sign-in/start?" + urlencode({"next": next_path})


def signed_out(call: Call) -> Response:
    """Where people come to after signing out at the provider."""
    return call.render("accounts/signed_out.html")


def _callback_url(call: Call) -> str:
    return call.services.settings.public_url + _CALLBACK


async def begin(call: Call) -> Response:
    """Off to the sign-in provider, remembering the attempt for this browser only."""
    try:
        begun = await call.services.provider.begin(_callback_url(call))
    except SignInRefused as error:
        # What the provider says of itself does not fit our settings; nobody here can mend it.
        _log.error("sign_in.provider_refused", reason=error.reason)
        raise SignInUnavailable from error
    browser = call.request.cookies.get(call.kit.browser_cookie) or secrets.token_urlsafe(32)
    next_path = own_path(call.request.query_params.get("next", "/"))
    await anyio.to_thread.run_sync(_remember, call, begun, browser, next_path)
    response = RedirectResponse(begun.url, 303)
    call.kit.set_cookie(
        response,
        call.kit.browser_cookie,
        browser,
        seconds=int(accounts.ATTEMPT_LIMIT.total_seconds()),
    )
    return response


def _remember(call: Call, begun: SignInStart, browser: str, next_path: str) -> None:
    with call.services.transaction() as session:
        accounts.begin_sign_in(session, begun, browser=browser, return_to=next_path, now=call.now)


async def callback(call: Call) -> Response:
    """Back from the provider: check everything, open a new session, go where one wanted to."""
    query = dict(call.request.query_params)
    browser = call.request.cookies.get(call.kit.browser_cookie, "")
    try:
        begun, next_path = await anyio.to_thread.run_sync(
            _recall, call, query.get("state", ""), browser
        )
        identity = await call.services.provider.finish(query, begun, _callback_url(call))
        token = await anyio.to_thread.run_sync(_open_session, call, identity)
    except SignInRefused as error:
        _log.warning("sign_in.refused", reason=error.reason)
        if call.signed_in is not None:
            # The second of two tabs, or a page from the history: one is signed in already.
            return redirect("/")
        raise Forbidden("sign_in_refused") from error
    response = redirect(next_path)
    call.kit.set_cookie(response, call.kit.session_cookie, token)
    return response


def _recall(call: Call, state: str, browser: str) -> tuple[SignInStart, str]:
    with call.services.transaction() as session:
        return accounts.take_attempt(session, state=state, browser=browser, now=call.now)


def _open_session(call: Call, identity: Identity) -> str:
    """A fresh token at every sign-in; the one from before is worth nothing afterwards."""
    with call.services.transaction() as session:
        return accounts.sign_in(
            session, identity, call.services.claim_rules, replacing=call.token, now=call.now
        )


async def sign_out(call: Call) -> Response:
    """End the session here, then at the provider."""
    return await _leave(call, await anyio.to_thread.run_sync(_close_session, call))


async def sign_out_everywhere(call: Call) -> Response:
    """End all sessions and access tokens of the person, then the one at the provider."""
    return await _leave(call, await anyio.to_thread.run_sync(_close_all_sessions, call))


async def _leave(call: Call, id_token: str) -> Response:
    return_to = call.services.settings.public_url + "/signed-out"
    try:
        address = await call.services.provider.sign_out_url(id_token, return_to)
    except (SignInRefused, SignInUnavailable):
        # The provider is out of reach; here the session has ended all the same.
        address = return_to
    response = RedirectResponse(address, 303, {"Clear-Site-Data": '"cache"'})
    response.delete_cookie(
        call.kit.session_cookie,
        path="/",
        secure=call.services.settings.is_https,
        httponly=True,
        samesite="lax",
    )
    return response


def _close_session(call: Call) -> str:
    with call.services.transaction() as session:
        return accounts.sign_out(session, call.actor, call.token, now=call.now)


def _close_all_sessions(call: Call) -> str:
    with call.services.transaction() as session:
        return accounts.sign_out_everywhere(session, call.token, now=call.now)


async def back_channel(call: Call) -> Response:
    """The provider says that a session there has ended (OpenID Connect Back-Channel Logout 1.0).

    No browser takes part: the token alone says who calls. Any failure is a 400 with an OAuth
    error, as the standard (2.8) has it.
    """
    try:
        told = await call.services.provider.signed_out(await _logout_token(call))
    except (SignInRefused, BadRequest, TooLarge, TooSlow) as error:
        _log.warning("sign_out.refused", reason=getattr(error, "reason", "body"))
        return _logout_failed("invalid_request")
    except SignInUnavailable:
        _log.error("sign_out.provider_unavailable")
        return _logout_failed("temporarily_unavailable")
    for pause in (*_LOGOUT_PAUSES, None):
        try:
            await anyio.to_thread.run_sync(_end_for_provider, call, told)
        except Unavailable as error:
            _log.error("sign_out.failed", code=error.code)
            if pause is None:
                break
            # Providers do not try again, so we do, also when this one has hung up meanwhile.
            await anyio.sleep(pause)
        else:
            return Response(headers=_NO_STORE)
    return _logout_failed("temporarily_unavailable")


async def _logout_token(call: Call) -> str:
    """The one field of the form that counts."""
    raw = await read_body(call.request, call.row.body_bytes_max, seconds=SMALL_BODY_SECONDS)
    kind = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        fields = parse_qs(raw.decode("ascii"), max_num_fields=_LOGOUT_FIELDS_MAX)
    except ValueError as error:
        raise BadRequest("body_malformed") from error
    tokens = fields.get("logout_token", [])
    if kind != "application/x-www-form-urlencoded" or len(tokens) != 1:
        raise BadRequest("body_malformed")
    return tokens[0]


def _end_for_provider(call: Call, told: ProviderSignOut) -> None:
    with call.services.transaction() as session:
        accounts.sign_out_by_provider(session, told, now=call.services.clock())


def _logout_failed(error: str) -> Response:
    return JSONResponse({"error": error}, 400, _NO_STORE)


def switch(call: Call) -> Response:
    """Act for another of one's own agencies, and go on where one wanted to."""
    try:
        membership_id = UUID(call.form.get("membership", ""))
    except ValueError:
        raise NotFound from None
    accounts.switch_agency(call.session, call.token, membership_id, now=call.now)
    return redirect(own_path(call.form.get("return_to", "/")))


def prefer(call: Call) -> Response:
    """Remember language, colours or keys in a cookie; works without being signed in."""
    response = redirect(own_path(call.form.get("return_to", "/")))
    if call.form.get("language") in LANGUAGES:
        call.kit.set_cookie(
            response, LANGUAGE_COOKIE, call.form["language"], seconds=_PREFERENCE_SECONDS
        )
    if call.form.get("theme") in THEMES:
        call.kit.set_cookie(response, THEME_COOKIE, call.form["theme"], seconds=_PREFERENCE_SECONDS)
    if call.form.get("keys") in ("on", "off"):
        call.kit.set_cookie(response, KEYS_COOKIE, call.form["keys"], seconds=_PREFERENCE_SECONDS)
    return response
