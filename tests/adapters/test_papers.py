"""Files of strangers are opened in child processes: what is accepted, refused, survived."""

import contextlib
import io
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pikepdf
import pytest
from PIL import Image
from tests.adapters import paper_corpus
from tests.adapters.paper_corpus import HARMLESS, HOSTILE, certificate, jpeg, photograph, png

from kursdocs.adapters.papers import Limits, SandboxedPapers
from kursdocs.core.errors import Invalid, NotFound, Unavailable

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def papers() -> Iterator[SandboxedPapers]:
    pool = SandboxedPapers(2)
    yield pool
    pool.close()


def refusal(papers: SandboxedPapers, *files: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        papers.accept(files)
    assert caught.value.field == "file"
    return caught.value.code


def opened(png_bytes: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png_bytes), formats=("PNG",))


def brightness(image: Image.Image, x: float, y: float) -> int:
    """Grey level at a place given in shares of width and height."""
    left, top = int(x * image.width), int(y * image.height)
    return image.convert("L").crop((left, top, left + 1, top + 1)).tobytes()[0]


def slow_files() -> list[bytes]:
    """Images that are just about allowed and take some seconds together."""
    return [paper_corpus.png_bomb(6320)] * 20


# What is accepted


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_pdf_is_kept_byte_for_byte(papers: SandboxedPapers, name: str) -> None:
    data = HARMLESS[name]()

    paper = papers.accept([data])

    assert paper.pdf is data
    with pikepdf.open(io.BytesIO(data)) as pdf:
        assert paper.page_count == len(pdf.pages)


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_pdf_can_be_looked_at(papers: SandboxedPapers, name: str) -> None:
    image = opened(papers.page_image(HARMLESS[name](), 1, 400))

    assert image.width <= 400
    assert image.height <= 20_000


def test_a_signature_is_noticed_only_if_it_covers_the_whole_file(papers: SandboxedPapers) -> None:
    signed = paper_corpus.signed()

    assert papers.accept([signed]).is_signed
    assert not papers.accept([signed + b"\n"]).is_signed
    assert not papers.accept([certificate()]).is_signed


# What is refused


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_its_reason(papers: SandboxedPapers, name: str) -> None:
    build, code = HOSTILE[name]

    assert refusal(papers, build()) == code


def test_nothing_and_an_empty_file_are_refused(papers: SandboxedPapers) -> None:
    assert refusal(papers) == "file_empty"
    assert refusal(papers, b"") == "file_empty"
    assert refusal(papers, jpeg(), b"") == "file_empty"


def test_a_pdf_and_a_photograph_do_not_mix_nor_do_two_pdfs(papers: SandboxedPapers) -> None:
    assert refusal(papers, certificate(), jpeg()) == "files_mixed"
    assert refusal(papers, jpeg(), certificate()) == "files_mixed"
    assert refusal(papers, certificate(), certificate()) == "files_mixed"


def test_the_refusal_names_the_limit(papers: SandboxedPapers) -> None:
    with pytest.raises(Invalid) as too_long:
        papers.accept([certificate(201)])
    with pytest.raises(Invalid) as too_many:
        papers.accept([png(Image.new("L", (9, 9)))] * 21)

    assert too_long.value.details == {"pages": 200}
    assert (too_many.value.code, too_many.value.details) == ("file_too_many_pages", {"pages": 20})


def test_more_bytes_than_a_job_may_have_are_refused() -> None:
    with contextlib.closing(SandboxedPapers(1, limits=Limits(bytes_max=1000))) as pool:
        assert refusal(pool, certificate()) == "file_too_big_inside"


# Photographs


def test_two_photographs_become_one_pdf_of_two_a4_pages(papers: SandboxedPapers) -> None:
    upright, broad = photograph((800, 1130)), photograph((1130, 800))

    paper = papers.accept([jpeg(upright), png(broad)])

    assert paper.page_count == 2
    with pikepdf.open(io.BytesIO(paper.pdf)) as pdf:
        sizes = [[round(float(n)) for n in page.mediabox.as_list()[2:]] for page in pdf.pages]
    assert sizes == [[595, 842], [842, 595]]


def test_the_same_photographs_give_the_same_bytes(papers: SandboxedPapers) -> None:
    with contextlib.closing(SandboxedPapers(1)) as pool:
        assert pool.accept([jpeg(), png()]).pdf == papers.accept([jpeg(), png()]).pdf


def test_a_bound_pdf_passes_the_checks_itself(papers: SandboxedPapers) -> None:
    bound = papers.accept([jpeg()]).pdf

    assert papers.accept([bound]).pdf is bound


def test_place_comment_author_and_tail_of_a_photograph_are_gone(papers: SandboxedPapers) -> None:
    exif = Image.Exif()
    exif[0x013B] = "Beispiela Muster"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 7.0)}
    hostile = jpeg(exif=exif, comment=b"Beispiela Muster", icc_profile=b"Muster" * 30)
    tails = paper_corpus.HTML, paper_corpus.archive(), b"%PDF-1.7\n%%EOF", b"MZ\x90Muster"

    papers_of = [papers.accept([hostile + tail]).pdf for tail in tails]

    assert b"Muster" in hostile
    for pdf in papers_of:
        for trace in (b"Muster", b"Exif", b"<script", b"PK\x03\x04", b"/Author", b"/Metadata"):
            assert trace not in pdf
    assert len(set(papers_of)) == 1


def test_a_photograph_is_turned_as_the_camera_says(papers: SandboxedPapers) -> None:
    image = Image.new("RGB", (400, 200), "white")
    image.paste("black", (0, 0, 200, 200))
    exif = Image.Exif()
    exif[0x0112] = 6

    seen = opened(papers.page_image(papers.accept([jpeg(image, exif=exif)]).pdf, 1, 300))

    assert seen.height > seen.width
    assert (brightness(seen, 0.5, 0.2) < 40, brightness(seen, 0.5, 0.8) > 215) == (True, True)


@pytest.mark.parametrize(
    ("kind", "image", "level"),
    [
        ("transparent", Image.new("RGBA", (90, 90), (0, 0, 0, 0)), 255),
        ("grey with alpha", Image.new("LA", (90, 90), (0, 0)), 255),
        ("16 bits", Image.new("I;16", (90, 90), 32768), 128),
        ("black and white", Image.new("1", (90, 90), 1), 255),
        ("palette", Image.new("RGB", (90, 90), "gray").quantize(4), 128),
    ],
)
def test_every_kind_of_png_looks_as_it_should(
    papers: SandboxedPapers, kind: str, image: Image.Image, level: int
) -> None:
    seen = opened(papers.page_image(papers.accept([png(image)]).pdf, 1, 200))

    assert abs(brightness(seen, 0.5, 0.5) - level) <= 3, kind


def test_jpegs_of_printers_and_phones_are_read(papers: SandboxedPapers) -> None:
    for_print = jpeg(photograph().convert("CMYK"))
    two_in_one = io.BytesIO()
    photograph().save(two_in_one, "MPO", save_all=True, append_images=[photograph((40, 40))])
    stepwise = jpeg(progressive=True)

    for data in (for_print, two_in_one.getvalue(), stepwise):
        assert papers.accept([data]).page_count == 1


def test_a_large_photograph_is_scaled_down(papers: SandboxedPapers) -> None:
    large = jpeg(photograph((4000, 5600)))

    with pikepdf.open(io.BytesIO(papers.accept([large]).pdf)) as pdf:
        picture = pdf.pages[0].Resources.XObject.Picture
        assert max(int(picture.Width), int(picture.Height)) == 2480


# Looking at a page


@pytest.mark.parametrize(("asked", "got"), [(1, 200), (640, 640), (1000, 1000), (9999, 2000)])
def test_a_page_image_has_the_width_asked_for_within_bounds(
    papers: SandboxedPapers, asked: int, got: int
) -> None:
    image = opened(papers.page_image(certificate(), 1, asked))

    assert image.width == got
    assert abs(image.height - got * 842 / 595) <= 2


@pytest.mark.parametrize("page", [-1, 0, 4, 2**40])
def test_a_page_that_is_not_there_is_not_found(papers: SandboxedPapers, page: int) -> None:
    with pytest.raises(NotFound) as caught:
        papers.page_image(certificate(3), page, 400)

    assert caught.value.code == "not_found"


def test_what_was_typed_into_a_form_is_visible(papers: SandboxedPapers) -> None:
    image = opened(papers.page_image(paper_corpus.form(), 1, 595)).convert("L")

    field = image.crop((74, 842 - 728, 270, 842 - 702))
    assert min(field.tobytes()) < 80


def test_a_page_of_text_is_small_and_stays_legible(papers: SandboxedPapers) -> None:
    data = papers.page_image(paper_corpus.letter(), 1, 1200)

    assert len(data) < 80_000  # with all 256 greys twice as much
    assert opened(data).convert("L").getextrema() == (0, 255)


def test_a_bomb_that_is_only_drawn_leaves_the_service_unharmed(papers: SandboxedPapers) -> None:
    data = paper_corpus.flate_bomb(2, 1024 * MEGABYTE)

    before = resident_bytes()

    with contextlib.suppress(Invalid):  # drawn or refused, as much as pdfium can take
        assert opened(papers.page_image(data, 1, 400)).width == 400

    assert resident_bytes() - before < 20 * MEGABYTE
    assert papers.accept([certificate()]).page_count == 1


# The child processes


def children() -> set[int]:
    """The paper-opening processes that this test process has started."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(process_fields(int(folder.name))[1])
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == os.getpid() and b"kursdocs.adapters.papers_child" in command:
            found.add(int(folder.name))
    return found


def pipes() -> set[str]:
    """The pipes that this test process holds open."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(os.readlink(link))
    return {name for name in found if name.startswith("pipe:")}


def process_fields(pid: int) -> list[str]:
    """What the kernel says of a process, from its state on (proc(5), stat)."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def state(pid: int) -> str:
    return process_fields(pid)[0]


def cpu_ticks(pid: int) -> int:
    return sum(map(int, process_fields(pid)[11:13]))


def kill_while_busy(pid: int, how: signal.Signals) -> None:
    idle = cpu_ticks(pid)
    while cpu_ticks(pid) < idle + 20:
        time.sleep(0.01)
    os.kill(pid, how)


@pytest.fixture
def only_child() -> Iterator[tuple[SandboxedPapers, int]]:
    """A pool of one, and the process id of its child."""
    before = children()
    with contextlib.closing(SandboxedPapers(1, wait_seconds=0.2)) as pool:
        pool.accept([certificate()])
        (pid,) = children() - before
        yield pool, pid


@pytest.mark.parametrize(
    ("how", "code"),
    [(signal.SIGKILL, "file_too_big_inside"), (signal.SIGSEGV, "file_damaged")],
)
def test_a_child_that_dies_at_work_refuses_the_file_and_the_next_job_works(
    only_child: tuple[SandboxedPapers, int], how: signal.Signals, code: str
) -> None:
    pool, pid = only_child
    killer = threading.Thread(target=kill_while_busy, args=(pid, how))
    killer.start()

    assert refusal(pool, *slow_files()) == code

    killer.join()
    assert pool.accept([certificate()]).page_count == 1


def test_a_child_that_dies_while_idle_is_no_fault_of_the_next_file(
    only_child: tuple[SandboxedPapers, int],
) -> None:
    pool, pid = only_child
    os.kill(pid, signal.SIGKILL)
    while state(pid) != "Z":
        time.sleep(0.001)

    assert pool.accept([certificate()]).page_count == 1


def test_a_file_that_takes_too_long_is_refused_and_the_next_job_works() -> None:
    with contextlib.closing(SandboxedPapers(1, limits=Limits(job_seconds=1))) as pool:
        pool.accept([certificate()])
        started = time.monotonic()
        assert refusal(pool, *slow_files()) == "file_too_big_inside"
        assert time.monotonic() - started < 10
        assert pool.accept([certificate()]).page_count == 1


def test_a_file_that_needs_too_much_memory_is_refused_and_the_next_job_works() -> None:
    large = png(Image.new("RGBA", (6000, 6000), "orange"))
    with contextlib.closing(SandboxedPapers(1, limits=Limits(memory_bytes=200_000_000))) as pool:
        assert refusal(pool, large) == "file_too_big_inside"
        assert pool.accept([jpeg()]).page_count == 1


def test_a_child_does_its_number_of_jobs_and_is_replaced() -> None:
    before = children()
    with contextlib.closing(SandboxedPapers(1, limits=Limits(jobs_per_child=2))) as pool:
        seen = []
        for _ in range(4):
            pool.accept([certificate()])
            seen.append(children() - before)

    assert len(set.union(*seen)) == 3
    assert children() == before


def test_two_threads_are_served_at_once(papers: SandboxedPapers) -> None:
    files = [certificate(pages) for pages in range(1, 9)]

    with ThreadPoolExecutor(8) as threads:
        accepted = list(threads.map(lambda data: papers.accept([data]), files * 5))

    assert [paper.page_count for paper in accepted] == list(range(1, 9)) * 5


def test_who_waits_too_long_for_a_free_child_is_told_to_come_back(
    only_child: tuple[SandboxedPapers, int],
) -> None:
    pool, _ = only_child

    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(pool.accept, slow_files())
        time.sleep(0.1)
        with pytest.raises(Unavailable) as caught:
            pool.accept([certificate()])
        assert slow.result().page_count == 20
    assert caught.value.code == "papers_busy"


def test_closing_ends_all_children_and_a_job_under_way() -> None:
    before, pipes_before = children(), pipes()
    pool = SandboxedPapers(2)
    pool.accept([certificate()])
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(pool.accept, slow_files())
        time.sleep(0.3)
        pool.close()
        with pytest.raises(Unavailable):
            slow.result()

    # Others in this process may close theirs meanwhile; what counts is that none is left over.
    assert (children() - before, pipes() - pipes_before) == (set(), set())
    with pytest.raises(Unavailable) as caught:
        pool.accept([certificate()])
    assert caught.value.code == "papers_closed"


def test_a_child_inherits_neither_secrets_nor_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KURSDOCS_OIDC_CLIENT_SECRET", "geheim")
    before = children()
    with contextlib.closing(SandboxedPapers(1)) as pool:
        pool.accept([certificate()])
        (pid,) = children() - before
        assert Path(f"/proc/{pid}/environ").read_bytes() == b"LC_ALL=C.UTF-8\x00"
        held = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
        assert {name for name in held if not name.startswith("pipe:")} <= {
            "/dev/null",
            "/dev/urandom",
        }


def test_the_service_does_not_grow_with_hostile_files(papers: SandboxedPapers) -> None:
    bombs = [HOSTILE[name][0]() for name in HOSTILE if "bomb" in name or "pixels" in name]
    assert len(bombs) >= 6
    refusal(papers, bombs[0])
    before = resident_bytes()

    for bomb in bombs:
        started = time.monotonic()
        refusal(papers, bomb)
        assert time.monotonic() - started < 5

    assert resident_bytes() - before < 20 * MEGABYTE


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
