"""The master keys: a file that wraps every document key, and must be kept apart from all backups.

One line per key, ``<id>:<base64 of 32 bytes>``; the first is used for new document keys, the
others only to read what they once wrapped (rotation). Empty lines and lines with ``#`` are
skipped. A running process reads the file again when it was replaced. Knows nothing of databases.
No message of this module contains key material.
"""

import base64
import binascii
import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kursdocs.adapters.durable_files import create_file, replace_file
from kursdocs.core.ports import Tampered

_KEY_BYTES = 32
_NONCE_BYTES = 12
_FILE_BYTES_MAX = 64 * 1024
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")


class MasterKeys:
    """The keys of one file as it was when it was read. Shows nothing of them when printed."""

    def __init__(
        self, keys: Mapping[str, bytes], *, path: Path | None = None, stamp: object = None
    ) -> None:
        """``keys`` by id, the active one first; at least one, each of 32 bytes.

        ``path`` is the file they are from, ``stamp`` what it looked like from outside then.
        """
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._path = path
        self._stamp = stamp
        self.ids = tuple(keys)

    @property
    def active_id(self) -> str:
        """The id of the key that wraps from now on."""
        return self.ids[0]

    @classmethod
    def load(cls, path: Path) -> "MasterKeys":
        """Read the file; raises :class:`ValueError` with a sentence that says what is wrong."""
        text, stamp = _read(path)
        return cls(_parse(text, path), path=path, stamp=stamp)

    @classmethod
    def create(cls, path: Path) -> "MasterKeys":
        """Make the file with one fresh key, durable and readable for its owner alone.

        Its id is derived from the key, so that ids never meet. Raises :class:`FileExistsError`
        when there is a file already, which stays as it is.
        """
        key_id, key = _fresh()
        create_file(path, _line(key_id, key).encode("ascii"), _beside(path))
        return cls({key_id: key}, path=path)

    def reread(self) -> "MasterKeys":
        """The keys of the file as it is now; this very object as long as it did not change.

        Also this one when the file was taken away: who started with it may go on. Raises
        :class:`ValueError` with a sentence when the file changed into something that is wrong.
        """
        if self._path is None:
            return self
        try:
            stamp = _stamp(os.stat(self._path))
        except OSError:
            return self
        return self if stamp == self._stamp else MasterKeys.load(self._path)

    @contextmanager
    def with_fresh(self) -> Iterator["MasterKeys"]:
        """The keys of the file as it is now, behind a fresh one; the file gets it at the end.

        The file is replaced at once and durably, unless the block raises; owner, mode and all
        lines that were there stay. Others who rotate wait. Raises :class:`ValueError` with a
        sentence for a file that cannot be read, and :class:`OSError` when it cannot be replaced.
        """
        if self._path is None:
            raise ValueError("These master keys are from no file.")
        path = self._path.resolve()  # A link would be replaced, and not what it leads to.
        with _alone_in(path.parent):
            text, _ = _read(path)
            key_id, key = _fresh()
            longer = (_line(key_id, key) + text).encode("utf-8")
            if len(longer) > _FILE_BYTES_MAX:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
            yield MasterKeys({key_id: key, **_parse(text, path)}, path=self._path)
            replace_file(path, longer, _beside(path))

    def wrap(self, plain: bytes, bound_to: bytes, *, by: str = "") -> bytes:
        """``plain`` sealed with a key, the active one unless said, and tied to ``bound_to``."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._ciphers[by or self.active_id].encrypt(nonce, plain, bound_to)

    def unwrap(self, key_id: str, wrapped: bytes, bound_to: bytes) -> bytes:
        """What was wrapped; raises :class:`Tampered`, and :class:`KeyError` for a foreign id."""
        cipher = self._ciphers[key_id]
        try:
            return cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], bound_to)
        except (InvalidTag, ValueError) as error:
            raise Tampered("wrapped by another key, for something else, or altered") from error

    def __repr__(self) -> str:
        return f"MasterKeys({', '.join(self.ids)})"


def _read(path: Path) -> tuple[str, object]:
    """The text of the file, and what it looked like from outside."""
    try:
        return _read_guarded(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ValueError(f"The master key file {path} cannot be read: {reason}.") from error


def _read_guarded(path: Path) -> tuple[str, object]:
    with path.open("rb") as file:
        # Asked of the open file, so that nobody can change it in between.
        status = os.fstat(file.fileno())
        if stat.S_IMODE(status.st_mode) & (stat.S_IRWXO | stat.S_IWGRP):
            raise ValueError(
                f"The master key file {path} is open to other users: set its mode to 0400 or 0440."
            )
        data = file.read(_FILE_BYTES_MAX + 1)
    if len(data) > _FILE_BYTES_MAX:
        raise ValueError(f"The master key file {path} is too large to be one.")
    return data.decode("utf-8"), _stamp(status)


def _stamp(status: os.stat_result) -> object:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _parse(text: str, path: Path) -> Mapping[str, bytes]:
    keys: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            key_id, key = _parse_line(line.strip(), f"Line {number} of the master key file {path}")
            if key_id in keys or key in keys.values():
                raise ValueError(f"Line {number} of the master key file {path} is a duplicate.")
            keys[key_id] = key
    if not keys:
        raise ValueError(f"The master key file {path} holds no key.")
    return keys


def _parse_line(line: str, where: str) -> tuple[str, bytes]:
    key_id, separator, encoded = line.partition(":")
    if not separator or not _ID.fullmatch(key_id):
        raise ValueError(f"{where} must be <id>:<base64>, the id of a-z, 0-9, dot, hyphen.")
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        # Not chained: the cause could show a part of the key.
        raise ValueError(f"{where} has no valid base64 after the colon.") from None
    if len(key) != _KEY_BYTES:
        raise ValueError(f"{where} has a key of {len(key)} bytes; it must have {_KEY_BYTES}.")
    return key_id, key


def _fresh() -> tuple[str, bytes]:
    """An id derived from the key, and the key."""
    key = secrets.token_bytes(_KEY_BYTES)
    return f"k-{hashlib.sha256(key).hexdigest()[:8]}", key


def _line(key_id: str, key: bytes) -> str:
    return f"{key_id}:{base64.b64encode(key).decode('ascii')}\n"


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.{secrets.token_hex(8)}")


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait for others who change a key file there; the lock ends with the process."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
