"""Looking again with newer signatures, on a real clamd that learns while it runs; and being told.

Which rows are asked about, and what becomes of them, stands in ``tests.core.documents``.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import cast
from uuid import UUID

import pytest
from tests.adapters.paper_corpus import small_pdf, stream
from tests.factories import NOW, make_catalogue
from tests.operations.house import OTHER_PAPER, PAPER, House
from tests.operations.post import Post, texts_of
from tests.scanners import Saying
from tests.servers_clamd import EICAR, ClamdServer, clamd_for_tests

from kursdocs.adapters.scanner import ClamdScanner
from kursdocs.core import outbox
from kursdocs.core.audit import Happening
from kursdocs.core.documents import lifecycle
from kursdocs.core.errors import NotFound, Unavailable
from kursdocs.core.outbox import Purpose
from kursdocs.core.ports import (
    ObjectStore,
    Scan,
    Scanner,
    Signatures,
    StoreUnavailable,
    Verdict,
)
from kursdocs.operations import rescanning
from kursdocs.operations.alarming import Alarm
from kursdocs.operations.rescanning import Rescanned, look_again, rescan, watch

WORM = b"Muster-Wurm, den gestern noch niemand kannte"
BAD = small_pdf(b"/Probe 4 0 R", b"", stream(WORM))
MONDAY = date(2026, 11, 23)


@pytest.fixture
def clamd() -> Iterator[ClamdServer]:
    with clamd_for_tests() as server:
        yield server


def with_scanner(house: House, scanner: Scanner) -> House:
    return replace(house, services=replace(house.services, scanner=scanner))


@pytest.fixture
def guarded(house: House, clamd: ClamdServer) -> House:
    """The house with a real scanner, on both combinations of parts."""
    return with_scanner(house, ClamdScanner(clamd.address, seconds=5))


def states(house: House, *ids: UUID) -> list[str]:
    return [house.document(one).state.value for one in ids]


# -- a real clamd ----------------------------------------------------------------------------------


def test_what_newer_signatures_find_is_blocked_and_the_rest_confirmed(
    guarded: House, clamd: ClamdServer
) -> None:
    good, bad, other = (guarded.send(one).id for one in (PAPER, BAD, OTHER_PAPER))
    assert guarded.read(bad) == BAD
    assert rescan(guarded.services) == Rescanned()

    clamd.learn(WORM)
    done = rescan(guarded.services)

    assert done == Rescanned(confirmed=2, blocked=1)
    assert states(guarded, good, bad, other) == ["live", "blocked", "live"]
    present = guarded.services.scanner.signatures().version
    assert {guarded.document(one).scan_signatures for one in (good, bad, other)} == {present}
    for reader in (guarded.sender, guarded.recipient):
        with pytest.raises(NotFound):
            guarded.read(bad, reader)
    assert guarded.read(good) == PAPER
    [event] = guarded.events(Happening.DOCUMENT_BLOCKED)
    assert (event.document_id, event.detail) == (bad, {"reason": "infected"})
    assert rescan(guarded.services) == Rescanned()
    assert guarded.faults() == []


def test_what_signatures_of_ones_own_find_is_blocked_when_somebody_asks_for_it(
    embedded: House, clamd: ClamdServer
) -> None:
    """clamd says the same of itself before and after; if it ever tells, this can be easier."""
    guarded = with_scanner(embedded, ClamdScanner(clamd.address, seconds=5))
    good, bad = guarded.send(PAPER).id, guarded.send(BAD).id
    before = guarded.services.scanner.signatures()
    clamd.add_own(WORM)
    assert guarded.services.scanner.signatures() == before
    assert rescan(guarded.services) == Rescanned()

    assert look_again(guarded.services) == 2
    assert rescan(guarded.services) == Rescanned(confirmed=1, blocked=1)

    assert states(guarded, good, bad) == ["live", "blocked"]
    assert rescan(guarded.services) == Rescanned()


def test_whoever_judged_it_a_moment_ago_does_not_write_over_the_wish(
    embedded: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescanning, "BATCH", 2)
    sent = [embedded.send().id for _ in range(5)]

    def asked_meanwhile() -> None:
        assert look_again(embedded.services) == 5

    busy = with_scanner(embedded, Saying(signatures="new", first=asked_meanwhile))
    calm = with_scanner(embedded, Saying(signatures="new"))

    rescan(busy.services)
    judged = 0
    while (done := rescan(calm.services)).confirmed:
        judged += done.confirmed

    assert judged == len(sent)


def test_while_the_scanner_is_away_or_hangs_nothing_is_touched(
    embedded: House, clamd: ClamdServer
) -> None:
    house = with_scanner(embedded, ClamdScanner(clamd.address, seconds=0.3))
    bad = house.send(BAD).id
    clamd.learn(WORM)
    before = house.document(bad).scan_signatures

    with clamd.frozen():
        assert rescan(house.services) == Rescanned(is_done=False)
    clamd.stop()
    assert rescan(house.services) == Rescanned(is_done=False)
    assert (states(house, bad), house.document(bad).scan_signatures) == (["live"], before)

    clamd.start()
    assert rescan(house.services).blocked == 1


def test_two_days_without_a_scanner_hold_everything_and_lose_nothing(
    embedded: House, clamd: ClamdServer
) -> None:
    house = with_scanner(embedded, ClamdScanner(clamd.address, seconds=5))
    clamd.stop()
    good, bad = house.send(PAPER).id, house.send(BAD).id
    for _ in range(4):
        assert house.sweep(timedelta(hours=12)).released == 0
    assert states(house, good, bad) == ["held", "held"]

    clamd.found += (WORM,)
    clamd.start()
    swept = house.sweep()

    assert (swept.released, swept.blocked) == (1, 1)
    assert states(house, good, bad) == ["live", "blocked"]
    assert house.read(good) == PAPER
    assert house.faults() == []


def test_signatures_that_were_loaded_since_are_never_taken_for_the_older_ones(
    embedded: House, clamd: ClamdServer
) -> None:
    """They are loaded after the run began: its verdict is not kept under the older name."""
    house = with_scanner(embedded, ClamdScanner(clamd.address, seconds=5))
    document_id = house.send(PAPER).id
    clamd.learn()
    real = house.services.scanner

    class Learning(Saying):
        def signatures(self) -> Signatures:
            known = real.signatures()
            clamd.learn()
            return known

        def scan(self, data: bytes) -> Scan:
            return real.scan(data)

    done = rescan(with_scanner(house, Learning()).services)

    assert done == Rescanned(is_done=False)
    assert rescan(house.services) == Rescanned(confirmed=1)
    assert house.document(document_id).scan_signatures == real.signatures().version


# -- pace and trouble ------------------------------------------------------------------------------


class Picky(Saying):
    """A scanner that cannot judge one content, after which it may be gone."""

    def __init__(self, content: bytes, *, dies: bool = False) -> None:
        super().__init__(signatures="Probe 1.0/2")
        self._content, self._dies, self._is_gone = content, dies, False

    def scan(self, data: bytes) -> Scan:
        found = super().scan(data)
        if data != self._content:
            return found
        self._is_gone = self._dies
        return Scan(Verdict.UNSCANNABLE)

    def check(self) -> None:
        if self._is_gone:
            raise Unavailable("scanner_unavailable")


def test_one_that_cannot_be_judged_keeps_the_others_from_nothing(embedded: House) -> None:
    first, second = embedded.send(PAPER).id, embedded.send(OTHER_PAPER).id
    picky = Picky(PAPER)
    house = with_scanner(embedded, picky)

    assert rescan(house.services) == Rescanned(confirmed=1, doubtful=1)
    assert rescan(house.services) == Rescanned()
    assert len(picky.scanned) == 2
    assert states(house, first, second) == ["live", "live"]
    assert rescan(with_scanner(house, Saying(signatures="Probe 1.0/3")).services).confirmed == 2


def test_one_that_brings_the_scanner_down_is_not_the_first_again(embedded: House) -> None:
    embedded.send(PAPER)
    second = embedded.send(OTHER_PAPER).id
    house = with_scanner(embedded, Picky(PAPER, dies=True))

    assert rescan(house.services) == Rescanned(doubtful=1, is_done=False)

    back = with_scanner(house, Saying(signatures="Probe 1.0/2"))
    assert rescan(back.services) == Rescanned(confirmed=1)
    assert house.document(second).scan_signatures == "Probe 1.0/2"


def test_a_run_ends_with_its_budget_and_the_next_goes_on(
    embedded: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        embedded.send()
    house = with_scanner(embedded, Saying())
    monkeypatch.setattr(rescanning, "BYTES_A_RUN", len(PAPER) + 1)

    runs = [rescan(house.services) for _ in range(4)]

    assert [(run.confirmed, run.is_done) for run in runs] == [
        (2, False),
        (2, False),
        (1, True),
        (0, True),
    ]


def test_a_damaged_document_stops_nobody_else(embedded: House) -> None:
    damaged, whole = embedded.send(PAPER).id, embedded.send(OTHER_PAPER).id
    embedded.services.store.delete(embedded.document(damaged).object_name)

    done = rescan(with_scanner(embedded, Saying()).services)

    assert (done.confirmed, done.doubtful) == (1, 1)
    assert states(embedded, damaged, whole) == ["live", "live"]


class Reluctant:
    """A store that answers, but never hands out the object of that name."""

    def __init__(self, store: ObjectStore, name: str) -> None:
        self._store, self._name = store, name
        self.is_down = False

    def get(self, name: str) -> bytes:
        if name == self._name or self.is_down:
            raise StoreUnavailable
        self.is_down = self.goes_down
        return self._store.get(name)

    goes_down = False

    def check(self) -> None:
        if self.is_down:
            raise StoreUnavailable


def test_one_that_the_store_never_hands_out_stops_nobody_else(embedded: House) -> None:
    first, second = embedded.send(PAPER).id, embedded.send(OTHER_PAPER).id
    house = with_scanner(embedded, Saying())
    store = Reluctant(house.services.store, embedded.document(first).object_name)

    done = rescan(replace(house.services, store=cast(ObjectStore, store)))

    assert (done.confirmed, done.doubtful) == (1, 1)
    assert states(embedded, first, second) == ["live", "live"]


def test_what_was_seen_before_the_store_went_away_is_written_down(embedded: House) -> None:
    first, second = embedded.send(PAPER).id, embedded.send(OTHER_PAPER).id
    house = with_scanner(embedded, Saying(signatures="Probe 1.0/2"))
    store = Reluctant(house.services.store, "")
    store.goes_down = True

    with pytest.raises(StoreUnavailable):
        rescan(replace(house.services, store=cast(ObjectStore, store)))

    assert house.document(first).scan_signatures == "Probe 1.0/2"
    assert house.document(second).scan_signatures == ""


def test_who_chose_to_scan_nothing_scans_nothing(embedded: House) -> None:
    embedded.send()

    assert embedded.services.settings.clamd == "off"
    assert rescan(embedded.services) == Rescanned()


def test_what_was_let_in_unscanned_is_looked_at_once_there_is_a_scanner(embedded: House) -> None:
    document_id = embedded.send(small_pdf(b"/Probe 4 0 R", b"", stream(EICAR))).id

    done = rescan(with_scanner(embedded, Saying(Verdict.INFECTED)).services)

    assert (done.blocked, states(embedded, document_id)) == (1, ["blocked"])


# -- asking about held ones ------------------------------------------------------------------------


def test_what_cannot_be_judged_is_asked_ever_more_rarely(embedded: House) -> None:
    asked = Saying(Verdict.UNSCANNABLE)
    house = with_scanner(embedded, asked)
    house.send()
    counts = []
    for _ in range(4):
        before = len(asked.scanned)
        for _ in range(30):
            house.sweep(timedelta(minutes=1))
        counts.append(len(asked.scanned) - before)

    assert counts[0] == 30
    assert all(1 <= count <= 3 for count in counts[1:])


def test_with_other_signatures_it_is_asked_at_once(embedded: House) -> None:
    house = with_scanner(embedded, Saying(Verdict.UNSCANNABLE))
    document_id = house.send().id
    house.sweep(timedelta(minutes=45))
    house.sweep(timedelta(minutes=10))

    newer = with_scanner(house, Saying(signatures="Probe 1.0/2"))
    newer.sweep(timedelta(minutes=1))

    assert states(house, document_id) == ["live"]


def test_a_scanner_that_is_gone_is_asked_once_a_run_and_not_once_a_paper(embedded: House) -> None:
    class Gone(Saying):
        asked = 0

        def signatures(self) -> Signatures:
            Gone.asked += 1
            raise Unavailable("scanner_unavailable")

    house = with_scanner(embedded, Gone(Verdict.UNSCANNABLE))
    for _ in range(3):
        house.send()
    house.services.scanner.scanned.clear()  # type: ignore[attr-defined]  # it is ours

    house.sweep(timedelta(hours=5))

    assert (Gone.asked, house.services.scanner.scanned) == (1, [])  # type: ignore[attr-defined]


def test_withdrawn_while_it_was_scanned_again_it_stays_so(embedded: House) -> None:
    document_id = embedded.send().id

    def withdraw() -> None:
        with embedded.services.transaction() as session:
            lifecycle.withdraw(
                session,
                embedded.sender,
                document_id,
                reason="misaddressed",
                catalogue=make_catalogue(),
                now=NOW,
            )

    scanner = Saying(Verdict.INFECTED, first=withdraw)
    rescan(with_scanner(embedded, scanner).services)

    # It may have been copied before: malware is told of a withdrawn one as well.
    assert states(embedded, document_id) == ["blocked"]
    assert embedded.document(document_id).was_withdrawn_at == NOW


# -- the operator ----------------------------------------------------------------------------------


def told(post: Post) -> list[str]:
    return [mail.dedupe.split("|")[1] for mail in post.mails() if mail.purpose is Purpose.ALARM]


def with_signatures(post: Post, *, days: float | None) -> Post:
    made_at = None if days is None else post.house.clock() - timedelta(days=days)
    scanner = Saying(made_at=made_at)
    return replace(post, house=with_scanner(post.house, scanner))


@pytest.mark.parametrize(
    ("days", "kinds"), [(2.9, []), (3.1, ["signatures_old"]), (None, ["signatures_old"])]
)
def test_old_or_undated_signatures_are_told(
    post: Post, days: float | None, kinds: list[str]
) -> None:
    post.staff()
    post = with_signatures(post.at(MONDAY), days=days)

    for _ in range(2):
        watch(post.services)

    assert told(post) == kinds


def test_what_waits_for_a_day_is_told(post: Post) -> None:
    post.staff()
    post = with_signatures(post.at(MONDAY), days=1)
    post.arrive(scanned=False, hours_ago=23)
    watch(post.services)
    assert told(post) == []

    watch(post.later(hours=1).services)
    assert told(post) == [Alarm.HELD_LONG]


def test_malware_in_a_delivered_paper_is_told_at_once(post: Post) -> None:
    post.staff()
    house = with_scanner(post.house, Saying(Verdict.INFECTED))
    post.house.send()
    post.house.send(OTHER_PAPER)

    rescan(house.services)
    post.deliver()

    assert told(post) == [Alarm.MALWARE_DELIVERED]
    [letter] = [
        one for one in post.smtp.letters if "malware_delivered" in str(one.message["Subject"])
    ]
    assert "in 2 Papieren Schadsoftware gefunden" in texts_of(letter)["plain"]


def test_who_dies_while_telling_has_blocked_nothing_either(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.staff()
    house = with_scanner(post.house, Saying(Verdict.INFECTED))
    post.house.send()

    def die(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "put", die)
        with pytest.raises(KeyboardInterrupt):
            rescan(house.services)
    assert (house.states(), told(post)) == (["live"], [])

    rescan(house.services)
    assert (house.states(), told(post)) == (["blocked"], [Alarm.MALWARE_DELIVERED])


def test_what_is_found_before_midnight_is_told_once(post: Post) -> None:
    post.staff()
    post = post.at(MONDAY, 23).later(minutes=30)
    post.house.send()
    rescan(with_scanner(post.house, Saying(Verdict.INFECTED)).services)
    later = post.later(hours=1)

    watch(later.services)
    later.deliver()
    watch(later.later(hours=1).services)

    assert told(post) == [Alarm.MALWARE_DELIVERED]


def test_what_is_found_after_the_mail_of_that_day_is_told_the_next(post: Post) -> None:
    post.staff()
    post = post.at(MONDAY, 13)
    for _ in range(2):
        post.house.send()
        rescan(with_scanner(post.house, Saying(Verdict.INFECTED)).services)
        post.deliver()
        post = post.later(minutes=10)
    watch(post.services)
    assert told(post) == [Alarm.MALWARE_DELIVERED]

    post = post.later(hours=12)
    for _ in range(2):
        watch(post.services)
        post.deliver()

    assert told(post) == [Alarm.MALWARE_DELIVERED] * 2


def test_without_a_scanner_by_choice_nobody_is_told_of_its_age(post: Post) -> None:
    post.staff()

    watch(post.services)

    assert told(post) == []
