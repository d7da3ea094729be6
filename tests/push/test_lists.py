"""Tables of papers, as spreadsheets of German offices save them."""

from pathlib import Path

import pytest

from kursdocs.push import lists
from kursdocs.push.lists import Defaults, read_list
from kursdocs.push.papers import Mistaken

HEADER = "file;kind;to;family_name;given_names;birth_date;released;issued_on"
ROW = "a.pdf;admission_ik_jc;jobcenter auslaenderbehoerde;Öztürk;Lin;02.01.1990;ja;2026-11-02"


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "course.csv"
    path.write_bytes(text.encode(encoding))
    return path


def mistakes(path: Path) -> list[tuple[int, str, str]]:
    """All that is wrong with a list: line, column, reason."""
    try:
        _, found = read_list(path, Defaults())
    except Mistaken as error:
        found = list(error.mistakes)
    return [(one.line, one.field, one.reason) for one in found]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_is_read_however_it_was_saved(
    tmp_path: Path, encoding: str, separator: str, end: str
) -> None:
    text = end.join([HEADER, ROW, ""]).replace(";", separator)

    (entry,), wrong = read_list(table(tmp_path, text, encoding), Defaults())

    assert wrong == []
    assert (entry.path, entry.line) == (tmp_path / "a.pdf", 2)
    assert (entry.kind, entry.released) == ("admission_ik_jc", True)
    assert entry.recipients == ("jobcenter", "auslaenderbehoerde")
    assert entry.fields == {
        "family_name": "Öztürk",
        "given_names": "Lin",
        "birth_date": "02.01.1990",
        "issued_on": "2026-11-02",
    }


def test_what_a_line_leaves_empty_is_taken_from_the_options(tmp_path: Path) -> None:
    path = table(tmp_path, "File; Kind ;to;released;course_no\na.pdf;;;;\nb.pdf;x;y;nein;B 2\n")
    options = Defaults(
        kind="k",
        recipients=("jobcenter",),
        released=True,
        obliging_bodies=("jobcenter",),
        fields={"course_no": "A 1", "original_at": "Ordner", "family_name": ""},
    )

    (first, second), _ = read_list(path, options)

    assert (first.kind, first.recipients, first.released) == ("k", ("jobcenter",), True)
    assert first.fields == {"course_no": "A 1", "original_at": "Ordner"}
    assert (second.kind, second.recipients, second.released) == ("x", ("y",), False)
    assert second.fields == {"course_no": "B 2", "original_at": "Ordner"}
    assert second.obliging_bodies == ("jobcenter",)


def test_empty_lines_and_lines_inside_of_cells_keep_the_count(tmp_path: Path) -> None:
    path = table(tmp_path, 'file;kind\n"a.pdf";"two\nlines"\n;\n\nb.pdf;x\n')

    entries, _ = read_list(path, Defaults())

    assert [(entry.path.name, entry.line) for entry in entries] == [("a.pdf", 2), ("b.pdf", 6)]


def test_every_mistaken_line_is_named(tmp_path: Path) -> None:
    path = table(tmp_path, "file;released\na.pdf;maybe\n;ja\nb.pdf;ja;more\nc.pdf;ja\n")

    assert mistakes(path) == [
        (2, "released", "must be yes or no"),
        (3, "file", "is empty"),
        (4, "", "has more cells than there are columns"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "has no column 'file'"),
        ("name;kind\na;b\n", 1, "has no column 'file'"),
        ("file;kind;Kind\na;b;c\n", 1, "has the column 'kind' twice"),
        ("file;;kind\n", 1, "column 2 has no name"),
        ("file;kind\n", 1, "names no file"),
        ('file;kind\na;b\n"c;d\n', 3, "is no table from here on: "),
        ('file;kind\na;b\n"c"d;e\n', 3, "is no table from here on: "),
    ],
)
def test_what_is_no_table_is_said_with_its_line(
    tmp_path: Path, text: str, line: int, reason: str
) -> None:
    ((found, _, said),) = mistakes(table(tmp_path, text))

    assert (found, said[: len(reason)]) == (line, reason)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "course.csv"
    path.write_bytes(b"file\n\x81\x8d\n")

    assert mistakes(path) == [(0, "", "is neither UTF-8 nor Windows-1252; save it as CSV (UTF-8)")]
    assert mistakes(tmp_path / "none.csv") == [(0, "", "cannot be read: No such file or directory")]


def test_a_list_has_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "LINES_MAX", 2)
    long = table(tmp_path, "file\na\nb\nc\n")
    assert mistakes(long) == [(4, "", "has more than 2 lines; please split it")]

    monkeypatch.setattr(lists, "LIST_BYTES_MAX", 5)
    assert mistakes(long) == [(0, "", "is too large for a list")]
