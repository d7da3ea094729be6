"""Who may ask whom for what, in which steps, and how often."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlmodel import select
from tests.core.requests.conftest import Desks
from tests.factories import (
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    TESTS,
    TODAY,
    make_agency,
    make_municipality,
)

from kursdocs.catalogue import AgencyKind
from kursdocs.core import agencies
from kursdocs.core.audit import AuditEvent, Happening
from kursdocs.core.errors import Conflict, InvalidForm, NotFound
from kursdocs.core.requests import asking
from kursdocs.core.requests.tables import RequestState

# Whoever asks holds the agency's row, and PostgreSQL alone can tell how.
ONE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def mistakes(desks: Desks, of: str = JOBCENTER, **changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidForm) as refused:
        desks.ask(of, **changes)
    return [(mistake.field, mistake.code) for mistake in refused.value.mistakes]


def test_a_request_says_what_both_agencies_need_to_know(desks: Desks) -> None:
    request_id = desks.ask(fields={"period_from": "2026-06-01", "period_to": "30.10.2026"})

    seen = desks.see(PROVIDER, request_id)
    assert (seen.state, seen.requester, seen.provider) == (RequestState.OPEN, JOBCENTER, PROVIDER)
    assert (seen.family_name, seen.birth_date) == ("Mustermann-Öztürk", date(1987, 6, 5))
    assert seen.fields == {"period_from": "2026-06-01", "period_to": "2026-10-30"}
    assert "§ 14 Abs. 6" in seen.ground
    # Ten working days of the provider.
    assert seen.due_on == date(2026, 12, 7)
    assert desks.see(JOBCENTER, request_id).person_asked_on == date(2026, 11, 2)


@ONE
def test_days_off_of_the_town_give_the_provider_more_time(desks: Desks) -> None:
    typed = {"first_day": "2026-12-01", "last_day": "2026-12-02", "closing_name": "Stadtfest"}
    with desks.database.transaction() as session:
        town = agencies.town_of(session, PROVIDER)
        agencies.add_closing(session, TESTS, town, typed, now=NOW)

    assert desks.see(PROVIDER, desks.ask()).due_on == date(2026, 12, 9)


@ONE
def test_nobody_but_requester_and_provider_finds_it(desks: Desks) -> None:
    request_id = desks.ask()

    for slug in (OFFICE, "sprachwerk"):
        with pytest.raises(NotFound):
            desks.see(slug, request_id)


@ONE
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kind": ""}, [("kind", "field_missing")]),
        ({"kind": "liebesbrief"}, [("kind", "kind_unknown")]),
        ({"kind": "medical_certificate"}, [("kind", "kind_excluded")]),
        ({"kind": "dropout_report_ik"}, [("kind", "kind_not_requestable")]),
        ({"kind": "attendance_request_ik"}, [("kind", "kind_not_requestable")]),
        ({"provider": ""}, [("provider", "field_choice")]),
        ({"kind": "registration_confirmation_ik"}, [("person_asked_on", "field_unknown")]),
        ({"provider": JOBCENTER}, [("provider", "recipient_unknown")]),
        ({"provider": OFFICE}, [("provider", "provider_not_askable")]),
        ({"provider": "vhs-fernstadt"}, [("provider", "recipient_unknown")]),
        ({"provider": "geschlossen"}, [("provider", "recipient_unknown")]),
        ({"family_name": " "}, [("family_name", "field_missing")]),
        ({"birth_date": "31.02.1990"}, [("birth_date", "field_date_impossible")]),
        ({"due_on": "2026-11-23"}, [("due_on", "field_date_out_of_range")]),
        ({"due_on": "2028-01-01"}, [("due_on", "field_date_out_of_range")]),
        ({"fields": {"lesson_units": "2"}}, [("lesson_units", "field_unknown")]),
        ({"person_asked_on": ""}, [("person_asked_on", "field_missing")]),
        ({"person_asked_on": "2026-11-24"}, [("person_asked_on", "field_date_out_of_range")]),
        ({"person_asked_on": "2026-11-17"}, [("person_asked_on", "person_asked_lately")]),
    ],
)
def test_a_mistake_is_told_with_its_field(
    desks: Desks, changes: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    with desks.database.transaction() as session:
        make_municipality(session, "fernstadt")
        for slug, town in (("vhs-fernstadt", "fernstadt"), ("geschlossen", "musterstadt")):
            kind = AgencyKind.COURSE_PROVIDER
            made = make_agency(session, slug, kind, municipality=town)
            if slug == "geschlossen":
                agencies.close_agency(session, desks.clerks[PROVIDER], made, now=NOW)

    found = mistakes(desks, **changes)

    assert found == expected


@ONE
def test_the_person_has_seven_days_and_not_one_less(desks: Desks) -> None:
    assert mistakes(desks, person_asked_on=(TODAY - timedelta(days=6)).isoformat())

    assert desks.ask(person_asked_on=(TODAY - timedelta(days=7)).isoformat()) is not None


@ONE
def test_only_the_two_steps_ask_for_the_day_of_the_first(desks: Desks) -> None:
    request_id = desks.ask(kind="registration_confirmation_ik", person_asked_on="")

    assert desks.see(JOBCENTER, request_id).person_asked_on is None


@ONE
def test_a_provider_may_ask_an_office_where_a_route_leads_back(desks: Desks) -> None:
    form: dict[str, Any] = {"kind": "admission_ik_jc", "provider": JOBCENTER, "person_asked_on": ""}

    assert desks.see(JOBCENTER, desks.ask(PROVIDER, **form)).requester == PROVIDER


def test_the_same_is_not_asked_twice_however_it_is_spelt(desks: Desks) -> None:
    first = desks.ask()

    with pytest.raises(Conflict) as refused:
        desks.ask(family_name="MUSTERMANN Oeztuerk")

    assert (refused.value.code, refused.value.details["request"]) == (
        "request_repeated",
        str(first),
    )
    # Another agency, another person or another paper is another request.
    assert desks.ask(OFFICE) is not None
    assert desks.ask(given_names="Probefrieda") is not None
    assert desks.ask(provider="sprachwerk") is not None
    assert desks.ask(kind="registration_confirmation_ik", person_asked_on="") is not None


@ONE
def test_there_is_an_end_to_how_many_are_open(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "OPEN_MAX", 2)
    desks.ask()
    second = desks.ask(given_names="Anna")
    with pytest.raises(Conflict, match="requests_too_many"):
        desks.ask(given_names="Berta")

    desks.do(asking.cancel, JOBCENTER, second, now=NOW)

    assert desks.ask(given_names="Berta") is not None


def test_only_the_requester_takes_it_back_and_only_once(desks: Desks) -> None:
    request_id = desks.ask()
    for slug in (PROVIDER, OFFICE):
        with pytest.raises(NotFound):
            desks.do(asking.cancel, slug, request_id, now=NOW)

    desks.do(asking.cancel, JOBCENTER, request_id, now=NOW)

    assert desks.see(PROVIDER, request_id).state is RequestState.CANCELLED
    with pytest.raises(Conflict, match="request_over"):
        desks.do(asking.cancel, JOBCENTER, request_id, now=NOW)


@ONE
def test_the_log_tells_of_it_without_a_name(desks: Desks) -> None:
    request_id = desks.ask()
    desks.do(asking.cancel, JOBCENTER, request_id, now=NOW)

    with desks.database.transaction() as session:
        found = session.exec(select(AuditEvent)).all()[-2:]
        said = [(event.happening, event.detail) for event in found]
    assert said == [
        (
            Happening.PAPER_REQUESTED,
            {"paper_request": str(request_id), "kind": "attendance_certificate_ik"},
        ),
        (Happening.PAPER_REQUEST_CANCELLED, {"paper_request": str(request_id)}),
    ]
