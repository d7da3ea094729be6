"""Files sealed with age (age-encryption.org/v1) for recipients whose own keys lie elsewhere.

Whoever seals needs public keys alone, so that a machine that makes backups cannot read them. Any
program that speaks age opens the files too. Entry points: :class:`Recipients`, :class:`Identities`.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyrage
from pyrage import ssh, x25519

from kursdocs.adapters.durable_files import create_file
from kursdocs.core.backups import BackupRefused

_FILE_BYTES_MAX = 64 * 1024
_SECRET = "AGE-SECRET-KEY-"  # noqa: S105 - what a secret key begins with, not one
_ERRORS = (pyrage.EncryptError, pyrage.DecryptError, OSError)


class Recipients:
    """Public keys, each of which can open alone what is sealed."""

    def __init__(self, keys: Sequence[Any]) -> None:
        self._keys = list(keys)

    @classmethod
    def load(cls, path: Path) -> "Recipients":
        """Read a file of recipients: ``age1…`` or ``ssh-ed25519 …``, one a line, ``#`` for notes.

        Raises ``ValueError`` with a sentence that says what is wrong.
        """
        keys = []
        for number, line in _lines(path):
            if line.upper().startswith(_SECRET):
                raise ValueError(
                    f"Line {number} of {path} is a secret key: only recipients (age1…) belong here,"
                    " and the key must not lie on this machine."
                )
            keys.append(_parsed(line, _RECIPIENTS, f"Line {number} of {path} is no recipient"))
        if not keys:
            raise ValueError(f"{path} names no recipient.")
        return cls(keys)

    def seal(self, plain: BinaryIO, sealed: BinaryIO) -> None:
        """Read ``plain`` to its end; raises ``BackupRefused`` when it cannot be written."""
        try:
            pyrage.encrypt_io(plain, sealed, self._keys)
        except _ERRORS as error:
            raise BackupRefused(f"The copy cannot be written: {_reason(error)}.") from error


class Identities:
    """Secret keys that open what was sealed for one of them. Shows nothing of them when printed."""

    def __init__(self, keys: Sequence[Any]) -> None:
        self._keys = list(keys)

    @classmethod
    def load(cls, path: Path) -> "Identities":
        """Read a file of ``age-keygen``, or an SSH key without a passphrase.

        Raises ``ValueError`` with a sentence that says what is wrong.
        """
        text = _read(path)
        if "PRIVATE KEY-----" in text:
            return cls([_parsed(text, (_ssh_identity,), f"{path} is no usable SSH key")])
        keys = [
            _parsed(line, (x25519.Identity.from_str,), f"Line {number} of {path} is no secret key")
            for number, line in _lines(path)
        ]
        if not keys:
            raise ValueError(f"{path} holds no secret key.")
        return cls(keys)

    def open(self, sealed: BinaryIO, plain: BinaryIO) -> None:
        """Write the plain bytes; raises ``BackupRefused`` when it cannot or they were altered."""
        try:
            pyrage.decrypt_io(sealed, plain, self._keys)
        except pyrage.DecryptError as error:
            raise BackupRefused(
                f"This key does not open the copy: {_reason(error)}. Use the secret key of one of"
                " the recipients it was sealed for."
            ) from error
        except OSError as error:
            raise BackupRefused(
                f"The copy is damaged, or cannot be written here: {_reason(error)}."
            ) from error

    def __repr__(self) -> str:
        return f"Identities({len(self._keys)})"


def create_identity(path: Path) -> str:
    """Make a fresh secret key, readable for its owner alone; returns its recipient.

    Raises ``FileExistsError`` when there is a file already, which stays as it is.
    """
    identity = x25519.Identity.generate()
    recipient = str(identity.to_public())
    text = f"# recipient: {recipient}\n{identity}\n"
    create_file(path, text.encode("ascii"), path.with_name(path.name + ".new"))
    return recipient


def _ssh_identity(text: str) -> Any:
    return ssh.Identity.from_buffer(text.encode())


_RECIPIENTS: Sequence[Callable[[str], Any]] = (
    x25519.Recipient.from_str,
    ssh.Recipient.from_str,
)


def _parsed(text: str, kinds: Sequence[Callable[[str], Any]], complaint: str) -> Any:
    for kind in kinds:
        try:
            return kind(text)
        except (pyrage.RecipientError, pyrage.IdentityError, ValueError):
            continue
    # Not chained: a cause could show a part of the key.
    raise ValueError(f"{complaint}.") from None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(_read(path).splitlines(), start=1):
        if line.strip() and not line.strip().startswith("#"):
            yield number, line.strip()


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES_MAX + 1)
        if len(data) > _FILE_BYTES_MAX:
            raise ValueError(f"{path} is too large to hold keys.")
        return data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ValueError(f"{path} cannot be read: {reason}.") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
