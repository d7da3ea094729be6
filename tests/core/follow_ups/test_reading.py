"""Lists and counts: the own ones, most urgent first, with what a clerk needs."""

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from tests.core.follow_ups.conftest import SPRACHWERK, Desks, later
from tests.core.follow_ups.test_opening import ONE, withdraw
from tests.factories import OFFICE, PROVIDER

from kursdocs.catalogue import AgencyKind, FollowUpClock
from kursdocs.core.errors import NotFound
from kursdocs.core.follow_ups import reading

PROOF, START, LAPSING = FollowUpClock.PROOF, FollowUpClock.START, FollowUpClock.LAPSING


def waiting(desks: Desks, who: str) -> dict[FollowUpClock, int]:
    with desks.database.transaction() as session:
        return dict(reading.waiting(session, desks.clerks[who].acting.id))


def test_the_most_urgent_stands_first_and_pages_follow_each_other(desks: Desks) -> None:
    for day, name in ((1, "Beispiel"), (0, "Probe"), (2, "Muster")):
        desks.oblige(later(day), family_name=name)
    desks.refresh(later(9))

    found = desks.open()
    assert [one.family_name for one in found] == ["Probe", "Beispiel", "Muster"]
    assert [one.days_left(later(9)) for one in found] == [-2, -1, 0]

    seen, after = list[str](), None
    while page := desks.do(reading.listing, PROVIDER, after=after, limit=1):
        seen += [one.family_name for one in page]
        after = page[-1].id
    assert seen == ["Probe", "Beispiel", "Muster"]


def test_each_clock_has_its_own_list_and_count(desks: Desks) -> None:
    desks.oblige()
    desks.register(date(2026, 11, 9), family_name="Beispiel", birth_date="1990-01-02")
    day = date(2026, 12, 9)
    desks.refresh(day)

    assert waiting(desks, PROVIDER) == {PROOF: 1, START: 1}
    assert waiting(desks, OFFICE) == waiting(desks, SPRACHWERK) == {}
    (start,) = desks.do(reading.listing, PROVIDER, clock=START)
    assert (start.rule, start.family_name) == ("start_ik", "Beispiel")
    assert desks.do(reading.listing, PROVIDER, clock=LAPSING) == []


def test_what_was_withdrawn_is_not_listed_even_before_anybody_ended_it(desks: Desks) -> None:
    sent = desks.oblige()
    desks.refresh(later(7))
    (found,) = desks.open()
    assert desks.do(reading.of_document, PROVIDER, sent) == [found]

    withdraw(desks, OFFICE, sent, later(7))

    assert desks.open() == []
    assert waiting(desks, PROVIDER) == {}
    assert desks.do(reading.of_document, PROVIDER, sent) == []


def test_nobody_else_finds_it(desks: Desks) -> None:
    sent = desks.oblige()
    desks.refresh(later(7))
    (found,) = desks.open()

    for who in (OFFICE, SPRACHWERK):
        assert desks.open(who) == []
        assert desks.do(reading.of_document, who, sent) == []
        with pytest.raises(NotFound):
            desks.do(reading.view, who, found.id)
        with pytest.raises(NotFound):
            desks.do(reading.listing, who, after=found.id)
    assert desks.do(reading.view, PROVIDER, found.id) == found


@ONE
def test_an_unknown_place_in_the_list_is_not_found(desks: Desks) -> None:
    unknown: UUID = uuid4()

    with pytest.raises(NotFound):
        desks.do(reading.listing, PROVIDER, after=unknown)


@ONE
def test_higher_numbers_are_not_counted(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "COUNT_CAP", 2)
    for number in range(3):
        desks.oblige(birth_date=f"199{number}-01-02")
    desks.refresh(later(7) + timedelta(days=1))

    assert waiting(desks, PROVIDER) == {PROOF: 2}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (AgencyKind.COURSE_PROVIDER, (PROOF, START)),
        (AgencyKind.IMMIGRATION_OFFICE, (LAPSING,)),
        (AgencyKind.JOBCENTER, (LAPSING,)),
        (AgencyKind.EMPLOYMENT_AGENCY, (LAPSING,)),
    ],
)
@ONE
def test_what_an_agency_can_have_follows_from_the_rules(
    desks: Desks, kind: AgencyKind, expected: tuple[FollowUpClock, ...]
) -> None:
    assert reading.clocks_of(desks.catalogue, kind) == expected
