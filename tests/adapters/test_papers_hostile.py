"""Files made to hurt: refused, or stripped to their pixels, or hurting nobody but a child."""

import contextlib
import hashlib
import io
import time
from collections.abc import Iterator

import pytest
from PIL import Image
from tests.adapters.paper_corpus import certificate
from tests.adapters.paper_hostile import BOMBS, DISARMED, EXHAUSTING, HIDDEN, PAYLOAD

from kursdocs.adapters.papers import Limits, SandboxedPapers
from kursdocs.core.errors import Invalid, NotFound
from kursdocs.core.ports import PageChoice

MORE = {**HIDDEN, **BOMBS}


@pytest.fixture(scope="module")
def papers() -> Iterator[SandboxedPapers]:
    pool = SandboxedPapers(1)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def hurried() -> Iterator[SandboxedPapers]:
    """A pool whose child has two seconds for a job."""
    pool = SandboxedPapers(1, limits=Limits(job_seconds=2))
    yield pool
    pool.close()


@pytest.mark.parametrize("name", MORE)
def test_what_hides_or_bursts_is_refused_with_its_reason(
    papers: SandboxedPapers, name: str
) -> None:
    build, codes = MORE[name]

    with pytest.raises(Invalid) as caught:
        papers.accept([build()])

    assert (caught.value.code in codes, caught.value.field) == (True, "file"), caught.value.code


def test_the_hidden_ones_are_many_and_no_two_alike() -> None:
    built = {hashlib.sha256(build()).digest() for build, _ in HIDDEN.values()}

    assert len(built) == len(HIDDEN) >= 80


@pytest.mark.parametrize("name", DISARMED)
def test_of_a_picture_nothing_stays_but_its_pixels(papers: SandboxedPapers, name: str) -> None:
    data = DISARMED[name]()
    assert PAYLOAD in data

    paper = papers.accept([data])

    for trace in (PAYLOAD, b"<script", b"<?php", b"PK\x03\x04", b"MZ", b"/JS", b"/OpenAction"):
        assert trace not in paper.pdf
    assert papers.accept([paper.pdf]).page_count == 1


@pytest.mark.parametrize("name", EXHAUSTING)
def test_what_no_reader_can_draw_costs_one_child_at_most(
    hurried: SandboxedPapers, name: str
) -> None:
    """Drawing, reading and rearranging each end in a result or in a refusal, and then go on."""
    data = EXHAUSTING[name]()
    jobs = (
        lambda: hurried.accept([data]),
        lambda: hurried.page_image(data, 1, 400),
        lambda: hurried.lines(data),
        lambda: hurried.arranged([data], [PageChoice(0, 1)]),
    )

    for job in jobs:
        with contextlib.suppress(Invalid):  # "damaged" or "too big inside", as far as it came
            job()

    seen = Image.open(io.BytesIO(hurried.page_image(certificate(), 1, 400)))
    assert seen.width == 400


def test_a_page_that_could_not_be_drawn_is_not_tried_again_at_once() -> None:
    """Or whoever looks at it again and again would keep all children from everybody else."""
    endless = EXHAUSTING["a million lines"]()
    with contextlib.closing(SandboxedPapers(1, limits=Limits(job_seconds=1))) as pool:
        pool.page_image(certificate(), 1, 400)
        with pytest.raises(Invalid):
            pool.page_image(endless, 1, 400)

        started = time.monotonic()
        for width in (400, 600, 800):
            with pytest.raises(Invalid) as caught:
                pool.page_image(endless, 1, width)
            assert caught.value.code == "file_too_big_inside"

        assert time.monotonic() - started < 1  # three times the limit, were they tried
        assert pool.page_image(certificate(), 1, 400)
        with pytest.raises(NotFound):
            pool.page_image(certificate(), 10**60, 400)
