"""Settings of agencies and municipalities: what is accepted, refused, and told in the log."""

from datetime import date, timedelta

import holidays
import pytest
from sqlmodel import select
from tests.factories import NOW, OFFICE, PROVIDER, TESTS, TODAY, make_person_actor

from kursdocs.adapters.database import Database
from kursdocs.core import agencies
from kursdocs.core.access import Actor, Role
from kursdocs.core.agencies import Agency, Municipality
from kursdocs.core.agencies.lands import LANDS
from kursdocs.core.audit import AuditEvent, Happening
from kursdocs.core.errors import Forbidden, Invalid, InvalidForm

Town = dict[str, Agency]
MAILBOX = "postfach@stelle.example"


def change(database: Database, agency: Agency, **typed: str) -> list[str]:
    """Change settings of the agency, as the command line does; the names of what is new."""
    return change_as(TESTS, database, agency, **typed)


def change_as(actor: Actor, database: Database, agency: Agency, **typed: str) -> list[str]:
    with database.transaction() as session:
        row = session.get_one(Agency, agency.id)
        return list(agencies.change_agency(session, actor, row, typed, now=NOW))


def stored(database: Database, agency: Agency) -> dict[str, object]:
    with database.transaction() as session:
        return session.get_one(Agency, agency.id).model_dump()


def mistakes(refused: Exception) -> dict[str, str]:
    found = refused.mistakes if isinstance(refused, InvalidForm) else [refused]
    return {one.field: one.code for one in found if isinstance(one, Invalid)}


ALL = {
    "mailbox": "neu@stelle.example",
    "digest_hour": "18",
    "head_mailbox": "leitung@stelle.example",
    "deputy_mailbox": "vertretung@stelle.example",
    "deputy_until": "31.12.2026",
    "land": "BY",
    "file_name_pattern": "{eingang}_{name}",
    "plan_days": "24",
    "plan_time": "after_counter_hours",
    "announces_on_plan_days": "yes",
    "monthly_note": "no",
}


def test_a_head_changes_everything_but_name_and_expectation(database: Database, town: Town) -> None:
    with database.transaction() as session:
        head = make_person_actor(session, town[OFFICE], Role.HEAD)

    changed = change_as(head, database, town[OFFICE], **ALL)

    others = {"name", "expected_per_month"}
    assert changed == [name for name in agencies.AGENCY_FIELDS if name not in others]
    now = stored(database, town[OFFICE])
    expected = {
        **ALL,
        "digest_hour": 18,
        "deputy_until": date(2026, 12, 31),
        "announces_on_plan_days": True,
        "monthly_note": False,
    }
    assert {name: now[name] for name in ALL} == expected
    for typed in ({"name": "Jobcenter"}, {"expected_per_month": "0"}):
        with pytest.raises(Forbidden):
            change_as(head, database, town[OFFICE], **typed, mailbox="")
    assert stored(database, town[OFFICE]) == now


def test_the_log_names_the_fields_and_never_what_stands_in_them(
    database: Database, town: Town
) -> None:
    with database.transaction() as session:
        coordinator = make_person_actor(session, town[PROVIDER], Role.COORDINATOR)

    change_as(coordinator, database, town[OFFICE], name="Amt ", mailbox=MAILBOX, land="")
    assert change_as(coordinator, database, town[OFFICE], name="Amt", mailbox=MAILBOX) == []

    with database.transaction() as session:
        event = session.exec(select(AuditEvent).order_by(AuditEvent.seq.desc())).first()  # type: ignore[attr-defined]  # a column
        assert event is not None
        assert event.happening is Happening.AGENCY_CHANGED
        assert event.detail == {"slug": OFFICE, "fields": "name mailbox"}
        assert (event.agency_id, event.user_id) == (town[OFFICE].id, coordinator.user_id)
        assert event.municipality_id == town[OFFICE].municipality_id


NO_MAILBOXES = (
    "x", "a b@c.example", "a@b@c", "<a@c.example>", "A <a@c.example>", "a@c.example, b@c.example",
    "a@c.example\nBcc: b@c.example", "a@c.example\r\n", "a@c.example\n", "a@.example", "a@c..ex",
    "a@-c.example", ".a@c.example", "a.@c.example", "a@c.example.", "ä@c.example", "a@",
    "@c.example", "x" * 65 + "@c.example", "a@" + "c" * 64 + ".example", "a@" + "c." * 130 + "x",
    "a@c.example\x00", "a@c.example\u2028",
)  # fmt: skip
REFUSED = (
    *(("mailbox", value, "mailbox_invalid") for value in NO_MAILBOXES),
    ("head_mailbox", "x", "mailbox_invalid"),
    ("deputy_mailbox", "x", "mailbox_invalid"),
    *(("land", v, "land_unknown") for v in ("XX", "by", "B", "Augsburg", "DE", "BYE", "NW\n")),
    *(
        ("digest_hour", value, "hour_out_of_range")
        for value in ("4", "19", "", "-7", "7.5", "7:00", "007", "²", "٧", "99999999999")
    ),
    ("name", " ", "name_invalid"),
    ("name", "x" * 121, "name_invalid"),
    ("name", "Amt\nBcc", "name_invalid"),
    ("file_name_pattern", "{name", "pattern_unknown"),
    ("file_name_pattern", "{aktenzeichen}", "pattern_unknown"),
    ("file_name_pattern", "{name.__class__}", "pattern_unknown"),
    ("file_name_pattern", "../{name}", "pattern_characters"),
    ("file_name_pattern", "{name}\u202efdp", "pattern_characters"),
    ("file_name_pattern", "x" * 121, "pattern_too_long"),
    *(("plan_days", v, "field_choice") for v in ("6", "42", "11", "2,4", "Di", "²")),
    ("plan_time", "noon", "field_choice"),
    ("plan_time", "morning", "plan_days_missing"),
    ("announces_on_plan_days", "yes", "plan_days_missing"),
    *(("monthly_note", v, "field_choice") for v in ("", "on", "True")),
    *(("expected_per_month", v, "expected_out_of_range") for v in ("-1", "x", "10000", "²", "1e3")),
)


def test_what_is_refused_leaves_everything_as_it_was(database: Database, town: Town) -> None:
    before = stored(database, town[OFFICE])
    for field, value, code in REFUSED:
        other = "land" if field != "land" else "digest_hour"
        good = {"land": "SN", "digest_hour": "9"}[other]
        with pytest.raises(Invalid) as refused:
            change(database, town[OFFICE], **{field: value, other: good})

        where = "plan_days" if code == "plan_days_missing" else field
        assert (refused.value.field, refused.value.code) == (where, code), value
    assert stored(database, town[OFFICE]) == before


def test_a_plan_is_set_as_a_whole_and_taken_away_again(database: Database, town: Town) -> None:
    office = town[OFFICE]
    change(database, office, plan_days="135", plan_time="morning", announces_on_plan_days="yes")

    with pytest.raises(Invalid) as refused:
        change(database, office, plan_days="")
    assert mistakes(refused.value) == {"plan_days": "plan_days_missing"}
    change(database, office, plan_days="", plan_time="", announces_on_plan_days="no")
    assert stored(database, office)["plan_days"] == ""


def test_a_coordinator_says_what_is_expected_of_an_agency(database: Database, town: Town) -> None:
    with database.transaction() as session:
        coordinator = make_person_actor(session, town[PROVIDER], Role.COORDINATOR)

    for typed, kept in (("120", 120), ("0", 0), ("", None)):
        change_as(coordinator, database, town[OFFICE], expected_per_month=typed)
        assert stored(database, town[OFFICE])["expected_per_month"] == kept


def test_plain_addresses_are_accepted(database: Database, town: Town) -> None:
    for value in ("a@b", "kurse@vhs.example", "a.b+c_d%e-f@x-y.z9.example", ""):
        change(database, town[OFFICE], mailbox=value)
        assert stored(database, town[OFFICE])["mailbox"] == value


def test_the_sixteen_laender_are_those_whose_holidays_are_known(
    database: Database, town: Town
) -> None:
    # The library also knows one town with a holiday of its own.
    known = holidays.country_holidays("DE").subdivisions
    assert sorted(LANDS) == sorted(code for code in known if len(code) == 2)
    for land in LANDS:
        change(database, town[OFFICE], land=land)
    assert change(database, town[OFFICE], land="") == ["land"]


DAY = timedelta(days=1)
DEPUTIES: tuple[tuple[dict[str, str], dict[str, str]], ...] = (
    ({"deputy_mailbox": MAILBOX, "deputy_until": ""}, {}),
    ({"deputy_mailbox": MAILBOX, "deputy_until": TODAY.isoformat()}, {}),
    (
        {"deputy_mailbox": MAILBOX, "deputy_until": (TODAY - DAY).isoformat()},
        {"deputy_until": "field_date_out_of_range"},
    ),
    (
        {"deputy_mailbox": MAILBOX, "deputy_until": "01.01.2126"},
        {"deputy_until": "field_date_out_of_range"},
    ),
    (
        {"deputy_mailbox": MAILBOX, "deputy_until": "31.02.2027"},
        {"deputy_until": "field_date_impossible"},
    ),
    (
        {"deputy_mailbox": "x", "deputy_until": "gestern"},
        {"deputy_mailbox": "mailbox_invalid", "deputy_until": "field_date_impossible"},
    ),
    ({"deputy_until": TODAY.isoformat()}, {"deputy_mailbox": "deputy_missing"}),
)


@pytest.mark.parametrize(("typed", "wrong"), DEPUTIES)
def test_a_deputyship_is_of_somebody_and_not_over(
    database: Database, town: Town, typed: dict[str, str], wrong: dict[str, str]
) -> None:
    if not wrong:
        assert change(database, town[OFFICE], **typed)
        return
    with pytest.raises((Invalid, InvalidForm)) as refused:
        change(database, town[OFFICE], **typed)

    assert mistakes(refused.value) == wrong


def test_a_deputyship_that_ran_out_keeps_nobody_from_other_changes(
    database: Database, town: Town
) -> None:
    over = {"deputy_mailbox": MAILBOX, "deputy_until": "01.02.2020"}
    with database.transaction() as session:
        row = session.get_one(Agency, town[OFFICE].id)
        row.deputy_mailbox, row.deputy_until = MAILBOX, date(2020, 2, 1)
        session.add(row)

    assert change(database, town[OFFICE], **over, digest_hour="9") == ["digest_hour"]
    with pytest.raises(Invalid):
        change(database, town[OFFICE], **{**over, "deputy_mailbox": "andere@stelle.example"})
    both = {"deputy_mailbox": "", "deputy_until": ""}
    assert change(database, town[OFFICE], **both) == ["deputy_mailbox", "deputy_until"]


def test_a_municipality_is_renamed_and_gets_a_land_and_a_mailbox(
    database: Database, town: Town
) -> None:
    typed = {"name": "Stadt Muster", "land": "NW", "mailbox": "koordination@muster.example"}

    def change_town(**changes: str) -> list[str]:
        with database.transaction() as session:
            row = session.get_one(Municipality, town[OFFICE].municipality_id)
            made = agencies.change_municipality(session, TESTS, row, changes, now=NOW)
            return list(made)

    assert change_town(**typed) == ["name", "mailbox", "land"]
    assert change_town(**typed) == []
    with pytest.raises(InvalidForm) as refused:
        change_town(name="", land="XX", mailbox="a@b\n")

    assert mistakes(refused.value) == {
        "name": "name_invalid",
        "mailbox": "mailbox_invalid",
        "land": "land_unknown",
    }
    with database.transaction() as session:
        row = session.get_one(Municipality, town[OFFICE].municipality_id)
        assert {name: getattr(row, name) for name in typed} == typed
    assert stored(database, town[OFFICE])["land"] == ""
