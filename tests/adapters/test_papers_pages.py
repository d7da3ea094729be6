"""Pages in a new order, and the text of a paper: nothing lost that was kept, nothing kept else."""

import io
from collections.abc import Iterator, Sequence

import pikepdf
import pypdfium2
import pytest
from PIL import Image
from reportlab.pdfgen import canvas
from tests.adapters import paper_corpus
from tests.adapters.paper_corpus import HARMLESS, certificate, jpeg, stream

from kursdocs.adapters.papers import SandboxedPapers
from kursdocs.core.errors import Invalid, NotFound
from kursdocs.core.ports import PageChoice

WHOLE = [PageChoice(0, 1)]


@pytest.fixture(scope="module")
def papers() -> Iterator[SandboxedPapers]:
    pool = SandboxedPapers(1)
    yield pool
    pool.close()


def texts(pdf: bytes) -> list[str]:
    """The text of each page, as another reader of PDFs sees it."""
    opened = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_bounded().strip() for page in opened]
    finally:
        opened.close()


def sheets(*words: str) -> bytes:
    """One page for each word."""
    out = io.BytesIO()
    sheet = canvas.Canvas(out)
    for word in words:
        sheet.drawString(72, 700, word)
        sheet.bookmarkPage(word)
        sheet.addOutlineEntry(word, word)
        sheet.showPage()
    sheet.save()
    return out.getvalue()


def refusal(papers: SandboxedPapers, pages: Sequence[PageChoice], *pdfs: bytes) -> Invalid:
    with pytest.raises(Invalid) as caught:
        papers.arranged(pdfs, pages)
    return caught.value


# Pages


def test_pages_come_in_the_order_asked_for(papers: SandboxedPapers) -> None:
    made = papers.arranged(
        [sheets("eins", "zwei"), sheets("drei")],
        [PageChoice(1, 1), PageChoice(0, 2), PageChoice(0, 1)],
    )

    assert (texts(made.pdf), made.page_count) == (["drei", "zwei", "eins"], 3)
    assert papers.accept([made.pdf]).page_count == 3


def test_of_a_page_left_out_nothing_is_in_the_new_file(papers: SandboxedPapers) -> None:
    """Also not its name in an outline, nor what a reader would find in unused objects."""
    secret = "Geheimhausen"
    made = papers.arranged([sheets("eins", secret)], WHOLE)

    with pikepdf.open(io.BytesIO(made.pdf)) as pdf:
        everything = b"".join(
            thing.read_bytes() if isinstance(thing, pikepdf.Stream) else repr(thing).encode()
            for thing in pdf.objects
        )
    assert b"eins" in everything
    assert secret.encode() not in everything


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_a_page_is_turned_clockwise_by_what_was_asked_for(
    papers: SandboxedPapers, turned: int
) -> None:
    image = Image.new("RGB", (200, 300), "white")
    image.paste("black", (0, 0, 200, 60))  # the head of the page
    photo = papers.accept([jpeg(image)]).pdf

    made = papers.arranged([photo], [PageChoice(0, 1, turned)])

    seen = Image.open(io.BytesIO(papers.page_image(made.pdf, 1, 200))).convert("L")
    middle = (seen.width // 2, seen.height // 2)
    head = {0: (middle[0], 6), 90: (seen.width - 6, middle[1]),
            180: (middle[0], seen.height - 6), 270: (6, middle[1])}  # fmt: skip
    dark = [
        side
        for side, place in head.items()
        if seen.crop((*place, place[0] + 1, place[1] + 1)).tobytes()[0] < 90
    ]
    assert dark == [turned]


def test_four_quarter_turns_are_none(papers: SandboxedPapers) -> None:
    turned = certificate()
    for _ in range(4):
        turned = papers.arranged([turned], [PageChoice(0, 1, 90)]).pdf

    with pikepdf.open(io.BytesIO(turned)) as pdf:
        assert int(pdf.pages[0].get("/Rotate", 0)) % 360 == 0


def test_what_was_typed_into_a_form_stays_visible(papers: SandboxedPapers) -> None:
    made = papers.arranged([paper_corpus.form()], WHOLE)

    image = Image.open(io.BytesIO(papers.page_image(made.pdf, 1, 595))).convert("L")
    assert min(image.crop((74, 842 - 728, 270, 842 - 702)).tobytes()) < 80
    assert "Muster" in texts(made.pdf)[0]


@pytest.mark.parametrize("name", sorted(set(HARMLESS) - {"signature field"}))
def test_every_harmless_pdf_can_be_rearranged(papers: SandboxedPapers, name: str) -> None:
    data = HARMLESS[name]()

    made = papers.arranged([data], WHOLE)

    assert papers.accept([made.pdf]).page_count == 1
    assert texts(made.pdf)[0].split() == texts(data)[0].split() or name.startswith("form")


def test_the_same_pages_give_the_same_bytes(papers: SandboxedPapers) -> None:
    first = papers.arranged([certificate(2)], [PageChoice(0, 2)])

    assert papers.arranged([certificate(2)], [PageChoice(0, 2)]) == first


def test_a_signed_file_is_left_as_it_is(papers: SandboxedPapers) -> None:
    assert refusal(papers, WHOLE, paper_corpus.signed()).code == "file_signed"
    both = [PageChoice(0, 1), PageChoice(1, 1)]
    assert refusal(papers, both, certificate(), paper_corpus.signed()).code == "file_signed"


@pytest.mark.parametrize(("file", "page"), [(0, 0), (0, 2), (1, 1), (-1, 1)])
def test_a_page_that_is_not_there_cannot_be_taken(
    papers: SandboxedPapers, file: int, page: int
) -> None:
    with pytest.raises(NotFound):
        papers.arranged([certificate()], [PageChoice(file, page)])


def test_more_pages_than_a_paper_may_have_are_refused(papers: SandboxedPapers) -> None:
    many = [PageChoice(file, page) for file in (0, 1) for page in range(1, 101)]
    long = certificate(101)

    assert papers.arranged([long, long], many).page_count == 200
    found = refusal(papers, [*many, PageChoice(0, 101)], long, long)
    assert (found.code, found.details) == ("file_too_many_pages", {"pages": 200})


# Text


def test_lines_are_read_from_the_top_and_cut_at_wide_gaps(papers: SandboxedPapers) -> None:
    out = io.BytesIO()
    sheet = canvas.Canvas(out)
    for x, y, text in (  # values first, as some programs draw them
        (250, 680, "01.02.1990"), (250, 700, "Muster-Öztürk"), (60, 680, "Geburtsdatum"),
        (60, 740, "Anmeldebestätigung für den Kurs"), (60, 700, "Familienname"),
    ):  # fmt: skip
        sheet.drawString(x, y, text)
    sheet.saveState()
    sheet.rotate(40)
    sheet.drawString(400, 100, "MUSTER")
    sheet.restoreState()
    sheet.showPage()
    sheet.save()

    assert papers.lines(out.getvalue()) == [
        ["Anmeldebestätigung für den Kurs"],
        ["Familienname", "Muster-Öztürk"],
        ["Geburtsdatum", "01.02.1990"],
    ]


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_page_that_lies_on_its_side_is_read_like_any_other(
    papers: SandboxedPapers, turned: int
) -> None:
    """The text was drawn so that it stands upright once the page is turned."""
    out = io.BytesIO()
    sheet = canvas.Canvas(out, pagesize=(600, 600))
    sheet.translate(300, 300)
    sheet.rotate(turned)
    sheet.drawString(-200, 100, "Familienname")
    sheet.drawString(0, 100, "Beispiel")
    sheet.drawString(-200, 80, "Vorname")
    sheet.showPage()
    sheet.save()
    with pikepdf.open(io.BytesIO(out.getvalue())) as pdf:
        pdf.pages[0].rotate(turned, relative=False)
        pdf.save(made := io.BytesIO())

    assert papers.lines(made.getvalue()) == [["Familienname", "Beispiel"], ["Vorname"]]


@pytest.mark.parametrize("packed", [False, True])
def test_what_was_typed_into_a_form_is_read(papers: SandboxedPapers, packed: bool) -> None:
    data = paper_corpus.form()
    if packed:
        with pikepdf.open(io.BytesIO(data)) as pdf:
            mode = pikepdf.ObjectStreamMode.generate
            pdf.save(made := io.BytesIO(), object_stream_mode=mode)
        data = made.getvalue()

    assert ["Muster"] in papers.lines(data)


def test_pictures_have_no_text_and_only_the_first_pages_are_read(papers: SandboxedPapers) -> None:
    assert papers.lines(papers.accept([jpeg()]).pdf) == []
    assert papers.lines(sheets("eins", "zwei", "drei")) == [["eins"], ["zwei"]]


def test_a_page_crammed_with_letters_is_read_up_to_a_limit(papers: SandboxedPapers) -> None:
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    drawing = b"BT /F 8 Tf 12 TL 20 800 Td " + b"(Muster) Tj T* " * 100_000 + b"ET"
    page = b"/Resources << /Font << /F 4 0 R >> >> /Contents 5 0 R"
    data = paper_corpus.small_pdf(b"", page, font, stream(drawing))

    lines = papers.lines(data)

    assert 0 < sum(len(cell) for cells in lines for cell in cells) <= 8_000
    assert len(lines) <= 400


@pytest.mark.parametrize("name", HARMLESS)
def test_the_text_of_every_harmless_pdf_can_be_asked_for(
    papers: SandboxedPapers, name: str
) -> None:
    lines = papers.lines(HARMLESS[name]())

    assert all(cell == cell.strip() and cell for cells in lines for cell in cells)
