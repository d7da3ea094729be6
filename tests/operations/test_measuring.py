"""The numbers of an installation: what the database knows, in one look."""

from dataclasses import replace
from datetime import timedelta

from tests.operations.house import House
from tests.scanners import Saying

from kursdocs.core import heartbeats, outbox
from kursdocs.core.documents import rescanning
from kursdocs.core.documents.tables import DocumentState
from kursdocs.operations import measuring
from kursdocs.operations.measuring import Scanned


def test_what_was_judged_otherwise_and_what_could_not_be_is_counted(house: House) -> None:
    services = house.services
    made_at = services.clock()
    for number in range(3):
        scanner = Saying(signatures=f"Probe 1.0/{1 + number // 2}")
        house.send(services=replace(services, scanner=scanner))
    last = house.documents()[2].id
    with services.transaction() as session:
        rescanning.doubt(session, [last], "Probe 1.0/2")

    def scanned(scanner: Saying) -> Scanned:
        return measuring.take(replace(services, scanner=scanner)).scanner

    newest = Saying(signatures="Probe 1.0/2", made_at=made_at)
    assert scanned(newest) == Scanned(True, made_at, outdated=2, doubtful=1)
    assert scanned(Saying(signatures="Probe 1.0/3")) == Scanned(True, None, outdated=3, doubtful=0)
    assert measuring.take(services).scanner == Scanned(None)


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
