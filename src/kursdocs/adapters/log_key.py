"""The key that signs statements about the log: Ed25519, in the forms of C2SP signed-note.

The file's first line is the private key, ``PRIVATE+KEY+NAME+HASH+BASE64``; further lines are public
keys, ``NAME+HASH+BASE64``, that signed before and still count (rotation). Empty lines and lines
with ``#`` are skipped. Knows nothing of what is signed. No message contains key material.
"""

import base64
import binascii
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kursdocs.adapters.durable_files import create_file

# What the specification calls Ed25519.
_ALGORITHM = b"\x01"
_PRIVATE = "PRIVATE+KEY+"
_KEY_BYTES = 32
_HASH_BYTES = 4
_FILE_BYTES_MAX = 64 * 1024
# No space and no plus sign (they separate), nothing a line could be broken with.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")


class LogKeys:
    """Public keys: what they signed holds, nothing else does."""

    def __init__(self, verifiers: Sequence[str]) -> None:
        """``verifiers`` as ``NAME+HASH+BASE64``; raises ``ValueError`` for anything else."""
        self._keys: Mapping[tuple[str, bytes], Ed25519PublicKey] = dict(map(_public, verifiers))

    def holds(self, note: str) -> bool:
        """See :class:`kursdocs.core.ports.LogVerifier`."""
        text, blank, lines = note.rpartition("\n\n")
        signed = f"{text}\n".encode()
        return bool(blank) and any(self._signed(line, signed) for line in lines.splitlines())

    def _signed(self, line: str, signed: bytes) -> bool:
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        if dash != "—":
            return False
        try:
            signature = base64.b64decode(encoded, validate=True)
            self._keys[name, signature[:_HASH_BYTES]].verify(signature[_HASH_BYTES:], signed)
        except (KeyError, ValueError, InvalidSignature):
            return False
        return True


class LogKey(LogKeys):
    """The key of one file, in memory. Shows nothing of it when printed."""

    def __init__(self, name: str, key: Ed25519PrivateKey, former: Sequence[str] = ()) -> None:
        """``former`` are public keys that signed before this one."""
        self.name = name
        self._key = key
        public = _ALGORITHM + key.public_key().public_bytes_raw()
        self._hash = _hash_of(name, public)
        self.verifier = _written(name, public)
        super().__init__([self.verifier, *former])

    @classmethod
    def load(cls, path: Path) -> "LogKey":
        """Read the file; raises ``ValueError`` with a sentence that says what is wrong."""
        try:
            lines = _read_guarded(path).splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a text file"
            raise ValueError(f"The log key file {path} cannot be read: {reason}.") from error
        kept = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        if not kept or not kept[0].startswith(_PRIVATE):
            raise ValueError(f"The log key file {path} does not begin with a private key.")
        name, data = _parsed(kept[0].removeprefix(_PRIVATE), hashes_itself=False)
        return cls(name, Ed25519PrivateKey.from_private_bytes(data[1:]), kept[1:])

    @classmethod
    def create(cls, path: Path, name: str) -> "LogKey":
        """Make the file with a fresh key, durable and readable for its owner alone.

        Raises :class:`FileExistsError` when there is a file already, which stays as it is, and
        ``ValueError`` for a name that is none.
        """
        if not _NAME.fullmatch(name):
            raise ValueError("the name of a log key has letters, digits and any of . _ : / -")
        key = Ed25519PrivateKey.generate()
        made = cls(name, key)
        encoded = base64.b64encode(_ALGORITHM + key.private_bytes_raw()).decode()
        line = f"{_PRIVATE}{name}+{made._hash.hex()}+{encoded}\n"
        create_file(path, line.encode(), path.with_name(f"{path.name}.{secrets.token_hex(8)}"))
        return made

    def sign(self, text: str) -> str:
        """See :class:`kursdocs.core.ports.LogSigner`."""
        signature = base64.b64encode(self._hash + self._key.sign(text.encode())).decode()
        return f"{text}\n— {self.name} {signature}\n"

    def __repr__(self) -> str:
        return f"LogKey({self.name})"


def _public(verifier: str) -> tuple[tuple[str, bytes], Ed25519PublicKey]:
    name, data = _parsed(verifier, hashes_itself=True)
    return (name, _hash_of(name, data)), Ed25519PublicKey.from_public_bytes(data[1:])


def _parsed(line: str, *, hashes_itself: bool) -> tuple[str, bytes]:
    """Name and algorithm with key. Base64 has plus signs too, so only the first two separate."""
    name, _, rest = line.partition("+")
    given, _, encoded = rest.partition("+")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        # Not chained: the cause could show a part of the key.
        data = b""
    is_key = data[:1] == _ALGORITHM and len(data) == 1 + _KEY_BYTES
    if not is_key or not _NAME.fullmatch(name):
        raise ValueError("a key of the log is no NAME+HASH+BASE64 of an Ed25519 key")
    public = data if hashes_itself else _ALGORITHM + _public_part(data[1:])
    if given != _hash_of(name, public).hex():
        raise ValueError(f"the key {name!r} of the log was altered: its hash does not fit")
    return name, data


def _public_part(private: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def _hash_of(name: str, public: bytes) -> bytes:
    """The key id of the specification, by which a signature finds its key."""
    return hashlib.sha256(name.encode() + b"\n" + public).digest()[:_HASH_BYTES]


def _written(name: str, public: bytes) -> str:
    return f"{name}+{_hash_of(name, public).hex()}+{base64.b64encode(public).decode()}"


def _read_guarded(path: Path) -> str:
    with path.open("rb") as file:
        # Asked of the open file, so that nobody can change it in between.
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & (stat.S_IRWXO | stat.S_IWGRP):
            raise ValueError(
                f"The log key file {path} is open to other users: set its mode to 0400 or 0440."
            )
        data = file.read(_FILE_BYTES_MAX + 1)
    if len(data) > _FILE_BYTES_MAX:
        raise ValueError(f"The log key file {path} is too large to be one.")
    return data.decode("utf-8")
