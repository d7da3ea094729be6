"""One object that the store never hands out is damage; a store that hands out nothing is away."""

import pytest
from tests.faults import wire
from tests.faults.wire import Act, Wire
from tests.operations.house import OTHER_PAPER, House
from tests.operations.outages import asking_for

from kursdocs.core.checks import Depth, Health
from kursdocs.core.ports import StoreUnavailable
from kursdocs.operations import fetching, fsck
from kursdocs.operations.fsck import Damage
from kursdocs.services import Services

REFUSED = wire.answer(b"403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>")
TROUBLES = {
    "500": wire.answer(b"500 Internal Server Error"),
    "403": REFUSED,
    "truncated": wire.truncate_the_answer,
    "wrong bytes": wire.spoil_the_answer,
    "reset": wire.reset,
}


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PAUSE_SECONDS", 0.0)


@pytest.mark.parametrize("act", TROUBLES.values(), ids=list(TROUBLES))
def test_one_object_that_is_never_handed_out_is_named_and_the_check_goes_on(
    at_servers: House, over_line: Services, store_line: Wire, act: Act
) -> None:
    house = at_servers
    stuck, _, lost = house.send(), house.send(OTHER_PAPER), house.send()
    house.services.store.delete(house.document(lost.id).object_name)
    name = house.document(stuck.id).object_name

    with store_line.troubled(act, asking_for(house.services.settings, name)):
        report = fsck.check(over_line, Depth.DEEP)

    assert report.health is Health.LOSS
    assert {(one.damage, one.subject) for one in report.named} == {
        (Damage.CORRUPT, str(stuck.id)),
        (Damage.LOST_OBJECT, str(lost.id)),
    }
    # The store hands it out again: a check that reads less looks at it all the same.
    house.services.store.put(house.document(lost.id).object_name, b"")
    again = fsck.check(over_line)
    assert {(one.damage, one.subject) for one in again.named} == {(Damage.CORRUPT, str(lost.id))}


def test_the_only_object_is_named_too_when_the_store_is_there(
    at_servers: House, over_line: Services, store_line: Wire
) -> None:
    only = at_servers.send()
    name = at_servers.document(only.id).object_name

    with store_line.troubled(REFUSED, asking_for(at_servers.services.settings, name)):
        report = fsck.check(over_line, Depth.DEEP)

    assert dict(report.found) == {Damage.CORRUPT: 1}


@pytest.mark.parametrize("what", ["objects", "all"])
def test_a_store_that_hands_out_nothing_is_away_and_nothing_is_called_lost(
    at_servers: House, over_line: Services, store_line: Wire, what: str
) -> None:
    """Also when it still knows its mark and its lists, as when a disk behind it is away."""
    papers = [at_servers.send() for _ in range(3)]
    names = [at_servers.document(paper.id).object_name for paper in papers]
    on = (
        [asking_for(at_servers.services.settings, name) for name in names]
        if what == "objects"
        else [b"GET"]
    )

    with store_line.troubled(REFUSED, *on), pytest.raises(StoreUnavailable):
        fsck.check(over_line, Depth.DEEP)

    assert fsck.check(over_line, Depth.DEEP).health is Health.CLEAN


def test_a_store_that_stumbles_once_is_no_finding(
    at_servers: House, over_line: Services, store_line: Wire
) -> None:
    papers = [at_servers.send() for _ in range(2)]
    name = at_servers.document(papers[0].id).object_name

    with store_line.troubled(
        REFUSED, asking_for(at_servers.services.settings, name), skip=0
    ) as trouble:
        real = trouble.takes
        trouble.takes = lambda data: trouble.hits == 0 and real(data)  # type: ignore[method-assign]
        report = fsck.check(over_line, Depth.DEEP)

    assert (trouble.hits, report.health) == (1, Health.CLEAN)
