"""Paces of reminders: what a coordinator sets for the municipality, and an agency for itself.

Both pages show what holds, who set it, and what it comes to in the calendar of those who set it.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from types import SimpleNamespace

from pydantic import Field
from starlette.responses import Response

from kursdocs.catalogue import Catalogue
from kursdocs.core import agencies
from kursdocs.core.access import Permission
from kursdocs.core.agencies import Agency, Municipality, Paces, examples
from kursdocs.core.agencies.paces import LEAST, MOST, town_choices
from kursdocs.core.errors import Invalid, InvalidForm
from kursdocs.core.workdays import Workdays, local_date
from kursdocs.web import errors, pace_words
from kursdocs.web.call import Call, Query, redirect
from kursdocs.web.pages import N_

RESET = "reset"
"""The name of the button that takes everything back that was set."""
_DUE_AHEAD = 15
_DONE = {
    "saved": N_("Gespeichert."),
    "unchanged": N_("Es war nichts zu ändern."),
    "reset": N_("Zurückgesetzt. Es gilt wieder, was vorgegeben ist."),
}


class PacesQuery(Query):
    """What was just done, for the message at the top."""

    done: str = Field(default="", max_length=20)


# ── The municipality ─────────────────────────────────────────────────────────────────────────


def of_municipality(call: Call) -> Response:
    """What holds in the municipality, and how far its agencies may go."""
    municipality = agencies.municipality_of(call.session, call.actor)
    return _town_page(call, municipality, flash=_DONE.get(call.query().done, ""))


def change_of_municipality(call: Call) -> Response:
    """Set what was typed, or take everything back; mistakes bring the form back."""
    municipality = agencies.municipality_of(call.session, call.actor, for_update=True)
    try:
        changed = agencies.change_municipality_paces(
            call.session,
            call.actor,
            call.services.catalogue,
            municipality,
            _typed(call, _town_fields(call.services.catalogue)),
            now=call.now,
        )
    except (Invalid, InvalidForm) as error:
        call.refused(error)
        told = errors.tell(call.kit.pages, call.language, error)
        return _town_page(call, municipality, typed=call.form, told=told)
    return redirect(f"/municipality/paces?done={_done(call, changed)}")


def _town_fields(catalogue: Catalogue) -> Sequence[str]:
    return [
        name for code in catalogue.paces for name in (code, f"{code}.{LEAST}", f"{code}.{MOST}")
    ]


def _town_page(
    call: Call,
    municipality: Municipality,
    *,
    typed: Mapping[str, str] | None = None,
    told: errors.Told | None = None,
    flash: str = "",
) -> Response:
    catalogue, chosen = call.services.catalogue, town_choices(call.session, municipality)
    stored = {
        name: value
        for code, each in chosen.items()
        for name, value in (
            (code, each.days),
            (f"{code}.{LEAST}", each.least),
            (f"{code}.{MOST}", each.most),
        )
    }
    return call.render(
        "paces/municipality.html",
        status=told.status if told else 200,
        flash=flash,
        municipality=municipality,
        groups=_groups(
            call,
            agencies.town_paces(call.session, catalogue, municipality),
            agencies.town_workdays(call.session, municipality),
        ),
        typed=_shown(_town_fields(catalogue), stored, typed),
        errors=told.fields if told else {},
        labels=_labels(call),
        has_own=any(code in catalogue.paces for code in chosen),
    )


# ── An agency ────────────────────────────────────────────────────────────────────────────────


def own(call: Call) -> Response:
    """What holds for the agency acted for; for the municipality of who acts for that."""
    if call.actor.agency is None:
        return redirect("/municipality/paces")
    agency = agencies.in_charge(call.session, call.actor, call.actor.acting.slug)
    return _agency_page(call, agency, flash=_DONE.get(call.query().done, ""))


def of_agency(call: Call) -> Response:
    """What holds for one agency."""
    agency = agencies.in_charge(call.session, call.actor, call.request.path_params["slug"])
    return _agency_page(call, agency, flash=_DONE.get(call.query().done, ""))


def change_of_agency(call: Call) -> Response:
    """Set what was typed, or take everything back; mistakes bring the form back."""
    slug = call.request.path_params["slug"]
    agency = agencies.in_charge(call.session, call.actor, slug, for_update=True)
    try:
        changed = agencies.change_agency_paces(
            call.session,
            call.actor,
            call.services.catalogue,
            agency,
            _typed(call, list(call.services.catalogue.paces)),
            now=call.now,
        )
    except (Invalid, InvalidForm) as error:
        call.refused(error)
        told = errors.tell(call.kit.pages, call.language, error)
        return _agency_page(call, agency, typed=call.form, told=told)
    is_own = call.actor.agency is not None
    path = "/settings/paces" if is_own else f"/agencies/{agency.slug}/paces"
    return redirect(f"{path}?done={_done(call, changed)}")


def _agency_page(
    call: Call,
    agency: Agency,
    *,
    typed: Mapping[str, str] | None = None,
    told: errors.Told | None = None,
    flash: str = "",
) -> Response:
    catalogue = call.services.catalogue
    paces = agencies.paces_of(call.session, catalogue, [agency.id])[agency.id]
    workdays = agencies.workdays_of(call.session, [agency.id])[agency.id]
    stored = {code: each.own for code, each in paces.effective.items()}
    return call.render(
        "paces/agency.html",
        status=told.status if told else 200,
        flash=flash,
        agency=agency,
        is_manager=call.actor.may(Permission.MUNICIPALITY_MANAGE),
        groups=_groups(call, paces, workdays),
        typed=_shown(list(stored), stored, typed),
        errors=told.fields if told else {},
        labels=_labels(call),
        has_own=any(value is not None for value in stored.values()),
    )


# ── Both ─────────────────────────────────────────────────────────────────────────────────────


def _typed(call: Call, fields: Sequence[str]) -> Mapping[str, str]:
    """What stands in the form; everything empty when all is to be taken back."""
    return dict.fromkeys(fields, "") if RESET in call.form else call.form


def _done(call: Call, changed: Sequence[str]) -> str:
    if not changed:
        return "unchanged"
    return "reset" if RESET in call.form else "saved"


def _shown(
    fields: Sequence[str], stored: Mapping[str, int | None], typed: Mapping[str, str] | None
) -> Mapping[str, str]:
    """What stands in each field: as typed, or as it is stored."""
    found = {name: "" if stored.get(name) is None else str(stored[name]) for name in fields}
    return found if typed is None else {name: typed.get(name, found[name]) for name in found}


def _labels(call: Call) -> Mapping[str, str]:
    """What each field is called above the form, where its group is far away."""
    translate = partial(call.kit.pages.text, call.language)
    named = {
        code: pace_words.rule_name(code, call.services.catalogue, translate)
        for code in call.services.catalogue.paces
    }
    limits = {LEAST: translate(N_("Stellen mindestens")), MOST: translate(N_("Stellen höchstens"))}
    more = {
        f"{code}.{end}": f"{named[code]}, {text}" for code in named for end, text in limits.items()
    }
    return {**named, **more}


def _groups(call: Call, paces: Paces, workdays: Workdays) -> list[SimpleNamespace]:
    """The rules under their headings, each group with an example in the calendar."""
    translate = partial(call.kit.pages.text, call.language)
    catalogue = call.services.catalogue
    codes = list(dict.fromkeys(map(pace_words.group_of, paces.effective)))
    return [
        SimpleNamespace(
            code=code,
            name=pace_words.group_name(code, translate),
            hint=translate(pace_words.HINTS.get(code, pace_words.LADDER_HINT)),
            kinds=[kind.name for kind in catalogue.kinds if kind.ladder.code == code],
            rows=[
                SimpleNamespace(
                    rule=rule,
                    name=pace_words.step_name(rule, translate),
                    usual=catalogue.paces[rule].days,
                    effective=each,
                )
                for rule, each in paces.effective.items()
                if pace_words.group_of(rule) == code
            ],
            example=_example(call, code, paces, workdays, translate),
        )
        for code in codes
    ]


def _example(
    call: Call,
    code: str,
    paces: Paces,
    workdays: Workdays,
    translate: pace_words.Translate,
) -> SimpleNamespace:
    """What the group comes to from the next working day on: that day, and those of the steps."""
    catalogue = call.services.catalogue
    day: date = workdays.after(local_date(call.now) - timedelta(days=1), 1)
    if code == pace_words.SILENCE:
        found = examples.of_silence(paces.days(code), workdays, day)
    elif code == pace_words.REQUEST:
        day = workdays.after(day, _DUE_AHEAD)
        found = examples.of_request(paces.request(catalogue.clocks.request), workdays, day)
    else:
        ladder = next(each for each in catalogue.ladders if each.code == code)
        found = examples.of_ladder(paces.ladder(ladder), workdays, day)
    steps = [(pace_words.step_name(step, translate), at) for step, at in found]
    return SimpleNamespace(day=day, steps=steps)
