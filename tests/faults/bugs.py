"""Bugs that a programmer could have written, each put into the program for the length of a run.

The harness must catch every one of them, by the word that it breaks; one that survives shows that
the harness looks away.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from unittest import mock
from uuid import UUID

from tests.faults.cases import Kind
from tests.faults.oracle import Fault

from kursdocs.core import audit, outbox
from kursdocs.core.audit import Happening
from kursdocs.core.documents import erasing, lifecycle
from kursdocs.core.documents.tables import Document
from kursdocs.core.outbox import OutboxMail
from kursdocs.core.reminders import ledger as reminders
from kursdocs.core.tables import new_id
from kursdocs.operations import intake, mailing, reminding, retention, sweeping
from kursdocs.services import Services

Patches = Callable[[], Sequence[tuple[object, str, Callable[..., Any]]]]


@dataclass(frozen=True)
class Bug:
    """What is wrong, in which deeds it shows, and the words of which at least one must be said."""

    deeds: Sequence[str]
    words: frozenset[Fault]
    patches: Patches
    kinds: Collection[Kind] = (Kind.KILL,)
    """The faults under which it shows; others are not injected."""
    share: float = 0.5
    """Of these: more where few of them show it."""

    @contextmanager
    def patched(self) -> Iterator[None]:
        """The program with the bug, as long as the block lasts."""
        with ExitStack() as stack:
            for owner, name, wrong in self.patches():
                stack.enter_context(mock.patch.object(owner, name, wrong))
            yield


def _put_after_commit() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """The document is live before its bytes are anywhere."""
    real_put, real_deliver = intake.put, intake._deliver
    later: list[tuple[Services, str, bytes]] = []

    def put(services: Services, object_name: str, sealed: bytes) -> None:
        later.append((services, object_name, sealed))

    def deliver(*arguments: Any, **named: Any) -> None:
        real_deliver(*arguments, **named)
        real_put(*later.pop())

    return [(intake, "put", put), (intake, "_deliver", deliver)]


def _no_pending_row() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """The row is written when the bytes are there already."""
    real_reserve, real_deliver = lifecycle.reserve, intake._deliver
    later: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def reserve(session: object, *arguments: Any, **named: Any) -> None:
        later.append((arguments, named))

    def deliver(task: Any, *arguments: Any, **named: Any) -> None:
        positional, keywords = later.pop()
        with task.services.transaction() as session:
            real_reserve(session, *positional, **keywords)
        real_deliver(task, *arguments, **named)

    return [(lifecycle, "reserve", reserve), (intake, "_deliver", deliver)]


def _removed_first(remove: Callable[[Services, Document], None]) -> Patches:
    """Something of a document goes before the commit that says so."""

    def patches() -> Sequence[tuple[object, str, Callable[..., Any]]]:
        real = retention._one

        def one(services: Services, document_id: UUID, step: Callable[..., bool]) -> bool:
            if step is erasing.erase:
                with services.transaction() as session:
                    document = session.get_one(Document, document_id)
                remove(services, document)
            return real(services, document_id, step)

        return [(retention, "_one", one)]

    return patches


def _log_outside_transaction() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """What was sent is logged after it was committed."""
    real_record, real_deliver = audit.record, intake._deliver
    later: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def record(session: object, *arguments: Any, **named: Any) -> None:
        if arguments[1] is Happening.DOCUMENT_SENT:
            later.append((arguments, named))
        else:
            real_record(session, *arguments, **named)  # type: ignore[arg-type]  # handed on

    def deliver(task: Any, *arguments: Any, **named: Any) -> None:
        real_deliver(task, *arguments, **named)
        while later:
            positional, keywords = later.pop()
            with task.services.transaction() as session:
                real_record(session, *positional, **keywords)

    return [(audit, "record", record), (intake, "_deliver", deliver)]


def _idempotency_ignored() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """The client's key is not looked at."""
    real = lifecycle.reserve

    def reserve(*arguments: Any, key: str, **named: Any) -> None:
        real(*arguments, key="", **named)

    return [(lifecycle, "repeated", lambda *_, **__: None), (lifecycle, "reserve", reserve)]


def _no_read_back() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """What the store says is believed."""

    def put(services: Services, object_name: str, sealed: bytes) -> None:
        services.store.put(object_name, sealed)

    return [(intake, "put", put)]


def _no_tombstones() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """What a late writer leaves behind is never looked for again."""
    return [(lifecycle, "tombstones", lambda *_, **__: [])]


def _living_cleared_up() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """After any error the bytes go, also when the commit had succeeded."""

    def clear_up(services: Services, _: object, document_id: UUID, name: str, __: object) -> None:
        services.store.delete(name)
        services.keys.destroy(document_id)

    return [(intake, "_clear_up", clear_up)]


def _key_kept() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """What is erased loses its object and keeps its key."""

    def remove(services: Services, document: Document) -> None:
        services.store.delete(document.object_name)

    return [(sweeping, "_remove", remove)]


def _keys_forgotten() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """Keys whose row was never written stay."""
    return [(sweeping, "_destroy_unused_keys", lambda _: 0)]


def _dead_forgotten() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """Nobody gives up what died on its way."""
    return [(lifecycle, "dead_intakes", lambda *_, **__: [])]


def _silent_withdrawal() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """A withdrawal is not logged."""
    real = audit.record

    def record(session: Any, actor: Any, happening: Happening, **named: Any) -> None:
        if happening is not Happening.DOCUMENT_WITHDRAWN:
            real(session, actor, happening, **named)

    return [(audit, "record", record)]


def _sent_before_sent() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """A mail counts as sent, with all that it told, and then it is handed over."""
    real = mailing._deliver

    def deliver(services: Services, mail: OutboxMail, ready: Any) -> bool:
        real(replace(services, mailer=mock.Mock()), mail, ready)
        services.mailer.send(ready.letter)
        return True

    return [(mailing, "_deliver", deliver)]


def _told_later() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """What a mail told is written down in a transaction of its own."""
    real_note, real_deliver = reminders.note, mailing._deliver
    later: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def note(session: object, *arguments: Any, **named: Any) -> None:
        later.append((arguments, named))

    def deliver(services: Services, *arguments: Any) -> bool:
        answer = real_deliver(services, *arguments)
        while later:
            positional, keywords = later.pop()
            with services.transaction() as session:
                real_note(session, *positional, **keywords)
        return answer

    return [(reminders, "note", note), (mailing, "_deliver", deliver)]


def _not_claimed() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """Whoever finds a mail sends it, whoever else is at it."""
    real = outbox.claim

    def claim(session: Any, *, now: datetime) -> OutboxMail | None:
        mail = real(session, now=now)
        if mail is not None:
            mail.due_at = now
        return mail

    return [(outbox, "claim", claim)]


def _given_up_at_once() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """A mail server that is in trouble for a moment has refused the mail."""
    real = outbox.mark_failed

    def mark_failed(*arguments: Any, final: bool, **named: Any) -> None:
        real(*arguments, final=True, **named)

    return [(outbox, "mark_failed", mark_failed)]


def _refusal_ignored() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """Whatever the mail server says, the mail counts as sent."""

    def mark_failed(session: Any, mail_id: UUID, *, now: datetime, **_: Any) -> None:
        outbox.mark_sent(session, mail_id, now=now)

    return [(outbox, "mark_failed", mark_failed)]


def _new_name_each_time() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """Each attempt has a Message-ID of its own, so that nobody can tell a double."""

    def message_id(services: Services, _: UUID) -> str:
        return f"<{new_id()}@{mailing._domain(services)}>"

    return [(mailing, "_message_id", message_id)]


def _silent_return() -> Sequence[tuple[object, str, Callable[..., Any]]]:
    """What goes back is written into the log when everything else is committed."""
    real_record, real_give = audit.record, reminding._give_back
    later: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def record(session: object, *arguments: Any, **named: Any) -> None:
        if arguments[1] is Happening.DELIVERY_RETURNED:
            later.append((arguments, named))
        else:
            real_record(session, *arguments, **named)  # type: ignore[arg-type]  # handed on

    def give_back(services: Services, *arguments: Any) -> bool:
        answer = real_give(services, *arguments)
        while later:
            positional, keywords = later.pop()
            with services.transaction() as session:
                real_record(session, *positional, **keywords)
        return answer

    return [(audit, "record", record), (reminding, "_give_back", give_back)]


def _words(*words: Fault) -> frozenset[Fault]:
    return frozenset(words)


BUGS: Mapping[str, Bug] = {
    "bytes are put after the commit": Bug(("store",), _words(Fault.LOST), _put_after_commit),
    "no row before the bytes": Bug(("store",), _words(Fault.ORPHAN, Fault.UNDEAD), _no_pending_row),
    "the object goes before the row says so": Bug(
        ("erase",),
        _words(Fault.LOST),
        _removed_first(lambda services, document: services.store.delete(document.object_name)),
    ),
    "the key goes before the row says so": Bug(
        ("erase",),
        _words(Fault.LOST),
        _removed_first(lambda services, document: services.keys.destroy(document.id)),
    ),
    "the log is written after the commit": Bug(
        ("store",), _words(Fault.UNLOGGED), _log_outside_transaction
    ),
    "a repeated upload is not recognised": Bug(
        ("store",), _words(Fault.DOUBLE), _idempotency_ignored
    ),
    "nothing is read back": Bug(("store",), _words(Fault.WRONG), _no_read_back, (Kind.SPOIL,), 1),
    "the sweeper comes only once": Bug(
        ("store",), _words(Fault.UNDEAD), _no_tombstones, (Kind.HANG,)
    ),
    "a living document is cleared up": Bug(
        ("store",), _words(Fault.LOST), _living_cleared_up, (Kind.ERROR,), 1
    ),
    "an erased document keeps its key": Bug(("erase",), _words(Fault.UNDEAD), _key_kept, share=0.1),
    "keys without a row stay": Bug(("store",), _words(Fault.ORPHAN), _keys_forgotten),
    "dead intakes stay pending": Bug(("refuse",), _words(Fault.ORPHAN), _dead_forgotten),
    "a withdrawal is not logged": Bug(
        ("withdraw",), _words(Fault.UNLOGGED), _silent_withdrawal, share=0.2
    ),
    "a mail counts as sent before it is": Bug(("mail",), _words(Fault.LOST), _sent_before_sent),
    "what a mail told is written later": Bug(("mail",), _words(Fault.UNLOGGED), _told_later),
    "a mail is not claimed": Bug(
        ("mail",), _words(Fault.DOUBLE), _not_claimed, (Kind.MEET,), share=0.3
    ),
    "a mail is given up at once": Bug(
        ("mail",), _words(Fault.LOST), _given_up_at_once, (Kind.LATER,)
    ),
    "a refusal is ignored": Bug(("mail",), _words(Fault.LOST), _refusal_ignored, (Kind.NO,)),
    "an attempt has its own Message-ID": Bug(
        ("mail",), _words(Fault.ORPHAN), _new_name_each_time, (Kind.LATER,)
    ),
    "what goes back is logged later": Bug(("plan",), _words(Fault.UNLOGGED), _silent_return),
}
