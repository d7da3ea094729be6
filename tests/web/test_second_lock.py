"""Two locks keep agencies apart: the conditions of our queries, and PostgreSQL's own policies.

Each test takes one of them away, and the other holds. That both together leak shows that the first
two can fail.
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import cast
from uuid import UUID

import pytest
import sqlalchemy as sa
from tests.servers import PostgresServer
from tests.web.house import (
    METRICS_TOKEN,
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
    the_file,
)

from kursdocs.adapters.database import Database
from kursdocs.core import audit, scopes
from kursdocs.core.documents import downloads, inbox, lifecycle, reading, settling
from kursdocs.core.drafts import desk
from kursdocs.core.follow_ups import reading as follow_ups
from kursdocs.core.requests import reading as requests
from kursdocs.core.scopes import Reach, Scope
from kursdocs.web import endpoint

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
    with open_house(
        tmp_path_factory.mktemp("locks") / "var", database_url=url, metrics_token=METRICS_TOKEN
    ) as opened:
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


# ── How far each transaction of a request reaches ────────────────────────────────────────────


@contextmanager
def begun(house: House) -> Iterator[list[Scope]]:
    """The scope of each transaction that begins meanwhile, in whatever thread."""
    engine, found = cast(Database, house.services.database).engine, list[Scope]()

    def note(_: sa.Connection) -> None:
        found.append(scopes.present())

    sa.event.listen(engine, "begin", note)
    try:
        yield found
    finally:
        sa.event.remove(engine, "begin", note)


def scope_of(house: House, slug: str) -> Scope:
    return Scope(Reach.AGENCY, house.actor(slug).acting.id)


def download(house: House) -> Callable[[], Answer]:
    sent, clerk = house.sent(VHS, OFFICE), house.person("jonas.muster")
    return lambda: clerk.get(f"/documents/{sent.document_id}/content")


def zip_of_one(house: House) -> Callable[[], Answer]:
    sent, program = house.sent(VHS, OFFICE), house.service(OFFICE)
    wanted = {"deliveries": [str(sent.delivery_id)]}
    return lambda: program.post("/api/v1/inbox/bundle", json=wanted)


def refused(house: House) -> Callable[[], Answer]:
    clerk = house.person("jonas.muster")
    return lambda: clerk.get(f"/documents/{UNKNOWN}")


def sending(house: House) -> Callable[[], Answer]:
    clerk = house.person("amina.muster")
    return lambda: clerk.send()


def onto_the_desk(house: House) -> Callable[[], Answer]:
    clerk = house.person("amina.muster")
    return lambda: clerk.post("/desk/files", {"acting_agency": VHS}, files=the_file())


def a_list(house: House) -> Callable[[], Answer]:
    clerk = house.person("jonas.muster")
    return lambda: clerk.get("/inbox")


@pytest.mark.parametrize(
    ("way", "slug", "status"),
    [
        (a_list, OFFICE, 200),
        (download, OFFICE, 200),
        (zip_of_one, OFFICE, 200),
        (refused, OFFICE, 404),
        (sending, VHS, 303),
        (onto_the_desk, VHS, 303),
    ],
)
def test_every_transaction_of_a_request_reaches_its_agency_at_most(
    house: House, way: Callable[[House], Callable[[], Answer]], slug: str, status: int
) -> None:
    """Also those in threads of uploads and downloads, and while the answer streams."""
    deed, own = way(house), scope_of(house, slug)
    with begun(house) as found:
        answer = deed()

    assert answer.status_code == status, answer.text
    assert set(found) <= {scopes.NOBODY, own}
    assert found


def test_who_is_told_of_no_person_reads_only(house: House) -> None:
    visitor = house.visitor()
    with begun(house) as found:
        visitor.get("/readyz")
        visitor.client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})

    assert set(found) == {scopes.SYSTEM}


def test_the_coordinator_reaches_the_town(house: House) -> None:
    coordinator = house.person("ines.muster")
    with begun(house) as found:
        assert coordinator.get("/municipality").status_code == 200

    assert {scope.reach for scope in found} <= {Reach.NOBODY, Reach.TOWN}


def test_no_work_of_a_request_runs_in_a_thread_that_forgot_its_scope() -> None:
    """``anyio`` hands the scope on to its threads; a plain thread would start with everything.

    Which is right for what only the worker and the command line do.
    """
    not_of_requests = {
        "operations/backing_up.py",
        "operations/restoring.py",
        "operations/fsck/looking.py",
    }
    source = Path(inspect.getfile(endpoint)).parents[1]
    plain = re.compile(r"threading\.Thread|ThreadPoolExecutor|run_in_executor|asyncio\.to_thread")
    found = {
        path.relative_to(source).as_posix()
        for part in ("web", "operations", "core")
        for path in (source / part).rglob("*.py")
        if plain.search(path.read_text(encoding="utf-8"))
    }

    assert found <= not_of_requests
