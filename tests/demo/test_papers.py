"""Sample papers: accepted like real ones, recognisable as invented, the same every time."""

import io
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from kursdocs import catalogue
from kursdocs.adapters.papers import SandboxedPapers
from kursdocs.demo.papers import NOTICE, STAMP, sample_paper, sample_photo
from kursdocs.demo.town import write_samples

TITLE = "Zulassung zum Integrationskurs (Jobcenter)"


@pytest.fixture(scope="module")
def papers() -> Iterator[SandboxedPapers]:
    opened = SandboxedPapers(processes=1)
    yield opened
    opened.close()


def text_of(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()


def test_a_paper_says_whose_it_is_and_that_it_is_invented() -> None:
    (text,) = text_of(sample_paper(TITLE, "Müller-Muster", "Änne", 7))

    for expected in (TITLE, "Müller-Muster", "Änne", NOTICE, STAMP):
        assert expected in text


def test_every_page_says_that_it_is_invented() -> None:
    pages = text_of(sample_paper(TITLE, "Muster", "Amina", 7, page_count=2))

    assert len(pages) == 2
    assert all(NOTICE in text and STAMP in text for text in pages)


@pytest.mark.parametrize("kind", catalogue.load().kinds, ids=lambda kind: kind.code)
def test_the_longest_title_fits_on_the_page(kind: catalogue.Kind) -> None:
    pdf = sample_paper(kind.name.de, "Muster", "Amina", 1)

    assert kind.name.de in " ".join(text_of(pdf)[0].split())
    assert len(pdf) < 8 * 1024


def test_the_same_arguments_give_the_same_bytes_and_others_do_not() -> None:
    first = sample_paper(TITLE, "Muster", "Amina", 1)

    assert sample_paper(TITLE, "Muster", "Amina", 1) == first
    assert sample_paper(TITLE, "Muster", "Amina", 2) != first


@pytest.mark.parametrize("name", ["محمد", "Шевченко", "N" * 300, "(Muster)\\", ""])
def test_any_name_gives_a_paper(name: str) -> None:
    assert NOTICE in text_of(sample_paper(TITLE, name, name, 1))[0]
    assert sample_photo(TITLE, name, name, 1)


def test_paper_and_photos_are_accepted_as_real_ones_are(papers: SandboxedPapers) -> None:
    pdf = sample_paper(TITLE, "Muster", "Amina", 1, page_count=2)
    photos = [sample_photo(TITLE, "Muster", "Amina", number) for number in (1, 2)]

    assert papers.accept([pdf]).pdf == pdf
    assert papers.accept([pdf]).page_count == 2
    assert papers.accept(photos).page_count == 2


def test_a_photo_looks_like_a_sheet_on_a_table() -> None:
    data = sample_photo(TITLE, "Muster", "Amina", 1)

    assert len(data) < 300 * 1024
    with Image.open(io.BytesIO(data)) as photo:
        assert photo.format == "JPEG"
        assert not photo.getexif()
        grey = photo.convert("L")
    corner, sheet = (
        grey.crop((x, y, x + 1, y + 1)).tobytes()[0] for x, y in [(20, 20), (620, 1500)]
    )
    assert sheet - corner > 60


def test_photos_are_the_same_every_time_and_differ_by_number() -> None:
    first = sample_photo(TITLE, "Muster", "Amina", 1)

    assert sample_photo(TITLE, "Muster", "Amina", 1) == first
    assert sample_photo(TITLE, "Muster", "Amina", 2) != first


def test_the_samples_hold_the_papers_of_a_whole_course_and_are_left_as_they_lie(
    tmp_path: Path,
) -> None:
    write_samples(tmp_path)
    papers = sorted((tmp_path / "kurs").glob("*.pdf"))
    papers[0].write_bytes(b"changed by somebody")

    write_samples(tmp_path)

    assert len(papers) == 8
    assert papers[0].read_bytes() == b"changed by somebody"
    assert len({paper.read_bytes() for paper in papers}) == 8
