"""A corrected paper replaces one that is out, for everybody who has it, in one moment."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlmodel import Session, col, select
from tests import factories
from tests.factories import JOBCENTER, NOW, OFFICE, PROVIDER, TODAY, make_catalogue

from kursdocs.adapters.database import Database
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import AuditEvent, Happening
from kursdocs.core.documents import corrections, holding, lifecycle, reading, settling
from kursdocs.core.documents.sending import SendingForm
from kursdocs.core.documents.tables import (
    Delivery,
    DeliveryState,
    Document,
    DocumentState,
    SearchToken,
)
from kursdocs.core.errors import Conflict, InvalidForm, KursdocsError, NotFound
from kursdocs.core.tables import new_id

LATER = NOW + timedelta(hours=2)


@pytest.fixture
def people(database: Database) -> dict[str, Actor]:
    with database.transaction() as session:
        town = factories.make_town(session)
        return {
            slug: factories.make_person_actor(session, agency, subject=f"{slug}.probe")
            for slug, agency in town.items()
        }


@pytest.fixture
def sent(database: Database, people: dict[str, Actor]) -> UUID:
    with database.transaction() as session:
        return factories.make_document(session, people[PROVIDER], OFFICE, JOBCENTER)


def correct(
    session: Session,
    actor: Actor,
    document_id: UUID,
    *recipients: str,
    scanned: bool = True,
    **changes: object,
) -> UUID:
    """Replace a document as the intake does, without bytes."""
    before = corrections.correction(session, actor, document_id)
    form = replace(before.form, **changes)  # type: ignore[arg-type]  # names of the form
    form = replace(form, recipients=recipients or form.recipients)
    checked = corrections.check_correction(
        session,
        actor,
        make_catalogue(),
        document_id,
        form,
        reason="false_date",
        key="",
        today=TODAY,
    )
    made, stored = new_id(), factories.make_stored()
    lifecycle.reserve(session, actor, checked, stored, document_id=made, key="", now=LATER)
    lifecycle.finish(
        session,
        actor,
        checked,
        document_id=made,
        stored_sha256=stored.sha256,
        scanned=scanned,
        catalogue=make_catalogue(),
        now=LATER,
    )
    return made


def deliveries(session: Session, document_id: UUID) -> dict[UUID, Delivery]:
    return {one.recipient_agency_id: one for one in lifecycle.deliveries_of(session, document_id)}


def refusal(error: pytest.ExceptionInfo[KursdocsError]) -> str:
    return error.value.code


def test_the_old_paper_ends_in_the_moment_in_which_the_corrected_one_goes_out(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session:
        made = correct(session, people[PROVIDER], sent)

    with database.transaction() as session:
        old, new = session.get_one(Document, sent), session.get_one(Document, made)
        assert (old.state, old.end_reason, old.withdrawn_at) == (
            DocumentState.WITHDRAWN,
            "false_date",
            LATER,
        )
        assert (new.state, new.replaces_id) == (DocumentState.LIVE, sent)
        assert set(deliveries(session, made)) == set(deliveries(session, sent))
        assert {d.acknowledge_since for d in deliveries(session, sent).values()} == {LATER}
        query = select(AuditEvent).where(col(AuditEvent.document_id).in_([sent, made]))
        told = [event.happening for event in session.exec(query.order_by(col(AuditEvent.seq)))]
    assert told[1:] == [
        Happening.DOCUMENT_WITHDRAWN,
        Happening.DOCUMENT_SENT,
        Happening.DOCUMENT_CORRECTED,
    ]


def test_recipients_see_which_paper_replaces_which(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session:
        made = correct(session, people[PROVIDER], sent)

    with database.transaction() as session:
        for slug in (PROVIDER, OFFICE, JOBCENTER):
            old = reading.view(session, people[slug], sent)
            new = reading.view(session, people[slug], made)
            assert old.replaced_by is not None
            assert old.replaced_by.id == made
            assert old.is_corrected
            assert new.replaces is not None
            assert new.replaces.id == sent


def test_who_does_not_get_the_corrected_paper_sees_a_withdrawal_alone(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session:
        made = correct(session, people[PROVIDER], sent, OFFICE)

    with database.transaction() as session:
        left_out = reading.view(session, people[JOBCENTER], sent)
        assert left_out.replaced_by is None
        assert left_out.own_delivery is not None
        assert left_out.own_delivery.must_acknowledge
        with pytest.raises(NotFound):
            reading.view(session, people[JOBCENTER], made)


def test_who_gets_only_the_corrected_paper_learns_nothing_of_the_old_one(
    database: Database, people: dict[str, Actor]
) -> None:
    with database.transaction() as session:
        sent = factories.make_document(session, people[PROVIDER], OFFICE)
        made = correct(session, people[PROVIDER], sent, OFFICE, JOBCENTER)

    with database.transaction() as session:
        assert reading.view(session, people[JOBCENTER], made).replaces is None


def test_until_a_second_person_approves_the_old_paper_stands(
    database: Database, people: dict[str, Actor]
) -> None:
    with database.transaction() as session:
        sent = factories.make_document(session, people[PROVIDER], OFFICE, **factories.REPORT)
        second = factories.make_person_actor(
            session,
            session.get_one(Agency, people[PROVIDER].acting.id),
            subject="zweite.probe",
        )
        holding.approve(session, second, sent, catalogue=make_catalogue(), now=NOW)
        made = correct(session, people[PROVIDER], sent)

    with database.transaction() as session:
        assert session.get_one(Document, sent).state is DocumentState.LIVE
        assert session.get_one(Document, made).state is DocumentState.HELD
        waiting = reading.view(session, people[PROVIDER], sent)
        assert waiting.replaced_by is not None
        assert not waiting.is_corrected
        assert reading.view(session, people[OFFICE], sent).replaced_by is None
        with pytest.raises(Conflict) as twice:
            corrections.correction(session, people[PROVIDER], sent)
        assert refusal(twice) == "already_corrected"
        holding.approve(session, second, made, catalogue=make_catalogue(), now=LATER)

    with database.transaction() as session:
        assert session.get_one(Document, sent).state is DocumentState.WITHDRAWN
        assert session.get_one(Document, made).state is DocumentState.LIVE


def test_a_scanner_that_speaks_later_replaces_the_old_paper_then(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session:
        made = correct(session, people[PROVIDER], sent, scanned=False)
        assert session.get_one(Document, sent).state is DocumentState.LIVE

    with database.transaction() as session:
        holding.pass_scan(
            session, Actor.system("scan"), made, catalogue=make_catalogue(), now=LATER
        )

    with database.transaction() as session:
        assert session.get_one(Document, sent).state is DocumentState.WITHDRAWN


def test_withdrawing_the_old_paper_ends_the_corrected_one_that_waits(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session:
        made = correct(session, people[PROVIDER], sent, scanned=False)
        lifecycle.withdraw(
            session,
            people[PROVIDER],
            sent,
            reason="release_revoked",
            catalogue=make_catalogue(),
            now=LATER,
        )

    with database.transaction() as session:
        ended = [session.get_one(Document, one) for one in (sent, made)]
        assert {one.state for one in ended} == {DocumentState.WITHDRAWN}
        assert {one.end_reason for one in ended} == {"release_revoked"}


def test_a_paper_that_ended_while_its_correction_was_stored_is_not_replaced(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    actor, made, stored = people[PROVIDER], new_id(), factories.make_stored()
    with database.transaction() as session:
        before = corrections.correction(session, actor, sent)
        checked = corrections.check_correction(
            session,
            actor,
            make_catalogue(),
            sent,
            before.form,
            reason="false_date",
            key="",
            today=TODAY,
        )
        lifecycle.reserve(session, actor, checked, stored, document_id=made, key="", now=NOW)
        lifecycle.withdraw(
            session, actor, sent, reason="wrong_person", catalogue=make_catalogue(), now=NOW
        )

    with pytest.raises(Conflict) as late, database.transaction() as session:
        lifecycle.finish(
            session,
            actor,
            checked,
            document_id=made,
            stored_sha256=stored.sha256,
            scanned=True,
            catalogue=make_catalogue(),
            now=NOW,
        )
    assert refusal(late) == "not_correctable"


@pytest.mark.parametrize("slug", [OFFICE, JOBCENTER, "sprachwerk"])
def test_nobody_corrects_or_resends_what_others_sent(
    database: Database, people: dict[str, Actor], sent: UUID, slug: str
) -> None:
    with database.transaction() as session:
        for find in (corrections.correction, corrections.again):
            for document_id in (sent, new_id()):
                with pytest.raises(NotFound):
                    find(session, people[slug], document_id)


def test_the_form_of_a_correction_holds_what_was_typed(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session:
        form = corrections.correction(session, people[PROVIDER], sent).form

    typed = factories.make_form(OFFICE, JOBCENTER)
    assert (form.family_name, form.birth_date, dict(form.fields)) == (
        typed.family_name,
        typed.birth_date,
        dict(typed.fields),
    )
    assert sorted(form.recipients) == sorted(typed.recipients)
    assert (form.release_given_on, form.release_form) == (TODAY.isoformat(), "in_person")


def test_a_correction_without_a_reason_of_the_list_is_refused_with_all_mistakes(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session, pytest.raises(InvalidForm) as refused:
        corrections.check_correction(
            session,
            people[PROVIDER],
            make_catalogue(),
            sent,
            SendingForm(recipients=[OFFICE]),
            reason="wrong_recipient",
            key="",
            today=TODAY,
        )

    fields = [mistake.field for mistake in refused.value.mistakes]
    assert fields[0] == "reason"
    assert "family_name" in fields


def give_back(session: Session, actor: Actor, document_id: UUID) -> None:
    delivery = deliveries(session, document_id)[actor.acting.id]
    settling.return_(
        session, actor, delivery.id, reason="illegible", catalogue=make_catalogue(), now=NOW
    )


def test_what_came_back_can_be_sent_again_to_those_who_returned_it(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session:
        with pytest.raises(Conflict) as refused:
            corrections.again(session, people[PROVIDER], sent)
        give_back(session, people[OFFICE], sent)
        form = corrections.again(session, people[PROVIDER], sent).form

    assert refusal(refused) == "not_sendable_again"
    assert form.recipients == [OFFICE]


def test_a_paper_whose_corrected_version_is_out_is_not_sent_again(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session:
        made = correct(session, people[PROVIDER], sent)
        with pytest.raises(Conflict) as refused:
            corrections.again(session, people[PROVIDER], sent)
        withdraw(session, people[PROVIDER], made)
        form = corrections.again(session, people[PROVIDER], sent).form

    assert refusal(refused) == "not_sendable_again"
    assert form.recipients


def withdraw(session: Session, actor: Actor, document_id: UUID) -> None:
    lifecycle.withdraw(
        session, actor, document_id, reason="wrong_person", catalogue=make_catalogue(), now=NOW
    )


def test_an_end_is_acknowledged_once_for_the_whole_agency(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    office = people[OFFICE]
    with database.transaction() as session:
        withdraw(session, people[PROVIDER], sent)
        delivery_id = deliveries(session, sent)[office.acting.id].id
        assert corrections.acknowledge(session, office, delivery_id, now=LATER) == sent

    with database.transaction() as session:
        row = session.get_one(Delivery, delivery_id)
        assert (row.acknowledged_at, row.acknowledged_by_user_id) == (LATER, office.user_id)
        with pytest.raises(Conflict) as twice:
            corrections.acknowledge(session, office, delivery_id, now=LATER)
        mine = reading.view(session, people[PROVIDER], sent).deliveries
        codes = [
            [event.code for event in reading.timeline(reading.view(session, office, sent), one)]
            for one in mine
        ]
    assert twice.value.details["at"] == lifecycle.utc(LATER)
    assert sum("acknowledged" in one for one in codes) == 1


def test_who_gave_it_back_or_never_got_it_acknowledges_nothing(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session:
        held = factories.make_document(session, people[PROVIDER], OFFICE, scanned=False)
        give_back(session, people[OFFICE], sent)
        withdraw(session, people[PROVIDER], sent)
        withdraw(session, people[PROVIDER], held)

    with database.transaction() as session:
        returned = deliveries(session, sent)[people[OFFICE].acting.id]
        undelivered = deliveries(session, held)[people[OFFICE].acting.id]
        assert returned.state is DeliveryState.RETURNED
        assert returned.acknowledge_since is None
        assert undelivered.acknowledge_since is None
        with pytest.raises(Conflict) as nothing:
            corrections.acknowledge(session, people[OFFICE], returned.id, now=LATER)
        with pytest.raises(NotFound):
            corrections.acknowledge(session, people[OFFICE], undelivered.id, now=LATER)
    assert refusal(nothing) == "nothing_to_acknowledge"


@pytest.mark.parametrize("slug", [PROVIDER, JOBCENTER, "sprachwerk"])
def test_nobody_acknowledges_for_others(
    database: Database, people: dict[str, Actor], sent: UUID, slug: str
) -> None:
    with database.transaction() as session:
        withdraw(session, people[PROVIDER], sent)
        delivery_id = deliveries(session, sent)[people[OFFICE].acting.id].id
        with pytest.raises(NotFound):
            corrections.acknowledge(session, people[slug], delivery_id, now=LATER)


def test_the_corrected_paper_is_found_in_the_inbox_and_the_old_one_is_not(
    database: Database, people: dict[str, Actor], sent: UUID
) -> None:
    with database.transaction() as session:
        made = correct(session, people[PROVIDER], sent, family_name="Berichtigt")

    with database.transaction() as session:
        tokens = session.exec(
            select(Delivery.document_id)
            .join(SearchToken, col(SearchToken.delivery_id) == col(Delivery.id))
            .where(Delivery.recipient_agency_id == people[OFFICE].acting.id)
        ).all()
    assert set(tokens) == {made}
