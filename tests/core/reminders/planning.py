"""What tests of the plan are made of: one desk with every address, groups, days of the offices."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.factories import make_catalogue

from kursdocs.catalogue import Addressee
from kursdocs.core.agencies import Paces
from kursdocs.core.agencies.cascade import cascade
from kursdocs.core.reminders.digest import Digest, Section, Topic
from kursdocs.core.reminders.groups import Group
from kursdocs.core.reminders.plan import digests
from kursdocs.core.reminders.state import Desk, State, Town
from kursdocs.core.reminders.tables import Clock
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import Workdays

BERLIN = ZoneInfo("Europe/Berlin")
TOWN, OFFICE, CENTRE = new_id(), new_id(), new_id()
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
STANDARD, PROMPT = "admission_ik_jc", "nonattendance_report_ik"
DESK, DEPUTY, HEAD, COORDINATOR = (
    "abh@town.example",
    "vertretung@town.example",
    "leitung@town.example",
    "koordination@town.example",
)
FRIDAY, MONDAY = date(2026, 3, 6), date(2026, 3, 9)
WORKDAYS = Workdays("NW")


def at(day: date, hour: int = 8, minute: int = 0) -> datetime:
    """That local time of the offices."""
    return datetime.combine(day, time(hour, minute), BERLIN).astimezone(UTC)


def paces(**own: int) -> Paces:
    """What holds for an agency; names have two underscores for the dot."""
    days = {code.replace("__", "."): number for code, number in own.items()}
    return cascade(make_catalogue(), {}, days)


def desk(id_: UUID = OFFICE, **changes: object) -> Desk:
    """The immigration office, or a jobcentre with nothing but a mailbox."""
    is_office = id_ == OFFICE
    found = Desk(
        id=id_,
        slug="abh" if is_office else "jc",
        name="Ausländerbehörde" if is_office else "Jobcenter",
        municipality_id=TOWN,
        workdays=WORKDAYS,
        hour=7,
        mailbox=DESK if is_office else "jc@town.example",
        deputy_mailbox=DEPUTY if is_office else "",
        deputy_until=None,
        head_mailbox=HEAD if is_office else "",
        created_at=LONG_AGO,
        looked_in_at=None,
        expects_papers=False,
        silence_told_at=None,
        paces=paces(),
    )
    return replace(found, **changes)  # type: ignore[arg-type]  # a test's own changes


def group(
    clock: Clock,
    day: date,
    told: Mapping[Addressee, int] | None = None,
    *,
    hour: int = 12,
    **changes: object,
) -> Group:
    """One thing that came up on that day at noon, with an id of its own."""
    made = Group(OFFICE, clock, STANDARD, at(day, hour), None, told or {}, subject_ids=[new_id()])
    return replace(made, **changes)  # type: ignore[arg-type]  # a test's own changes


def waiting(day: date, told: Mapping[Addressee, int] | None = None, **changes: object) -> Group:
    """One paper that nobody took over."""
    return group(Clock.WAITING, day, told, **changes)  # type: ignore[arg-type]  # as above


def state(*groups: Group, desks: Sequence[Desk] = (), mailbox: str = COORDINATOR) -> State:
    """The town with one desk, unless others are given."""
    found = {one.id: one for one in desks or (desk(),)}
    town = Town(TOWN, "musterstadt", "Musterstadt", mailbox, WORKDAYS)
    return State(found, {TOWN: town}, groups)


def planned(found: State, now: datetime) -> dict[str, Section]:
    """What is told at each address then; of an address with two sections the last."""
    return sections(digests(make_catalogue(), found, now=now))


def sections(found: Sequence[Digest]) -> dict[str, Section]:
    """By address."""
    return {one.address: section for one in found for section in one.sections}


def topic(section: Section, clock: Clock) -> Topic:
    """What it says of that clock; nothing is an empty topic."""
    return section.topic(clock) or Topic(clock, 0)


def told_after(found: State, mails: Sequence[Digest]) -> State:
    """The same, with the ledger as it is when these mails were accepted."""
    rows = {
        (told.agency_id, told.clock, told.subject_id, told.addressee): told.step
        for mail in mails
        for section in mail.sections
        for told in section.told
    }
    return replace(found, groups=[_told(one, rows, mails) for one in found.groups])


def _told(one: Group, rows: Mapping[Any, int], mails: Sequence[Digest]) -> Group:
    told = dict(one.told)
    for who in Addressee:
        for id_ in one.subject_ids or (None,):
            step = rows.get((one.agency_id, one.clock, id_, who))
            if step is not None:
                told[who] = step
    since = one.told_since
    if since is None and Addressee.DESK in told and mails:
        since = mails[0].day
    return replace(one, told=told, told_since=since)


def days_after(day: date, count: int) -> date:
    """So many days of the calendar later."""
    return day + timedelta(days=count)
