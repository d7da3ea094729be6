"""Verifying reads rows past the types of their columns; what it hashes must be the same."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import select
from tests.factories import NOW, TESTS

from kursdocs.adapters.database import Database
from kursdocs.core import audit
from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.audit import AuditEvent, Happening, verifying
from kursdocs.core.audit.chain import hash_of
from kursdocs.core.tables import new_id


def test_each_row_has_the_same_hash_by_both_ways(database: Database) -> None:
    person = Actor(kind=ActorKind.PERSON, user_id=new_id(), municipality_id=new_id())
    program = Actor(kind=ActorKind.SERVICE, service_account_id=new_id())
    moments = [NOW, NOW + timedelta(microseconds=1), datetime(2027, 1, 1, tzinfo=UTC)]
    moments += [NOW + timedelta(microseconds=120_000), NOW + timedelta(milliseconds=999)]
    details: list[tuple[Happening, dict[str, Any]]] = [
        (Happening.SENT_LISTED, {"count": 0}),
        (Happening.REQUEST_REFUSED, {"route": 'ä"\\/€😀', "code": "\u2028\x00\t"}),
        (Happening.RECEIPT_VIEWED, {}),
    ]
    with database.transaction() as session:
        for actor in (TESTS, person, program):
            for moment in moments:
                for happening, detail in details:
                    ids = {"agency_id": new_id(), "document_id": new_id(), "delivery_id": new_id()}
                    some = ids if moment is not NOW else {}
                    said: dict[str, Any] = {**some, **detail}
                    audit.record(session, actor, happening, now=moment, **said)

    with database.transaction() as session:
        events = session.exec(select(AuditEvent).order_by(sa.text("seq"))).all()
        entries = verifying.entries(session, after=0, through=len(events))

    assert len(entries) == 45
    for event, entry in zip(events, entries, strict=True):
        assert entry.raw is not None
        assert verifying.hash_of_raw(entry.raw) == hash_of(event.model_dump()) == event.hash
