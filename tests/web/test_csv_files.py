"""Files for a German Excel: a double click opens them, and nothing that stands in them runs."""

import csv
from io import StringIO

import pytest

from kursdocs.web import csv_files


@pytest.mark.parametrize("cell", ["=1+1", "+49 30", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1"])
def test_what_a_spreadsheet_would_run_stays_text(cell: str) -> None:
    assert csv_files.guarded(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "0", "12", "3,5", "VHS = gut", "weniger als 5"])
def test_numbers_and_names_stay_as_they_are(cell: str) -> None:
    assert csv_files.guarded(cell) == cell


def test_the_file_has_a_mark_semicolons_and_whole_cells() -> None:
    answer = csv_files.answer("zahlen", ["Stelle", "Anzahl"], [["Haus „A; B“", "1\n2"]])

    body = bytes(answer.body)
    assert body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(StringIO(body.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert rows == [["Stelle", "Anzahl"], ["Haus „A; B“", "1\n2"]]
    assert answer.headers["content-disposition"] == 'attachment; filename="zahlen.csv"'
