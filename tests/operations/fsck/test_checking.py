"""Every kind of damage is named as what it is, and mended or left alone as its class says."""

import random
from dataclasses import replace
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest
from tests.operations.fsck import wreckage
from tests.operations.fsck.wreckage import LOSSES, MENDABLE, Kind
from tests.operations.house import PAPER, House
from tests.operations.outages import moved_away
from tests.servers import PostgresServer

from kursdocs.core.audit import Happening
from kursdocs.core.checks import Depth, Health
from kursdocs.core.errors import Unavailable
from kursdocs.core.ports import KeyStore, KeysUnavailable
from kursdocs.operations import fsck
from kursdocs.operations.fsck import Damage, damages, looking

ALTER_THE_FIRST = """UPDATE audit_event SET agency_id = id WHERE seq =
    (SELECT min(seq) FROM audit_event WHERE happening = 'document.sent')"""
REMOVE_THE_FIRST = """DELETE FROM audit_event WHERE seq =
    (SELECT min(seq) FROM audit_event WHERE happening = 'document.sent')"""


def kind_of(kind: Kind) -> str:
    return f"{kind.damage.name}-{kind.make.__name__}"


@pytest.mark.parametrize("kind", LOSSES, ids=kind_of)
def test_each_loss_is_named_as_what_it_is_and_never_touched(house: House, kind: Kind) -> None:
    paper = house.send().id
    kind.make(house, paper)
    before = (house.documents(), house.objects(), house.keys())

    fast = fsck.check(house.services)
    deep = fsck.check(house.services, Depth.DEEP, repair=True)

    assert dict(fast.found) == ({} if kind.is_deep else {kind.damage: 1})
    assert (deep.health, dict(deep.found)) == (Health.LOSS, {kind.damage: 1})
    assert dict(deep.mended) == {}
    assert (house.documents(), house.objects(), house.keys()) == before


@pytest.mark.parametrize("kind", MENDABLE, ids=kind_of)
def test_each_that_can_be_mended_is_named_and_mended_once(house: House, kind: Kind) -> None:
    paper = house.send().id
    kind.make(house, paper)

    found = fsck.check(house.services)
    mended = fsck.check(house.services, Depth.DEEP, repair=True)
    after = fsck.check(house.services, Depth.DEEP, repair=True)

    assert (found.health, dict(found.found)) == (Health.REPAIRABLE, {kind.damage: 1})
    assert (mended.health, dict(mended.found)) == (Health.CLEAN, {})
    assert dict(mended.mended) == {kind.damage: 1}
    assert (after.health, dict(after.mended)) == (Health.CLEAN, {})
    assert house.read(paper) == PAPER


# -- the log ---------------------------------------------------------------------------------------


@pytest.fixture
def server(house: House, request: pytest.FixtureRequest) -> PostgresServer | None:
    """The server behind the house, if it has one."""
    if house.services.settings.database_url.startswith("sqlite"):
        return None
    found: PostgresServer = request.getfixturevalue("postgres")
    return found


def test_a_row_of_the_log_that_was_altered_is_named_by_its_number(
    house: House, server: PostgresServer | None
) -> None:
    house.send()
    house.send()
    sent, _ = house.events(Happening.DOCUMENT_SENT)
    wreckage.past_the_guards(house, server, ALTER_THE_FIRST)

    report = fsck.check(house.services, repair=True)

    assert report.health is Health.LOSS
    assert [(one.damage, one.subject) for one in report.named] == [
        (Damage.LOG_ALTERED, str(sent.seq))
    ]


def test_a_row_of_the_log_that_was_removed_is_missed_twice(
    house: House, server: PostgresServer | None
) -> None:
    paper = house.send().id
    house.send()
    wreckage.past_the_guards(house, server, REMOVE_THE_FIRST)

    report = fsck.check(house.services)

    assert set(report.found) == {Damage.LOG_ALTERED, Damage.LOG_GAP}
    [gap] = [one.subject for one in report.named if one.damage is Damage.LOG_GAP]
    assert gap == str(paper)


# -- how it looks ----------------------------------------------------------------------------------


def test_several_damages_are_told_apart(house: House) -> None:
    papers = [house.send().id for _ in range(4)]
    wreckage.lose_the_object(house, papers[0])
    wreckage.destroy_the_key(house, papers[0])
    wreckage.destroy_the_key(house, papers[1])
    wreckage.flip_one_bit(house, papers[2])
    wreckage.put_a_stranger(house, papers[3])

    report = fsck.check(house.services, Depth.DEEP)

    assert {(one.damage, one.subject) for one in report.named} == {
        (Damage.LOST_OBJECT, str(papers[0])),
        (Damage.KEY_MISSING, str(papers[0])),
        (Damage.KEY_MISSING, str(papers[1])),
        (Damage.CORRUPT, str(papers[2])),
        (Damage.UNTRACKED_OBJECT, wreckage.A_NAME),
    }


def test_pages_leave_nothing_out(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "PAGE", 3)
    monkeypatch.setattr(looking, "LOG_PAGE", 2)
    papers = [house.send().id for _ in range(10)]
    for paper in papers[::3]:
        wreckage.destroy_the_key(house, paper)
    wreckage.delete_the_row(house, papers[1])
    wreckage.forget_the_words(house, papers[2])

    report = fsck.check(house.services, Depth.DEEP)

    assert dict(report.found) == {
        Damage.KEY_MISSING: 4,
        Damage.DOCUMENT_VANISHED: 1,
        Damage.INDEX_MISSING: 9,
    }
    assert report.looked_at["rows"] == report.looked_at["objects"] == 9
    assert report.looked_at["papers_read"] == 9


def test_a_sample_reads_the_share_that_was_asked_for(embedded: House) -> None:
    for _ in range(12):
        embedded.send()

    def read(percent: float) -> int:
        dice = random.Random(1)  # noqa: S311 - no secret
        report = fsck.check(embedded.services, Depth.SAMPLE, percent=percent, dice=dice)
        return report.looked_at["papers_read"]

    assert (read(0), read(100)) == (0, 12)
    assert 0 < read(50) < 12


def test_of_too_many_damages_the_number_is_told_and_some_by_name(
    embedded: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damages, "KEPT_PER_DAMAGE", 3)
    for number in range(5):
        embedded.services.store.put(f"{number:032x}", b"nobody knows of this")

    first = fsck.check(embedded.services, repair=True)
    second = fsck.check(embedded.services, repair=True)

    assert (dict(first.found), dict(first.mended)) == (
        {Damage.UNTRACKED_OBJECT: 2},
        {Damage.UNTRACKED_OBJECT: 3},
    )
    assert (dict(second.found), second.health) == ({}, Health.CLEAN)


def test_a_part_that_is_away_is_no_finding(embedded: House, tmp_path: Path) -> None:
    embedded.send()

    with moved_away(tmp_path / "objects"), pytest.raises(Unavailable):
        fsck.check(embedded.services)

    assert fsck.check(embedded.services).health is Health.CLEAN


class Stumbling:
    """A key store that answers all but one question; it says the same of an unknown master key."""

    def __init__(self, real: KeyStore) -> None:
        self._real = real
        self.stumbled = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def get(self, document_id: UUID) -> bytes:
        """Not now."""
        self.stumbled += 1
        raise KeysUnavailable


def test_a_key_store_that_stumbles_is_no_finding(embedded: House) -> None:
    embedded.send()
    stumbling = Stumbling(embedded.services.keys)
    services = replace(embedded.services, keys=cast("KeyStore", stumbling))

    with pytest.raises(KeysUnavailable):
        fsck.check(services, Depth.DEEP)

    assert stumbling.stumbled == 1
