"""Closings: days on which no agency of a municipality works, as on a local holiday."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import Session, col, select

from kursdocs.core import audit
from kursdocs.core.access import Actor
from kursdocs.core.agencies import checks
from kursdocs.core.agencies.settings import acting_on
from kursdocs.core.agencies.tables import Municipality, MunicipalityClosing
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Invalid, InvalidForm, NotFound
from kursdocs.core.workdays import Workdays, local_date

# Two weeks: a whole town is not closed for longer, and papers of everybody would lie.
CLOSING_WORKING_DAYS_MAX = 10
CLOSING_FIELDS = ("first_day", "last_day", "closing_name")
_CLOSING_CODES = {"order": "closing_order", "over": "closing_over"}


def closings_of(session: Session, municipality_id: UUID) -> Sequence[MunicipalityClosing]:
    """The closings of a municipality, past ones too, by their first day."""
    query = select(MunicipalityClosing).where(
        MunicipalityClosing.municipality_id == municipality_id
    )
    return session.exec(query.order_by(col(MunicipalityClosing.first_day))).all()


def add_closing(
    session: Session,
    actor: Actor,
    municipality: Municipality,
    typed: Mapping[str, str],
    *,
    now: datetime,
) -> MunicipalityClosing:
    """Add days off from ``first_day`` to ``last_day``, both included, called ``closing_name``.

    Lock the municipality first: two closings added at once must see each other. Raises ``Invalid``
    or ``InvalidForm``: a day that is none, ``closing_name_invalid``, ``closing_order``,
    ``closing_over``, ``closing_overlaps``, ``closing_too_long``.
    """
    name = typed.get("closing_name", "").strip(" ")
    mistakes = checks.found(checks.closing_name(name))
    try:
        first, last = checks.period(typed, _CLOSING_CODES, today=local_date(now))
    except (Invalid, InvalidForm) as error:
        days = error.mistakes if isinstance(error, InvalidForm) else [error]
        checks.raise_if([*days, *mistakes])
        raise
    checks.raise_if(mistakes)
    others = closings_of(session, municipality.id)
    if any(first <= each.last_day and each.first_day <= last for each in others):
        raise Invalid("closing_overlaps", field="first_day")
    calendar = Workdays(municipality.land, (), municipality.keeps_eves)
    if calendar.between(first - timedelta(days=1), last) > CLOSING_WORKING_DAYS_MAX:
        raise Invalid("closing_too_long", field="last_day", limit=CLOSING_WORKING_DAYS_MAX)
    closing = MunicipalityClosing(
        municipality_id=municipality.id, first_day=first, last_day=last, name=name
    )
    session.add(closing)
    _record(session, actor, municipality, Happening.MUNICIPALITY_CLOSING_ADDED, closing, now=now)
    return closing


def remove_closing(
    session: Session, actor: Actor, municipality: Municipality, closing_id: UUID, *, now: datetime
) -> None:
    """Take days off away; they count again everywhere. Raises ``NotFound``."""
    closing = session.get(MunicipalityClosing, closing_id)
    if closing is None or closing.municipality_id != municipality.id:
        raise NotFound
    session.delete(closing)
    _record(session, actor, municipality, Happening.MUNICIPALITY_CLOSING_REMOVED, closing, now=now)


def _record(
    session: Session,
    actor: Actor,
    municipality: Municipality,
    happening: Happening,
    closing: MunicipalityClosing,
    *,
    now: datetime,
) -> None:
    audit.record(
        session,
        acting_on(actor, municipality),
        happening,
        now=now,
        slug=municipality.slug,
        first_day=closing.first_day.isoformat(),
        last_day=closing.last_day.isoformat(),
    )
