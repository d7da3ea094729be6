"""Looking agencies up: who can be written to, who has settings to change, who lacks a mailbox."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from tests.factories import (
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    TESTS,
    make_agency,
    make_municipality,
    make_person_actor,
)

from kursdocs.adapters.database import Database
from kursdocs.catalogue import AgencyKind
from kursdocs.core import agencies
from kursdocs.core.access import Actor, ActorKind, Role
from kursdocs.core.agencies import Agency
from kursdocs.core.errors import Invalid

Town = dict[str, Agency]


def slugs(found: object) -> list[str]:
    assert isinstance(found, list)
    return [agency.slug for agency in found]


@pytest.fixture
def close(database: Database) -> Callable[[str], None]:
    def close_it(slug: str) -> None:
        with database.transaction() as session:
            agency = agencies.by_slug(session, slug)
            agency.closed_at = NOW
            session.add(agency)

    return close_it


def test_a_closed_agency_is_not_found_by_its_slug(
    database: Database, town: Town, close: Callable[[str], None]
) -> None:
    close(OFFICE)

    with pytest.raises(Invalid) as refused, database.transaction() as session:
        agencies.by_slug(session, OFFICE)

    assert refused.value.code == "agency_unknown"


def test_recipients_are_the_other_open_agencies_of_the_own_town(
    database: Database, town: Town, close: Callable[[str], None]
) -> None:
    with database.transaction() as session:
        make_municipality(session, "beispielstadt")
        make_agency(
            session, "fremd", AgencyKind.JOBCENTER, municipality="beispielstadt", mailbox=""
        )
        clerk = make_person_actor(session, town[PROVIDER])

    with database.transaction() as session:
        before = slugs(agencies.recipients(session, clerk))
    close(OFFICE)
    with database.transaction() as session:
        after = slugs(agencies.recipients(session, clerk))
        narrowed = slugs(agencies.recipients(session, clerk, kinds=[AgencyKind.JOBCENTER]))

    assert before == [OFFICE, JOBCENTER, "sprachwerk"]
    assert after == [JOBCENTER, "sprachwerk"]
    assert narrowed == [JOBCENTER]


def test_whoever_has_no_municipality_can_write_to_nobody(database: Database, town: Town) -> None:
    with database.transaction() as session:
        assert agencies.recipients(session, Actor(kind=ActorKind.PERSON)) == []


def test_a_coordinator_sees_all_agencies_of_the_town(database: Database, town: Town) -> None:
    with database.transaction() as session:
        coordinator = make_person_actor(session, town[PROVIDER], Role.COORDINATOR)
        found = slugs(agencies.recipients(session, coordinator))

    assert found == sorted(town, key=str.title)


def test_names_and_mailboxes_are_found_by_id(database: Database, town: Town) -> None:
    with database.transaction() as session:
        silent = make_agency(session, "probe", AgencyKind.JOBCENTER, mailbox="")
        session.flush()
        ids = [silent.id, town[OFFICE].id]

        assert agencies.names_of(session, ids) == {
            silent.id: "Probe",
            town[OFFICE].id: "Auslaenderbehoerde",
        }
        assert agencies.get(session, silent.id).slug == "probe"


def test_a_closed_agency_is_neither_written_to_nor_reminded(database: Database, town: Town) -> None:
    with database.transaction() as session:
        agencies.close_agency(session, TESTS, agencies.by_slug(session, OFFICE), now=NOW)

    with database.transaction() as session:
        actor = make_person_actor(session, town[PROVIDER])
        assert OFFICE not in slugs(agencies.recipients(session, actor))
        listed = {agency.slug: agency.closed_at for agency, _ in agencies.listing(session)}
        assert (listed[OFFICE], listed[PROVIDER]) == (NOW, None)


def test_a_look_into_the_inbox_is_remembered_to_the_hour(database: Database, town: Town) -> None:
    office, looked = town[OFFICE].id, []
    for minutes in (0, 30, 61):
        with database.transaction() as session:
            agencies.note_look(session, office, now=NOW + timedelta(minutes=minutes))
        with database.transaction() as session:
            looked.append(agencies.get(session, office).looked_in_at)
            assert agencies.get(session, town[PROVIDER].id).looked_in_at is None

    assert looked == [NOW, NOW, NOW + timedelta(minutes=61)]


def test_an_agency_works_when_its_land_works_and_it_does_not_pause(
    database: Database, town: Town
) -> None:
    with database.transaction() as session:
        office = agencies.get(session, town[OFFICE].id)
        office.land = "BY"
        first, last = date(2026, 8, 3), date(2026, 8, 7)
        session.add(agencies.AgencyPause(agency_id=office.id, first_day=first, last_day=last))
        session.add(office)

    with database.transaction() as session:
        found = agencies.workdays_of(session, [town[OFFICE].id, town[PROVIDER].id])

    epiphany, in_pause = date(2026, 1, 6), date(2026, 8, 5)
    assert [found[town[OFFICE].id].includes(day) for day in (epiphany, in_pause)] == [False, False]
    assert [found[town[PROVIDER].id].includes(day) for day in (epiphany, in_pause)] == [True, True]


def test_agencies_without_a_mailbox_are_named_unless_they_are_closed(
    database: Database, town: Town
) -> None:
    with database.transaction() as session:
        make_agency(session, "stumm", AgencyKind.JOBCENTER, mailbox="")
        gone = make_agency(session, "weg", AgencyKind.JOBCENTER, mailbox="")
        session.flush()
        agencies.close_agency(session, TESTS, gone, now=NOW)

    with database.transaction() as session:
        assert agencies.without_mailbox(session) == ["stumm"]


def test_a_coordinator_lists_the_own_town_with_what_is_closed(
    database: Database, town: Town, close: Callable[[str], None]
) -> None:
    close(OFFICE)
    with database.transaction() as session:
        make_municipality(session, "beispielstadt")
        make_agency(session, "fremd", AgencyKind.JOBCENTER, municipality="beispielstadt")
        coordinator = make_person_actor(session, town[PROVIDER], Role.COORDINATOR)

        listed = agencies.of_municipality(session, coordinator)
        own = agencies.municipality_of(session, coordinator)

    assert [agency.slug for agency in listed] == sorted(town, key=str.title)
    assert own.slug == "musterstadt"
