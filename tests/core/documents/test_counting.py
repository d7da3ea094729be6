"""Numbers of the whole installation: every state, every age, and what waits for the scanner."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlmodel import Session, select
from tests.factories import NOW, OFFICE, PROVIDER, make_document, make_person_actor

from kursdocs.adapters.database import Database
from kursdocs.core.agencies import Agency
from kursdocs.core.documents import counting
from kursdocs.core.documents.tables import Delivery, DeliveryState, Document, DocumentState


@pytest.fixture
def session(database: Database, town: dict[str, Agency]) -> Iterator[Session]:
    """A town whose office got papers an hour, two days and forty days ago."""
    with database.transaction() as opened:
        actor = make_person_actor(opened, town[PROVIDER])
        for ago in (timedelta(hours=1), timedelta(days=2), timedelta(days=2), timedelta(days=40)):
            make_document(opened, actor, OFFICE, now=NOW - ago)
        yield opened


def test_every_state_is_counted_also_where_there_is_nothing(session: Session) -> None:
    found = counting.by_state(session)

    assert found[DocumentState.LIVE] == 4
    assert sum(found.values()) == 4
    assert set(found) == set(DocumentState)


def test_untouched_deliveries_are_counted_by_age(session: Session) -> None:
    assert counting.untouched_by_age(session, now=NOW) == [1, 2, 0, 0, 1]


def test_what_was_taken_over_or_withdrawn_is_not_untouched(session: Session) -> None:
    deliveries = session.exec(select(Delivery).order_by("delivered_at")).all()
    deliveries[0].state, deliveries[0].taken_over_at = DeliveryState.TAKEN_OVER, NOW
    withdrawn = session.get_one(Document, deliveries[1].document_id)
    withdrawn.state, withdrawn.withdrawn_at = DocumentState.WITHDRAWN, NOW
    session.flush()

    assert counting.untouched_by_age(session, now=NOW) == [1, 1, 0, 0, 0]


def test_what_waits_for_the_scanner_is_counted_since_the_oldest(session: Session) -> None:
    assert counting.unscanned(session) == counting.Unscanned(0, None)
    documents = session.exec(select(Document).order_by("stored_at")).all()
    for document in documents[:2]:
        document.state, document.scanned_at = DocumentState.HELD, None
    # This one waits for a second person, not for the scanner.
    documents[2].state, documents[2].scanned_at = DocumentState.HELD, NOW
    session.flush()

    found = counting.unscanned(session)

    assert found.count == 2
    assert found.since == NOW - timedelta(days=40)
