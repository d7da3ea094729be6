"""The coordinator's numbers against weeks computed by hand."""

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import event
from sqlmodel import select
from tests.core.adoption.town import local, put
from tests.factories import JOBCENTER, NOW, OFFICE, PROVIDER, make_agency, make_municipality

from kursdocs.adapters.database import Database
from kursdocs.catalogue import AgencyKind, FollowUpClock
from kursdocs.core import adoption
from kursdocs.core.adoption import Count, TownNumbers
from kursdocs.core.adoption.disclosure import FEW
from kursdocs.core.adoption.numbers import AgencyLine, Speed
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.tables import Delivery, DocumentState
from kursdocs.core.follow_ups.tables import FollowUp, FollowUpState
from kursdocs.core.requests.tables import PaperRequest, RequestState

SPRACHWERK = "sprachwerk"
# The four weeks end with the one after the clocks went back; the last of them is running.
WEDNESDAY = local("2026-10-28 10:00")
Town = dict[str, Agency]


@pytest.fixture
def town(town: Town, database: Database) -> Town:
    """The same town, which was there for a year, two of its agencies in Bavaria."""
    with database.transaction() as session:
        for slug, agency in town.items():
            agency.created_at = NOW - timedelta(days=365)
            agency.land = "BY" if slug in (OFFICE, PROVIDER) else "NW"
            session.add(agency)
    return town


def numbers(database: Database, town: Town, **how: object) -> TownNumbers:
    shown = adoption.period(WEDNESDAY, weeks=3)
    with database.transaction() as session:
        return adoption.town(
            session,
            town[OFFICE].municipality_id,
            how.pop("period", shown),  # type: ignore[arg-type]  # as a test gives it
            paper_reasons=["on_paper"],
            now=WEDNESDAY,
        )


def line(found: TownNumbers, slug: str) -> AgencyLine:
    return next(one for one in found.agencies if one.agency.slug == slug)


def plain(counts: Sequence[Count]) -> list[int | None]:
    return [count.value for count in counts]


def test_an_empty_town_has_nothing_and_hides_nothing(database: Database, town: Town) -> None:
    found = numbers(database, town)

    assert (found.active, found.open) == (0, 4)
    assert plain([one.sent for one in found.total.weeks]) == [0, 0, 0, 0]
    assert found.total.whole.speed == Speed(None, None)
    assert (found.share, line(found, PROVIDER).last_active_at) == (None, None)


def test_a_municipality_without_agencies_has_a_page_too(database: Database, town: Town) -> None:
    with database.transaction() as session:
        far = make_municipality(session, "leerstadt").id
        shown = adoption.period(WEDNESDAY)
        found = adoption.town(session, far, shown, paper_reasons=[], now=WEDNESDAY)

    assert (found.agencies, found.total.whole.sent, found.open) == ([], Count(0), 0)


def test_papers_stand_in_the_week_of_their_local_day(database: Database, town: Town) -> None:
    """Sunday 23:59 before the clocks change, and Monday 00:01 after it."""
    with database.transaction() as session:
        put(session, town[PROVIDER], town[OFFICE], "2026-10-04 23:59", count=9)
        put(session, town[PROVIDER], town[OFFICE], "2026-10-05 00:01", count=10)
        put(session, town[PROVIDER], town[OFFICE], "2026-10-25 23:59", count=20)
        put(session, town[PROVIDER], town[OFFICE], "2026-10-26 00:01", count=30)

    found = numbers(database, town)

    assert plain([week.sent for week in line(found, PROVIDER).weeks]) == [10, 0, 20, 30]
    assert plain([week.received for week in line(found, OFFICE).weeks]) == [10, 0, 20, 30]
    assert plain([week.sent for week in found.total.weeks]) == [10, 0, 20, 30]
    assert (found.total.whole.sent, found.active) == (Count(60), 1)


def test_speed_is_that_of_what_was_taken_over_in_the_week(database: Database, town: Town) -> None:
    """In the office's own calendar: over the longest night of the year, and with its own days.

    Ten from Friday 15:00: nine until Monday 9:00 (two hours), one until Tuesday 16:00 (17 hours).
    Five more came five weeks before and were taken over on that Monday, 200 working hours later.
    """
    with database.transaction() as session:
        put(session, town[PROVIDER], town[OFFICE], "2026-10-23 15:00", "2026-10-26 09:00", count=9)
        put(session, town[PROVIDER], town[OFFICE], "2026-10-23 15:00", "2026-10-27 16:00")
        put(session, town[PROVIDER], town[OFFICE], "2026-09-21 08:00", "2026-10-26 08:00", count=5)

    found = numbers(database, town)

    last = line(found, OFFICE).weeks[-1]
    assert last.taken_over == Count(15)
    assert last.speed == Speed(median=2.0, percentile=200.0)
    assert [week.speed.median for week in line(found, OFFICE).weeks[:3]] == [None] * 3
    assert found.total.whole.speed == last.speed


def test_each_agency_is_measured_with_the_holidays_of_its_own_land(
    database: Database, town: Town
) -> None:
    """All Saints, 1 November, was a Sunday in 2026; Corpus Christi, 4 June, is a Thursday."""
    shown = adoption.period(WEDNESDAY, last=date(2026, 6, 7), weeks=2)
    with database.transaction() as session:
        town[SPRACHWERK].land = "BE"
        session.add(town[SPRACHWERK])
        for slug in (OFFICE, SPRACHWERK):
            sender = town[JOBCENTER]
            put(session, sender, town[slug], "2026-06-03 15:00", "2026-06-05 09:00", count=5)

    found = numbers(database, town, period=shown)

    assert line(found, OFFICE).whole.speed.median == 2.0
    assert line(found, SPRACHWERK).whole.speed.median == 10.0


def test_below_five_there_is_neither_a_number_nor_a_median(database: Database, town: Town) -> None:
    with database.transaction() as session:
        put(session, town[PROVIDER], town[OFFICE], "2026-10-13 09:00", "2026-10-13 10:00", count=4)

    found = numbers(database, town)

    whole = line(found, OFFICE).whole
    assert (whole.received, whole.taken_over) == (FEW, FEW)
    assert whole.speed == Speed(None, None)
    assert found.total.whole.speed == Speed(None, None)
    assert all(week.received.value is None for week in line(found, OFFICE).weeks)


def test_a_median_is_not_told_where_its_count_protects_another_one(
    database: Database, town: Town
) -> None:
    with database.transaction() as session:
        for slug, count in ((OFFICE, 3), (JOBCENTER, 7)):
            for day in ("2026-10-06", "2026-10-13"):
                at, done = f"{day} 09:00", f"{day} 10:00"
                put(
                    session,
                    town[PROVIDER],
                    town[slug],
                    at,
                    done,
                    count=count if day[-1] == "6" else 30,
                )

    weeks = line(numbers(database, town), JOBCENTER).weeks

    assert weeks[0].taken_over.value is None
    assert weeks[0].speed == Speed(None, None)


def test_what_waits_stands_by_its_age_in_working_days(database: Database, town: Town) -> None:
    """On Wednesday 28 October: since Friday 3, since Wednesday 5, since the 13th 11."""
    with database.transaction() as session:
        for day, count in (
            ("2026-10-26", 5),
            ("2026-10-23", 6),
            ("2026-10-21", 7),
            ("2026-10-20", 8),
        ):
            put(session, town[PROVIDER], town[OFFICE], f"{day} 09:00", count=count)
        put(session, town[PROVIDER], town[OFFICE], "2026-10-13 23:59", count=9)
        put(session, town[PROVIDER], town[OFFICE], "2026-10-14 00:00", count=10)
        put(session, town[PROVIDER], town[OFFICE], "2026-10-13 09:00", returned="2026-10-14 09:00")
        put(
            session,
            town[PROVIDER],
            town[OFFICE],
            "2026-10-13 09:00",
            state=DocumentState.WITHDRAWN,
        )

    waiting = line(numbers(database, town), OFFICE).waiting

    assert plain(waiting.by_age) == [5, 13, 18, 9]
    assert waiting.count == Count(45)


def test_another_municipality_is_never_included(database: Database, town: Town) -> None:
    with database.transaction() as session:
        make_municipality(session, "fernstadt")
        far = [
            make_agency(session, f"fern-{n}", kind, municipality="fernstadt")
            for n, kind in enumerate((AgencyKind.JOBCENTER, AgencyKind.COURSE_PROVIDER))
        ]
        session.flush()
        put(session, far[1], far[0], "2026-10-13 09:00", "2026-10-13 10:00", count=50)
        put(session, far[1], far[0], "2026-10-13 09:00", count=50)

    found = numbers(database, town)

    assert {one.agency.slug for one in found.agencies} == set(town)
    assert found.total.whole.sent == Count(0)
    assert found.total.waiting.count == Count(0)


def test_a_closed_agency_stays_as_long_as_it_had_a_part_in_the_period(
    database: Database, town: Town
) -> None:
    with database.transaction() as session:
        put(session, town[SPRACHWERK], town[OFFICE], "2026-10-13 09:00", count=6)
        for slug in (SPRACHWERK, JOBCENTER):
            town[slug].closed_at = local("2026-10-20 09:00")
            session.add(town[slug])

    found = numbers(database, town)

    assert {one.agency.slug for one in found.agencies} == {PROVIDER, OFFICE, SPRACHWERK}
    assert found.open == 2


# ── What is expected ─────────────────────────────────────────────────────────────────────────


def expect(database: Database, agency: Agency, per_month: int) -> None:
    with database.transaction() as session:
        agency.expected_per_month = per_month
        session.add(agency)


def test_the_share_is_of_what_is_expected_in_these_days(database: Database, town: Town) -> None:
    """5 to 28 October are 24 days; 76 a month are 60 in them."""
    expect(database, town[PROVIDER], 76)
    with database.transaction() as session:
        put(session, town[PROVIDER], town[OFFICE], "2026-10-13 09:00", count=45)

    found = numbers(database, town)

    share = line(found, PROVIDER).share
    assert share is not None
    assert (share.expected, share.value) == (60, 0.75)
    assert line(found, OFFICE).share is None
    assert found.share is not None
    assert found.share.value == 0.75


def test_what_went_on_paper_counts_as_not_digital(database: Database, town: Town) -> None:
    expect(database, town[PROVIDER], 10)
    with database.transaction() as session:
        put(session, town[PROVIDER], town[OFFICE], "2026-10-13 09:00", count=30)
        delivery_id, document_id = session.exec(select(Delivery.id, Delivery.document_id)).all()[0]
        for number in range(6):
            session.add(_settled(town[PROVIDER], document_id, delivery_id, f"rule-{number}"))
        for _ in range(4):
            session.add(_declined(town[OFFICE], town[PROVIDER]))

    share = line(numbers(database, town), PROVIDER).share

    assert share is not None
    assert (share.on_paper, share.of, share.value) == (Count(10), 40, 0.75)


def _settled(agency: Agency, document: UUID, delivery: UUID, rule: str) -> FollowUp:
    return FollowUp(
        municipality_id=agency.municipality_id,
        agency_id=agency.id,
        document_id=document,
        delivery_id=delivery,
        clock=FollowUpClock.PROOF,
        rule=rule,
        state=FollowUpState.SETTLED,
        opens_on=date(2026, 10, 14),
        due_on=date(2026, 10, 20),
        created_at=local("2026-10-13 09:00"),
        ended_at=local("2026-10-16 09:00"),
        reason="on_paper",
    )


def _declined(requester: Agency, provider: Agency) -> PaperRequest:
    return PaperRequest(
        kind="registration_confirmation_ik",
        state=RequestState.DECLINED,
        municipality_id=provider.municipality_id,
        requester_agency_id=requester.id,
        provider_agency_id=provider.id,
        due_on=date(2026, 10, 20),
        created_at=local("2026-10-13 09:00"),
        ended_at=local("2026-10-16 09:00"),
        end_reason="sent_on_paper",
    )


def test_the_common_share_leaves_out_who_must_not_be_shown(database: Database, town: Town) -> None:
    """Three papers of the Sprachwerk would else follow from the sum."""
    expect(database, town[PROVIDER], 76)
    expect(database, town[SPRACHWERK], 76)
    with database.transaction() as session:
        put(session, town[PROVIDER], town[OFFICE], "2026-10-13 09:00", count=30)
        put(session, town[JOBCENTER], town[PROVIDER], "2026-10-13 09:00", count=30)
        put(session, town[SPRACHWERK], town[OFFICE], "2026-10-13 09:00", count=3)

    found = numbers(database, town)

    assert line(found, SPRACHWERK).whole.sent.value is None
    assert found.share is not None
    shown = [one.share for one in found.agencies if one.share and one.share.value is not None]
    assert found.share.expected == sum(share.expected for share in shown)


def test_reading_takes_the_same_few_statements_whatever_the_size(
    database: Database, town: Town
) -> None:
    def count() -> int:
        asked: list[str] = []
        engine = database.engine

        def note(*given: object) -> None:
            asked.append(str(given[2]))

        event.listen(engine, "before_cursor_execute", note)
        numbers(database, town)
        event.remove(engine, "before_cursor_execute", note)
        return len(asked)

    before = count()
    with database.transaction() as session:
        for number in range(5):
            made = make_agency(session, f"mehr-{number}", AgencyKind.COURSE_PROVIDER)
            session.flush()
            put(session, made, town[OFFICE], "2026-10-13 09:00", "2026-10-14 09:00", count=6)

    assert count() == before
