"""What may be sent: every mistake has its code, and all of a form come at once."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from tests.factories import (
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    TODAY,
    make_agency,
    make_municipality,
    make_person_actor,
    make_sending,
)

from kursdocs.adapters.database import Database
from kursdocs.catalogue import AgencyKind, Need
from kursdocs.core import agencies
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.sending import RECIPIENTS_MAX, Sending
from kursdocs.core.documents.tables import ReleaseForm
from kursdocs.core.errors import InvalidForm

Town = dict[str, Agency]
Send = Callable[..., Sending]
Mistakes = Callable[..., list[tuple[str, str]]]

ARABIC = "عبد" * 100  # 300 characters

# What is asked does not depend on the database: PostgreSQL has its turn in test_lifecycle.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def clerk(database: Database, town: Town) -> Actor:
    with database.transaction() as session:
        return make_person_actor(session, town[PROVIDER])


@pytest.fixture
def send(database: Database, clerk: Actor) -> Send:
    def check(*recipients: str, actor: Actor = clerk, **changes: object) -> Sending:
        with database.transaction() as session:
            return make_sending(session, actor, *recipients, **changes)  # type: ignore[arg-type]  # as in a form

    return check


@pytest.fixture
def mistakes(send: Send) -> Mistakes:
    def check(*recipients: str, **changes: object) -> list[tuple[str, str]]:
        with pytest.raises(InvalidForm) as refused:
            send(*recipients, **changes)
        return [(mistake.field, mistake.code) for mistake in refused.value.mistakes]

    return check


def test_a_form_without_mistakes_becomes_a_sending(send: Send, town: Town) -> None:
    sending = send(OFFICE, JOBCENTER, family_name="  Muster-  Probe ", birth_date="05.06.1987")

    assert sending.kind.code == "admission_ik_jc"
    assert [a.agency_id for a in sending.addressed] == [town[OFFICE].id, town[JOBCENTER].id]
    assert {a.route.ground for a in sending.addressed} == {"§ 7 Abs. 1 IntV (vorgelegt)"}
    assert (sending.family_name, sending.given_names) == ("Muster- Probe", "Probefried")
    assert sending.birth_date == date(1987, 6, 5)
    assert sending.fields == {
        "bamf_person_no": "4711081",
        "issued_on": "2026-10-12",
        "expires_on": "2027-10-12",
    }
    assert (sending.release_given_on, sending.release_form) == (TODAY, ReleaseForm.IN_PERSON)
    assert sending.original_at == "Probeordner Nord"


def test_all_mistakes_of_a_form_come_at_once(mistakes: Mistakes) -> None:
    found = mistakes(
        OFFICE,
        "nirgendwo",
        family_name=" ",
        given_names=ARABIC,
        birth_date="1987-02-30",
        original_at="x" * 121,
        released=False,
        fields={"issued_on": "2026-10-12", "expires_on": "2026-10-11", "shoe_size": "42"},
    )

    assert found == [
        ("recipient", "recipient_unknown"),
        ("family_name", "field_missing"),
        ("given_names", "field_too_long"),
        ("birth_date", "field_date_impossible"),
        ("original_at", "field_too_long"),
        ("expires_on", "field_date_order"),
        ("shoe_size", "field_unknown"),
        ("released", "release_missing"),
    ]


def test_an_empty_form_names_what_it_lacks(mistakes: Mistakes) -> None:
    found = mistakes(
        recipients=(), family_name="", given_names="", birth_date="", fields={}, original_at=""
    )

    assert found == [
        ("recipient", "recipient_missing"),
        ("family_name", "field_missing"),
        ("given_names", "field_missing"),
        ("birth_date", "field_missing"),
        ("issued_on", "field_missing"),
        ("expires_on", "field_missing"),
    ]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("", "field_missing"),
        ("passport", "kind_unknown"),
        ("passport_copy", "kind_excluded"),
        ("medical_certificate", "kind_excluded"),
        ("admission_ik_jc ", "kind_unknown"),
    ],
)
def test_a_kind_that_may_not_travel_is_refused(mistakes: Mistakes, kind: str, code: str) -> None:
    assert mistakes(kind=kind) == [("kind", code)]


def test_a_kind_that_only_others_may_send_is_refused(
    database: Database, town: Town, mistakes: Mistakes
) -> None:
    with database.transaction() as session:
        office = make_person_actor(session, town[OFFICE], subject="jonas.muster")

    assert mistakes(PROVIDER, actor=office) == [("kind", "kind_not_yours")]


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("1987-13-01", "field_date_impossible"),
        ("1987-00-00", "field_date_impossible"),
        ("29.02.2027", "field_date_impossible"),
        ("1899-12-31", "field_date_out_of_range"),
        ((TODAY + timedelta(days=1)).isoformat(), "field_date_out_of_range"),
        ("gestern", "field_format"),
        ("1987-06-05T00:00", "field_format"),
        ("١٩٨٧-٠٦-٠٥", "field_format"),
        ("", "field_missing"),
    ],
)
def test_a_birth_date_that_cannot_be_is_refused(mistakes: Mistakes, typed: str, code: str) -> None:
    assert mistakes(birth_date=typed) == [("birth_date", code)]


@pytest.mark.parametrize("typed", ["1900-01-01", "29.02.2024", TODAY.isoformat()])
def test_a_birth_date_that_can_be_is_taken(send: Send, typed: str) -> None:
    assert send(birth_date=typed).birth_date <= TODAY


def test_a_name_of_300_arabic_characters_is_refused_with_the_limit(send: Send) -> None:
    with pytest.raises(InvalidForm) as refused:
        send(family_name=ARABIC)

    (mistake,) = refused.value.mistakes
    assert (mistake.field, mistake.code) == ("family_name", "field_too_long")
    assert mistake.details == {"max": 120}


def test_an_arabic_name_of_120_characters_is_taken(send: Send) -> None:
    assert send(family_name=ARABIC[:120]).family_name == ARABIC[:120]


@pytest.mark.parametrize("name", ["Mus\0ter", "Mus\u202eter", "Mus\ud800ter", "\ue000"])
def test_characters_that_no_name_has_are_refused(mistakes: Mistakes, name: str) -> None:
    assert mistakes(family_name=name) == [("family_name", "field_characters")]


# --- Recipients ----------------------------------------------------------------------------------


def test_nobody_sends_to_the_own_agency(mistakes: Mistakes) -> None:
    assert mistakes(PROVIDER) == [("recipient", "recipient_unknown")]


def test_nobody_sends_to_another_town(database: Database, mistakes: Mistakes, clerk: Actor) -> None:
    with database.transaction() as session:
        make_municipality(session, "beispielstadt")
        make_agency(session, "fremd", AgencyKind.JOBCENTER, municipality="beispielstadt")

    assert mistakes("fremd") == [("recipient", "recipient_unknown")]


def test_nobody_sends_to_an_agency_that_has_closed(
    database: Database, mistakes: Mistakes, clerk: Actor
) -> None:
    with database.transaction() as session:
        agencies.by_slug(session, OFFICE).closed_at = NOW

    assert mistakes(OFFICE) == [("recipient", "recipient_unknown")]


def test_nobody_sends_where_the_catalogue_has_no_route(mistakes: Mistakes) -> None:
    assert mistakes("sprachwerk") == [("recipient", "recipient_not_allowed")]


def test_one_wrong_recipient_among_right_ones_refuses_all(mistakes: Mistakes) -> None:
    assert mistakes(OFFICE, "sprachwerk", JOBCENTER) == [("recipient", "recipient_not_allowed")]


def test_a_recipient_named_twice_counts_once(send: Send) -> None:
    assert len(send(OFFICE, OFFICE).addressed) == 1


def test_there_is_an_end_to_many_recipients(mistakes: Mistakes) -> None:
    many = [f"stelle-{number}" for number in range(RECIPIENTS_MAX + 1)]

    assert mistakes(*many) == [("recipient", "recipients_too_many")]


# --- Release and obliging body -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "given_on", "form"),
    [
        ({"released": True}, "2026-11-23", "in_person"),
        ({"release_given_on": "2026-11-20"}, "2026-11-20", "in_person"),
        ({"release_form": "in_writing"}, "2026-11-23", "in_writing"),
        (
            {"release_given_on": "20.11.2026", "release_form": "electronic"},
            "2026-11-20",
            "electronic",
        ),
    ],
)
def test_a_release_is_noted_with_day_and_form(
    send: Send, typed: dict[str, object], given_on: str, form: str
) -> None:
    sending = send(**{"released": False, **typed})

    assert sending.release_given_on == date.fromisoformat(given_on)
    assert sending.release_form == form


@pytest.mark.parametrize(
    ("typed", "mistake"),
    [
        ({}, ("released", "release_missing")),
        ({"release_given_on": "   "}, ("released", "release_missing")),
        ({"release_given_on": "2026-11-24"}, ("release_given_on", "field_date_out_of_range")),
        ({"release_given_on": "2026-02-30"}, ("release_given_on", "field_date_impossible")),
        ({"release_form": "by_pigeon"}, ("release_form", "field_choice")),
    ],
)
def test_a_release_that_is_missing_or_cannot_be_is_refused(
    mistakes: Mistakes, typed: dict[str, object], mistake: tuple[str, str]
) -> None:
    assert mistakes(**{"released": False, **typed}) == [mistake]


VOCATIONAL = {
    "kind": "registration_confirmation_bsk",
    "fields": {"issued_on": "2026-11-02", "planned_start_on": "2027-01-11"},
    "released": False,
}


def test_only_the_obliging_body_gets_a_vocational_registration(
    send: Send, mistakes: Mistakes
) -> None:
    missing = [("obliging_body", "obliging_body_missing")]

    assert mistakes(JOBCENTER, **VOCATIONAL) == missing
    assert mistakes(JOBCENTER, obliging_bodies=[OFFICE], **VOCATIONAL) == missing
    sending = send(JOBCENTER, obliging_bodies=[JOBCENTER], **VOCATIONAL)
    assert (sending.release_given_on, sending.release_form) == (None, None)


def test_a_release_does_not_stand_for_an_obligation(mistakes: Mistakes) -> None:
    assert mistakes(JOBCENTER, **{**VOCATIONAL, "released": True}) == [
        ("obliging_body", "obliging_body_missing")
    ]


def test_a_result_goes_only_to_the_body_that_issued_the_entitlement(
    send: Send, mistakes: Mistakes
) -> None:
    result = {
        "kind": "placement_result_bsk",
        "fields": {"tested_on": "2026-11-02", "placement_level": "B1"},
    }

    assert mistakes(JOBCENTER, **result) == [("obliging_body", "issuing_body_missing")]
    sending = send(JOBCENTER, obliging_bodies=[JOBCENTER], released=False, **result)
    assert [one.need for one in sending.addressed] == [Need.ISSUING_BODY]


ATTENDANCE = {
    "kind": "attendance_certificate_ik",
    "fields": {
        "issued_on": "2026-11-02",
        "period_from": "2026-06-01",
        "period_to": "2026-10-30",
        "proper_participation": "yes",
    },
}


def test_of_several_needs_one_is_enough_and_is_noted(send: Send, mistakes: Mistakes) -> None:
    """A release will do; nothing was requested, so without one the usual need is named."""
    sending = send(OFFICE, JOBCENTER, released=True, **ATTENDANCE)

    assert [one.need for one in sending.addressed] == [Need.RELEASE, Need.RELEASE]
    assert mistakes(OFFICE, released=False, **ATTENDANCE) == [("released", "release_missing")]


def test_what_needs_nothing_is_sent_without_a_release(
    database: Database, town: Town, send: Send
) -> None:
    with database.transaction() as session:
        jobcenter = make_person_actor(session, town[JOBCENTER], subject="jonas.muster")

    sending = send(
        OFFICE,
        actor=jobcenter,
        kind="obligation_revoked_ik",
        fields={"effective_on": "2026-12-01"},
        released=False,
    )

    assert [one.need for one in sending.addressed] == [Need.NONE]
    assert sending.release_form is None


def test_a_change_of_provider_goes_to_another_provider_but_not_to_the_own_agency(
    send: Send, mistakes: Mistakes, town: Town
) -> None:
    change = {
        "kind": "provider_change_ik",
        "fields": {"change_on": "2026-12-01", "lesson_units_left": "400", "change_reason": "moved"},
    }

    sending = send("sprachwerk", **change)

    assert [one.agency_id for one in sending.addressed] == [town["sprachwerk"].id]
    assert mistakes(PROVIDER, **change) == [("recipient", "recipient_unknown")]


# --- The hash of what is said --------------------------------------------------------------------


def test_the_content_hash_follows_every_word_and_byte(send: Send) -> None:
    changes: list[dict[str, object]] = [
        {},
        {"family_name": "Beispiel"},
        {"given_names": "Beispiel"},
        {"birth_date": "1987-06-06"},
        {"original_at": "Probeordner Süd"},
        {"kind": "admission_ik_bamf"},
        {"recipients": (OFFICE, JOBCENTER)},
        {"fields": {"issued_on": "2026-10-12", "expires_on": "2027-10-13"}},
        {"release_form": "in_writing"},
        {"release_given_on": "2026-10-12"},
    ]
    hashes = [send(**change).content_hash("a" * 64) for change in changes]
    hashes.append(send().content_hash("b" * 64))

    assert len(set(hashes)) == len(hashes)
    assert send().content_hash("a" * 64) == hashes[0]
    assert send(recipients=(JOBCENTER, OFFICE)).content_hash("a" * 64) == hashes[6]
