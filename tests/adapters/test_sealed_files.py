"""Files sealed for recipients: who opens them, and that nobody opens altered ones."""

import io
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from kursdocs.adapters.sealed_files import Identities, Recipients, create_identity
from kursdocs.core.backups import BackupRefused

PLAIN = b"erfunden " * 40_000


def sealed_for(folder: Path, *names: str) -> bytes:
    """Sealed for fresh keys in files of these names."""
    lines = [create_identity(folder / name) for name in names]
    (folder / "to").write_text("# die Empfänger\n\n" + "\n".join(lines) + "\n")
    target = io.BytesIO()
    Recipients.load(folder / "to").seal(io.BytesIO(PLAIN), target)
    return target.getvalue()


def opened(folder: Path, name: str, sealed: bytes) -> bytes:
    target = io.BytesIO()
    Identities.load(folder / name).open(io.BytesIO(sealed), target)
    return target.getvalue()


def test_each_recipient_opens_it_alone_and_nobody_else(tmp_path: Path) -> None:
    sealed = sealed_for(tmp_path, "one", "two")
    create_identity(tmp_path / "stranger")

    assert opened(tmp_path, "one", sealed) == opened(tmp_path, "two", sealed) == PLAIN
    assert b"erfunden" not in sealed
    with pytest.raises(BackupRefused, match="does not open"):
        opened(tmp_path, "stranger", sealed)


def test_an_ssh_key_is_a_recipient_too(tmp_path: Path) -> None:
    made = Ed25519PrivateKey.generate()
    openssh = (Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    (tmp_path / "key").write_bytes(made.private_bytes(*openssh))
    public = made.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    (tmp_path / "key.pub").write_bytes(public + b" somebody@example\n")
    target = io.BytesIO()

    Recipients.load(tmp_path / "key.pub").seal(io.BytesIO(PLAIN), target)

    assert opened(tmp_path, "key", target.getvalue()) == PLAIN


@pytest.mark.parametrize("at", [10, 150, 70_000, -1])
def test_what_was_altered_or_cut_does_not_open(tmp_path: Path, at: int) -> None:
    sealed = bytearray(sealed_for(tmp_path, "one"))
    cut = bytes(sealed[:at])
    sealed[at] ^= 1

    for damaged in (bytes(sealed), cut):
        with pytest.raises(BackupRefused):
            opened(tmp_path, "one", damaged)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    create_identity(tmp_path / "one")
    (tmp_path / "to").write_text(create_identity(tmp_path / "two"))
    with pytest.raises(BackupRefused, match="cannot be written"):
        Recipients.load(tmp_path / "to").seal(io.BytesIO(PLAIN), Full())


def test_a_secret_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    create_identity(tmp_path / "one")

    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        create_identity(tmp_path / "one")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "holds no secret key"),
        (b"AGE-SECRET-KEY-1QQQQ\n", "Line 1 of .* is no secret key"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nnone\n", "is no usable SSH key"),
        (b"\xff\xfe", "not a text file"),
        (b"#" * 70_000, "too large"),
    ],
)
def test_a_file_that_holds_no_key_is_named_without_its_content(
    tmp_path: Path, text: bytes, complaint: str
) -> None:
    (tmp_path / "one").write_bytes(text)

    with pytest.raises(ValueError, match=complaint) as refused:
        Identities.load(tmp_path / "one")

    assert "QQQQ" not in str(refused.value)
