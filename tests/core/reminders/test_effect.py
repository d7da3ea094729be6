"""Whether reminders helped, by the ledger: what counts, what does not, what cannot be said."""

from datetime import timedelta

from sqlmodel import delete
from tests.core.adoption.town import local
from tests.factories import JOBCENTER, NOW, OFFICE

from kursdocs.adapters.database import Database
from kursdocs.catalogue import Addressee
from kursdocs.core import adoption
from kursdocs.core.adoption.disclosure import Count
from kursdocs.core.agencies import Agency
from kursdocs.core.reminders import effect
from kursdocs.core.reminders.effect import Effect
from kursdocs.core.reminders.tables import Clock, Outcome, Reminder
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import Workdays

Town = dict[str, Agency]
MONDAY, LATELY = local("2026-11-16 07:00"), local("2026-11-20 07:00")


def told(
    agency: Agency, outcome: Outcome, minutes: int | None = None, **changes: object
) -> Reminder:
    values: dict[str, object] = {
        "mail_id": new_id(),
        "agency_id": agency.id,
        "addressee": Addressee.DESK,
        "clock": Clock.WAITING,
        "subject_id": new_id(),
        "step": 2,
        "sent_at": MONDAY,
        "outcome": outcome,
        "done_at": None if minutes is None else MONDAY + timedelta(minutes=minutes),
        "done_after_minutes": minutes,
    }
    return Reminder(**{**values, **changes})  # type: ignore[arg-type]  # by name


def of(database: Database, agency: Agency, *rows: Reminder) -> Effect:
    with database.transaction() as session:
        session.add_all(rows)
    shown = adoption.period(NOW)
    with database.transaction() as session:
        return effect.of_agency(session, agency.id, Workdays("NW"), shown, now=NOW)


def judged(found: Effect) -> tuple[int | None, int | None, int | None]:
    return found.followed.value, found.unheeded.value, found.open.value


CASES = [
    (Outcome.TAKEN_OVER, 960, (1, 0, 0)),
    (Outcome.TAKEN_OVER, 961, (0, 1, 0)),
    (Outcome.LOOKED_IN, 0, (1, 0, 0)),
    (Outcome.SETTLED, 100, (1, 0, 0)),
    (Outcome.GONE_BACK, 100, (0, 1, 0)),
    (Outcome.WITHDRAWN, 100, (0, 0, 1)),
    (Outcome.WITHDRAWN, 2000, (0, 1, 0)),
    (Outcome.UNDELIVERED, None, (0, 0, 1)),
    (Outcome.OPEN, None, (0, 1, 0)),
]


def test_a_reminder_helped_when_the_deed_came_within_two_working_days(
    database: Database, town: Town
) -> None:
    for outcome, minutes, expected in CASES:
        found = of(database, town[OFFICE], told(town[OFFICE], outcome, minutes))

        assert judged(found) == expected, outcome
        with database.transaction() as session:
            session.exec(delete(Reminder))


def test_what_is_less_than_two_working_days_old_is_not_judged(
    database: Database, town: Town
) -> None:
    """Friday 7:00 to Monday 10:30 are a day and a half; from Thursday on two and a half."""
    fresh = told(town[OFFICE], Outcome.OPEN, sent_at=LATELY)
    older = told(town[OFFICE], Outcome.OPEN, sent_at=LATELY - timedelta(days=1))

    assert judged(of(database, town[OFFICE], fresh, older)) == (0, 1, 1)


def test_announcements_notes_and_the_coordinators_mails_are_no_reminders(
    database: Database, town: Town
) -> None:
    office, done = town[OFFICE], Outcome.TAKEN_OVER
    found = of(
        database,
        office,
        told(office, done, 60, step=0),
        told(office, done, 60, clock=Clock.MONTHLY),
        told(office, done, 60, clock=Clock.DELETION),
        told(office, done, 60, addressee=Addressee.COORDINATOR),
        told(office, done, 60, sent_at=MONDAY - timedelta(days=300)),
        told(town[JOBCENTER], done, 60),
    )

    assert found.reminders == Count(0)
    assert found.share is None


def test_what_desk_and_head_hear_of_one_thing_is_one_reminder(
    database: Database, town: Town
) -> None:
    office, thing = town[OFFICE], new_id()
    found = of(
        database,
        office,
        told(office, Outcome.TAKEN_OVER, 500, subject_id=thing, step=10),
        told(office, Outcome.TAKEN_OVER, 400, subject_id=thing, step=10, addressee=Addressee.HEAD),
        told(office, Outcome.TAKEN_OVER, 2900, subject_id=thing, step=5),
    )

    assert (found.reminders, judged(found)) == (Count(2), (1, 1, 0))


def test_two_silences_are_two_reminders_though_neither_has_a_subject(
    database: Database, town: Town
) -> None:
    office = town[OFFICE]
    rows = [
        told(office, Outcome.LOOKED_IN, 30, clock=Clock.SILENCE, subject_id=None, step=n)
        for n in (0, 1)
    ]

    assert of(database, office, *rows).reminders == Count(2)


def test_the_median_is_of_all_that_was_done_and_needs_five(database: Database, town: Town) -> None:
    office = town[OFFICE]
    found = of(
        database, office, *(told(office, Outcome.TAKEN_OVER, n) for n in (60, 120, 180, 240))
    )
    assert found.median_hours is None

    found = of(database, office, told(office, Outcome.ANSWERED, 6000))
    assert found.median_hours == 3.0
    assert found.share == 0.8


def test_the_coordinator_sees_no_small_count_of_an_agency(database: Database, town: Town) -> None:
    office, jobcenter = town[OFFICE], town[JOBCENTER]
    with database.transaction() as session:
        session.add_all(told(office, Outcome.TAKEN_OVER, 60) for _ in range(3))
        session.add_all(told(jobcenter, Outcome.TAKEN_OVER, 60) for _ in range(30))
        session.add_all(told(jobcenter, Outcome.OPEN) for _ in range(10))
    days = {agency.id: Workdays("NW") for agency in town.values()}

    with database.transaction() as session:
        each, whole = effect.of_town(session, days, adoption.period(NOW), now=NOW)

    assert each[office.id].reminders.value is None
    assert each[office.id].share is each[office.id].median_hours is None
    assert whole.reminders == Count(43)
    assert None not in (each[town["sprachwerk"].id].reminders.value, whole.share)
    shown = [one.reminders.value for one in each.values()]
    assert shown.count(None) > 1
