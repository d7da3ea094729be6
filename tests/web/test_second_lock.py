"""Two locks keep agencies apart: the conditions of our queries, and PostgreSQL's own policies.

Each test takes one of them away, and the other holds. That both together leak shows that the first
two can fail.
"""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from uuid import UUID

import pytest
import sqlalchemy as sa
from tests.servers import PostgresServer
from tests.web.house import (
    OFFICE,
    SPRACHWERK,
    UNKNOWN,
    VHS,
    Answer,
    House,
    draft_of,
    followed,
    open_house,
    requested,
)

from kursdocs.core import audit
from kursdocs.core.documents import downloads, inbox, lifecycle, reading, settling
from kursdocs.core.drafts import desk
from kursdocs.core.follow_ups import reading as follow_ups
from kursdocs.core.requests import reading as requests

LOCKED = (
    "document",
    "delivery",
    "search_token",
    "draft",
    "idempotency_key",
    "paper_request",
    "follow_up",
    "audit_event",
)
STRANGER, NAME = "selin.beispiel", "Mustermann-Öztürk"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[House]:
    url = postgres.new_database()
    with open_house(tmp_path_factory.mktemp("locks") / "var", database_url=url) as opened:
        yield opened
    postgres.drop_database(url)


# ── Taking one lock away ─────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Condition:
    """One condition of one function, as its source says it, and what stands there instead."""

    module: ModuleType
    function: str
    text: str
    instead: str = "__import__('sqlalchemy').true()"

    def remove(self, monkeypatch: pytest.MonkeyPatch) -> None:
        function = getattr(self.module, self.function)
        source = textwrap.dedent(inspect.getsource(function))
        assert source.count(self.text) == 1, f"{self.function} no longer says {self.text!r}"
        made: dict[str, object] = {}
        exec(source.replace(self.text, self.instead), function.__globals__, made)  # noqa: S102
        monkeypatch.setattr(self.module, self.function, made[self.function])


@contextmanager
def policies_off(house: House) -> Iterator[None]:
    """As on a database without them."""
    _each_table(house, "DISABLE")
    try:
        yield
    finally:
        _each_table(house, "ENABLE")


def _each_table(house: House, deed: str) -> None:
    with house.services.transaction() as session:
        for table in LOCKED:
            session.execute(sa.text(f"ALTER TABLE {table} {deed} ROW LEVEL SECURITY"))


# ── What a stranger tries ────────────────────────────────────────────────────────────────────

Attempt = Callable[[House], bool]


def by_id(house: House, ask: Callable[[UUID], Answer], known: UUID) -> bool:
    """Whether the answer to a foreign id differs from that to one that never existed."""
    answer, unknown = ask(known), ask(UNKNOWN)
    assert unknown.status_code == 404, unknown.text
    return (answer.status_code, answer.text) != (unknown.status_code, unknown.text)


def documents(house: House) -> bool:
    stranger = house.person(STRANGER)
    foreign = house.noted(VHS, OFFICE).document_id
    return by_id(house, lambda one: stranger.get(f"/documents/{one}"), foreign)


def inbox_page(house: House) -> bool:
    house.noted(VHS, OFFICE)
    return NAME in house.person(STRANGER).get("/inbox").text


def inbox_search(house: House) -> bool:
    house.noted(VHS, OFFICE)
    # The name that is searched for stands on the page anyway.
    found = house.person(STRANGER).post("/inbox/search", {"state": "new", "name": "Mustermann"})
    return "Probefried" in found.text


def sent_page(house: House) -> bool:
    house.noted(VHS, OFFICE)
    return NAME in house.person(STRANGER).get("/sent").text


def drafts(house: House) -> bool:
    foreign = UUID(draft_of(house, "amina.muster", VHS))
    stranger = house.person(STRANGER)
    return by_id(house, lambda one: stranger.get(f"/desk/{one}/pages/1"), foreign)


def paper_requests(house: House) -> bool:
    foreign, stranger = requested(house, OFFICE, VHS), house.person(STRANGER)
    return by_id(house, lambda one: stranger.get(f"/requests/{one}"), foreign)


def follow_ups_page(house: House) -> bool:
    followed(house, VHS)
    return NAME in house.person(STRANGER).get("/follow-ups").text


def take_over(house: House) -> bool:
    foreign, program = house.noted(VHS, OFFICE).delivery_id, house.service(SPRACHWERK)
    return by_id(house, lambda one: program.post(f"/api/v1/deliveries/{one}/take-over"), foreign)


def withdraw(house: House) -> bool:
    foreign, program = house.noted(VHS, OFFICE).document_id, house.service(SPRACHWERK)

    def ask(document_id: UUID) -> Answer:
        reason = {"reason": "wrong_person"}
        return program.post(f"/api/v1/documents/{document_id}/withdrawal", json=reason)

    return by_id(house, ask, foreign)


def bundle(house: House) -> bool:
    foreign, program = house.sent(VHS, OFFICE).delivery_id, house.service(SPRACHWERK)

    def ask(delivery_id: UUID) -> Answer:
        return program.post("/api/v1/inbox/bundle", json={"deliveries": [str(delivery_id)]})

    return by_id(house, ask, foreign)


def log_page(house: House) -> bool:
    foreign = house.noted(VHS, OFFICE).document_id
    return f"/documents/{foreign}" in house.person(STRANGER).get("/log").text


_REACH = Condition(reading, "_is_in_reach", "col(Document.sender_agency_id) == agency_id")
_TO_US = Condition(inbox, "_came_in", "col(Delivery.recipient_agency_id) == actor.acting.id")
_AS_SENDER = (
    _REACH,
    Condition(reading, "in_reach", "document.sender_agency_id == agency_id", "True"),
)
GATES: dict[str, tuple[Attempt, tuple[Condition, ...]]] = {
    "a document": (documents, (_REACH,)),
    "the inbox": (inbox_page, (_TO_US,)),
    "a search": (
        inbox_search,
        (
            _TO_US,
            Condition(inbox, "_with_token", "col(SearchToken.agency_id) == actor.acting.id"),
        ),
    ),
    "what was sent": (
        sent_page,
        (Condition(reading, "sent", "Document.sender_agency_id == actor.acting.id"),),
    ),
    "a draft": (
        drafts,
        (
            Condition(
                desk,
                "owned_by",
                "Draft.user_id == actor.user_id, Draft.agency_id == actor.acting.id",
            ),
        ),
    ),
    "a request": (paper_requests, (Condition(requests, "_is_on", "own == actor.acting.id"),)),
    "follow-ups": (
        follow_ups_page,
        (Condition(follow_ups, "_select", "col(FollowUp.agency_id) == actor.acting.id"),),
    ),
    "taking over": (
        take_over,
        (
            *_AS_SENDER,
            Condition(
                settling,
                "_untouched",
                "delivery.recipient_agency_id != actor.acting.id",
                "False",
            ),
        ),
    ),
    "withdrawing": (
        withdraw,
        (
            *_AS_SENDER,
            Condition(
                lifecycle, "withdraw", "document.sender_agency_id != actor.acting.id", "False"
            ),
        ),
    ),
    "many at once": (
        bundle,
        (
            *_AS_SENDER,
            Condition(downloads, "received", "col(Delivery.recipient_agency_id) == agency.id"),
        ),
    ),
    "the log": (
        log_page,
        (Condition(audit, "page", "AuditEvent.agency_id == actor.agency.id"),),
    ),
}
every_gate = pytest.mark.parametrize(("attempt", "conditions"), GATES.values(), ids=GATES)


@every_gate
def test_a_query_without_its_condition_shows_nothing_foreign(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    attempt: Attempt,
    conditions: tuple[Condition, ...],
) -> None:
    for condition in conditions:
        condition.remove(monkeypatch)

    assert not attempt(house)


@every_gate
def test_a_database_without_policies_shows_nothing_foreign(
    house: House, attempt: Attempt, conditions: tuple[Condition, ...]
) -> None:
    with policies_off(house):
        assert not attempt(house)


@every_gate
def test_without_both_locks_it_leaks(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    attempt: Attempt,
    conditions: tuple[Condition, ...],
) -> None:
    for condition in conditions:
        condition.remove(monkeypatch)

    with policies_off(house):
        assert attempt(house)
