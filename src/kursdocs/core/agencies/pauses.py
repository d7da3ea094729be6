"""Pauses: days on which an agency does not work, so that no deadline runs out meanwhile."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlmodel import Session, col, select

from kursdocs.core import audit
from kursdocs.core.access import Actor
from kursdocs.core.agencies import checks
from kursdocs.core.agencies.finding import municipality_of_agency
from kursdocs.core.agencies.settings import acting_on
from kursdocs.core.agencies.tables import (
    Agency,
    AgencyPause,
    Municipality,
    MunicipalityClosing,
)
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Invalid, NotFound
from kursdocs.core.workdays import Workdays, local_date

# Six weeks: longer than any holidays, too short to put papers off for ever.
WORKING_DAYS_MAX = 30
_PAUSE_CODES = {"order": "pause_order", "over": "pause_over"}


def pauses_of(session: Session, ids: Collection[UUID]) -> Mapping[UUID, Sequence[AgencyPause]]:
    """The pauses of these agencies, past ones too, by their first day; none means no entry."""
    query = select(AgencyPause).where(col(AgencyPause.agency_id).in_(list(ids)))
    found: dict[UUID, list[AgencyPause]] = {}
    for pause in session.exec(query.order_by(col(AgencyPause.first_day))):
        found.setdefault(pause.agency_id, []).append(pause)
    return found


def workdays_of(session: Session, ids: Collection[UUID]) -> dict[UUID, Workdays]:
    """When each of these agencies works.

    The holidays of its Land, the closing days of its municipality and its own pauses are free.
    """
    pauses, closings = pauses_of(session, ids), _closings(session)
    query = select(Agency.id, Agency.land, Agency.municipality_id, Municipality.keeps_eves).join(
        Municipality, col(Municipality.id) == Agency.municipality_id
    )
    return {
        id_: Workdays(
            land, (*closings.get(town_id, ()), *_days_of(pauses.get(id_, ()))), keeps_eves
        )
        for id_, land, town_id, keeps_eves in session.exec(
            query.where(col(Agency.id).in_(list(ids)))
        )
    }


def town_workdays(session: Session, municipality: Municipality) -> Workdays:
    """When a municipality's coordinator works."""
    closings = _closings(session).get(municipality.id, ())
    return Workdays(municipality.land, tuple(closings), municipality.keeps_eves)


def _closings(session: Session) -> Mapping[UUID, Sequence[tuple[date, date]]]:
    found: dict[UUID, list[tuple[date, date]]] = {}
    for closing in session.exec(
        select(MunicipalityClosing).order_by(col(MunicipalityClosing.first_day))
    ):
        found.setdefault(closing.municipality_id, []).append((closing.first_day, closing.last_day))
    return found


def _days_of(pauses: Sequence[AgencyPause]) -> Sequence[tuple[date, date]]:
    return [(pause.first_day, pause.last_day) for pause in pauses]


def add_pause(
    session: Session, actor: Actor, agency: Agency, typed: Mapping[str, str], *, now: datetime
) -> AgencyPause:
    """Add a pause from ``first_day`` to ``last_day``, both as typed and both included.

    Lock the agency first (``in_charge(..., for_update=True)``): two pauses added at once must see
    each other. Raises ``Invalid`` or ``InvalidForm``: a day that is none, ``pause_over``,
    ``pause_order``, ``pause_overlaps``, ``pause_too_long`` (together with those that follow or go
    before without a working day between).
    """
    today = local_date(now)
    first, last = checks.period(typed, _PAUSE_CODES, today=today)
    others = pauses_of(session, [agency.id]).get(agency.id, [])
    if any(first <= pause.last_day and pause.first_day <= last for pause in others):
        raise Invalid("pause_overlaps", field="first_day")
    if _working_days(_without_pauses(session, agency), others, first, last) > WORKING_DAYS_MAX:
        raise Invalid("pause_too_long", field="last_day", limit=WORKING_DAYS_MAX)
    pause = AgencyPause(agency_id=agency.id, first_day=first, last_day=last)
    session.add(pause)
    _record(session, actor, agency, Happening.AGENCY_PAUSE_ADDED, pause, now=now)
    return pause


def remove_pause(
    session: Session, actor: Actor, agency: Agency, pause_id: UUID, *, now: datetime
) -> None:
    """Take a pause away; its days count again. Raises ``NotFound``."""
    query = select(AgencyPause).where(
        AgencyPause.id == pause_id, AgencyPause.agency_id == agency.id
    )
    pause = session.exec(query).first()
    if pause is None:
        raise NotFound
    session.delete(pause)
    _record(session, actor, agency, Happening.AGENCY_PAUSE_REMOVED, pause, now=now)


def _without_pauses(session: Session, agency: Agency) -> Workdays:
    """When the agency would work if it never paused."""
    town = municipality_of_agency(session, agency)
    return replace(town_workdays(session, town), land=agency.land)


def _working_days(
    calendar: Workdays, others: Sequence[AgencyPause], first: date, last: date
) -> int:
    """How many working days pass in one go, if this pause is added."""
    days = {
        pause.first_day + timedelta(days=n)
        for pause in others
        for n in range((pause.last_day - pause.first_day).days + 1)
    }
    count = calendar.between(first - timedelta(days=1), last)
    for step, edge in ((-1, first), (1, last)):
        day = edge + timedelta(days=step)
        while day in days or not calendar.includes(day):
            count += calendar.includes(day)
            day += timedelta(days=step)
    return count


def _record(
    session: Session,
    actor: Actor,
    agency: Agency,
    happening: Happening,
    pause: AgencyPause,
    *,
    now: datetime,
) -> None:
    audit.record(
        session,
        acting_on(actor, agency),
        happening,
        now=now,
        slug=agency.slug,
        first_day=pause.first_day.isoformat(),
        last_day=pause.last_day.isoformat(),
    )
