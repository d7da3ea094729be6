"""The key of the log: notes as others' tools write and read them, and a file that is guarded."""

from pathlib import Path

import pytest

from kursdocs.adapters.log_key import LogKey, LogKeys

NAME = "musterstadt.example/log"
TEXT = "musterstadt.example/log\n7\nAAAA\n"
# The example of the specification's first implementation (golang.org/x/mod/sumdb/note).
THEIR_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
THEIR_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6"
    "KE6RyyBwJnAM=\n"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.key"


def test_a_note_of_another_implementation_holds() -> None:
    assert LogKeys([THEIR_KEY]).holds(THEIR_NOTE)
    assert not LogKeys([THEIR_KEY]).holds(THEIR_NOTE.replace("then", "than"))


def test_what_a_key_signed_holds_by_its_public_part_alone(path: Path) -> None:
    made = LogKey.create(path, NAME)
    note = LogKey.load(path).sign(TEXT)

    assert note.startswith(f"{TEXT}\n— {NAME} ")
    assert LogKeys([made.verifier]).holds(note)
    assert made.holds(note)


@pytest.mark.parametrize(
    "altered",
    [
        lambda note: note.replace("\n7\n", "\n8\n"),
        lambda note: note.replace("— musterstadt", "— beispielstadt"),
        lambda note: note.replace("\n\n— ", "\n— "),
        lambda note: note.replace("— ", "- "),
        lambda note: note.rsplit(" ", 1)[0] + " AAAA\n",
        lambda note: note.rsplit(" ", 1)[0] + " ???\n",
        lambda note: note.rsplit("\n\n", 1)[0] + "\n\n",
        lambda _: "",
    ],
)
def test_an_altered_note_does_not_hold(path: Path, altered: object) -> None:
    key = LogKey.create(path, NAME)
    assert callable(altered)

    assert not key.holds(altered(key.sign(TEXT)))


def test_another_key_of_the_same_name_does_not_count(tmp_path: Path) -> None:
    ours, theirs = (LogKey.create(tmp_path / name, NAME) for name in ("a", "b"))

    assert not ours.holds(theirs.sign(TEXT))


def test_what_a_former_key_signed_still_counts(tmp_path: Path) -> None:
    former = LogKey.create(tmp_path / "former", NAME)
    LogKey.create(tmp_path / "log.key", NAME)
    with (tmp_path / "log.key").open("a") as file:
        file.write(f"\n# until 2027\n{former.verifier}\n")

    key = LogKey.load(tmp_path / "log.key")

    assert key.holds(former.sign(TEXT))
    assert key.verifier != former.verifier


def test_a_key_is_never_overwritten_nor_shown(path: Path) -> None:
    key = LogKey.create(path, NAME)
    written = path.read_text()

    with pytest.raises(FileExistsError):
        LogKey.create(path, NAME)

    assert path.read_text() == written
    assert path.stat().st_mode & 0o777 == 0o600
    assert written.strip().rsplit("+", 1)[1] not in repr(key)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "zeile\n", "x" * 101])
def test_a_name_that_would_break_a_note_is_refused(path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name of a log key"):
        LogKey.create(path, name)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "does not begin with a private key"),
        (f"{THEIR_KEY}\n", "does not begin with a private key"),
        ("PRIVATE+KEY+a+00000000+AAAA\n", "no NAME"),
        ("PRIVATE+KEY+a+00000000+AQ" + "A" * 41 + "\n", "no NAME"),
        ("PRIVATE+KEY+a+00000000+" + "A" * 44 + "\n", "no NAME"),
        ("PRIVATE+KEY+a+00000000+AQ" + "A" * 42 + "\n", "its hash does not fit"),
        ("\xff", "not a text file"),
        ("x" * 70_000, "too large"),
    ],
)
def test_a_file_that_is_none_is_refused_with_a_sentence(
    path: Path, content: str, complaint: str
) -> None:
    path.write_bytes(content.encode("latin-1"))
    path.chmod(0o600)

    with pytest.raises(ValueError, match=complaint):
        LogKey.load(path)


def test_a_file_that_others_can_read_is_refused(path: Path) -> None:
    LogKey.create(path, NAME)
    path.chmod(0o644)

    with pytest.raises(ValueError, match="open to other users"):
        LogKey.load(path)


def test_a_file_that_is_missing_is_named(path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        LogKey.load(path)
