"""What people type into the fields of a paper, and what becomes of it."""

from datetime import date

import pytest

from kursdocs.catalogue import (
    Catalogue,
    ChoiceFormat,
    CodeFormat,
    DateFormat,
    Field,
    FieldFormat,
    FieldMistake,
    IntegerFormat,
    Kind,
    KindField,
    Option,
    Text,
    TextFormat,
    load,
    validate_fields,
)

NOTHING = Text("", "")
ADMISSION = {"bamf_person_no": "4711081", "issued_on": "2026-11-02", "expires_on": "2027-11-01"}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


@pytest.fixture
def admission(catalogue: Catalogue) -> Kind:
    kind = catalogue.kind("admission_ik_jc")
    assert kind is not None
    return kind


def one_field(format_: FieldFormat, required: bool = True) -> tuple[KindField, ...]:
    """A form of one field, named ``value``."""
    return (KindField(Field("value", NOTHING, None, format_), required),)


def judged(format_: FieldFormat, typed: str) -> str:
    """The accepted value, or the code of the mistake."""
    accepted, mistakes = validate_fields(one_field(format_), {"value": typed})
    return mistakes[0].code if mistakes else accepted["value"]


TEXT = TextFormat(max_length=40)
CODE = CodeFormat(pattern="0*[1-9][0-9]*", max_length=11)
DATE = DateFormat(date(2005, 1, 1), date(2099, 12, 31))
INTEGER = IntegerFormat(0, 1300)
CHOICE = ChoiceFormat((Option("A2", NOTHING), Option("B1", NOTHING)))


def test_a_complete_form_is_accepted_as_it_is(admission: Kind) -> None:
    assert validate_fields(admission.fields, ADMISSION) == (ADMISSION, [])


def test_the_order_of_accepted_values_is_that_of_the_kind(admission: Kind) -> None:
    accepted, _ = validate_fields(admission.fields, dict(reversed(ADMISSION.items())))

    assert list(accepted) == ["bamf_person_no", "issued_on", "expires_on"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("2026-12-31", "2026-12-31"),
        ("31.12.2026", "2026-12-31"),
        ("1.2.2026", "2026-02-01"),
        ("01. 02. 2026", "2026-02-01"),
        ("  31.12.2026\n", "2026-12-31"),
        ("31122026", "2026-12-31"),
        ("29.02.2028", "2028-02-29"),
        ("29.02.2027", "field_date_impossible"),
        ("2027-02-29", "field_date_impossible"),
        ("31.04.2026", "field_date_impossible"),
        ("00.01.2026", "field_date_impossible"),
        ("12/31/2026", "field_format"),
        ("31.12.26", "field_format"),
        ("2026-1-2", "field_format"),
        ("20261231", "field_date_impossible"),
        ("20121012", "field_date_out_of_range"),
        ("311226", "field_format"),
        ("2026-W01-1", "field_format"),
        ("2026-12-31T00:00:00", "field_format"),
        ("morgen", "field_format"),
        ("٢٠٢٦-١٢-٣١", "field_format"),
        ("٢٠٢٦-12-31", "field_format"),
        ("2026-12-٣١", "field_format"),
        ("٣١.١٢.٢٠٢٦", "field_format"),
        ("31.12.٢٠٢٦", "field_format"),
        ("٣١.12.2026", "field_format"),
        ("31.12.2004", "field_date_out_of_range"),
        ("0001-01-01", "field_date_out_of_range"),
        ("9999-12-31", "field_date_out_of_range"),
    ],
)
def test_dates_are_read_in_german_and_iso_spelling_only(typed: str, expected: str) -> None:
    assert judged(DATE, typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("4711081", "4711081"),
        (" 47 11 081 ", "4711081"),
        ("0004711", "0004711"),
        ("0", "field_format"),
        ("000", "field_format"),
        ("-1", "field_format"),
        ("12a", "field_format"),
        ("٤٧١١", "field_format"),
        ("４７１１", "field_format"),
        ("061212012345", "field_too_long"),  # as long as an AZR number
    ],
)
def test_a_person_number_is_digits_and_not_zero(typed: str, expected: str) -> None:
    assert judged(CODE, typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("0", "0"),
        ("007", "7"),
        ("1300", "1300"),
        ("1301", "field_number_out_of_range"),
        ("-1", "field_number_out_of_range"),
        ("1e3", "field_format"),
        ("1.000", "field_format"),
        ("1_000", "field_format"),
        ("٣", "field_format"),
        ("9" * 300, "field_format"),
    ],
)
def test_whole_numbers_stay_within_their_bounds(typed: str, expected: str) -> None:
    assert judged(INTEGER, typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("B1", "B1"), ("b1", "B1"), (" a2 ", "A2"), ("C2", "field_choice"), ("B1,A2", "field_choice")],
)
def test_a_choice_is_one_of_the_closed_list(typed: str, expected: str) -> None:
    assert judged(CHOICE, typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("IK-2027-014", "IK-2027-014"),
        ("  IK \t 14\r\nabends ", "IK 14 abends"),
        ("IK\u00a014", "IK 14"),
        ("Ko\u0308ln", "Köln"),  # one spelling for what looks the same
        ("x" * 40, "x" * 40),
        ("x" * 41, "field_too_long"),
        ("ع" * 300, "field_too_long"),
        ("IK\x0014", "field_characters"),
        ("IK\x1b[31m", "field_characters"),
        ("IK\x1c14", "field_characters"),  # Python takes it for white space
        ("IK\x7f", "field_characters"),
        ("\u202e41-KI", "field_characters"),  # right-to-left override
        ("\u2066IK\u2069", "field_characters"),  # isolates
        ("IK\u200f", "field_characters"),  # right-to-left mark
        ("IK\u061c", "field_characters"),  # Arabic letter mark
        ("I\u200bK", "field_characters"),  # zero width
        ("IK\u2028", "field_characters"),
        ("IK\ue000", "field_characters"),  # private use
        ("IK\ud800", "field_characters"),  # half a surrogate pair
        ("IK\ufdd0", "field_characters"),  # no character at all
    ],
)
def test_text_is_one_short_line_without_hidden_characters(typed: str, expected: str) -> None:
    assert judged(TEXT, typed) == expected


@pytest.mark.parametrize("empty", ["", "   ", "\t\n", "\u00a0"])
def test_white_space_is_no_value(empty: str) -> None:
    required = validate_fields(one_field(TEXT), {"value": empty})
    optional = validate_fields(one_field(TEXT, required=False), {"value": empty})

    assert required == ({}, [FieldMistake("value", "field_missing")])
    assert optional == ({}, [])


def test_a_field_that_was_not_sent_is_missing(admission: Kind) -> None:
    assert validate_fields(admission.fields, {}) == (
        {},
        [FieldMistake("issued_on", "field_missing"), FieldMistake("expires_on", "field_missing")],
    )


def test_all_mistakes_come_at_once_and_good_values_are_kept(admission: Kind) -> None:
    typed = {"bamf_person_no": "0", "issued_on": "29.02.2027", "expires_on": "1.11.2027"}

    accepted, mistakes = validate_fields(admission.fields, {**typed, "azr_no": "061212012345"})

    assert accepted == {"expires_on": "2027-11-01"}
    assert [(mistake.field, mistake.code) for mistake in mistakes] == [
        ("bamf_person_no", "field_format"),
        ("issued_on", "field_date_impossible"),
        ("azr_no", "field_unknown"),
    ]


def test_a_paper_cannot_expire_before_it_was_issued(admission: Kind) -> None:
    _, mistakes = validate_fields(admission.fields, {**ADMISSION, "expires_on": "1.11.2026"})

    assert mistakes == [FieldMistake("expires_on", "field_date_order", {"other": "issued_on"})]


def test_a_paper_may_expire_on_the_day_it_was_issued(admission: Kind) -> None:
    _, mistakes = validate_fields(admission.fields, {**ADMISSION, "expires_on": "02.11.2026"})

    assert mistakes == []


def test_a_mistake_tells_the_bound_but_never_the_value() -> None:
    _, too_long = validate_fields(one_field(TEXT), {"value": "Muster " * 50})
    _, too_many = validate_fields(one_field(INTEGER), {"value": "1301"})

    assert too_long == [FieldMistake("value", "field_too_long", {"max": 40})]
    assert too_many == [FieldMistake("value", "field_number_out_of_range", {"min": 0, "max": 1300})]
