"""Municipalities and agencies: what they may be called, and who can be written to."""

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
from kursdocs.core.errors import Conflict, Invalid

Town = dict[str, Agency]


def slugs(found: object) -> list[str]:
    assert isinstance(found, list)
    return [agency.slug for agency in found]


def open_one(database: Database, **changes: object) -> Agency:
    values: dict[str, object] = {
        "municipality": "musterstadt",
        "slug": "probe",
        "name": "Probeschule",
        "kind": AgencyKind.COURSE_PROVIDER,
        "mailbox": "",
    }
    with database.transaction() as session:
        return agencies.open_agency(session, TESTS, now=NOW, **{**values, **changes})  # type: ignore[arg-type]  # as in a form


NO_SLUGS = ("", "-vhs", "vhs-", "VHS", "vhs musterstadt", "vhs/1", "ü", "x" * 61, "vhs\n")
NO_MAILBOXES = ("x", "a b@c.example", "a@b@c", "<a@c.example>", "a@c.example\nBcc: b@c.example")


def test_what_would_break_addresses_or_mails_is_refused(database: Database, town: Town) -> None:
    wrong = [
        *(("slug", slug) for slug in NO_SLUGS),
        *(("name", name) for name in ("", "   ", "x" * 121)),
        *(("mailbox", mailbox) for mailbox in NO_MAILBOXES),
    ]
    for field, value in wrong:
        with pytest.raises(Invalid) as refused:
            open_one(database, **{field: value})

        assert (refused.value.code, refused.value.field) == (f"{field}_invalid", field), value


def test_a_municipality_is_named_by_the_same_rules(database: Database) -> None:
    for slug in NO_SLUGS:
        with pytest.raises(Invalid) as refused, database.transaction() as session:
            make_municipality(session, slug)

        assert refused.value.code == "slug_invalid"


def test_other_slugs_are_accepted(database: Database, town: Town) -> None:
    for slug in ("a", "7", "vhs-beispielstadt", "x" * 60):
        assert open_one(database, slug=slug).slug == slug


def test_a_taken_slug_is_a_conflict(database: Database, town: Town) -> None:
    with pytest.raises(Conflict) as agency:
        open_one(database, slug=PROVIDER)
    with pytest.raises(Conflict) as municipality, database.transaction() as session:
        make_municipality(session)

    assert (agency.value.code, municipality.value.code) == ("slug_taken", "slug_taken")
    assert agency.value.details == {"slug": PROVIDER}


def test_an_agency_needs_a_known_municipality(database: Database) -> None:
    with pytest.raises(Invalid) as refused:
        open_one(database, municipality="nirgendwo")

    assert (refused.value.code, refused.value.field) == ("municipality_unknown", "municipality")


def test_names_are_kept_without_the_space_around_them(database: Database, town: Town) -> None:
    assert open_one(database, name="  Probeschule ").name == "Probeschule"


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
        pause = {"first_day": date(2026, 8, 3), "last_day": date(2026, 8, 7)}
        session.add(agencies.AgencyPause(agency_id=office.id, **pause))
        session.add(office)

    with database.transaction() as session:
        found = agencies.workdays_of(session, [town[OFFICE].id, town[PROVIDER].id])

    epiphany, in_pause = date(2026, 1, 6), date(2026, 8, 5)
    assert [found[town[OFFICE].id].includes(day) for day in (epiphany, in_pause)] == [False, False]
    assert [found[town[PROVIDER].id].includes(day) for day in (epiphany, in_pause)] == [True, True]
