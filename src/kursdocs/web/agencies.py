"""The coordinator's pages about agencies: who takes part, in numbers; opening and closing them.

Never a person, never a document (rule 9).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from kursdocs.catalogue import AgencyKind
from kursdocs.core import agencies
from kursdocs.core.agencies import Agency
from kursdocs.core.agencies.lands import LANDS
from kursdocs.core.audit import Happening
from kursdocs.core.documents import counting
from kursdocs.core.documents.counting import AgencyNumbers
from kursdocs.core.errors import Conflict, Invalid, InvalidForm
from kursdocs.web import errors, mail
from kursdocs.web.call import Call, redirect
from kursdocs.web.pages import N_
from kursdocs.web.settings import HOURS

_DONE = {
    "closed": N_("Die Stelle ist geschlossen. Niemand kommt dort mehr hinein."),
    "reopened": N_("Die Stelle ist wieder geöffnet."),
}
_NEW = {
    "name": "",
    "slug": "",
    "kind": "",
    "mailbox": "",
    "digest_hour": "7",
}


class DoneQuery(BaseModel):
    """What was just done, for the message at the top."""

    model_config = ConfigDict(extra="forbid")

    done: str = Field(default="", max_length=20)


def index(call: Call) -> Response:
    """Agencies with counts, open ones first, and where something must be mended."""
    numbers = counting.numbers(call.session, call.actor, now=call.now)
    rows = {agency.slug: agency for agency in agencies.of_municipality(call.session, call.actor)}
    call.record(Happening.NUMBERS_LISTED, count=len(numbers))
    shown = [_row(rows[each.slug], each) for each in numbers]
    return call.render(
        "agencies/index.html",
        flash=_DONE.get(call.query().done, ""),
        agencies=[each for each in shown if not each.closed_at],
        closed=[each for each in shown if each.closed_at],
        silent=[each for each in shown if not each.closed_at and not each.mailbox],
        refusing=mail.refusing(call),
    )


def _row(agency: Agency, numbers: AgencyNumbers) -> SimpleNamespace:
    values = {name: getattr(numbers, name) for name in numbers.__dataclass_fields__}
    active = [at for at in (agency.looked_in_at, numbers.last_sent_at) if at]
    last: datetime | None = max(active) if active else None
    return SimpleNamespace(
        **values, mailbox=agency.mailbox, closed_at=agency.closed_at, last_active_at=last
    )


# ── Opening ──────────────────────────────────────────────────────────────────────────────────


def new(call: Call) -> Response:
    """The form of a new agency."""
    land = agencies.municipality_of(call.session, call.actor).land
    return _form(call, {**_NEW, "land": land}, None)


def _form(call: Call, typed: Mapping[str, str], told: errors.Told | None) -> Response:
    return call.render(
        "agencies/new.html",
        status=told.status if told else 200,
        typed={name: typed.get(name, "") for name in (*_NEW, "land")},
        errors=_by_field(told),
        kinds=list(AgencyKind),
        lands=list(LANDS.items()),
        hours=HOURS,
    )


def _by_field(told: errors.Told | None) -> Mapping[str, str]:
    if told is None:
        return {}
    # A slug that is taken is a conflict; in the form it is a mistake of that field.
    return dict(told.fields) or {"slug" if told.code == "slug_taken" else "": told.sentence}


def create(call: Call) -> Response:
    """Open an agency; on mistakes the form comes back with what was typed."""
    try:
        agency = _opened(call)
    except (Invalid, InvalidForm, Conflict) as error:
        told = errors.tell(call.kit.pages, call.language, error)
        call.record(Happening.REQUEST_REFUSED, route=call.row.name, code=error.code)
        return _form(call, call.form, told)
    return redirect(f"/agencies/{agency.slug}/settings?done=opened")


def _opened(call: Call) -> Agency:
    typed = {name: call.form.get(name, "").strip(" ") for name in (*_NEW, "land")}
    values = {name: typed[name] for name in ("name", "mailbox", "land", "digest_hour")}
    values["slug"] = typed["slug"] or agencies.slug_from(typed["name"])
    kind = _kind(typed["kind"])
    mistakes = _without_kind(kind) + agencies.opening_mistakes(**values)
    # At the command line an agency may be opened before its mailbox is; here somebody can ask.
    if not values["mailbox"]:
        mistakes.append(Invalid("field_missing", field="mailbox"))
    if mistakes or kind is None:
        raise InvalidForm(sorted(mistakes, key=lambda one: _ORDER.index(one.field)))
    hour = int(values.pop("digest_hour"))
    return agencies.open_agency(
        call.session,
        call.actor,
        municipality=agencies.municipality_of(call.session, call.actor).slug,
        kind=kind,
        digest_hour=hour,
        now=call.now,
        **values,
    )


_ORDER: Sequence[str] = ("name", "slug", "kind", "mailbox", "digest_hour", "land")


def _kind(typed: str) -> AgencyKind | None:
    return AgencyKind(typed) if typed in set(AgencyKind) else None


def _without_kind(kind: AgencyKind | None) -> list[Invalid]:
    return [] if kind else [Invalid("field_choice", field="kind")]


# ── Closing and reopening ────────────────────────────────────────────────────────────────────


def confirm_closing(call: Call) -> Response:
    """What waits at the agency, and what happens when it is closed."""
    agency = agencies.in_charge(call.session, call.actor, call.request.path_params["slug"])
    if agency.closed_at is not None:
        return redirect(f"/agencies/{agency.slug}/settings")
    numbers = counting.numbers(call.session, call.actor, now=call.now)
    call.record(Happening.NUMBERS_LISTED, count=1)
    return call.render(
        "agencies/closing.html",
        agency=agency,
        numbers=next(each for each in numbers if each.slug == agency.slug),
    )


def close(call: Call) -> Response:
    """Close the agency: its people and programs are out with their next request."""
    agency = _locked(call)
    agencies.close_agency(call.session, call.actor, agency, now=call.now)
    return redirect("/agencies?done=closed")


def reopen(call: Call) -> Response:
    """Open it again."""
    agency = _locked(call)
    agencies.reopen_agency(call.session, call.actor, agency, now=call.now)
    return redirect("/agencies?done=reopened")


def _locked(call: Call) -> Agency:
    slug = call.request.path_params["slug"]
    return agencies.in_charge(call.session, call.actor, slug, for_update=True)
