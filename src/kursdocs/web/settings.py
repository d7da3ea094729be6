"""Settings of an agency, for its head and for the coordinator: when and to whom mails go, days off.

The same page for both; only the coordinator renames, closes and opens again.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from types import SimpleNamespace
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from kursdocs.core import agencies
from kursdocs.core.access import Permission
from kursdocs.core.agencies import (
    Agency,
    AgencyPause,
    MunicipalityClosing,
    PlanTime,
    file_names,
)
from kursdocs.core.agencies.lands import LANDS, next_free_days
from kursdocs.core.agencies.tables import FIRST_HOUR, LAST_HOUR, PATTERN_LENGTH_MAX
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Invalid, InvalidForm, KursdocsError
from kursdocs.core.workdays import local_date
from kursdocs.web import errors, mail
from kursdocs.web.call import Call, redirect
from kursdocs.web.pages import N_

HOURS: Sequence[tuple[str, str]] = tuple(
    (str(hour), f"{hour}:00") for hour in range(FIRST_HOUR, LAST_HOUR + 1)
)
FREE_DAYS_SHOWN = 4
CLOSINGS_SHOWN = 6
_BOXES = ("announces_on_plan_days", "monthly_note", "keeps_eves")
WEEKDAYS: Sequence[tuple[str, str]] = (
    ("1", N_("Montag")),
    ("2", N_("Dienstag")),
    ("3", N_("Mittwoch")),
    ("4", N_("Donnerstag")),
    ("5", N_("Freitag")),
)
PLAN_TIMES: Sequence[tuple[str, str]] = (
    (PlanTime.MORNING, N_("am Morgen")),
    (PlanTime.BEFORE_COUNTER_HOURS, N_("vor der Sprechzeit")),
    (PlanTime.AFTER_COUNTER_HOURS, N_("nach der Sprechzeit")),
    (PlanTime.AFTERNOON, N_("am Nachmittag")),
)
_DONE = {
    "opened": N_("Die Stelle ist eröffnet. Geben Sie jetzt jemandem dort eine Rolle."),
    "saved": N_("Gespeichert."),
    "unchanged": N_("Es war nichts zu ändern."),
    "pause_added": N_("Die Pause ist eingetragen."),
    "pause_removed": N_("Die Pause ist entfernt. Ihre Tage zählen wieder."),
    **mail.DONE,
}


class SettingsQuery(BaseModel):
    """What was just done, for the message at the top."""

    model_config = ConfigDict(extra="forbid")

    done: str = Field(default="", max_length=20)


def own(call: Call) -> Response:
    """The settings of the agency acted for; of the municipality for who acts for that."""
    if call.actor.agency is None:
        return redirect("/municipality")
    agency = agencies.in_charge(call.session, call.actor, call.actor.acting.slug)
    return _page(call, agency, flash=_DONE.get(call.query().done, ""))


def show(call: Call) -> Response:
    """The settings of one agency."""
    agency = agencies.in_charge(call.session, call.actor, call.request.path_params["slug"])
    return _page(call, agency, flash=_DONE.get(call.query().done, ""))


def change(call: Call) -> Response:
    """Set what was typed, or show how file names would look; mistakes bring the form back."""
    agency = _locked(call)
    if "preview" in call.form:
        return _previewed(call, agency)
    try:
        changed = agencies.change_agency(
            call.session, call.actor, agency, typed_settings(call), now=call.now
        )
    except (Invalid, InvalidForm) as error:
        return _mistaken(call, agency, error)
    return _back(call, agency, "saved" if changed else "unchanged")


def typed_settings(call: Call) -> Mapping[str, str]:
    """The form with its boxes as one value each.

    Before each box stands a hidden field of the same name, so that a box that is not ticked differs
    from one that is not in the form: the last value of a name holds, and weekdays are put together.
    """
    boxes = {name: call.chosen[name][-1] for name in _BOXES if name in call.chosen}
    if "plan_days" in call.chosen:
        boxes["plan_days"] = "".join(sorted(set(call.chosen["plan_days"])))
    return {**call.form, **boxes}


def _previewed(call: Call, agency: Agency) -> Response:
    """The form as typed; only the pattern is judged, and nothing is set."""
    mistake = agencies.pattern_mistake(call.form.get("file_name_pattern", "").strip(" "))
    told = errors.tell(call.kit.pages, call.language, mistake) if mistake else None
    return _page(call, agency, typed=typed_settings(call), told=told)


def add_pause(call: Call) -> Response:
    """Enter a pause; mistakes bring the page back."""
    agency = _locked(call)
    try:
        agencies.add_pause(call.session, call.actor, agency, call.form, now=call.now)
    except (Invalid, InvalidForm) as error:
        return _mistaken(call, agency, error, in_pauses=True)
    return _back(call, agency, "pause_added", "#pauses")


def remove_pause(call: Call) -> Response:
    """Take a pause away."""
    agency = _locked(call)
    pause_id = call.id_in_path("pause_id")
    agencies.remove_pause(call.session, call.actor, agency, pause_id, now=call.now)
    return _back(call, agency, "pause_removed", "#pauses")


def _locked(call: Call) -> Agency:
    slug = call.request.path_params["slug"]
    return agencies.in_charge(call.session, call.actor, slug, for_update=True)


def _back(call: Call, agency: Agency, done: str, place: str = "") -> Response:
    """To where the form stood: each role has its own address for it."""
    is_own = call.actor.agency is not None and call.actor.agency.id == agency.id
    path = "/settings" if is_own else f"/agencies/{agency.slug}/settings"
    return redirect(f"{path}?done={done}{place}")


def _mistaken(
    call: Call, agency: Agency, error: KursdocsError, *, in_pauses: bool = False
) -> Response:
    call.record(Happening.REQUEST_REFUSED, route=call.row.name, code=error.code)
    told = errors.tell(call.kit.pages, call.language, error)
    if in_pauses:
        return _page(call, agency, pause=call.form, told=told)
    return _page(call, agency, typed=typed_settings(call), told=told)


# ── The page ─────────────────────────────────────────────────────────────────────────────────


def _page(
    call: Call,
    agency: Agency,
    *,
    typed: Mapping[str, str] | None = None,
    pause: Mapping[str, str] | None = None,
    told: errors.Told | None = None,
    flash: str = "",
) -> Response:
    stored = {name: _as_typed(getattr(agency, name)) for name in agencies.AGENCY_FIELDS}
    shown = stored if typed is None else {name: typed.get(name, stored[name]) for name in stored}
    today = local_date(call.now)
    land = shown["land"] if shown["land"] in LANDS else ""
    translate = partial(call.kit.pages.text, call.language)
    return call.render(
        "agencies/settings.html",
        status=told.status if told else 200,
        flash=flash,
        agency=agency,
        typed=shown,
        errors=(dict(told.fields) or {"": told.sentence}) if told else {},
        is_manager=call.actor.may(Permission.MUNICIPALITY_MANAGE),
        lands=list(LANDS.items()),
        land_name=LANDS.get(land, ""),
        free_days=next_free_days(land, today, FREE_DAYS_SHOWN),
        hours=HOURS,
        weekdays=[(day, translate(name)) for day, name in WEEKDAYS],
        plan_times=[(time, translate(name)) for time, name in PLAN_TIMES],
        closings=shown_closings(call, agency.municipality_id)[:CLOSINGS_SHOWN],
        keeps_eves=agencies.municipality_of_agency(call.session, agency).keeps_eves,
        preview=_preview(shown["file_name_pattern"]),
        pattern_length_max=PATTERN_LENGTH_MAX,
        placeholders=list(file_names.PLACEHOLDERS.items()),
        pauses=_pauses(call, agency, today),
        pause={name: (pause or {}).get(name, "") for name in ("first_day", "last_day")},
        boxes=mail.of_agency(call, agency),
        refusing=mail.refusing_of(call, agency),
        is_deputy_over=agency.deputy_until is not None and agency.deputy_until < today,
    )


def shown_closings(call: Call, municipality_id: UUID) -> list[SimpleNamespace]:
    """The days off of a municipality that are not over, in the order of the calendar."""
    return _not_over(agencies.closings_of(call.session, municipality_id), local_date(call.now))


def _as_typed(value: str | int | date | None) -> str:
    if isinstance(value, bool):
        return agencies.as_typed(value)[0]
    if isinstance(value, date):
        return f"{value:%d.%m.%Y}"
    return "" if value is None else str(value)


def _preview(pattern: str) -> str:
    """The name of an invented paper; empty while the pattern cannot be used."""
    if agencies.pattern_mistake(pattern.strip(" ")):
        return ""
    return file_names.file_name(pattern.strip(" "), file_names.PLACEHOLDERS)


def _pauses(call: Call, agency: Agency, today: date) -> list[SimpleNamespace]:
    """Those that are not over, in the order of the calendar."""
    return _not_over(agencies.pauses_of(call.session, [agency.id]).get(agency.id, ()), today)


def _not_over(
    found: Sequence[AgencyPause | MunicipalityClosing], today: date
) -> list[SimpleNamespace]:
    return [
        SimpleNamespace(
            id=each.id,
            name=each.name if isinstance(each, MunicipalityClosing) else "",
            first_day=each.first_day,
            last_day=each.last_day,
            is_now=each.first_day <= today,
        )
        for each in found
        if each.last_day >= today
    ]
