"""When a follow-up opens, for whom, and what ends it when nobody does."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select
from tests.core.follow_ups.conftest import REGISTRATION, SPRACHWERK, Desks, later, morning
from tests.factories import JOBCENTER, OFFICE, PROVIDER, make_sending, make_stored

from kursdocs.catalogue import AgencyKind, FollowUpClock
from kursdocs.core import agencies
from kursdocs.core.agencies import Agency
from kursdocs.core.documents import lifecycle, rescanning, settling
from kursdocs.core.documents.tables import Document, DocumentState
from kursdocs.core.follow_ups import opening
from kursdocs.core.follow_ups.opening import KEPT_DAYS, LATE_DAYS, Refreshed
from kursdocs.core.follow_ups.tables import FollowUp, FollowUpState
from kursdocs.core.tables import new_id

ONE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
NOTHING = Refreshed(0, 0)


def test_five_working_days_after_taking_over_the_proof_is_missing(desks: Desks) -> None:
    sent = desks.oblige()

    assert [desks.refresh(later(day)) for day in (4, 6)] == [NOTHING, NOTHING]
    assert desks.refresh(later(7)) == Refreshed(1, 0)

    (found,) = desks.open()
    assert (found.rule, found.clock, found.document_id) == ("proof_ik", FollowUpClock.PROOF, sent)
    assert (found.opens_on, found.due_on) == (date(2026, 11, 9), date(2026, 11, 9))
    assert (found.family_name, found.birth_date) == ("Mustermann-Öztürk", date(1987, 6, 5))
    assert (found.other, found.other_kind) == (OFFICE, AgencyKind.IMMIGRATION_OFFICE)


@ONE
def test_what_is_open_is_not_opened_again(desks: Desks) -> None:
    desks.oblige()
    desks.refresh(later(7))

    assert [desks.refresh(later(day)) for day in (7, 8, 30)] == [NOTHING] * 3
    assert len(desks.rows()) == 1


@ONE
def test_days_on_which_the_agency_does_not_work_do_not_count(desks: Desks) -> None:
    with desks.database.transaction() as session:
        agency = session.exec(select(Agency).where(Agency.slug == PROVIDER)).one()
        typed = {"first_day": "2026-11-03", "last_day": "2026-11-05"}
        actor = desks.clerks[PROVIDER]
        agencies.add_pause(session, actor, agency, typed, now=morning(later(0)))
    desks.oblige()

    assert desks.refresh(later(9)) == NOTHING
    assert desks.refresh(later(10)) == Refreshed(1, 0)


def test_the_start_of_the_course_is_asked_for_at_five_weeks_and_due_at_six(desks: Desks) -> None:
    desks.register()
    issued = date(2026, 11, 4)

    assert desks.refresh(issued + timedelta(days=34)) == NOTHING
    assert desks.refresh(issued + timedelta(days=35)) == Refreshed(1, 0)

    (found,) = desks.open()
    assert (found.rule, found.due_on) == ("start_ik", issued + timedelta(days=42))
    assert desks.open(OFFICE) == []


def test_sixty_days_before_it_lapses_the_issuing_office_is_told(desks: Desks) -> None:
    sent = desks.send(OFFICE, PROVIDER, kind="entitlement_ik")
    lapses = date(2027, 10, 12)

    assert desks.refresh(lapses - timedelta(days=61)) == NOTHING
    assert desks.refresh(lapses - timedelta(days=60)) == Refreshed(1, 0)

    (found,) = desks.open(OFFICE)
    assert (found.rule, found.document_id, found.due_on) == ("lapsing_ik", sent, lapses)
    assert desks.open(PROVIDER) == []


@ONE
def test_who_was_only_handed_the_paper_is_not_told_that_it_lapses(desks: Desks) -> None:
    desks.send(PROVIDER, JOBCENTER, kind="admission_ik_jc")

    assert desks.refresh(date(2027, 8, 13)) == NOTHING


@ONE
def test_of_one_paper_to_two_offices_one_task_comes(desks: Desks) -> None:
    desks.send(PROVIDER, OFFICE, JOBCENTER, **REGISTRATION)

    assert desks.refresh(date(2026, 12, 9)) == Refreshed(1, 0)


@ONE
def test_a_paper_that_nobody_took_over_opens_nothing(desks: Desks) -> None:
    desks.send(OFFICE, PROVIDER, kind="obligation_ik_abh")

    assert desks.refresh(later(14)) == NOTHING


def test_a_fresh_installation_opens_nothing_that_is_long_past(desks: Desks) -> None:
    desks.oblige()
    last_told = later(14)

    assert desks.refresh(last_told + timedelta(days=LATE_DAYS + 1)) == NOTHING
    assert desks.refresh(last_told + timedelta(days=LATE_DAYS)) == Refreshed(1, 0)


@ONE
def test_only_the_named_agencies_are_looked_at(desks: Desks) -> None:
    desks.oblige()
    others = [desks.clerks[SPRACHWERK].acting.id]

    assert desks.refresh(later(7), agency_ids=others) == NOTHING
    assert desks.refresh(later(7), agency_ids=[desks.clerks[PROVIDER].acting.id]).opened == 1


@ONE
def test_a_closed_agency_gets_no_tasks(desks: Desks) -> None:
    desks.oblige()
    with desks.database.transaction() as session:
        agency = session.exec(select(Agency).where(Agency.slug == PROVIDER)).one()
        agency.closed_at = morning(later(1))
        session.add(agency)

    assert desks.refresh(later(7)) == NOTHING


# ── What ends it ─────────────────────────────────────────────────────────────────────────────


def withdraw(desks: Desks, who: str, document_id: UUID, day: date) -> None:
    desks.do(
        lifecycle.withdraw,
        who,
        document_id,
        reason="wrong_person",
        catalogue=desks.catalogue,
        now=morning(day),
    )


def test_when_the_paper_is_withdrawn_nothing_needs_to_follow_it(desks: Desks) -> None:
    sent = desks.oblige()
    desks.refresh(later(7))

    withdraw(desks, OFFICE, sent, later(7))

    assert desks.open() == []
    assert desks.refresh(later(8)) == Refreshed(0, 1)
    assert desks.rows()[0].state is FollowUpState.GONE


def test_when_malware_is_found_in_it_nothing_needs_to_follow_it_either(desks: Desks) -> None:
    sent, moment = desks.oblige(), morning(later(7))
    desks.refresh(later(7))

    rules = desks.catalogue
    desks.do(rescanning.block, OFFICE, sent, signatures="2", catalogue=rules, now=moment)

    assert desks.open() == []
    assert desks.refresh(later(8)) == Refreshed(0, 1)
    assert desks.rows()[0].state is FollowUpState.GONE


@ONE
def test_when_it_is_returned_nothing_needs_to_follow_it(desks: Desks) -> None:
    sent = desks.register()
    desks.refresh(date(2026, 12, 9))

    desks.do(
        settling.return_,
        OFFICE,
        desks.delivery(sent, OFFICE),
        reason="not_ours",
        catalogue=desks.catalogue,
        now=morning(date(2026, 12, 9)),
    )

    assert desks.refresh(date(2026, 12, 9)) == Refreshed(0, 1)


def test_when_taking_over_is_undone_it_waits_until_it_is_done_again(desks: Desks) -> None:
    sent = desks.oblige()
    desks.refresh(later(7))
    with desks.database.transaction() as session:
        session.execute(sa.text("UPDATE delivery SET state = 'new', taken_over_at = NULL"))

    assert desks.refresh(later(8)) == Refreshed(0, 1)
    desks.take_over(PROVIDER, sent, later(1))
    assert desks.refresh(later(8)) == Refreshed(1, 0)
    assert len(desks.rows()) == 1


def test_a_corrected_paper_opens_its_own(desks: Desks) -> None:
    sent = desks.register()
    desks.refresh(date(2026, 12, 9))
    fields = {"issued_on": "2026-11-05", "planned_start_on": "2026-12-01"}

    with desks.database.transaction() as session:
        now = morning(date(2026, 12, 9))
        replacing = correct(session, desks, sent, fields, now)

    assert desks.refresh(date(2026, 12, 10)) == Refreshed(1, 1)
    (found,) = desks.open()
    assert (found.document_id, found.due_on) == (replacing, date(2026, 12, 17))


def correct(
    session: Session, desks: Desks, sent: UUID, fields: dict[str, str], now: datetime
) -> UUID:
    actor, document_id, stored = desks.clerks[PROVIDER], new_id(), make_stored()
    changes = {**REGISTRATION, "fields": fields}
    sending = replace(
        make_sending(session, actor, OFFICE, today=now.date(), **changes),
        replaces_id=sent,
        correction_reason="typing_error",
    )
    lifecycle.reserve(session, actor, sending, stored, document_id=document_id, key="", now=now)
    lifecycle.finish(
        session,
        actor,
        sending,
        document_id=document_id,
        stored_sha256=stored.sha256,
        scanned=True,
        catalogue=desks.catalogue,
        now=now,
    )
    return document_id


@ONE
def test_a_rule_that_is_no_more_ends_its_tasks(desks: Desks) -> None:
    desks.oblige()
    desks.refresh(later(7))
    desks.catalogue = replace(desks.catalogue, follow_ups=())

    assert desks.refresh(later(8)) == Refreshed(0, 1)


def test_a_week_after_the_content_is_gone_the_row_goes_too(desks: Desks) -> None:
    desks.oblige()
    desks.refresh(later(7))
    with desks.database.transaction() as session:
        document = session.exec(select(Document)).one()
        document.state, document.family_name = DocumentState.ERASED, ""
        session.add(document)

    assert desks.refresh(later(8)) == Refreshed(0, 1)
    desks.refresh(later(8 + KEPT_DAYS))
    assert [row.state for row in desks.rows()] == [FollowUpState.GONE]
    desks.refresh(later(9 + KEPT_DAYS))
    assert desks.rows() == []


def test_of_two_workers_at_once_one_opens(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other one saw before it is not there any more when it writes."""
    desks.oblige()
    rule = next(rule for rule in desks.catalogue.follow_ups if rule.code == "proof_ik")
    with desks.database.transaction() as session:
        known = opening._desks(session, None)
        seen = list(opening._tasks(session, rule, known, today=later(7)))
    desks.refresh(later(7))
    monkeypatch.setattr(opening, "_tasks", lambda *_, **__: iter(seen))

    with desks.database.transaction() as session:
        assert opening._open(session, rule, known, now=morning(later(7))) == 0
    assert len(desks.rows()) == 1


@ONE
@pytest.mark.parametrize(
    ("days", "expected"),
    [(0, date(2026, 12, 23)), (1, date(2026, 12, 28)), (-2, date(2026, 12, 21))],
)
def test_working_days_are_counted_in_both_directions(
    desks: Desks, days: int, expected: date
) -> None:
    rule = next(rule for rule in desks.catalogue.follow_ups if rule.code == "proof_ik")
    with desks.database.transaction() as session:
        agency = desks.clerks[PROVIDER].acting.id
        workdays = agencies.workdays_of(session, [agency])[agency]

    assert opening.on(rule, days, date(2026, 12, 23), workdays) == expected


def test_no_person_is_copied_into_the_table() -> None:
    columns = {column.name for column in sa.inspect(FollowUp).columns}

    assert not columns & {"family_name", "given_names", "birth_date", "fields"}
