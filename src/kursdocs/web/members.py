"""Who has which role: for heads at their own agency, for coordinators everywhere in their town."""

from datetime import date, datetime, timedelta
from types import SimpleNamespace

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from kursdocs.catalogue import DateFormat
from kursdocs.catalogue.fields import fits, read_value
from kursdocs.core import agencies, instructions, invitations, memberships
from kursdocs.core.access import Role
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Invalid, InvalidForm
from kursdocs.core.memberships import Entry, Place
from kursdocs.core.workdays import LOCAL
from kursdocs.web import errors
from kursdocs.web.call import Call, redirect
from kursdocs.web.pages import N_, last_day, plain_date

_DAYS = DateFormat(earliest=date(2020, 1, 1), latest=date(2099, 12, 31))

_DONE = {
    "ended": N_("Die Rolle ist beendet. Der nächste Aufruf der Person hat sie nicht mehr."),
    "changed": N_("Die Rolle ist geändert."),
    "limited": N_("Das Ende ist festgelegt."),
    "unlimited": N_("Die Rolle endet nun nicht mehr von selbst."),
    "revoked": N_("Die Einladung ist zurückgezogen. Ihr Link gilt nicht mehr."),
}


class MembersQuery(BaseModel):
    """What was just done, for the message at the top."""

    model_config = ConfigDict(extra="forbid")

    done: str = Field(default="", max_length=20)


def index(call: Call) -> Response:
    """Members of the acting agency; for a coordinator those of the municipality itself."""
    return _index(call, memberships.place(call.session, call.actor))


def of_agency(call: Call) -> Response:
    """Members of one agency."""
    slug = call.request.path_params["slug"]
    return _index(call, memberships.place(call.session, call.actor, slug))


def _index(call: Call, at: Place) -> Response:
    query: MembersQuery = call.query()
    entries = memberships.roster(call.session, call.actor, at, now=call.now)
    agency_id = at.agency.id if at.agency else None
    call.record(
        Happening.MEMBERS_LISTED,
        agency_id=agency_id,
        agency=str(agency_id or ""),
        count=len(entries),
    )
    instructed = None
    if at.agency and at.agency.kind in call.services.catalogue.instruction.agency_kinds:
        instructed = instructions.confirmed_at(call.session, at.agency.id, call.services.catalogue)
    return call.render(
        "members/index.html",
        flash=_DONE.get(query.done, ""),
        place=at,
        entries=entries,
        instructed=instructed,
        invitations=invitations.listing(call.session, at, now=call.now),
        invite_href="/invitations/new" + (f"?agency={at.agency.slug}" if at.agency else ""),
        agencies=[] if at.agency else _agencies(call),
    )


def _agencies(call: Call) -> list[SimpleNamespace]:
    """The agencies of the municipality, with how many members each has."""
    counts = memberships.members_by_agency(call.session, call.actor, now=call.now)
    return [
        SimpleNamespace(
            name=agency.name,
            count=counts.get(agency.id, 0),
            href=f"/agencies/{agency.slug}/members",
        )
        for agency in agencies.recipients(call.session, call.actor)
    ]


def address_of(call: Call, at: Place) -> str:
    """Where the members of the place are listed for this reader."""
    if at.agency is None or call.actor.agency is not None:
        return "/members"
    return f"/agencies/{at.agency.slug}/members"


def show(call: Call) -> Response:
    """One membership, to change it."""
    at, entry = _got(call)
    return _show(call, at, entry)


def _got(call: Call) -> tuple[Place, Entry]:
    return memberships.get(call.session, call.actor, call.id_in_path("membership_id"), now=call.now)


def _show(call: Call, at: Place, entry: Entry, mistake: Invalid | None = None) -> Response:
    told = _told(call, mistake)
    return call.render(
        "members/show.html",
        status=told.status if told else 200,
        place=at,
        entry=entry,
        typed_role=call.form.get("role") if told else None,
        typed_until=call.form.get("until", "") if told else _typed(entry.until),
        errors=told.fields if told else {},
        failed=call.row.name.rpartition(".")[2] if told else "",
        back_href=address_of(call, at),
    )


def _told(call: Call, mistake: Invalid | None) -> errors.Told | None:
    if mistake is None:
        return None
    call.refused(mistake)
    return errors.tell(call.kit.pages, call.language, InvalidForm([mistake]))


def _typed(until: datetime | None) -> str:
    return plain_date(last_day(until), "de") if until else ""


def change_role(call: Call) -> Response:
    """Clerk instead of head, auditor instead of coordinator, or the other way round."""
    at, entry = _got(call)
    try:
        typed = call.form.get("role", "")
        if typed not in list(Role):
            raise Invalid("field_choice", field="role")
        memberships.change_role(
            call.session, call.actor, entry.id, Role(typed), knowing=_knowing(call), now=call.now
        )
    except Invalid as mistake:
        return _show(call, at, entry, mistake)
    return _back(call, at, entry, "changed")


def change_end(call: Call) -> Response:
    """The last day of the role, or none."""
    at, entry = _got(call)
    typed = call.form.get("until", "").strip()
    try:
        memberships.limit(
            call.session, call.actor, entry.id, _until(typed), knowing=_knowing(call), now=call.now
        )
    except Invalid as mistake:
        return _show(call, at, entry, mistake)
    return _back(call, at, entry, "limited" if typed else "unlimited")


def _until(typed: str) -> datetime | None:
    if not typed:
        return None
    if not fits(_DAYS, typed):
        raise Invalid("field_date_impossible", field="until")
    last_day = date.fromisoformat(read_value(_DAYS, typed))
    return datetime.combine(last_day + timedelta(days=1), datetime.min.time(), LOCAL)


def ending(call: Call) -> Response:
    """Asks before a role is ended."""
    at, entry = _got(call)
    return _ending(call, at, entry)


def end(call: Call) -> Response:
    """End a role now."""
    at, entry = _got(call)
    try:
        memberships.end_one(
            call.session, call.actor, entry.id, knowing=_knowing(call), now=call.now
        )
    except Invalid as mistake:
        return _ending(call, at, entry, mistake)
    return _back(call, at, entry, "ended")


def _ending(call: Call, at: Place, entry: Entry, mistake: Invalid | None = None) -> Response:
    told = _told(call, mistake)
    return call.render(
        "members/ending.html",
        status=told.status if told else 200,
        place=at,
        entry=entry,
        errors=told.fields if told else {},
        back_href=address_of(call, at),
    )


def _knowing(call: Call) -> bool:
    return call.form.get("knowing") == "yes"


def _back(call: Call, at: Place, entry: Entry, done: str) -> Response:
    """To the list, unless it was one's own role: then to whatever one may open now."""
    if entry.is_own and done in ("ended", "changed"):
        return redirect("/")
    return redirect(f"{address_of(call, at)}?done={done}")
