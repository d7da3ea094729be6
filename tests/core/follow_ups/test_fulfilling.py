"""Which paper ends a follow-up, and which does not: the same person, at the same agency."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from tests.core.follow_ups.conftest import REGISTRATION, SPRACHWERK, Desks, later, morning
from tests.core.follow_ups.test_opening import ONE, withdraw
from tests.factories import JOBCENTER, OFFICE, PROVIDER, make_document

from kursdocs.core.documents.tables import Document, DocumentState
from kursdocs.core.errors import Conflict, NotFound
from kursdocs.core.follow_ups import fulfilling
from kursdocs.core.follow_ups.opening import Refreshed
from kursdocs.core.follow_ups.tables import FollowUpState


def test_the_proof_ends_it_in_the_moment_in_which_it_is_sent(desks: Desks) -> None:
    desks.oblige()
    desks.refresh(later(7))

    proof = desks.register(later(7))

    (row,) = desks.rows()
    assert (row.state, row.fulfilled_by_document_id) == (FollowUpState.FULFILLED, proof)
    assert row.ended_at == morning(later(7))
    assert desks.refresh(later(8)) == Refreshed(0, 0)


def test_what_was_sent_before_the_day_keeps_it_from_opening(desks: Desks) -> None:
    desks.oblige()
    desks.register(later(2))

    assert desks.refresh(later(7)) == Refreshed(0, 0)
    assert desks.rows() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"family_name": "MUSTERMANN OEZTUERK"},
        {"family_name": "Probefried", "given_names": "Mustermann-Öztürk"},
    ],
    ids=["spelt otherwise", "names in the other fields"],
)
def test_the_name_may_be_spelt_otherwise(desks: Desks, changes: dict[str, str]) -> None:
    desks.oblige()
    desks.refresh(later(7))

    desks.register(later(7), **changes)
    assert desks.open() == []

    desks.oblige(later(8))
    assert desks.refresh(later(15)) == Refreshed(0, 0)


@pytest.mark.parametrize(
    "changes",
    [{"given_names": "Anna"}, {"birth_date": "1987-06-06"}, {"family_name": "Beispiel"}],
    ids=["another given name", "another birth date", "another family name"],
)
@ONE
def test_a_paper_of_somebody_else_changes_nothing(desks: Desks, changes: dict[str, str]) -> None:
    desks.oblige()
    desks.refresh(later(7))

    desks.register(later(7), **changes)

    assert desks.refresh(later(8)) == Refreshed(0, 0)
    assert len(desks.open()) == 1


@ONE
def test_what_another_provider_sends_changes_nothing_here(desks: Desks) -> None:
    desks.oblige()
    desks.refresh(later(7))

    desks.send(SPRACHWERK, OFFICE, day=later(7), **REGISTRATION)

    assert desks.refresh(later(8)) == Refreshed(0, 0)
    assert len(desks.open()) == 1


def test_what_comes_in_ends_it_as_well(desks: Desks) -> None:
    desks.send(OFFICE, PROVIDER, kind="entitlement_ik")
    near = date(2027, 8, 13)
    desks.refresh(near)
    assert len(desks.open(OFFICE)) == 1

    desks.send(SPRACHWERK, OFFICE, day=near, **REGISTRATION)

    assert desks.open(OFFICE) == []


@ONE
def test_what_another_office_received_is_not_known_here(desks: Desks) -> None:
    desks.send(OFFICE, PROVIDER, kind="entitlement_ik")
    near = date(2027, 8, 13)
    desks.send(PROVIDER, JOBCENTER, day=near, **REGISTRATION)

    assert desks.refresh(near).opened >= 1
    assert len(desks.open(OFFICE)) == 1


def test_when_the_proof_is_withdrawn_it_is_open_again(desks: Desks) -> None:
    desks.oblige()
    desks.refresh(later(7))
    proof = desks.register(later(7))

    withdraw(desks, PROVIDER, proof, later(8))

    assert desks.refresh(later(8)) == Refreshed(1, 0)
    assert [one.rule for one in desks.open()] == ["proof_ik"]


@ONE
def test_when_another_paper_proves_it_too_it_stays_fulfilled(desks: Desks) -> None:
    desks.oblige()
    desks.refresh(later(7))
    first, second = desks.register(later(7)), desks.register(later(7))

    withdraw(desks, PROVIDER, first, later(8))

    assert desks.refresh(later(8)) == Refreshed(0, 0)
    assert desks.rows()[0].fulfilled_by_document_id == second


@ONE
def test_a_proof_that_was_erased_in_time_still_counts(desks: Desks) -> None:
    desks.oblige()
    desks.refresh(later(7))
    proof = desks.register(later(7))
    with desks.database.transaction() as session:
        document = session.get_one(Document, proof)
        document.state, document.family_name, document.birth_date = DocumentState.ERASED, "", None
        session.add(document)

    assert desks.refresh(later(8)) == Refreshed(0, 0)


def test_a_paper_of_an_earlier_course_fulfils_nothing_that_was_issued_later(desks: Desks) -> None:
    desks.register(later(-60))
    desks.oblige()

    assert desks.refresh(later(7)) == Refreshed(1, 0)
    assert desks.refresh(later(8)) == Refreshed(0, 0)


def test_what_was_sent_since_the_paper_was_issued_fulfils_it_though_it_came_later(
    desks: Desks,
) -> None:
    desks.register(later(-5))
    desks.oblige()

    assert desks.refresh(later(7)) == Refreshed(0, 0)


def test_a_paper_that_is_not_out_yet_ends_nothing(desks: Desks) -> None:
    desks.oblige()
    desks.refresh(later(7))

    held = desks.register(later(7), scanned=False)

    assert len(desks.open()) == 1
    with desks.database.transaction() as session:
        document = session.get_one(Document, held)
        assert document.state is DocumentState.HELD
        assert fulfilling.by_document(session, desks.catalogue, held, now=morning(later(7))) == 0


def test_what_no_transaction_told_the_next_run_finds(desks: Desks) -> None:
    """A paper that came back to life, say; the run is the net below the call."""
    desks.oblige()
    desks.refresh(later(7))
    with desks.database.transaction() as session:
        now = morning(later(7))
        make_document(session, desks.clerks[PROVIDER], OFFICE, now=now, **REGISTRATION)

    assert desks.refresh(later(7)) == Refreshed(0, 1)


# ── The form ─────────────────────────────────────────────────────────────────────────────────


def form(desks: Desks, who: str, follow_up_id: Any, kind: str) -> Any:
    return desks.do(
        lambda session, actor: fulfilling.form(session, actor, desks.catalogue, follow_up_id, kind),
        who,
    )


@ONE
def test_the_form_of_the_missing_paper_is_filled_in_by_the_one_here(desks: Desks) -> None:
    sent = desks.oblige()
    desks.refresh(later(7))
    (found,) = desks.open()

    filled, source = form(desks, PROVIDER, found.id, "registration_confirmation_ik")

    assert source == sent
    assert (filled.kind, filled.recipients) == ("registration_confirmation_ik", (OFFICE,))
    assert (filled.family_name, filled.given_names) == ("Mustermann-Öztürk", "Probefried")
    assert filled.birth_date == "1987-06-05"
    # Its days are its own.
    assert filled.fields == {}


@ONE
def test_who_cannot_get_that_paper_is_not_chosen(desks: Desks) -> None:
    desks.oblige()
    desks.refresh(later(7))
    (found,) = desks.open()

    filled, _ = form(desks, PROVIDER, found.id, "provider_change_ik")

    assert filled.recipients == ()
    assert filled.fields == {"bamf_person_no": "4711081"}


@ONE
def test_the_form_is_for_the_own_open_ones_only(desks: Desks) -> None:
    desks.oblige()
    desks.refresh(later(7))
    (found,) = desks.open()

    kind = "registration_confirmation_ik"
    for who, id_, wanted in (
        (SPRACHWERK, found.id, kind),
        (PROVIDER, uuid4(), kind),
        (PROVIDER, found.id, "exam_result_ik"),
    ):
        with pytest.raises(NotFound):
            form(desks, who, id_, wanted)
    desks.register(later(7))
    with pytest.raises(Conflict) as refused:
        form(desks, PROVIDER, found.id, kind)
    assert refused.value.code == "follow_up_over"
