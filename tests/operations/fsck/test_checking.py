"""Every kind of damage is named as what it is, and nothing healthy is."""

import pytest
from tests.operations.fsck.wreckage import LOSSES, MENDABLE, Kind
from tests.operations.house import House

from kursdocs.core.checks import Depth, Health
from kursdocs.operations import fsck
from kursdocs.operations.fsck import Damage, Report


def found(report: Report) -> dict[Damage, int]:
    """What is left, without zeros."""
    return dict(report.found)


def kind_of(kind: Kind) -> str:
    return f"{kind.damage.name}-{kind.make.__name__}"


@pytest.mark.parametrize("kind", [*LOSSES, *MENDABLE], ids=kind_of)
def test_each_damage_is_named_as_what_it_is(house: House, kind: Kind) -> None:
    paper = house.send().id
    kind.make(house, paper)

    fast = fsck.check(house.services)
    deep = fsck.check(house.services, Depth.DEEP)

    assert found(deep) == {kind.damage: 1}
    assert deep.health is kind.health
    assert found(fast) == ({} if kind.is_deep else {kind.damage: 1})


@pytest.mark.parametrize("kind", LOSSES, ids=kind_of)
def test_what_is_lost_or_wrong_is_never_touched(house: House, kind: Kind) -> None:
    paper = house.send().id
    kind.make(house, paper)
    before = (house.documents(), house.objects(), house.keys())

    report = fsck.check(house.services, Depth.DEEP, repair=True)

    assert (report.health, report.mended) == (Health.LOSS, {})
    assert (house.documents(), house.objects(), house.keys()) == before
