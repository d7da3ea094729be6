"""The numbers of an installation: what the database knows, in one look."""

from datetime import timedelta

from tests.operations.house import House

from kursdocs.core import heartbeats, outbox
from kursdocs.core.documents.tables import DocumentState
from kursdocs.operations import measuring


def test_all_numbers_are_taken_at_one_time(house: House) -> None:
    now = house.services.clock()
    house.send()
    with house.services.transaction() as session:
        outbox.put(
            session,
            dedupe="probe",
            address="post@amt.example",
            now=now,
            lapses_at=now + timedelta(hours=12),
        )
        heartbeats.beat(session, "mailing", every_seconds=5, succeeded=True, now=now)

    numbers = measuring.take(house.services)

    assert numbers.taken_at == now
    assert numbers.documents[DocumentState.LIVE] == 1
    assert numbers.untouched == [1, 0, 0, 0, 0]
    assert numbers.unscanned.count == 0
    assert (numbers.mails_waiting, numbers.addresses_unreached) == (1, 0)
    assert numbers.oldest_mail_at == now
    assert [(beat.duty, beat.runs) for beat in numbers.duties] == [("mailing", 1)]
