"""Documents in which newer signatures find something: ended for all, with a trace; and told once.

Row by row, without a scanner; what finds it stands in ``operations.rescanning``.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import Session, col, select
from tests.core.documents.test_corrections import correct
from tests.factories import (
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    REPORT,
    TESTS,
    make_catalogue,
    make_document,
    make_person_actor,
    make_town,
)

from kursdocs.adapters.database import Database
from kursdocs.core import audit
from kursdocs.core.access import Actor
from kursdocs.core.audit import Happening
from kursdocs.core.documents import (
    corrections,
    counting,
    erasing,
    holding,
    inbox,
    lifecycle,
    reading,
    rescanning,
    settling,
)
from kursdocs.core.documents.inbox import Filter, InboxState
from kursdocs.core.documents.reading import SentState
from kursdocs.core.documents.tables import Delivery, Document, DocumentState
from kursdocs.core.errors import Conflict, NotFound

CATALOGUE = make_catalogue()
OLD, NEW = "ClamAV 1.4.6/27800", "ClamAV 1.4.6/27801"
LATER = NOW + timedelta(days=40)

People = dict[str, Actor]


class Desk:
    """What a test does and sees."""

    def __init__(self, database: Database, people: People) -> None:
        self.database, self.people = database, people

    def do(self, act: Callable[..., Any], *given: object, **named: object) -> Any:
        with self.database.transaction() as session:
            return act(session, *given, **named)

    def send(self, *recipients: str, **changes: object) -> UUID:
        made: UUID = self.do(
            make_document, self.people[PROVIDER], *(recipients or (OFFICE,)), **changes
        )
        return made

    def block(self, document_id: UUID) -> bool:
        found: bool = self.do(
            rescanning.block,
            TESTS,
            document_id,
            signatures=NEW,
            catalogue=CATALOGUE,
            now=LATER,
        )
        return found

    def outdated(self, signatures: str = NEW, limit: int = 10) -> list[UUID]:
        rows = self.do(rescanning.outdated, signatures, limit=limit)
        return [row.id for row in rows]

    def row(self, document_id: UUID) -> Document:
        found: Document = self.do(Session.get_one, Document, document_id)
        return found

    def deliveries(self, document_id: UUID) -> list[Delivery]:
        of_document = select(Delivery).where(Delivery.document_id == document_id)
        query = of_document.order_by(col(Delivery.id))
        return list(self.do(lambda session: session.exec(query).all()))

    def listed(self, slug: str, state: InboxState) -> list[inbox.InboxRow]:
        return list(self.do(inbox.rows, self.people[slug], Filter(state=state)))

    def seen(self, slug: str, document_id: UUID) -> reading.DocumentView:
        found: reading.DocumentView = self.do(reading.view, self.people[slug], document_id)
        return found


@pytest.fixture
def desk(database: Database) -> Desk:
    """The provider and two recipients, each with somebody at the desk."""
    with database.transaction() as session:
        town = make_town(session)
        people = {
            slug: make_person_actor(session, town[slug], subject=slug)
            for slug in (PROVIDER, OFFICE, JOBCENTER)
        }
    return Desk(database, people)


# -- which ones are looked at again ----------------------------------------------------------------


def test_what_was_judged_with_other_signatures_is_listed_oldest_first(desk: Desk) -> None:
    ids = [desk.send() for _ in range(4)]
    desk.do(rescanning.confirm, [ids[1]], NEW)
    desk.do(rescanning.confirm, [ids[2]], OLD)

    assert desk.outdated() == [ids[0], ids[2], ids[3]]
    assert desk.outdated(limit=2) == [ids[0], ids[2]]
    assert desk.do(rescanning.outdated_count, NEW) == 3

    desk.do(rescanning.confirm, ids, NEW)
    assert desk.outdated() == []
    assert desk.outdated(OLD) == ids


def test_what_the_scanner_could_not_judge_waits_for_other_signatures(desk: Desk) -> None:
    document_id = desk.send()
    desk.do(rescanning.doubt, [document_id], NEW)

    assert desk.outdated(NEW) == []
    assert desk.outdated(OLD) == [document_id]
    assert rescanning.is_in_doubt(desk.row(document_id), NEW)
    assert not rescanning.is_in_doubt(desk.row(document_id), OLD)


def test_only_what_can_be_opened_is_looked_at(desk: Desk) -> None:
    withdrawn, approved_later = desk.send(), desk.send(**REPORT)
    unscanned, blocked = desk.send(scanned=False), desk.send()
    desk.block(blocked)
    _withdraw(desk, withdrawn)

    assert desk.row(approved_later).state == "held"
    assert desk.outdated() == [withdrawn, approved_later]
    assert unscanned not in desk.outdated()


def _withdraw(desk: Desk, document_id: UUID) -> None:
    desk.do(
        lifecycle.withdraw,
        desk.people[PROVIDER],
        document_id,
        reason="misaddressed",
        catalogue=CATALOGUE,
        now=NOW,
    )


# -- what becomes of it ----------------------------------------------------------------------------


def test_for_the_recipients_it_is_a_trace_of_which_they_must_take_note(desk: Desk) -> None:
    document_id = desk.send(OFFICE, JOBCENTER)

    assert desk.block(document_id)

    for slug in (OFFICE, JOBCENTER):
        assert desk.listed(slug, InboxState.NEW) == []
        [row] = desk.listed(slug, InboxState.WITHDRAWN)
        assert (row.document_id, row.family_name, row.birth_date) == (document_id, "", None)
        assert (row.blocked_at, row.withdrawn_at) == (LATER, None)
        assert row.acknowledge_since == LATER
        assert desk.do(inbox.to_acknowledge_count, desk.people[slug]) == 1
        assert desk.do(inbox.counts, desk.people[slug])[InboxState.WITHDRAWN] == 1
        view = desk.seen(slug, document_id)
        assert (view.family_name, view.fields, view.sha256) == ("", {}, "")
        assert (view.state, view.blocked_at) == (DocumentState.BLOCKED, LATER)


def test_nobody_can_open_it_any_more_its_sender_included(desk: Desk) -> None:
    document_id = desk.send()
    desk.block(document_id)

    for slug in (PROVIDER, OFFICE):
        with pytest.raises(NotFound):
            desk.do(reading.readable, desk.people[slug], document_id)
    with pytest.raises(NotFound):
        desk.do(
            settling.take_over,
            desk.people[OFFICE],
            desk.deliveries(document_id)[0].id,
            catalogue=CATALOGUE,
            now=LATER,
        )


def test_who_was_never_given_it_does_not_learn_of_it(desk: Desk) -> None:
    held = desk.send(scanned=False)
    desk.do(holding.block, TESTS, held, reason="infected", catalogue=CATALOGUE, now=LATER)
    approved_later = desk.send(**REPORT)

    assert not desk.block(approved_later)

    for document_id in (held, approved_later):
        assert desk.row(document_id).state == "blocked"
        assert desk.deliveries(document_id)[0].acknowledge_since is None
        with pytest.raises(NotFound):
            desk.seen(OFFICE, document_id)
    assert desk.listed(OFFICE, InboxState.WITHDRAWN) == []


def test_the_sender_sees_of_what_and_that_it_had_been_delivered(desk: Desk) -> None:
    document_id = desk.send()
    desk.block(document_id)

    view = desk.seen(PROVIDER, document_id)
    steps = [one.code for one in reading.timeline(view, view.deliveries[0])]

    assert (view.family_name != "", view.was_delivered) == (True, True)
    assert steps == ["sent", "delivered", "blocked"]
    [row] = desk.do(reading.sent, desk.people[PROVIDER], state=SentState.BLOCKED)
    assert row.id == document_id
    agency = desk.people[PROVIDER].acting.id
    assert desk.do(reading.blocked_count, agency) == 1
    assert desk.do(reading.blocked_count, agency, since=LATER + timedelta(1)) == 0


def test_the_sender_can_send_it_again_but_not_the_same_file(desk: Desk) -> None:
    document_id = desk.send()
    desk.block(document_id)

    before = desk.do(corrections.again, desk.people[PROVIDER], document_id)

    assert not before.keeps_file
    assert before.form.recipients == [OFFICE]


def test_a_note_taken_of_its_withdrawal_is_not_one_of_the_malware(desk: Desk) -> None:
    """Whoever has a copy was told not to use it; now it must also know that it is dangerous."""
    document_id = desk.send()
    _withdraw(desk, document_id)
    [delivery] = desk.deliveries(document_id)
    desk.do(corrections.acknowledge, desk.people[OFFICE], delivery.id, now=NOW)

    assert desk.block(document_id)

    view = desk.seen(OFFICE, document_id)
    [delivery] = desk.deliveries(document_id)
    assert (delivery.acknowledge_since, delivery.acknowledged_at) == (LATER, None)
    assert (view.withdrawn_at, view.blocked_at) == (NOW, LATER)
    steps = [(one.code, one.reason) for one in reading.timeline(view, view.deliveries[0])]
    assert steps[-2:] == [("withdrawn", ""), ("blocked", "")]
    desk.do(corrections.acknowledge, desk.people[OFFICE], delivery.id, now=LATER)
    assert desk.do(inbox.to_acknowledge_count, desk.people[OFFICE]) == 0


def test_who_gave_it_back_is_told_as_well(desk: Desk) -> None:
    document_id = desk.send()
    [delivery] = desk.deliveries(document_id)
    desk.do(
        settling.return_,
        desk.people[OFFICE],
        delivery.id,
        reason="misaddressed",
        catalogue=CATALOGUE,
        now=NOW,
    )

    desk.block(document_id)

    assert desk.do(inbox.to_acknowledge_count, desk.people[OFFICE]) == 1


def test_it_is_found_by_its_person_no_more(desk: Desk) -> None:
    document_id = desk.send(family_name="Mustermann-Öztürk")
    desk.block(document_id)

    found = desk.do(
        inbox.rows, desk.people[OFFICE], Filter(state=InboxState.WITHDRAWN), name="Mustermann"
    )

    assert list(found) == []


def test_it_is_kept_for_its_sender_for_thirty_days_from_then_on(desk: Desk) -> None:
    document_id = desk.send()
    desk.block(document_id)

    row = desk.row(document_id)

    assert row.delete_on is not None
    assert (row.delete_on - LATER.date()).days == 31
    assert row.delete_reason == "blocked"


def test_an_erased_one_still_tells_when_it_was_blocked_and_withdrawn(desk: Desk) -> None:
    document_id = desk.send()
    _withdraw(desk, document_id)
    desk.block(document_id)
    far = LATER + timedelta(days=60)
    desk.do(erasing.announce, TESTS, document_id, catalogue=CATALOGUE, now=far - timedelta(days=20))
    assert desk.do(erasing.erase, TESTS, document_id, catalogue=CATALOGUE, now=far)

    view = desk.seen(PROVIDER, document_id)

    assert (view.state, view.withdrawn_at, view.blocked_at) == ("erased", NOW, LATER)


def test_it_stands_in_the_log_once_and_a_second_time_does_nothing(desk: Desk) -> None:
    document_id = desk.send()

    assert (desk.block(document_id), desk.block(document_id)) == (True, False)

    query = select(audit.AuditEvent).where(audit.AuditEvent.happening == Happening.DOCUMENT_BLOCKED)
    [event] = desk.do(lambda session: session.exec(query).all())
    assert (event.document_id, event.detail) == (document_id, {"reason": "infected"})


def test_what_ended_otherwise_meanwhile_is_left_alone(desk: Desk) -> None:
    document_id = desk.send(scanned=False)
    desk.do(holding.block, TESTS, document_id, reason="infected", catalogue=CATALOGUE, now=NOW)

    assert not desk.block(document_id)
    assert desk.row(document_id).scanned_at == NOW


def test_confirming_changes_nothing_of_what_was_blocked_meanwhile(desk: Desk) -> None:
    document_id = desk.send()
    desk.block(document_id)
    desk.do(rescanning.confirm, [document_id], OLD)

    assert desk.row(document_id).scan_signatures == NEW


def test_a_corrected_one_that_waits_goes_out_all_the_same(desk: Desk) -> None:
    """It is another file: that the old one was bad is no reason to keep it back."""
    first = desk.send()
    held = desk.do(correct, desk.people[PROVIDER], first, scanned=False)
    desk.block(first)

    assert desk.do(holding.pass_scan, TESTS, held, catalogue=CATALOGUE, now=LATER)
    with pytest.raises(Conflict):
        desk.do(holding.pass_scan, TESTS, held, catalogue=CATALOGUE, now=LATER)
    assert [desk.row(one).state for one in (first, held)] == ["blocked", "live"]


def test_counted_are_those_that_had_been_delivered(desk: Desk) -> None:
    desk.block(desk.send())
    desk.block(desk.send(**REPORT))

    assert desk.do(counting.blocked_since, LATER - timedelta(seconds=1)) == 1
    assert desk.do(counting.blocked_since, LATER) == 0
