"""Making a copy of everything: first the database, then the objects it names, the keys last.

In this order whatever the rows speak of is there. What is erased meanwhile has its key destroyed,
which the copy of the keys then lacks: ``restoring`` forgets such rows. Copies older than a given
number of days go, of the keys after 14 days at the latest, but never the newest.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from typing import BinaryIO
from uuid import UUID

import structlog
from sqlmodel import Session, col, select

from kursdocs import __version__
from kursdocs.core import installation
from kursdocs.core.audit import AuditCheckpoint, AuditHead
from kursdocs.core.backups import (
    BackupRefused,
    Copies,
    Dump,
    Frozen,
    Manifest,
    Sealer,
    moment_of,
    stamp_of,
)
from kursdocs.core.documents import contents
from kursdocs.core.documents.contents import Content
from kursdocs.core.drafts import lifecycle as drafts
from kursdocs.core.ports import KeyMissing, KeyStore, ObjectMissing, Tampered
from kursdocs.operations import last_backup
from kursdocs.operations.alarming import Alarm, alarm_within
from kursdocs.operations.fetching import Fetching
from kursdocs.operations.sealing import OVERHEAD_BYTES
from kursdocs.services import Services

KEYS_DAYS_MAX = 14
"""So long a key that was destroyed can still lie in a copy."""

DATABASE, MANIFEST, NOTE, SUMS = "database.age", "manifest.age", "manifest.json", "SHA256SUMS"
_AT_A_TIME = 8
_READ_AGAIN_DAYS = 7
_PAGE = 5_000
_EVER, _NEVER = datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)

_log = structlog.get_logger()


@dataclass(frozen=True)
class Means:
    """What a copy is made with: the two databases as a whole, the folder, and for whom."""

    database: Dump
    keys: Dump
    copies: Copies
    sealer: Sealer


@dataclass(frozen=True)
class BackedUp:
    """What was done.

    ``lost`` counts the objects and keys that a row needs and that could not be read, nor had been
    copied earlier; ``missing`` are the documents and drafts of which that is so, by id: ``fsck``
    says more. ``unreadable`` are copies whose list of objects cannot be read: no object is removed
    as long as they are there.
    """

    stamp: str
    documents: int
    objects: int
    copied: int
    object_bytes: int
    lost: int
    copies_removed: int
    objects_removed: int
    missing: Sequence[UUID] = ()
    unreadable: Sequence[str] = ()


@dataclass(frozen=True)
class _Copied:
    """What became of one object: how long it is (``None``: it is not there), and its hash."""

    owner_id: UUID
    name: str
    bytes: int | None
    sha256: str = ""
    is_new: bool = False
    is_lost: bool = False


def back_up(services: Services, means: Means, *, keep_days: int) -> BackedUp:
    """Make a copy, and remove those that are older than ``keep_days``.

    What cannot be read stops nothing else: it is named in the copy and in the answer, readiness
    knows of it and the operator is told. Raises ``BackupRefused`` and ``Unavailable``; then there
    is no copy more and none less.
    """
    with means.copies.alone():
        begun_at = services.clock().replace(microsecond=0)
        manifest, done = _copy(services, means, stamp_of(begun_at))
        _mark(services, begun_at, is_complete=manifest.is_complete)
        cleared = _clear(means.copies, keep_days, services.clock())
    told = BackedUp(
        stamp=manifest.stamp,
        documents=manifest.rows["document"],
        objects=manifest.objects,
        copied=sum(one.is_new for one in done),
        object_bytes=manifest.object_bytes,
        lost=len(manifest.lost_objects) + len(manifest.lost_keys),
        copies_removed=cleared.copies,
        objects_removed=cleared.objects,
        missing=_missing(manifest, done),
        unreadable=cleared.unreadable,
    )
    _log.info("backup.made", **{**asdict(told), "missing": len(told.missing)})
    return told


def _mark(services: Services, made_at: datetime, *, is_complete: bool) -> None:
    with services.transaction() as session:
        last_backup.mark(session, at=made_at, is_complete=is_complete)
        if not is_complete:
            alarm_within(services, session, Alarm.BACKUP_INCOMPLETE, now=services.clock())


def _missing(manifest: Manifest, done: Sequence[_Copied]) -> Sequence[UUID]:
    without_object = {one.owner_id for one in done if one.is_lost}
    return sorted(without_object | set(map(UUID, manifest.lost_keys)))


def _copy(services: Services, means: Means, stamp: str) -> tuple[Manifest, Sequence[_Copied]]:
    copies = means.copies
    copies.begin(stamp)
    with means.database.frozen() as frozen:
        needed = _needed(frozen.session)
        manifest = _beginning(frozen, stamp, means.database.kind)
        database_sum = copies.write(stamp, DATABASE, _sealing(frozen, means.sealer))
    done = _copy_objects(services, copies, needed)
    with means.keys.frozen() as frozen:
        keys_rows = frozen.rows()
        copies.write_keys(stamp, _sealing(frozen, means.sealer))
    sums = {f"{stamp}/{DATABASE}": database_sum}
    sums |= {place_of(one.name): one.sha256 for one in done if one.bytes is not None}
    listed = "".join(f"{found}  {place}\n" for place, found in sorted(sums.items()))
    manifest = replace(
        manifest,
        keys_rows=keys_rows,
        objects=len(sums) - 1,
        object_bytes=sum(one.bytes or 0 for one in done),
        sums_sha256=copies.write(stamp, SUMS, _writing(listed)),
        lost_objects=sorted(one.name for one in done if one.is_lost),
        lost_keys=sorted(map(str, _lost_keys(services, needed))),
    )
    _write_manifest(means, manifest)
    copies.finish(stamp)
    return manifest, done


def place_of(object_name: str) -> str:
    """Where an object lies in the folder, as the list of sums names it."""
    return f"objects/{object_name[:2]}/{object_name}"


def names_in(sums: str) -> set[str]:
    """The objects that a list of sums names."""
    places = (line.partition("  ")[2] for line in sums.splitlines())
    return {place.rpartition("/")[2] for place in places if place.startswith("objects/")}


# ── The database ─────────────────────────────────────────────────────────────────────────────


def _needed(session: Session) -> Mapping[UUID, Content]:
    found = {one.owner_id: one for one in contents.kept(session)}
    for draft_id, object_name in drafts.ready_contents(session):
        found[draft_id] = Content(draft_id, object_name)
    return found


def _beginning(frozen: Frozen, stamp: str, kind: str) -> Manifest:
    """What the database says of itself at that moment; raises ``BackupRefused``."""
    session, rows = frozen.session, frozen.rows()
    ours = installation.known(session)
    if ours is None:
        raise BackupRefused("There is nothing to back up: this installation was never started.")
    head = session.exec(select(AuditHead)).one()
    if rows["audit_event"] + rows["audit_leaf"] < head.seq:
        raise BackupRefused(
            "The log has fewer rows than it says: either the role that the copy is made with may"
            " not read them all, or some are lost. Run: kursdocs audit verify"
        )
    newest = select(AuditCheckpoint.note).order_by(col(AuditCheckpoint.size).desc()).limit(1)
    return Manifest(
        stamp=stamp,
        instance=ours.id,
        kind=kind,
        revision=frozen.revision,
        version=__version__,
        rows=rows,
        log_seq=head.seq,
        log_hash=head.hash,
        checkpoint=session.exec(newest).first() or "",
    )


def _sealing(frozen: Frozen, sealer: Sealer) -> Callable[[BinaryIO], None]:
    def fill(target: BinaryIO) -> None:
        with frozen.opened() as plain:
            sealer.seal(plain, target)

    return fill


# ── Objects and keys ─────────────────────────────────────────────────────────────────────────


def _copy_objects(
    services: Services, copies: Copies, needed: Mapping[UUID, Content]
) -> Sequence[_Copied]:
    today = services.clock().toordinal()
    fetching = Fetching(services.store, [content.object_name for content in needed.values()])
    copy = partial(_copy_object, services, fetching, copies, today)
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        return list(pool.map(copy, needed.values()))


def _copy_object(
    services: Services, fetching: Fetching, copies: Copies, today: int, content: Content
) -> _Copied:
    """Copy what is not there yet; damaged bytes never take the place of good ones."""
    owner_id, name = content.owner_id, content.object_name
    there = copies.size_of_object(name)
    is_there = content.sha256 and there == content.plain_bytes + OVERHEAD_BYTES
    if is_there and not _is_rotten(copies, today, content):
        return _Copied(owner_id, name, there, content.sha256)
    try:
        data = fetching.get(name)
    except (ObjectMissing, Tampered):
        return _Copied(owner_id, name, None, is_lost=_is_needed(services, owner_id, name))
    found = hashlib.sha256(data).hexdigest()
    if content.sha256 and found != content.sha256:
        return _Copied(owner_id, name, None, is_lost=_is_needed(services, owner_id, name))
    copies.put_object(name, data)
    return _Copied(owner_id, name, len(data), found, is_new=there is None)


def _is_rotten(copies: Copies, today: int, content: Content) -> bool:
    """Whether a kept object is not what it was; each is read again once a week.

    All copies share it: what rots unnoticed would make every one of them useless.
    """
    if (int(content.object_name[:4], 16) + today) % _READ_AGAIN_DAYS:
        return False
    try:
        return hashlib.sha256(copies.object(content.object_name)).hexdigest() != content.sha256
    except Tampered:
        return True


def _is_needed(services: Services, owner_id: UUID, object_name: str = "") -> bool:
    """Whether it still needs its key, or this object; else it ended after the database was copied.

    A draft may have other pages since then.
    """
    with services.transaction() as session:
        return contents.is_kept(session, owner_id) or drafts.is_ready(
            session, owner_id, object_name=object_name
        )


def _lost_keys(services: Services, needed: Mapping[UUID, Content]) -> Sequence[UUID]:
    """Of whom there is no key although they need one, also when asked one by one."""
    missing = set(needed) - set(all_keys(services.keys))
    return [one for one in missing if _is_needed(services, one) and not _has_key(services, one)]


def all_keys(keys: KeyStore) -> Iterator[UUID]:
    """Every document that has a key."""
    after: UUID | None = None
    while batch := keys.made_between(_EVER, _NEVER, after=after, limit=_PAGE):
        yield from batch
        after = batch[-1]


def _has_key(services: Services, owner_id: UUID) -> bool:
    try:
        services.keys.get(owner_id)
    except KeyMissing:
        return False
    except Tampered:
        return True  # it is there; that it cannot be used is for ``fsck`` to say
    return True


# ── What belongs to a copy, and what is removed ──────────────────────────────────────────────


def _write_manifest(means: Means, manifest: Manifest) -> None:
    text = json.dumps(asdict(manifest), default=str, indent=1)
    means.copies.write(
        manifest.stamp, MANIFEST, lambda file: means.sealer.seal(BytesIO(text.encode()), file)
    )
    note = {
        "moment": moment_of(manifest.stamp).isoformat(),
        "database": manifest.kind,
        "version": manifest.version,
        "objects": manifest.objects,
        "object_bytes": manifest.object_bytes,
        "lost": len(manifest.lost_objects) + len(manifest.lost_keys),
    }
    means.copies.write(manifest.stamp, NOTE, _writing(json.dumps(note, indent=1) + "\n"))


def _writing(text: str) -> Callable[[BinaryIO], None]:
    def fill(target: BinaryIO) -> None:
        target.write(text.encode())

    return fill


@dataclass(frozen=True)
class _Cleared:
    """How many copies and objects went, and copies of which nobody knows what they name."""

    copies: int
    objects: int
    unreadable: Sequence[str]


def _clear(copies: Copies, keep_days: int, now: datetime) -> _Cleared:
    """Remove what is too old, never the newest, and no object that any copy may need."""
    old = stamp_of(now - timedelta(days=keep_days))
    removed = [stamp for stamp in copies.stamps()[:-1] if stamp < old]
    for stamp in removed:
        copies.remove(stamp)
    old_keys = stamp_of(now - timedelta(days=min(keep_days, KEYS_DAYS_MAX)))
    for stamp in copies.keys_stamps()[:-1]:
        if stamp < old_keys:
            copies.remove_keys(stamp)
    named: set[str] = set()
    unreadable: list[str] = []
    for stamp in copies.stamps():
        try:
            with copies.opened(stamp, SUMS) as file:
                named |= _all_names_in(file.read())
        except BackupRefused:
            unreadable.append(stamp)
    gone = 0 if unreadable else copies.keep_only(named)
    return _Cleared(len(removed), gone, unreadable)


_SUMS_LINE = re.compile(rb"[0-9a-f]{64}  (objects/[0-9a-f]{2}/[0-9a-f]{32}|[0-9TZ]{16}/[a-z.]+)\n")


def _all_names_in(data: bytes) -> set[str]:
    """Raises ``BackupRefused`` for a list that is not as it was written."""
    lines = data.splitlines(keepends=True)
    if not lines or not all(_SUMS_LINE.fullmatch(line) for line in lines):
        raise BackupRefused("A list of sums was altered.")
    return names_in(data.decode("ascii"))
