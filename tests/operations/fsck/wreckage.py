"""Damage made by hand, past every port and core function, one kind at a time.

Each function takes a house and a paper that was sent, and leaves exactly one kind of damage (or
those its row in :data:`KINDS` names).
"""

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlmodel import col, delete, select, update
from tests.factories import make_stored
from tests.operations.house import OTHER_PAPER, PAPER, House
from tests.scanners import undecided
from tests.servers import PostgresServer

from kursdocs.core import outbox
from kursdocs.core.documents import lifecycle
from kursdocs.core.documents.tables import (
    Delivery,
    Document,
    DocumentState,
    IdempotencyKey,
    SearchToken,
)
from kursdocs.core.outbox import OutboxMail
from kursdocs.core.tables import new_id
from kursdocs.operations.fsck import Damage
from kursdocs.operations.sealing import seal
from kursdocs.services import Services

A_NAME = "0123456789abcdef" * 2
LONG = timedelta(days=3)


def object_of(house: House, document_id: UUID) -> str:
    """The name of the paper's object."""
    return house.document(document_id).object_name


def replace_object(house: House, document_id: UUID, data: bytes) -> None:
    """Other bytes under the same name."""
    name = object_of(house, document_id)
    house.services.store.delete(name)
    house.services.store.put(name, data)


def change(house: House, document_id: UUID, **values: object) -> None:
    """Columns of the row, as somebody with SQL would."""
    with house.services.transaction() as session:
        rows = col(Document.id) == document_id
        session.execute(update(Document).where(rows).values(**values))


def past_the_guards(house: House, server: PostgresServer | None, statement: str) -> None:
    """What only whoever owns the database can do: change the log."""
    url = house.services.settings.database_url
    if url.startswith("sqlite:///"):
        with sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None) as connection:
            guards = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for (name,) in connection.execute(guards).fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            connection.execute(statement)
        connection.close()
        return
    assert server is not None
    with psycopg.connect(server.admin_url, dbname=url.rsplit("/", 1)[1]) as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(statement)


# -- loss ------------------------------------------------------------------------------------------


def lose_the_object(house: House, paper: UUID) -> None:
    house.services.store.delete(object_of(house, paper))


def flip_one_bit(house: House, paper: UUID) -> None:
    sealed = bytearray(house.services.store.get(object_of(house, paper)))
    sealed[len(sealed) // 2] ^= 1
    replace_object(house, paper, bytes(sealed))


def cut_it_short(house: House, paper: UUID) -> None:
    replace_object(house, paper, house.services.store.get(object_of(house, paper))[:-1])


def seal_with_another_key(house: House, paper: UUID) -> None:
    sealed = seal(bytes(32), paper, PAPER)
    replace_object(house, paper, sealed)
    change(house, paper, stored_sha256=hashlib.sha256(sealed).hexdigest())


def seal_for_another_paper(house: House, paper: UUID) -> None:
    sealed = seal(house.services.keys.get(paper), new_id(), PAPER)
    replace_object(house, paper, sealed)
    change(house, paper, stored_sha256=hashlib.sha256(sealed).hexdigest())


def destroy_the_key(house: House, paper: UUID) -> None:
    house.services.keys.destroy(paper)


def damage_the_key(house: House, paper: UUID) -> None:
    engine = sa.create_engine(house.services.settings.keys_url.replace("postgresql:", _DRIVER))
    with engine.begin() as connection:
        table = sa.Table("document_key", sa.MetaData(), autoload_with=connection)
        column = table.c.wrapped_key
        [wrapped] = connection.execute(sa.select(column)).scalars().all()
        connection.execute(table.update().values(wrapped_key=wrapped[:-1] + bytes(1)))
    engine.dispose()


def seal_another_content(house: House, paper: UUID) -> None:
    sealed = seal(house.services.keys.get(paper), paper, OTHER_PAPER)
    replace_object(house, paper, sealed)
    sha256 = hashlib.sha256(sealed).hexdigest()
    change(house, paper, stored_sha256=sha256, byte_size=len(OTHER_PAPER))


def change_a_state_without_the_log(house: House, paper: UUID) -> None:
    now = house.clock()
    change(house, paper, state=DocumentState.WITHDRAWN, withdrawn_at=now)


def delete_the_row(house: House, paper: UUID, *, is_thorough: bool = True) -> None:
    """Its object and its key as well, if ``is_thorough``."""
    services, name = house.services, object_of(house, paper)
    with services.transaction() as session:
        deliveries = select(Delivery.id).where(Delivery.document_id == paper)
        session.exec(delete(SearchToken).where(col(SearchToken.delivery_id).in_(deliveries)))
        session.exec(delete(Delivery).where(col(Delivery.document_id) == paper))
        session.exec(delete(IdempotencyKey).where(col(IdempotencyKey.document_id) == paper))
        session.exec(delete(Document).where(col(Document.id) == paper))
    if is_thorough:
        services.store.delete(name)
        services.keys.destroy(paper)


def abandon_and_sweep(house: House) -> UUID:
    """An intake that died, and of which nothing is left."""
    document_id = begin(house)
    house.sweep(LONG)
    house.sweep()
    assert house.document(document_id).swept_at is not None
    return document_id


def raise_the_dead(house: House, paper: UUID) -> None:
    dead = abandon_and_sweep(house)
    key = house.services.keys.create(dead)
    house.services.store.put(object_of(house, dead), seal(key, dead, PAPER))
    house.clock.advance(LONG)


# -- what can be mended ----------------------------------------------------------------------------


def put_a_stranger(house: House, paper: UUID) -> None:
    house.services.store.put(A_NAME, b"nobody knows of this")


def leave_an_object(house: House, paper: UUID) -> None:
    dead = abandon_and_sweep(house)
    house.services.store.put(object_of(house, dead), b"written too late")
    house.clock.advance(LONG)


def leave_a_key(house: House, paper: UUID) -> None:
    dead = abandon_and_sweep(house)
    house.services.keys.create(dead)
    house.clock.advance(LONG)


def make_a_key_for_nobody(house: House, paper: UUID) -> None:
    house.services.keys.create(new_id())
    house.clock.advance(LONG)


def begin(house: House) -> UUID:
    """An intake that has its key and its row, and died."""
    document_id, sending = new_id(), house.sending()
    house.services.keys.create(document_id)
    with house.services.transaction() as session:
        lifecycle.reserve(
            session,
            house.sender,
            sending,
            make_stored(),
            document_id=document_id,
            key="",
            now=house.clock(),
        )
    return document_id


def leave_pending(house: House, paper: UUID) -> None:
    begin(house)
    house.clock.advance(LONG)


def forget_the_words(house: House, paper: UUID) -> None:
    with house.services.transaction() as session:
        session.exec(delete(SearchToken))


def stick_a_mail(house: House, paper: UUID) -> None:
    now = house.clock()
    with house.services.transaction() as session:
        outbox.put(
            session,
            dedupe="stuck",
            address="post@musterstadt.example",
            now=now,
            lapses_at=now + 2 * LONG,
        )
    house.clock.advance(LONG)


def hold_for_long(house: House, paper: UUID) -> None:
    house.send(services=replace(house.services, scanner=undecided()))
    house.clock.advance(LONG)


def without_a_verdict(house: House) -> Services:
    """The same installation, whose scanner does not answer."""
    return replace(house.services, scanner=undecided())


@dataclass(frozen=True)
class Kind:
    """One kind of damage: what makes it, how it must be named, whether only reading finds it."""

    make: Callable[[House, UUID], None]
    damage: Damage
    is_deep: bool = False


LOSSES = (
    Kind(lose_the_object, Damage.LOST_OBJECT),
    Kind(flip_one_bit, Damage.CORRUPT, is_deep=True),
    Kind(cut_it_short, Damage.CORRUPT),
    Kind(seal_with_another_key, Damage.WRONG_KEY, is_deep=True),
    Kind(seal_for_another_paper, Damage.WRONG_KEY, is_deep=True),
    Kind(destroy_the_key, Damage.KEY_MISSING),
    Kind(damage_the_key, Damage.KEY_UNREADABLE),
    Kind(seal_another_content, Damage.WRONG_CONTENT, is_deep=True),
    Kind(change_a_state_without_the_log, Damage.LOG_GAP),
    Kind(delete_the_row, Damage.DOCUMENT_VANISHED),
    Kind(raise_the_dead, Damage.UNDEAD),
)
MENDABLE = (
    Kind(put_a_stranger, Damage.UNTRACKED_OBJECT),
    Kind(leave_an_object, Damage.LEFT_OBJECT),
    Kind(leave_a_key, Damage.LEFT_KEY),
    Kind(make_a_key_for_nobody, Damage.KEY_UNUSED),
    Kind(leave_pending, Damage.PENDING_OLD),
    Kind(forget_the_words, Damage.INDEX_MISSING),
    Kind(stick_a_mail, Damage.MAIL_STUCK),
    Kind(hold_for_long, Damage.HELD_OLD),
)


def mails(house: House) -> list[OutboxMail]:
    """All rows of the outbox."""
    with house.services.transaction() as session:
        return list(session.exec(select(OutboxMail)))


_DRIVER = "postgresql+psycopg:"
