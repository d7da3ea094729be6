"""Files as they are judged before the first byte leaves, and the key that tells sendings apart."""

from dataclasses import replace
from pathlib import Path

import pytest

from kursdocs.push.papers import FILE_BYTES_MAX, Entry, FileRefused, paper_of, read_file

PDF = b"%PDF-1.7\nprobe"
FORM = {"kind": "admission_ik_jc", "recipient": ["jobcenter"], "family_name": "Muster"}


@pytest.mark.parametrize(
    ("start", "media_type"),
    [
        (PDF, "application/pdf"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
    ],
)
def test_what_the_server_takes_is_known_by_its_first_bytes(
    tmp_path: Path, start: bytes, media_type: str
) -> None:
    path = tmp_path / "paper.bin"
    path.write_bytes(start)

    assert read_file(path).media_type == media_type


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is empty; was the scan complete?"),
        (b"PK\x03\x04 a text in disguise", "is no PDF, JPEG or PNG"),
        (b"\n" + PDF, "is no PDF, JPEG or PNG"),
        (PDF + bytes(FILE_BYTES_MAX), "is larger than 32 MiB"),
    ],
)
def test_what_the_server_would_not_take_is_refused(
    tmp_path: Path, data: bytes | None, reason: str
) -> None:
    path = tmp_path / "paper.pdf"
    if data is not None:
        path.write_bytes(data)

    with pytest.raises(FileRefused) as refused:
        read_file(path)

    assert str(refused.value).startswith(reason)


def test_a_file_of_exactly_32_mib_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(PDF + bytes(FILE_BYTES_MAX - len(PDF)))

    assert len(read_file(path).data) == FILE_BYTES_MAX


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="Is a directory"):
        read_file(tmp_path)


def test_the_key_is_that_of_the_content_and_not_of_the_file_name(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)
    (tmp_path / "b.pdf").write_bytes(PDF)
    one = Entry(tmp_path / "a.pdf", "", ())
    file = read_file(one.path)

    first = paper_of(one, FORM, file).key
    others = {
        paper_of(one, {**FORM, "family_name": "Probe"}, file).key,
        paper_of(one, {**FORM, "recipient": ["auslaenderbehoerde", "jobcenter"]}, file).key,
        paper_of(one, FORM, replace(file, data=PDF + b"x")).key,
    }

    assert paper_of(Entry(tmp_path / "b.pdf", "", (), line=3), dict(FORM), file).key == first
    assert len(others - {first}) == 3
    assert file.sha256 not in first
