"""Municipalities and agencies: what they may be called, how they begin, end and begin again."""

import pytest
from sqlmodel import select
from tests.factories import NOW, OFFICE, PROVIDER, TESTS, make_municipality, make_person_actor

from kursdocs.adapters.database import Database
from kursdocs.catalogue import AgencyKind
from kursdocs.core import agencies, audit
from kursdocs.core.access import Role
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import AuditEvent
from kursdocs.core.errors import Conflict, Invalid, InvalidForm

Town = dict[str, Agency]


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
            agencies.create_municipality(session, TESTS, slug=slug, name="Probe", now=NOW)

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


def test_several_mistakes_are_told_at_once_in_the_order_of_the_form(
    database: Database, town: Town
) -> None:
    with pytest.raises(InvalidForm) as refused:
        open_one(database, name="", slug="X", mailbox="a@b\n", land="XX", digest_hour=4)

    assert [(one.field, one.code) for one in refused.value.mistakes] == [
        ("name", "name_invalid"),
        ("slug", "slug_invalid"),
        ("mailbox", "mailbox_invalid"),
        ("digest_hour", "hour_out_of_range"),
        ("land", "land_unknown"),
    ]
    with database.transaction() as session:
        assert [agency.slug for agency, _ in agencies.listing(session)] == sorted(town)


def test_an_agency_gets_the_land_of_its_town_unless_it_is_given_another(
    database: Database,
) -> None:
    with database.transaction() as session:
        agencies.create_municipality(
            session, TESTS, slug="musterstadt", name="Muster", land="BY", now=NOW
        )

    lands = [
        open_one(database, slug="a").land,
        open_one(database, slug="b", land="BE").land,
        open_one(database, slug="c", land="").land,
    ]

    assert lands == ["BY", "BE", ""]


def test_a_closed_agency_can_be_opened_again_and_no_end_comes_twice(
    database: Database, town: Town
) -> None:
    def step(what: str) -> str:
        try:
            with database.transaction() as session:
                agency = session.get_one(Agency, town[OFFICE].id)
                getattr(agencies, what)(session, TESTS, agency, now=NOW)
        except Conflict as refused:
            return refused.code
        return "done"

    steps = ["reopen_agency", "close_agency", "close_agency", "reopen_agency"]

    assert [step(what) for what in steps] == ["agency_open", "done", "agency_closed", "done"]
    with database.transaction() as session:
        assert agencies.by_slug(session, OFFICE).closed_at is None


def test_the_log_of_town_and_agency_tells_of_it_whoever_did_it(
    database: Database, town: Town
) -> None:
    with database.transaction() as session:
        coordinator = make_person_actor(session, town[PROVIDER], Role.COORDINATOR)
        office = session.get_one(Agency, town[OFFICE].id)
        agencies.close_agency(session, coordinator, office, now=NOW)
        agencies.reopen_agency(session, coordinator, office, now=NOW)

    with database.transaction() as session:
        events = session.exec(select(AuditEvent).order_by("seq")).all()
        assert {event.municipality_id for event in events[:5]} == {office.municipality_id}
        told = [(e.happening.value, e.agency_id, e.user_id is None) for e in events]
        assert told[0] == ("municipality.created", None, True)
        assert told[1] == ("agency.opened", None, True)
        assert told[-2:] == [
            ("agency.closed", office.id, False),
            ("agency.reopened", office.id, False),
        ]
        assert audit.verify(session) is None


def test_a_slug_is_made_from_a_name() -> None:
    assert agencies.slug_from("Ausländerbehörde Groß-Muster (Süd)") == (
        "auslaenderbehoerde-gross-muster-sued"
    )
    assert agencies.slug_from("École  d’été") == "ecole-d-ete"
    assert agencies.slug_from("Школа") == ""
    assert len(agencies.slug_from("x" * 200)) == 60
