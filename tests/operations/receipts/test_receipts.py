"""The receipt as PDF: one page that others can open, print and check."""

import io
from dataclasses import replace

import pikepdf
import pypdfium2
import pytest

from kursdocs.operations import receipts
from kursdocs.operations.receipts import Receipt

ADDRESS = "https://kursdocs.example/documents/0192/receipt"
RECEIPT = Receipt(
    language="de",
    title="Quittung",
    author="VHS Musterstadt",
    statement="Das Papier ist sicher gespeichert und zugestellt.",
    lines=[
        ("Person", "Şahin-Öztürk, Łukasz ğő Олена"),
        ("Prüfsumme (SHA-256)", "a1b2c3d4 " * 8),
        ("Original liegt", "<b>Regal</b> & Schrank"),
    ],
    recipients_title="Empfänger",
    columns=("Stelle", "Grundlage", "Stand"),
    recipients=[("Jobcenter", "§ 7 Abs. 1 IntV", "Zugestellt am 23.11.2026")] * 4,
    address=ADDRESS,
    address_hint="Der Code führt hierher.",
    footer="kursdocs",
)


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def test_several_recipients_fit_on_one_page_of_a4() -> None:
    with pikepdf.open(io.BytesIO(receipts.draw(RECEIPT))) as pdf:
        (page,) = pdf.pages
        assert [round(float(side)) for side in page.mediabox[2:]] == [595, 842]


def test_very_many_recipients_go_on_to_further_pages() -> None:
    many = replace(RECEIPT, recipients=list(RECEIPT.recipients) * 20)

    assert len(pypdfium2.PdfDocument(receipts.draw(many))) > 1


@pytest.mark.parametrize(
    "name", ["Şahin-Öztürk", "Łukasz", "ğő", "Олена", "<b>Regal</b> & Schrank"]
)
def test_names_of_many_languages_are_printed_as_they_are(name: str) -> None:
    assert name in text_of(receipts.draw(RECEIPT))


def test_a_script_that_the_font_lacks_is_printed_in_latin_letters() -> None:
    text = text_of(receipts.draw(replace(RECEIPT, lines=[("Person", "محمد Muster")])))

    assert "mhmd Muster" in text


def test_fonts_language_and_title_are_in_the_file() -> None:
    with pikepdf.open(io.BytesIO(receipts.draw(RECEIPT))) as pdf:
        fonts = [font.get("/BaseFont") for font in pdf.objects if _is_font(font)]
        assert str(pdf.Root.Lang) == "de"
        assert str(pdf.docinfo["/Title"]) == "Quittung"
        files = [one for one in pdf.objects if isinstance(one, pikepdf.Dictionary)]
        assert sum("/FontFile2" in one for one in files) == 2
    assert {str(name).partition("+")[2] for name in fonts} == {
        "FiraSans-Regular",
        "FiraSans-SemiBold",
    }


def _is_font(one: object) -> bool:
    if not isinstance(one, pikepdf.Dictionary) or one.get("/Type") != "/Font":
        return False
    return "+" in str(one.get("/BaseFont"))


def test_the_same_receipt_is_the_same_to_the_byte() -> None:
    assert receipts.draw(RECEIPT) == receipts.draw(RECEIPT)


def test_the_code_differs_with_the_address_alone() -> None:
    def code(receipt: Receipt) -> bytes:
        page = pypdfium2.PdfDocument(receipts.draw(receipt))[0]
        picture = page.render(scale=2).to_pil().convert("1")
        return bytes(picture.crop((860, 110, 1080, 330)).tobytes())

    other = replace(RECEIPT, lines=[("Person", "Jemand anders")])
    assert code(RECEIPT) == code(other)
    assert code(RECEIPT) != code(replace(RECEIPT, address=ADDRESS + "x"))
