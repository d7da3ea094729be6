"""Honest papers of many programs: accepted byte for byte, and every one can be looked at."""

import hashlib
import io
from collections.abc import Iterator, Mapping

import pytest
from PIL import Image
from tests.adapters import paper_producers
from tests.adapters.paper_corpus import HARMLESS, Build
from tests.browser.browsing import chromium, running_chromium
from tests.conftest import leave_out

from kursdocs.adapters.papers import SandboxedPapers
from kursdocs.core.errors import Invalid

LIBRARIES: Mapping[str, Mapping[str, Build]] = {
    "reportlab": paper_producers.reportlab_papers(),
    "Pillow": paper_producers.pillow_papers(),
    "qpdf": paper_producers.qpdf_papers(),
    "pdfium": paper_producers.pdfium_papers(),
    "old programs": paper_producers.old_papers(),
}


@pytest.fixture(scope="module")
def papers() -> Iterator[SandboxedPapers]:
    pool = SandboxedPapers(2)
    yield pool
    pool.close()


def refused(papers: SandboxedPapers, built: Mapping[str, bytes]) -> dict[str, str]:
    """The papers that are not kept byte for byte or cannot be looked at, with the reason."""
    found = {}
    for name, data in built.items():
        try:
            assert papers.accept([data]).pdf is data
            Image.open(io.BytesIO(papers.page_image(data, 1, 200)), formats=("PNG",))
        except Invalid as error:
            found[name] = error.code
    return found


@pytest.mark.parametrize("library", LIBRARIES)
def test_no_paper_of_a_library_is_refused(papers: SandboxedPapers, library: str) -> None:
    assert refused(papers, {n: build() for n, build in LIBRARIES[library].items()}) == {}


def test_no_paper_printed_in_a_browser_is_refused(papers: SandboxedPapers) -> None:
    executable = chromium()
    if executable is None:
        leave_out("Chromium is not installed (Debian: chromium)")
    else:
        with running_chromium(executable) as browser:
            printed = dict(paper_producers.chromium_papers(browser))
        assert refused(papers, printed) == {}
        assert len({hashlib.sha256(data).digest() for data in printed.values()}) >= 12


def test_the_honest_papers_are_many_and_no_two_alike() -> None:
    built = [build() for papers in (HARMLESS, *LIBRARIES.values()) for build in papers.values()]

    assert len({hashlib.sha256(data).digest() for data in built}) >= 200
