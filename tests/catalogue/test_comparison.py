"""What a town's own file changes against the shipped rules is told completely, and nothing else."""

from pathlib import Path

import pytest
from tests.catalogue.overlays import OWN

from kursdocs.catalogue import Catalogue, load
from kursdocs.catalogue.comparison import Change, Detail, What, as_data, as_lines, compare


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return load()


@pytest.fixture
def own(tmp_path: Path) -> Catalogue:
    return loaded(tmp_path, OWN)


def loaded(folder: Path, text: str) -> Catalogue:
    path = folder / "musterstadt.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def change_of(changes: tuple[Change, ...], code: str) -> Change:
    (found,) = [change for change in changes if change.code == code]
    return found


def test_the_same_rules_differ_in_nothing(shipped: Catalogue, tmp_path: Path) -> None:
    renamed = loaded(tmp_path, 'extends = "shipped"\nversion = "musterstadt-1"\n')

    assert compare(shipped, shipped) == ()
    assert compare(shipped, renamed) == ()


def test_what_came_changed_and_went_is_named(shipped: Catalogue, own: Catalogue) -> None:
    found = [(change.what, change.section, change.code) for change in compare(shipped, own)]

    assert found == [
        (What.CHANGED, "kinds", "language_cert_external"),
        (What.ADDED, "kinds", "course_place_ik"),
        (What.SWITCHED_OFF, "kinds", "fee_exemption_ik"),
        (What.ADDED, "fields", "room"),
    ]


def test_a_changed_kind_is_told_field_by_field_and_route_by_route(
    shipped: Catalogue, own: Catalogue
) -> None:
    changed = change_of(compare(shipped, own), "language_cert_external")

    old_ground, new_ground = (
        "§ 17 Abs. 2 Satz 3 IntV, § 8 Abs. 1 DeuFöV",
        "§ 17 Abs. 2 Satz 3 IntV",
    )
    assert changed.details[2:] == (
        Detail("hint.en", changed.details[2].before, "A certificate."),
        Detail("retention", "R3", "R4"),
        Detail("kept_from", "issued_on", ""),
        Detail("fields.issued_on", "required", "optional"),
        Detail("fields.exam_body", "required", ""),
        *(
            Detail(
                f"routes.course_provider > {office}",
                f"needs release; {old_ground}",
                f"needs release; {new_ground}",
            )
            for office in ("immigration_office", "jobcenter")
        ),
        Detail("routes.course_provider > employment_agency", f"needs release; {old_ground}", ""),
        Detail("routes.jobcenter > course_provider", f"needs release; {old_ground}", ""),
    )
    assert changed.details[0] == Detail(
        "name.de", "Sonstiger Sprachnachweis (telc, Goethe und andere)", "Sprachnachweis"
    )


def test_a_file_that_stands_alone_removes_what_it_does_not_have(
    shipped: Catalogue, own: Catalogue
) -> None:
    changes = compare(own, shipped)

    assert change_of(changes, "course_place_ik").what is What.REMOVED
    assert change_of(changes, "room").what is What.REMOVED


# (what the town adds to its file, section and code, a line that must be told)
CHANGES = {
    "a need": (
        '[kinds.attendance_request_ik]\ngroup = "reports"\n'
        'name = { de = "Aufforderung", en = "Request" }\nhint = { de = "Ja.", en = "Yes." }\n'
        'fields = []\nretention = "R1"\n[[kinds.attendance_request_ik.routes]]\n'
        'from = "jobcenter"\nto = "course_provider"\nground = "§ 14 Abs. 6 Satz 4 bis 7 IntV"\n'
        'needs = ["obliging_body", "prior_request"]\n',
        ("kinds", "attendance_request_ik"),
        Detail(
            "routes.jobcenter > course_provider",
            "needs none; § 14 Abs. 6 Satz 4 bis 7 IntV",
            "needs obliging_body or prior_request; § 14 Abs. 6 Satz 4 bis 7 IntV",
        ),
    ),
    "a format": (
        '[fields.course_no]\nlabel = { de = "Kurs", en = "Course" }\nformat = "text"\n'
        "max_length = 41\n",
        ("fields", "course_no"),
        Detail("max_length", "40", "41"),
    ),
    "who must never learn a field": (
        '[fields.customer_no]\nlabel = { de = "Kundennummer", en = "Customer number" }\n'
        'format = "code"\npattern = "[0-9]+"\nmax_length = 20\n',
        ("fields", "customer_no"),
        Detail("never_to", "immigration_office, asylum_benefit_office", ""),
    ),
    "an option": (
        '[fields.exam_passed]\nlabel = { de = "Bestanden", en = "Passed" }\nformat = "choice"\n'
        '[fields.exam_passed.options]\nyes = { de = "ja", en = "yes" }\n',
        ("fields", "exam_passed"),
        Detail("options.no.de", "nein", ""),
    ),
    "a period": (
        '[retention.R2]\nstart = "validity_end"\nmonths = 6\nmax_months = 15\n'
        'text = { de = "Sechs Monate.", en = "Six months." }\n',
        ("retention", "R2"),
        Detail("months", "3", "6"),
    ),
    "a heading": (
        '[groups.other]\nname = { de = "Sonstiges", en = "Other" }\n',
        ("groups", "other"),
        Detail("name.de", "Kosten und Fahrt", "Sonstiges"),
    ),
    "an excluded paper": (
        '[excluded.exam_papers]\nname = { de = "Bögen", en = "Papers" }\n'
        'reason = { de = "Nein.", en = "No." }\n',
        ("excluded", "exam_papers"),
        Detail("name.de", "Prüfungsbogen, Testbogen", "Bögen"),
    ),
    "a return reason": (
        '[return_reasons.expired]\ntext = { de = "Abgelaufen", en = "Expired" }\n',
        ("return_reasons", "expired"),
        Detail("name.de", "Nicht mehr gültig", "Abgelaufen"),
    ),
    "a withdrawal reason": (
        '[withdrawal_reasons.error]\ntext = { de = "Irrtum", en = "Error" }\n',
        ("withdrawal_reasons", "error"),
        Detail("name.de", "", "Irrtum"),
    ),
    "a correction reason": (
        '[correction_reasons.false_date]\ntext = { de = "Datum", en = "Date" }\n',
        ("correction_reasons", "false_date"),
        Detail("name.de", "Falsches Datum", "Datum"),
    ),
    "a reason not to answer a request": (
        "[request_decline_reasons.no_release]\n"
        'text = { de = "Ohne Freigabe", en = "No release" }\n',
        ("request_decline_reasons", "no_release"),
        Detail("name.de", "Die Person hat es nicht freigegeben", "Ohne Freigabe"),
    ),
    "how long the person has": (
        "person_has_days = 14\n",
        ("clocks", "person_has_days"),
        Detail("days", "7", "14"),
    ),
    "how long whoever is asked has": (
        "answer_working_days = 5\n",
        ("clocks", "answer_working_days"),
        Detail("days", "10", "5"),
    ),
    "what an agency is called": (
        '[agency_kinds.jobcenter]\nname = { de = "Jobcenter Kreis", en = "Jobcenter" }\n',
        ("agency_kinds", "jobcenter"),
        Detail("name.de", "Jobcenter", "Jobcenter Kreis"),
    ),
    "what staff confirm": (
        '[instruction]\nversion = "town-1"\nfor = ["course_provider"]\n'
        'title = { de = "Vorher", en = "Before" }\n'
        'paragraphs = [{ de = "Nur hierfür.", en = "For this only." }]\n',
        ("instruction", "text"),
        Detail("version", "2026-11", "town-1"),
    ),
    "what a need is called": (
        '[needs.none]\nname = { de = "Frei", en = "Free" }\nhint = { de = "Ja.", en = "Yes." }\n',
        ("needs", "none"),
        Detail("name.en", "No release needed", "Free"),
    ),
}


@pytest.mark.parametrize(("added", "where", "detail"), CHANGES.values(), ids=CHANGES)
def test_nothing_changes_unseen(
    shipped: Catalogue, tmp_path: Path, added: str, where: tuple[str, str], detail: Detail
) -> None:
    own = loaded(tmp_path, f'extends = "shipped"\nversion = "musterstadt-1"\n{added}')

    changes = compare(shipped, own)

    assert [(change.section, change.code) for change in changes] == [where]
    assert detail in changes[0].details


def test_it_reads_like_a_diff_in_either_language(shipped: Catalogue, own: Catalogue) -> None:
    changes = compare(shipped, own)

    german, english = list(as_lines(changes, "de")), list(as_lines(changes, "en"))

    assert german[0] == "changed: kinds.language_cert_external (Sprachnachweis)"
    assert english[0] == (
        "changed: kinds.language_cert_external "
        "(Other language certificate (telc, Goethe and others))"
    )
    assert "  - retention: R3" in german
    assert "  + retention: R4" in german
    assert "  + fields.exam_body: " not in german
    assert "switched off: kinds.fee_exemption_ik (Kostenbefreiung (Integrationskurs))" in german


def test_programs_read_the_same(shipped: Catalogue, own: Catalogue) -> None:
    changed, *_, added = as_data(compare(shipped, own), "en")

    assert (changed["what"], changed["section"]) == ("changed", "kinds")
    assert added == {
        "what": "added",
        "section": "fields",
        "code": "room",
        "name": "Room",
        "details": [
            {"key": "label.de", "before": "", "after": "Raum"},
            {"key": "label.en", "before": "", "after": "Room"},
            {"key": "format", "before": "", "after": "text"},
            {"key": "max_length", "before": "", "after": "20"},
        ],
    }
