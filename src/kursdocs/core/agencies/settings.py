"""What municipalities and agencies have set, and how it is changed.

Values come in as text somebody typed. All are checked before the first is set, so that a refused
form leaves everything as it was. The log tells which fields changed, never what stands in them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlmodel import Session

from kursdocs.core import audit
from kursdocs.core.access import ActingAgency, Actor
from kursdocs.core.agencies import checks
from kursdocs.core.agencies.tables import Agency, Municipality, PlanTime
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Forbidden, Invalid
from kursdocs.core.workdays import local_date

_Check = Callable[[str, str], Invalid | None]
_Value = str | int | bool | date | None
_Convert = Callable[[str], _Value]


def _is_yes(typed: str) -> bool:
    return typed == checks.YES


_AGENCY: Mapping[str, tuple[_Check | None, _Convert]] = {
    "name": (checks.name, str),
    "mailbox": (checks.mailbox, str),
    "digest_hour": (checks.hour, int),
    "head_mailbox": (checks.mailbox, str),
    "deputy_mailbox": (checks.mailbox, str),
    # Checked against today, below.
    "deputy_until": (None, lambda typed: checks.read_day(typed) if typed else None),
    "land": (checks.land, str),
    "file_name_pattern": (checks.pattern, str),
    "plan_days": (checks.plan_days, str),
    "plan_time": (checks.plan_time, str),
    "announces_on_plan_days": (checks.flag, _is_yes),
    "monthly_note": (checks.flag, _is_yes),
    "expected_per_month": (checks.expected, lambda typed: int(typed) if typed else None),
}
_MUNICIPALITY: Mapping[str, tuple[_Check | None, _Convert]] = {
    "name": (checks.name, str),
    "mailbox": (checks.mailbox, str),
    "land": (checks.land, str),
    "keeps_eves": (checks.flag, _is_yes),
}
AGENCY_FIELDS: Sequence[str] = tuple(_AGENCY)
MUNICIPALITY_FIELDS: Sequence[str] = tuple(_MUNICIPALITY)
# An agency is known by its name: whoever could choose it could pass for another one. And what is
# expected of it is not for itself to say.
_NOT_FOR_ITSELF = frozenset({"name", "expected_per_month"})


def acting_on(actor: Actor, place: Agency | Municipality) -> Actor:
    """The actor as the log of that place is to tell of them.

    What a coordinator or the command line does to an agency stands in the agency's own log too.
    """
    if isinstance(place, Municipality):
        return replace(actor, municipality_id=place.id, agency=None)
    agency = ActingAgency(id=place.id, slug=place.slug, name=place.name, kind=place.kind)
    return replace(actor, municipality_id=place.municipality_id, agency=agency)


def change_agency(
    session: Session, actor: Actor, agency: Agency, typed: Mapping[str, str], *, now: datetime
) -> Sequence[str]:
    """Set what was typed (some or all of ``AGENCY_FIELDS``); the names of what is new.

    What is typed as it stood is not checked again: a deputy whose time is over does not keep
    anybody from changing the hour. Raises ``Invalid`` or ``InvalidForm``, ``Forbidden`` when an
    agency would rename itself, or say what is expected of it.
    """
    changed = _changed(agency, typed, _AGENCY)
    if _NOT_FOR_ITSELF & set(changed) and not _is_above(actor):
        raise Forbidden("not_permitted")
    mistakes = _mistakes(changed, _AGENCY)
    mistakes += _deputy_mistakes(agency, changed, today=local_date(now))
    mistakes += _plan_mistakes(agency, changed)
    checks.raise_if(mistakes)
    _set(agency, changed, _AGENCY)
    return _recorded(session, actor, agency, Happening.AGENCY_CHANGED, changed, now=now)


def change_municipality(
    session: Session,
    actor: Actor,
    municipality: Municipality,
    typed: Mapping[str, str],
    *,
    now: datetime,
) -> Sequence[str]:
    """The same for a municipality. Agencies that are there keep their Land."""
    changed = _changed(municipality, typed, _MUNICIPALITY)
    checks.raise_if(_mistakes(changed, _MUNICIPALITY))
    _set(municipality, changed, _MUNICIPALITY)
    happening = Happening.MUNICIPALITY_CHANGED
    return _recorded(session, actor, municipality, happening, changed, now=now)


def _is_above(actor: Actor) -> bool:
    """Whether the actor is of the municipality, or the command line, which has no role."""
    return actor.role is None or not actor.role.is_of_agency


def _changed(
    place: Agency | Municipality,
    typed: Mapping[str, str],
    fields: Mapping[str, tuple[_Check | None, _Convert]],
) -> dict[str, str]:
    """What was typed and does not stand there already, in the order of the form."""
    stripped = {name: typed[name].strip(" ") for name in fields if name in typed}
    return {
        name: value
        for name, value in stripped.items()
        if value not in as_typed(getattr(place, name))
    }


def as_typed(value: _Value) -> Sequence[str]:
    """How people would type what stands there."""
    if isinstance(value, bool):
        return (checks.YES if value else checks.NO,)
    if isinstance(value, date):
        return (value.isoformat(), f"{value:%d.%m.%Y}")
    return ("" if value is None else str(value),)


def _mistakes(
    changed: Mapping[str, str], fields: Mapping[str, tuple[_Check | None, _Convert]]
) -> list[Invalid]:
    made = ((fields[name][0], name, typed) for name, typed in changed.items())
    return checks.found(*(check(typed, name) for check, name, typed in made if check is not None))


def _deputy_mistakes(agency: Agency, changed: Mapping[str, str], *, today: date) -> list[Invalid]:
    """The end of a deputyship: not over yet, and of somebody."""
    if not changed.keys() & {"deputy_mailbox", "deputy_until"}:
        return []
    until = changed.get("deputy_until", as_typed(agency.deputy_until)[0])
    if not until:
        return []
    if not changed.get("deputy_mailbox", agency.deputy_mailbox):
        return [Invalid("deputy_missing", field="deputy_mailbox")]
    return checks.found(checks.day(until, "deputy_until", today=today))


def _plan_mistakes(agency: Agency, changed: Mapping[str, str]) -> list[Invalid]:
    """A plan that says how, but on no day."""
    told = {
        name: changed.get(name, as_typed(getattr(agency, name))[0])
        for name in ("plan_days", "plan_time", "announces_on_plan_days")
    }
    has_more = told["plan_time"] in set(PlanTime) or told["announces_on_plan_days"] == checks.YES
    if told["plan_days"] or not has_more or not changed.keys() & told.keys():
        return []
    return [Invalid("plan_days_missing", field="plan_days")]


def _set(
    place: Agency | Municipality,
    changed: Mapping[str, str],
    fields: Mapping[str, tuple[_Check | None, _Convert]],
) -> None:
    for name, typed in changed.items():
        setattr(place, name, fields[name][1](typed))


def _recorded(
    session: Session,
    actor: Actor,
    place: Agency | Municipality,
    happening: Happening,
    changed: Mapping[str, str],
    *,
    now: datetime,
) -> Sequence[str]:
    if changed:
        session.add(place)
        names = " ".join(changed)
        audit.record(
            session, acting_on(actor, place), happening, now=now, slug=place.slug, fields=names
        )
    return tuple(changed)
