"""Names of downloads: what a pattern may hold, and what comes out whatever stands in a paper."""

from hypothesis import given
from hypothesis import strategies as st

from kursdocs.core.agencies import file_names
from kursdocs.core.agencies.file_names import NAME_BYTES_MAX, PLACEHOLDERS, file_name

HOSTILE = (
    "../../etc/passwd",
    "CON",
    'a\\b:c*d?e"f<g>h|i',
    "Zeile\r\nContent-Type: text/html",
    "\u202efdp.exe",
    "x" * 500,
    "نموذج" * 60,
    "...",
    "-rf",
    "",
)


def named(pattern: str, **changes: str) -> str:
    return file_name(pattern, {**PLACEHOLDERS, **changes})


def test_without_a_pattern_the_person_is_not_in_the_name() -> None:
    assert named("", art="admission_ik_jc") == "admission_ik_jc-0123456789ab.pdf"


def test_a_pattern_is_filled_and_ends_with_what_no_other_paper_has() -> None:
    assert named("{eingang}_{name}_{vorname}") == "2026-11-23_Muster_Lin-0123456789ab.pdf"
    assert named("{kennung} {name}") == "0123456789ab Muster.pdf"
    assert named("{kennung}{kennung}") == "0123456789ab0123456789ab.pdf"
    assert named("Kurs {nummer}") == "Kurs 4711081-0123456789ab.pdf"


def test_empty_values_leave_no_gaps() -> None:
    assert named("{nummer}_{name}_{vorname}", nummer="", vorname="") == ("Muster_0123456789ab.pdf")


def test_letters_of_all_scripts_stay() -> None:
    assert named("{name} {vorname}", name="Öztürk", vorname="فاطمة").startswith("Öztürk فاطمة-")


def test_values_of_strangers_cannot_leave_the_folder_or_the_header() -> None:
    for text in HOSTILE:
        name = named("{name}_{vorname}_{absender}", name=text, vorname=text, absender=text)

        assert name.endswith("0123456789ab.pdf"), name
        assert len(name.encode()) <= NAME_BYTES_MAX, name
        assert not set(name) & set('/\\:*?"<>|\r\n\u202e'), name
        assert name.count(".") == 1, name
        assert not name.startswith((".", "-", " ")), name


@given(st.text(max_size=80), st.text(max_size=300))
def test_whatever_stands_in_a_paper_becomes_a_name(text: str, value: str) -> None:
    pattern = "".join(c for c in text if c not in "{}") + "{name}{kennung}{vorname}"
    if file_names.has_unsafe_characters(pattern):
        return
    name = named(pattern, name=value, vorname=value)

    assert "0123456789ab" in name
    assert name.endswith(".pdf")
    assert len(name.encode()) <= NAME_BYTES_MAX
    assert not set(name) & set('/\\:*?"<>|\r\n\0')


def test_nothing_of_the_person_is_left_when_it_must_not_be() -> None:
    values = file_names.without_person(PLACEHOLDERS)

    assert file_name("{eingang}_{name}_{vorname}_{nummer}_{geburtsdatum}", values) == (
        "2026-11-23_xxx_xxx_xxx_xxx-0123456789ab.pdf"
    )


def test_unknown_placeholders_and_lone_braces_are_found() -> None:
    assert file_names.unknown_placeholders("{name}{akte}") == ["akte"]
    assert file_names.unknown_placeholders("{name") == ["{"]
    assert file_names.unknown_placeholders("{}") == [""]
    assert file_names.unknown_placeholders("{name}-{kennung}") == []
