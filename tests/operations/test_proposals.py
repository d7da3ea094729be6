"""What is read from a paper: right where it is clear, nothing where it is not."""

import io
from collections.abc import Callable, Mapping
from datetime import date

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from tests.adapters import paper_corpus
from tests.factories import TODAY, make_catalogue
from tests.operations.house import SharedPapers

from kursdocs.catalogue import AgencyKind
from kursdocs.demo.papers import born_on, sample_paper, sample_photo
from kursdocs.operations.proposals import propose
from kursdocs.operations.proposals.kinds import HEADINGS

PROVIDER = AgencyKind.COURSE_PROVIDER
PERSON = ("family_name", "given_names", "birth_date")


def read(*lines: str, sender: AgencyKind = PROVIDER, today: date = TODAY) -> dict[str, str]:
    """What is proposed for these lines; a bar stands for a wide gap."""
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    return propose(cells, make_catalogue(), sender, today=today)


def person(*lines: str) -> tuple[str, str, str]:
    found = read(*lines)
    family, given, born = (found.get(name, "") for name in PERSON)
    return family, given, born


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        ("Familienname: Mustermann-Öztürk", "Vornamen: Probefried", "Geburtsdatum: 05.06.1987"),
        ("Familienname | Mustermann-Öztürk", "Vorname(n) | Probefried", "geb. am | 05.06.1987"),
        ("Name | Vorname | Geburtsdatum", "Mustermann-Öztürk | Probefried | 05.06.1987"),
        ("Name: | Mustermann-Öztürk | Vorname: | Probefried", "Geburtstag: | 5. Juni 1987"),
        ("Familienname", "Mustermann-Öztürk", "Vorname", "Probefried", "Geboren am", "5.6.1987"),
        ("Nachname: Mustermann-Öztürk | Vorname: Probefried", "geboren am: 1987-06-05"),
        ("Name, Vorname: Mustermann-Öztürk, Probefried", "Geburtsdatum | 05. 06. 1987"),
        ("Name, Vorname | Mustermann-Öztürk, Probefried | Geburtsdatum | 05.06.1987",),
        ("Name, Vorname | Geburtsdatum", "Mustermann-Öztürk, Probefried | 05.06.1987"),
        ("Herr Probefried Mustermann-Öztürk, geb. 05.06.1987, hat am Kurs teilgenommen.",),
        ("hiermit wird bestätigt, dass Herr", "Probefried Mustermann-Öztürk", "geb. 05.06.1987"),
        ("Mustermann-Öztürk, Probefried, geboren am 05.06.1987",),
        ("Die Teilnehmerin Probefried Mustermann-Öztürk (geb. am 05.06.1987) ist angemeldet.",),
        ("Familienname * | Mustermann-Öztürk", "Vorname (Rufname) | Probefried", "* 05.06.1987"),
    ],
)
def test_a_person_is_read_from_usual_layouts(lines: tuple[str, ...]) -> None:
    assert person(*lines) == ("Mustermann-Öztürk", "Probefried", "1987-06-05")


@pytest.mark.parametrize(
    ("family", "given"),
    [
        ("Çağlayan-Muster", "Gülşen İpek"),
        ("Прикладенко", "Мар’яна"),
        ("Zrazkenko", "Mar'yana Oleksandrivna"),
        ("El Beispiel", "Mohammed Ali"),
        ("von der Probe", "Anna-Lena"),
        ("MUSTERMANN", "MIA"),
        ("D’Esempio", "Niccolò"),
        ("Muster Ejemplo y Prueba", "José"),
    ],
)
def test_names_of_all_kinds_are_read_as_they_are_written(family: str, given: str) -> None:
    assert person(f"Familienname | {family}", f"Vornamen | {given}")[:2] == (family, given)


@pytest.mark.parametrize(
    "lines",
    [
        ("Name: Mia Anna Beispiel", "Geburtsort: Probestadt"),
        ("Name: Volkshochschule Musterstadt",),
        ("Name der Einrichtung: Sprachwerk", "Vorname der Ansprechpartnerin: Mira"),
        ("Frau Mia Anna Beispiel, geb. am",),
        ("Ihre Ansprechpartnerin: Frau Eva Muster, Zimmer 12",),
        ("Familienname: Muster", "Familienname: Beispiel"),
        (
            "Familienname | Vorname | Geburtsdatum",
            "Bitte in Druckbuchstaben ausfüllen",
        ),
        ("Familienname: 12345", "Geburtsdatum: 31.02.1990"),
        ("Geburtsname: Muster",),
        ("Familienname: siehe unten",),
        ("", ""),
        (),
    ],
)
def test_where_it_is_not_clear_who_is_meant_nobody_is_proposed(lines: tuple[str, ...]) -> None:
    found = read(*lines)

    assert [name for name in PERSON if name in found] == []


def test_two_birth_dates_are_none_and_one_told_twice_is_one() -> None:
    twice = ("Geburtsdatum: 01.02.1990", "geboren am 1. Februar 1990")

    assert person(*twice)[2] == "1990-02-01"
    assert person(*twice, "geb. 03.04.1991")[2] == ""


def test_nobody_is_born_tomorrow_or_with_two_digits() -> None:
    assert person("Geburtsdatum: 24.11.2026") == ("", "", "")
    assert person("Geburtsdatum: 01.02.90") == ("", "", "")


# -- fields ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("BAMF-Personenkennziffer: 4711081", {"bamf_person_no": "4711081"}),
        ("Personenkennziffer | 0471 1081", {"bamf_person_no": "04711081"}),
        ("BAMF-Kennziffer | 4711081 | Aktenzeichen | 12/34", {"bamf_person_no": "4711081"}),
        ("Kundennummer: 123A456789", {"customer_no": "123A456789"}),
        ("Ausgestellt am 12.10.2026", {"issued_on": "2026-10-12"}),
        ("Datum: 12. Oktober 2026", {"issued_on": "2026-10-12"}),
        ("Musterstadt, den 12.10.2026", {"issued_on": "2026-10-12"}),
        ("Gültig bis: 12.10.2027", {"expires_on": "2027-10-12"}),
        ("Voraussichtlicher Kursbeginn: 11.01.2027", {"planned_start_on": "2027-01-11"}),
        ("Kursbeginn | 11.01.2027", {"start_on": "2027-01-11"}),
        ("Kursnummer: IK-2027-014", {"course_no": "IK-2027-014"}),
        (
            "Zeitraum: 01.06.2026 – 30.10.2026",
            {"period_from": "2026-06-01", "period_to": "2026-10-30"},
        ),
        (
            "Sie hat vom 01.06.2026 bis zum 30.10.2026 teilgenommen.",
            {"period_from": "2026-06-01", "period_to": "2026-10-30"},
        ),
        ("Besuchte Unterrichtseinheiten: 240 UE", {"lesson_units": "240"}),
        ("Zielniveau | B2", {"target_level": "B2"}),
        ("Uhrzeit: 09:30 Uhr", {"test_time": "09:30"}),
        ("Ordnungsgemäße Teilnahme: ja", {"proper_participation": "yes"}),
    ],
)
def test_a_field_is_read_by_its_label(line: str, expected: dict[str, str]) -> None:
    assert read(line) == expected


@pytest.mark.parametrize(
    "lines",
    [
        ("Gültig bis: auf Weiteres",),
        ("Gültig bis: 12.10.2027", "gültig bis 13.10.2027"),
        ("Der Kurs umfasst 700 Unterrichtseinheiten.",),
        ("BAMF-Kennziffer: wird nachgereicht",),
        ("Ort: Probestadt", "Zielniveau: Z9"),
        ("Ausgestellt am: 12.10.2026", "Gültig bis: 11.10.2026"),
        ("Kundennummer:", "Kursbeginn:"),
    ],
)
def test_what_is_unclear_or_does_not_fit_is_not_proposed(lines: tuple[str, ...]) -> None:
    assert read(*lines) == {}


# -- kinds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sender", AgencyKind)
def test_every_kind_is_known_by_its_own_name(sender: AgencyKind) -> None:
    sendable = make_catalogue().sendable_by(sender)

    assert [read(kind.name.de, sender=sender)["kind"] for kind in sendable] == [
        kind.code for kind in sendable
    ]


HEADED: Mapping[str, tuple[str, ...]] = {
    "attendance_certificate_ik": (
        "Bescheinigung über die", "ordnungsgemäße Teilnahme am Integrationskurs",
    ),
    "admission_ik_jc": (
        "Jobcenter Musterstadt", "Zulassung zur Teilnahme an einem Integrationskurs",
    ),
    "admission_ik_bamf": (
        "Bundesamt für Migration und Flüchtlinge",
        "Zulassung zur einmaligen Teilnahme an einem Integrationskurs",
    ),
    "obligation_ik_abh": (
        "Ausländerbehörde", "Verpflichtung zur Teilnahme an einem Integrationskurs",
    ),
    "obligation_bsk": (
        "Jobcenter Musterstadt", "Teilnahmeberechtigung mit Verpflichtung", "Berufssprachkurs",
    ),
    "entitlement_bsk": (
        "Berechtigung zur Teilnahme an der berufsbezogenen Deutschsprachförderung",
    ),
    "registration_confirmation_ik": ("Anmeldebestätigung", "Allgemeiner Integrationskurs"),
    "registration_confirmation_bsk": ("Anmeldebestätigung", "Berufssprachkurs B2"),
    "start_notice_ik": ("Mitteilung über den Kursbeginn", "Integrationskurs 7"),
    "dropout_report_ik": ("Abbruchmeldung", "Integrationskurs"),
    "nonattendance_report_ik": ("Mitteilung der nicht ordnungsgemäßen Teilnahme",
                                "Integrationskurs"),
    "exam_result_ik": ("Deutsch-Test für Zuwanderer", "Ergebnis im Integrationskurs"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HEADED)
def test_a_kind_is_known_by_its_usual_heading(kind: str) -> None:
    assert read(*HEADED[kind]).get("kind") == kind


@pytest.mark.parametrize(
    "lines",
    [
        ("Anmeldebestätigung",),  # for which programme?
        ("Zulassung zum Integrationskurs",),  # by whom?
        ("Rechnung",),
        ("Wir bitten um Ihre Zulassung zum Integrationskurs beim Jobcenter.",),
        ("Fiktionsbescheinigung",),
        (),
    ],
)
def test_where_the_heading_does_not_tell_no_kind_is_proposed(lines: tuple[str, ...]) -> None:
    assert "kind" not in read(*lines)


def test_no_kind_is_proposed_that_the_agency_may_not_send() -> None:
    office = AgencyKind.IMMIGRATION_OFFICE
    lines = ("Abbruchmeldung", "Integrationskurs")

    assert "dropout_report_ik" not in {k.code for k in make_catalogue().sendable_by(office)}
    assert "kind" not in read(*lines, sender=office)


def test_the_headings_name_kinds_that_exist() -> None:
    named = {code for _, codes in HEADINGS for code in codes}

    assert {code for code in named if make_catalogue().kind(code) is None} == set()


# -- whole papers, through the child that opens them -----------------------------------------------


def of_pdf(papers: SharedPapers, pdf: bytes) -> dict[str, str]:
    return propose(papers.lines(pdf), make_catalogue(), PROVIDER, today=TODAY)


def test_everything_is_read_from_a_sample_paper(papers: SharedPapers) -> None:
    name = "Zulassung zum Integrationskurs (Jobcenter)"
    found = of_pdf(papers, sample_paper(name, "Mustermann-Öztürk", "Probefried Jürgen", 3))

    assert found["kind"] == "admission_ik_jc"
    assert (found["family_name"], found["given_names"]) == (
        "Mustermann-Öztürk",
        "Probefried Jürgen",
    )
    assert found["birth_date"] == born_on(3).isoformat()
    assert {"bamf_person_no", "issued_on", "expires_on"} < found.keys()


def drawn(draw: Callable[[Canvas], None]) -> bytes:
    """One page with letters of many languages, drawn in any order."""
    out = io.BytesIO()
    pdfmetrics.registerFont(TTFont("Wide", paper_corpus.WIDE_FONT))
    canvas = Canvas(out, pagesize=A4)
    canvas.setFont("Wide", 11)
    draw(canvas)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def test_labels_drawn_before_all_values_are_put_beside_them(papers: SharedPapers) -> None:
    def form(canvas: Canvas) -> None:
        for row, label in enumerate(("Familienname", "Vorname", "Geburtsdatum")):
            canvas.drawString(60, 700 - 20 * row, label)
        for row, value in enumerate(("Şahin-Örnek", "Gülşen", "01.02.1990")):
            canvas.drawString(220, 700 - 20 * row, value)

    assert of_pdf(papers, drawn(form)) == {
        "family_name": "Şahin-Örnek",
        "given_names": "Gülşen",
        "birth_date": "1990-02-01",
    }


@pytest.mark.parametrize(
    "build",
    [
        lambda: paper_corpus.letter(),
        lambda: paper_corpus.small_pdf(),
        lambda: paper_corpus.HARMLESS["scanned image"](),
    ],
    ids=["letter", "empty page", "scan"],
)
def test_where_there_is_nothing_to_find_nothing_is_proposed(
    papers: SharedPapers, build: Callable[[], bytes]
) -> None:
    assert of_pdf(papers, build()) == {}


def test_a_photograph_has_no_text(papers: SharedPapers) -> None:
    photo = papers.accept([sample_photo("Zulassung", "Muster", "Mia", 1)])

    assert papers.lines(photo.pdf) == []
