"""Putting a copy back into an empty place: objects first, then the keys, the database last.

Everything is compared with the sums of the copy before anything is written. The database has no
revision until the very end, so that no program takes half of an installation for a whole one. What
was erased after the database was copied has no key in the newest copy of the keys: it is forgotten
here too, before anybody can look at it.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from datetime import datetime
from functools import partial
from io import BytesIO
from uuid import UUID

import structlog
from sqlmodel import Session, select

from kursdocs.core import audit
from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.agencies import Municipality
from kursdocs.core.audit import Happening
from kursdocs.core.backups import BackupRefused, Copies, Dump, Manifest, Opener, moment_of
from kursdocs.core.documents import contents, erasing, lifecycle
from kursdocs.core.drafts import lifecycle as drafts
from kursdocs.core.ports import ForeignInstance, KeyStore, ObjectStore, Tampered
from kursdocs.operations import last_backup, sweeping
from kursdocs.operations.backing_up import (
    DATABASE,
    MANIFEST,
    SUMS,
    all_keys,
    names_in,
)
from kursdocs.services import Services

Transaction = Callable[[], AbstractContextManager[Session]]

DUTY = "restore"
KEY_DESTROYED = "key_destroyed"
_AT_A_TIME = 8
_CHUNK = 1 << 20

_log = structlog.get_logger()


@dataclass(frozen=True)
class Place:
    """The empty place: both databases as a whole, and what they are opened with afterwards.

    ``prepared`` brings the restored database to this version's schema while it stays hidden, and
    hands out its transactions; ``key_store`` opens the restored keys; ``shown`` ends the hiding.
    """

    database: Dump
    keys: Dump
    store: ObjectStore
    prepared: Callable[[str], AbstractContextManager[Transaction]]
    key_store: Callable[[], AbstractContextManager[KeyStore]]
    shown: Callable[[], None]
    known_revisions: Sequence[str]


@dataclass(frozen=True)
class Restored:
    """What is there again. ``forgotten`` counts what had been erased since the copy was made.

    ``damaged`` are the documents and drafts, by id, whose bytes or key did not come back: their
    rows stay as they are, so that ``fsck`` names the loss and nobody is handed anything.
    """

    manifest: Manifest
    keys_stamp: str
    objects: int
    forgotten: int
    damaged: Sequence[UUID] = ()


def read_manifest(copies: Copies, opener: Opener, stamp: str) -> Manifest:
    """What a copy consists of; raises ``BackupRefused`` when it cannot be opened."""
    with copies.opened(stamp, MANIFEST) as sealed:
        plain = BytesIO()
        opener.open(sealed, plain)
    known = {one.name for one in fields(Manifest)}  # a newer version may say more
    try:
        found = json.loads(plain.getvalue())
        values = {name: value for name, value in found.items() if name in known}
        return Manifest(**{**values, "instance": UUID(found["instance"])})
    except (ValueError, TypeError, KeyError) as error:
        raise BackupRefused(f"The manifest of {stamp} is none that this version knows.") from error


def restore(
    place: Place,
    copies: Copies,
    opener: Opener,
    *,
    stamp: str,
    now: Callable[[], datetime],
    despite_damage: bool = False,
) -> Restored:
    """Put the copy of that stamp into the empty place, with the newest keys.

    Raises ``BackupRefused`` before anything is written when the place is not empty or the copy is
    not whole; ``Unavailable`` when a part does not answer. Broken off, it can be begun again.
    ``despite_damage``: objects that are not whole are left out instead.
    """
    manifest = read_manifest(copies, opener, stamp)
    keys_stamp = _keys_for(copies, stamp)
    sums = _sums(copies, manifest)
    _check_place(place, manifest, names_in(sums))
    damaged = _damaged_objects(copies, sums, despite_damage=despite_damage)
    whole = names_in(sums) - damaged
    _fill_store(place.store, copies, manifest.instance, whole, besides=damaged)
    _fill_keys(place.keys, copies, opener, keys_stamp)
    with place.key_store() as keys:
        _require_master_key(keys, manifest.instance)
        with copies.opened(stamp, DATABASE) as sealed, place.database.filling() as plain:
            opener.open(sealed, plain)
        _check_rows(place.database, manifest)
        known = _known_losses(copies, opener, manifest, keys_stamp)
        with place.prepared(manifest.revision) as transaction:
            forgotten = _forget(transaction, keys, names_in(sums) | known, now)
            without = _not_whole(transaction, keys, whole)
            done = Restored(manifest, keys_stamp, len(whole), forgotten, without)
            _log_it(transaction, done, now())
            with transaction() as session:
                # Its database is from before there was this copy, and may know of none.
                is_whole = manifest.is_complete and not without
                last_backup.mark(session, at=moment_of(stamp), is_complete=is_whole)
    place.shown()
    counts = {"forgotten": forgotten, "damaged": len(without)}
    _log.info("backup.restored", stamp=stamp, keys=keys_stamp, **counts)
    return done


def tidy(services: Services) -> None:
    """What the worker would do first: give up what was on its way, empty the graves."""
    sweeping.sweep(services)


# ── Before anything is written ───────────────────────────────────────────────────────────────


def _keys_for(copies: Copies, stamp: str) -> str:
    """The newest keys: older ones would bring back what was erased, or lack what came later."""
    newest = next(reversed(copies.keys_stamps()), "")
    if newest < stamp:
        raise BackupRefused(
            f"There is no copy of the document keys of {stamp} or later: name its folder with"
            " --keys-from. Without keys no document can be read."
        )
    return newest


def _sums(copies: Copies, manifest: Manifest) -> str:
    with copies.opened(manifest.stamp, SUMS) as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != manifest.sums_sha256:
        raise BackupRefused(f"The list of sums of {manifest.stamp} was altered: take another copy.")
    return data.decode("ascii")


def _check_place(place: Place, manifest: Manifest, names: set[str]) -> None:
    if manifest.kind != place.database.kind:
        raise BackupRefused(
            f"This is a copy of {manifest.kind}, but KURSDOCS_DATABASE_URL names"
            f" {place.database.kind}: a copy goes back to its own kind."
        )
    if manifest.revision not in place.known_revisions:
        raise BackupRefused(
            f"This copy was made by kursdocs {manifest.version}, which is newer: install that."
        )
    if not place.database.is_empty():
        raise _not_empty("DATABASE_URL", "the database")
    if not place.keys.is_empty():
        raise _not_empty("KEYS_URL", "the key store")
    bound_to = place.store.claimed_by()
    # What an interrupted attempt left is of this copy alone; anything else is somebody's.
    is_ours = bound_to == manifest.instance and set(place.store.names()) <= names
    if bound_to is not None and not is_ours:
        raise _not_empty("STORE_URL", "the object store")


def _not_empty(setting: str, what: str) -> BackupRefused:
    return BackupRefused(
        f"{what[0].upper()}{what[1:]} is not empty. A copy is restored into an empty place only:"
        f" let KURSDOCS_{setting} name a new one."
    )


def _damaged_objects(copies: Copies, sums: str, *, despite_damage: bool) -> set[str]:
    """The objects of which not every byte is as it was copied; the database must be whole."""
    lines = [line.partition("  ") for line in sums.splitlines()]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        checked = pool.map(
            partial(_is_whole, copies), [(place, found) for found, _, place in lines]
        )
        damaged = [
            place for (_, _, place), is_whole in zip(lines, checked, strict=True) if not is_whole
        ]
    objects = {place.rpartition("/")[2] for place in damaged if place.startswith("objects/")}
    if damaged and not (despite_damage and len(objects) == len(damaged)):
        further = _FURTHER if len(objects) == len(damaged) else ""
        raise BackupRefused(
            f"{len(damaged)} of {len(lines)} files of this copy are missing or damaged, the first"
            f" is {damaged[0]}. Nothing was restored: take another copy, or another disk's."
            f"{further}"
        )
    return objects


_FURTHER = (
    " Where there is none, --despite-damage brings back everything else, and names the documents"
    " whose files are lost."
)


def _is_whole(copies: Copies, file: tuple[str, str]) -> bool:
    place, expected = file
    folder, _, name = place.rpartition("/")
    if place.startswith("objects/"):
        if copies.size_of_object(name) is None:
            return False
        try:
            return hashlib.sha256(copies.object(name)).hexdigest() == expected
        except Tampered:
            return False
    with copies.opened(folder, name) as opened:
        found = hashlib.sha256()
        while chunk := opened.read(_CHUNK):
            found.update(chunk)
        return found.hexdigest() == expected


# ── Writing ──────────────────────────────────────────────────────────────────────────────────


def _fill_store(
    store: ObjectStore, copies: Copies, instance: UUID, names: set[str], *, besides: set[str]
) -> None:
    """``besides``: what may be there from an attempt that was broken off."""
    store.claim(instance)
    if not set(store.names()) <= names | besides:  # it had no mark of anybody, yet objects
        raise _not_empty("STORE_URL", "the object store")
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        for _ in pool.map(partial(_put, store, copies), sorted(names)):
            pass


def _fill_keys(keys: Dump, copies: Copies, opener: Opener, stamp: str) -> None:
    try:
        with copies.opened_keys(stamp) as sealed, keys.filling() as plain:
            opener.open(sealed, plain)
    except BackupRefused as error:
        raise BackupRefused(
            f"The newest copy of the document keys, {stamp}.age: {error} Take another disk's. An"
            " older one is taken only when this file is moved away, and brings back what was erased"
            " in between."
        ) from error


def _put(store: ObjectStore, copies: Copies, name: str) -> None:
    try:
        data = copies.object(name)
    except Tampered as error:
        raise BackupRefused(f"{name} could be read a moment ago: look at the disk.") from error
    try:
        store.put(name, data)
    except FileExistsError:
        if store.get(name) != data:
            raise BackupRefused(
                "An object of that name with other bytes is in the store: let"
                " KURSDOCS_STORE_URL name a new one."
            ) from None


def _require_master_key(keys: KeyStore, instance: UUID) -> None:
    try:
        keys.claim(instance)
    except ForeignInstance as error:
        raise BackupRefused(
            f"{error} Put the master key file of the copied installation in its place, remove the"
            " key store that was just restored (KURSDOCS_KEYS_URL), and try again."
        ) from error


def _check_rows(database: Dump, manifest: Manifest) -> None:
    found = database.rows()
    if found != manifest.rows:
        wrong = sorted(name for name in manifest.rows if found.get(name) != manifest.rows[name])
        raise BackupRefused(
            f"Not every row came back (of {', '.join(wrong)}): empty the databases and try again."
        )


# ── What was erased since ────────────────────────────────────────────────────────────────────


def _known_losses(copies: Copies, opener: Opener, manifest: Manifest, keys_stamp: str) -> set[str]:
    """Objects and keys that were lost, not erased, when the copies were made.

    Their rows stay as they are: ``fsck`` shall go on naming them. Of keys, what the copy says that
    was made with them counts: what had lost its key earlier, and is not named there, was erased.
    """
    newest = manifest
    if keys_stamp != manifest.stamp and keys_stamp in copies.stamps():
        newest = read_manifest(copies, opener, keys_stamp)
    return {*manifest.lost_objects, *newest.lost_objects, *newest.lost_keys}


def _forget(
    transaction: Transaction, keys: KeyStore, kept: set[str], now: Callable[[], datetime]
) -> int:
    """Forget what has no key any more, and what the copy could not hold because it had ended."""
    with transaction() as session:
        documents = list(contents.kept(session))
        waiting = drafts.ready_contents(session)
    have = set(all_keys(keys))
    gone = [
        one.owner_id
        for one in documents
        if str(one.owner_id) not in kept
        and (one.owner_id not in have or one.object_name not in kept)
    ]
    for document_id in gone:
        with transaction() as session:
            _forget_one(session, document_id, now())
    for draft_id, object_name in waiting:
        if draft_id not in have or object_name not in kept:
            with transaction() as session:
                drafts.end_lost(session, draft_id, duty=DUTY, reason=KEY_DESTROYED, now=now())
    needed = {one.owner_id for one in documents} - set(gone)
    for owner_id in have - needed - {draft_id for draft_id, _ in waiting}:
        keys.destroy(owner_id)
    return len(gone)


def _not_whole(transaction: Transaction, keys: KeyStore, whole: set[str]) -> Sequence[UUID]:
    """What still needs its content, and has no object or no key here."""
    with transaction() as session:
        needed = {one.owner_id: one.object_name for one in contents.kept(session)}
        needed.update(drafts.ready_contents(session))
    have = set(all_keys(keys))
    return sorted(one for one, name in needed.items() if name not in whole or one not in have)


def _log_it(transaction: Transaction, done: Restored, now: datetime) -> None:
    """What happened after that moment stands in no log any more; that it does not, does."""
    moment = moment_of(done.manifest.stamp).isoformat().replace("+00:00", "Z")
    with transaction() as session:
        for municipality_id in session.exec(select(Municipality.id)).all():
            actor = Actor(kind=ActorKind.SYSTEM, display_name=DUTY, municipality_id=municipality_id)
            happening = Happening.MUNICIPALITY_RESTORED
            audit.record(
                session,
                actor,
                happening,
                now=now,
                moment=moment,
                forgotten=done.forgotten,
                damaged=len(done.damaged),
            )


def _forget_one(session: Session, document_id: UUID, now: datetime) -> None:
    document = lifecycle.locked(session, document_id)
    if document is not None:
        actor = lifecycle.system_of(document, DUTY)
        erasing.forget_without_key(session, actor, document_id, reason=KEY_DESTROYED, now=now)
