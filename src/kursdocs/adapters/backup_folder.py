"""The folder of backups on a disk of this machine, or one that is mounted here.

::

    objects/ab/ab12…            each stored document once, sealed as it is in the store
    20261123T010000Z/           one copy of the database
      database.age              the dump
      manifest.age              what belongs to it
      manifest.json             how much it is, for lists
      SHA256SUMS                all its files and objects: sha256sum --check
    keys/20261123T010000Z.age   the document keys, in a place of their own if that is asked for

Nothing in it can be read without a recipient's secret key. What is begun has a name that begins
with a dot. Knows nothing of databases.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO, cast

from kursdocs.adapters.durable_files import sync_folder
from kursdocs.core.backups import BackupRefused, is_stamp
from kursdocs.core.ports import Tampered

_OBJECT = re.compile(r"[0-9a-f]{32}")
_PART = ".part"
# Of one file and not of the disk: bad sectors, sums of the file system that are not right.
_OF_ONE_FILE = frozenset((errno.EIO, errno.EBADMSG, errno.EUCLEAN))


class BackupFolder:
    """Copies in ``root``, keys in ``keys`` (``root/keys`` unless given)."""

    def __init__(self, root: Path, keys: Path | None = None) -> None:
        self._root = root.absolute()
        self._keys = (keys or root / "keys").absolute()
        self._objects = self._root / "objects"
        self._dirty: set[Path] = set()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Raises ``BackupRefused`` when another process works on the folder."""
        with _errors():
            for folder in (self._root, self._objects, self._keys):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupRefused(
                    f"Another backup is being made in {self._root}: wait until it has ended."
                ) from None
            yield
        finally:
            os.close(handle)

    # ── What is there ────────────────────────────────────────────────────────────────────────

    def stamps(self) -> Sequence[str]:
        """The copies of the database that are whole, oldest first."""
        with _errors():
            return sorted(name for name in _listed(self._root) if is_stamp(name))

    def keys_stamps(self) -> Sequence[str]:
        """The copies of the document keys, oldest first."""
        with _errors():
            names = (name.removesuffix(".age") for name in _listed(self._keys))
            return sorted(name for name in names if is_stamp(name))

    @contextlib.contextmanager
    def opened(self, stamp: str, name: str) -> Iterator[BinaryIO]:
        """A file of a copy, for reading."""
        with _errors(), (self._root / stamp / name).open("rb") as file:
            yield file

    @contextlib.contextmanager
    def opened_keys(self, stamp: str) -> Iterator[BinaryIO]:
        """A copy of the keys, for reading."""
        with _errors(), (self._keys / f"{stamp}.age").open("rb") as file:
            yield file

    def size_of_object(self, name: str) -> int | None:
        """How long a kept object is; ``None`` when there is none that anybody can use."""
        with _errors():
            try:
                return self._object(name).stat().st_size
            except OSError as error:
                if error.errno not in (errno.ENOENT, *_OF_ONE_FILE):
                    raise
                return None

    def object(self, name: str) -> bytes:
        """The bytes of a kept object; raises ``Tampered`` when this one cannot be read."""
        with _errors():
            try:
                return self._object(name).read_bytes()
            except OSError as error:
                if error.errno not in _OF_ONE_FILE:
                    raise
                raise Tampered("the kept object cannot be read") from error

    # ── Making a copy ────────────────────────────────────────────────────────────────────────

    def begin(self, stamp: str) -> None:
        """Make room for a copy; clears away what an interrupted one left."""
        with _errors():
            for left in (*self._root.glob(f".*{_PART}"), *self._objects.glob(f"*/.*{_PART}")):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            for left in self._keys.glob(f".*{_PART}"):
                left.unlink()
            if (self._root / stamp).exists():
                raise BackupRefused(f"There is a copy of {stamp} already: try again in a second.")
            self._begun(stamp).mkdir(mode=0o700)

    def write(self, stamp: str, name: str, fill: Callable[[BinaryIO], None]) -> str:
        """Make a file of the begun copy, durably; returns its SHA-256."""
        with _errors():
            return _written(self._begun(stamp) / name, fill)

    def write_keys(self, stamp: str, fill: Callable[[BinaryIO], None]) -> str:
        """Make the copy of the keys, whole or not at all; returns its SHA-256."""
        with _errors():
            begun = self._keys / f".{stamp}{_PART}"
            found = _written(begun, fill)
            begun.rename(self._keys / f"{stamp}.age")
            sync_folder(self._keys)
            return found

    def put_object(self, name: str, data: bytes) -> None:
        """Keep an object; its name is durable once the copy is finished."""
        with _errors():
            final = self._object(name)
            final.parent.mkdir(mode=0o700, exist_ok=True)
            begun = final.with_name(f".{name}{_PART}")
            _written(begun, lambda file: _all_of(file, data))
            begun.rename(final)
            self._dirty.add(final.parent)

    def finish(self, stamp: str) -> None:
        """Make the begun copy one of the copies, durably."""
        with _errors():
            for folder in (*self._dirty, self._objects, self._begun(stamp)):
                sync_folder(folder)
            self._dirty.clear()
            self._begun(stamp).rename(self._root / stamp)
            sync_folder(self._root)

    # ── Removing ─────────────────────────────────────────────────────────────────────────────

    def remove(self, stamp: str) -> None:
        """Remove a copy of the database; it is no copy any more from the first step on."""
        with _errors():
            gone = self._begun(stamp)
            (self._root / stamp).rename(gone)
            sync_folder(self._root)
            shutil.rmtree(gone)

    def remove_keys(self, stamp: str) -> None:
        """Remove a copy of the keys, durably."""
        with _errors():
            (self._keys / f"{stamp}.age").unlink()
            sync_folder(self._keys)

    def keep_only(self, names: set[str]) -> int:
        """Remove every object that is none of these; returns how many."""
        removed = 0
        with _errors():
            for folder in self._objects.iterdir():
                for path in folder.iterdir():
                    if _OBJECT.fullmatch(path.name) and path.name not in names:
                        path.unlink()
                        removed += 1
        return removed

    def _begun(self, stamp: str) -> Path:
        return self._root / f".{stamp}{_PART}"

    def _object(self, name: str) -> Path:
        if not _OBJECT.fullmatch(name):
            raise BackupRefused(f"{name!r} is not the name of an object.")
        return self._objects / name[:2] / name


class _Hashing(RawIOBase):
    """Passes on what is written, and knows its SHA-256."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # bytes are what we are given
        self.sha256.update(data)
        self._file.write(data)
        return len(data)


def _written(path: Path, fill: Callable[[BinaryIO], None]) -> str:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "wb") as file:
        hashing = _Hashing(file)
        fill(cast("BinaryIO", hashing))
        file.flush()
        os.fsync(file.fileno())
    return hashing.sha256.hexdigest()


def _all_of(file: BinaryIO, data: bytes) -> None:
    file.write(data)


def _listed(folder: Path) -> Sequence[str]:
    return os.listdir(folder) if folder.is_dir() else ()


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupRefused(
            f"The folder of backups cannot be used: {error.strerror or error}"
            f" ({error.filename or 'no file'})."
        ) from error
