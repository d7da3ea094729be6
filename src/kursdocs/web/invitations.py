"""Invitations by link: made, shown once, revoked; and joining with one.

The secret stands in an address once, when the link is opened. From there it goes into a cookie that
no script can read, so that it is in no page, no history and no address of the sign-in; what is kept
while somebody signs in is a plain ``/join``.
"""

from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from kursdocs.core import accounts, invitations, memberships
from kursdocs.core.access import Role
from kursdocs.core.errors import Conflict, Invalid, InvalidForm, KursdocsError, NotFound
from kursdocs.core.invitations import DAYS_DEFAULT, DAYS_MAX, NOTE_LENGTH_MAX, Offer
from kursdocs.core.memberships import Place
from kursdocs.web import errors, members
from kursdocs.web.call import Call, redirect

_JOIN = "/join"
_COOKIE_SECONDS = 60 * 60


class PlaceQuery(BaseModel):
    """For which agency; empty for the acting one, or the municipality itself."""

    model_config = ConfigDict(extra="forbid")

    agency: str = Field(default="", max_length=60)


def link(public_url: str, secret: str) -> str:
    """The address that is handed over."""
    return f"{public_url}{_JOIN}/{secret}"


# ── Inviting ─────────────────────────────────────────────────────────────────────────────────


def new(call: Call) -> Response:
    """The form."""
    query: PlaceQuery = call.query()
    at = memberships.place(call.session, call.actor, query.agency)
    return _form(call, at, typed={"days": str(DAYS_DEFAULT)})


def create(call: Call) -> Response:
    """Make the link and show it, this once."""
    at = memberships.place(call.session, call.actor, call.form.get("agency", ""))
    typed = {name: call.form.get(name, "") for name in ("role", "days", "note")}
    try:
        role, days = _checked(at, typed)
        secret = invitations.create(
            call.session, call.actor, at, role=role, days=days, note=typed["note"], now=call.now
        )
    except Invalid as mistake:
        return _form(call, at, typed=typed, error=InvalidForm([mistake]))
    except (InvalidForm, Conflict) as error:
        return _form(call, at, typed=typed, error=error)
    return call.render(
        "invitations/created.html",
        place=at,
        role=role,
        days=days,
        link=link(call.services.settings.public_url, secret),
        back_href=members.address_of(call, at),
    )


def _checked(at: Place, typed: dict[str, str]) -> tuple[Role, int]:
    """Role and days; raises ``InvalidForm`` with all that is wrong."""
    mistakes = []
    if typed["role"] not in at.roles:
        mistakes.append(Invalid("field_choice", field="role"))
    days = typed["days"].strip()
    if not (days.isascii() and days.isdecimal() and len(days) < 4):
        out_of_range = {"min": 1, "max": DAYS_MAX}
        mistakes.append(Invalid("field_number_out_of_range", field="days", **out_of_range))
    if mistakes:
        raise InvalidForm(mistakes)
    return Role(typed["role"]), int(days)


def _form(
    call: Call, at: Place, *, typed: dict[str, str], error: KursdocsError | None = None
) -> Response:
    told = errors.tell(call.kit.pages, call.language, error) if error else None
    if error:
        call.refused(error)
    return call.render(
        "invitations/new.html",
        status=told.status if told else 200,
        place=at,
        typed=typed,
        errors=(told.fields or {"": told.sentence}) if told else {},
        days_max=DAYS_MAX,
        note_length_max=NOTE_LENGTH_MAX,
        back_href=members.address_of(call, at),
    )


def revoke(call: Call) -> Response:
    """Make a link worthless."""
    invitation_id = call.id_in_path("invitation_id")
    at = invitations.revoke(call.session, call.actor, invitation_id, now=call.now)
    return redirect(members.address_of(call, at) + "?done=revoked")


# ── Joining ──────────────────────────────────────────────────────────────────────────────────


def open_(call: Call) -> Response:
    """The link: keeps its secret in this browser and goes on without it, whatever it is worth."""
    response = redirect(_JOIN)
    secret = call.request.path_params["secret"][:100]
    call.kit.set_cookie(
        response, call.kit.invitation_cookie, _plain(secret), seconds=_COOKIE_SECONDS
    )
    return response


def _plain(secret: str) -> str:
    """What a secret of ours may look like; anything else cannot stand in a cookie anyway."""
    is_plain = secret.isascii() and secret.replace("-", "").replace("_", "").isalnum()
    return secret if is_plain else "none"


def join(call: Call) -> Response:
    """Who invites as what; for people who are signed in, the button that accepts it."""
    return _join(call)


def _join(call: Call, error: KursdocsError | None = None) -> Response:
    secret = call.request.cookies.get(call.kit.invitation_cookie, "")
    offer = invitations.find(call.session, secret, now=call.now)
    if offer is None:
        error = error or NotFound("invitation_over")
    if error and call.actor.user_id:
        call.refused(error)
    response = call.render(
        "invitations/join.html",
        status=errors.status_of(error) if error else 200,
        offer=offer,
        is_held=_is_held(call, offer),
        is_own=offer is not None and invitations.is_own(call.session, call.actor, offer),
        start_href="/sign-in/start?" + urlencode({"next": _JOIN}),
    )
    if offer is None:
        _forget(call, response)
    return response


def _is_held(call: Call, offer: Offer | None) -> bool:
    return offer is not None and invitations.is_held(call.session, call.actor, offer, now=call.now)


def accept(call: Call) -> Response:
    """Take the role, and act in it from now on."""
    secret = call.request.cookies.get(call.kit.invitation_cookie, "")
    try:
        membership_id = invitations.accept(call.session, call.actor, secret, now=call.now)
    except (NotFound, Conflict) as error:
        return _join(call, error)
    accounts.switch_agency(call.session, call.token, membership_id, now=call.now)
    response = redirect("/")
    _forget(call, response)
    return response


def _forget(call: Call, response: Response) -> None:
    call.kit.set_cookie(response, call.kit.invitation_cookie, "", seconds=0)
