"""Signing in and out, the agency switcher, and what a person chose for their pages."""

import secrets
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import anyio.to_thread
import structlog
from starlette.responses import RedirectResponse, Response

from kursdocs.core import accounts
from kursdocs.core.access import Permission
from kursdocs.core.errors import Forbidden, NotFound
from kursdocs.core.ports import Identity, SignInRefused, SignInStart, SignInUnavailable
from kursdocs.web.endpoint import LANGUAGE_COOKIE, THEME_COOKIE, Call, redirect
from kursdocs.web.pages import LANGUAGES, THEMES

_log = structlog.get_logger()

_PREFERENCE_SECONDS = 365 * 24 * 3600
_CALLBACK = "/sign-in/callback"

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
    return redirect(next(path for right, path in _LANDINGS if call.actor.may(right)))


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
    except SignInRefused as error:
        _log.warning("sign_in.refused", reason=error.reason)
        if call.signed_in is not None:
            # The second of two tabs, or a page from the history: one is signed in already.
            return redirect("/")
        raise Forbidden("sign_in_refused") from error
    token = await anyio.to_thread.run_sync(_open_session, call, identity)
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
    id_token = await anyio.to_thread.run_sync(_close_session, call)
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


def switch(call: Call) -> Response:
    """Act for another of one's own agencies, and go on where one wanted to."""
    try:
        membership_id = UUID(call.form.get("membership", ""))
    except ValueError:
        raise NotFound from None
    accounts.switch_agency(call.session, call.token, membership_id, now=call.now)
    return redirect(own_path(call.form.get("return_to", "/")))


def prefer(call: Call) -> Response:
    """Remember language or colours in a cookie; works without being signed in."""
    response = redirect(own_path(call.form.get("return_to", "/")))
    if call.form.get("language") in LANGUAGES:
        call.kit.set_cookie(
            response, LANGUAGE_COOKIE, call.form["language"], seconds=_PREFERENCE_SECONDS
        )
    if call.form.get("theme") in THEMES:
        call.kit.set_cookie(response, THEME_COOKIE, call.form["theme"], seconds=_PREFERENCE_SECONDS)
    return response
