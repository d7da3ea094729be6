"""The fields of a paper: their formats, and how typed values are read and judged.

Values come in as the strings somebody typed or a program sent, and go out as strings in one
spelling: white space collapsed, dates as ISO dates, numbers without leading zeros. A mistake is a
stable code beside the field's name; the sentence for people is found elsewhere, by that code.

This module knows nothing of documents, people, requests or today's date.
"""

import dataclasses
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Literal

from kursdocs.catalogue.wording import AgencyKind, Text

FormatType = Literal["text", "code", "date", "integer", "choice"]
"""What a format is called in the catalogue file, in forms and in the API."""

_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_GERMAN_DATE = re.compile(r"([0-9]{1,2})\. ?([0-9]{1,2})\. ?([0-9]{4})")
# The number block of a German keyboard has no full stop. No year that is allowed can be mistaken
# for a day and a month, so that 20261231 is never read as a day of another year.
_GERMAN_DIGITS = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{4})")
# No more digits than any bound in a catalogue has: a longer one is a format mistake, not a number.
_INTEGER = re.compile(r"-?[0-9]{1,9}")
# Line ends and tabs collapse to a space; every other control, format (that includes the marks
# that turn the direction of writing), surrogate, private or unassigned character is refused.
_UNWANTED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True)
class FieldMistake:
    """What is wrong with one field. ``details`` hold bounds for the sentence, never the value.

    Codes: ``field_unknown``, ``field_missing``, ``field_characters``, ``field_too_long``
    (``max``), ``field_format``, ``field_date_impossible``, ``field_date_out_of_range`` and
    ``field_number_out_of_range`` (``min``, ``max``), ``field_date_order`` (``other``),
    ``field_choice``.
    """

    field: str
    code: str
    details: Mapping[str, str | int] = dataclasses.field(default_factory=dict)


class _Mistaken(Exception):
    """A value its format does not accept. Leaves this module only as a :class:`FieldMistake`."""

    def __init__(self, code: str, **details: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.details = details


@dataclass(frozen=True)
class TextFormat:
    """One line of free text."""

    type: ClassVar[FormatType] = "text"
    max_length: int

    def read(self, value: str) -> str:
        """The value as it is, unless it is too long."""
        if len(value) > self.max_length:
            raise _Mistaken("field_too_long", max=self.max_length)
        return value


@dataclass(frozen=True)
class CodeFormat:
    """A number or sign after a pattern (ASCII). Spaces between the digits do not count."""

    type: ClassVar[FormatType] = "code"
    pattern: str
    max_length: int

    def read(self, value: str) -> str:
        """The code without spaces."""
        code = value.replace(" ", "")
        if len(code) > self.max_length:
            raise _Mistaken("field_too_long", max=self.max_length)
        if not re.fullmatch(self.pattern, code, re.ASCII):
            raise _Mistaken("field_format")
        return code


@dataclass(frozen=True)
class DateFormat:
    """A day, typed as ``2026-12-31``, ``31.12.2026`` or ``31122026``.

    ``not_before`` names another date field of the same paper that may not be later than this one.
    """

    type: ClassVar[FormatType] = "date"
    earliest: date
    latest: date
    not_before: str = ""

    def read(self, value: str) -> str:
        """The day as an ISO date."""
        if iso := _ISO_DATE.fullmatch(value):
            year, month, day = iso.groups()
        elif german := _GERMAN_DATE.fullmatch(value) or _GERMAN_DIGITS.fullmatch(value):
            day, month, year = german.groups()
        else:
            raise _Mistaken("field_format")
        try:
            typed = date(int(year), int(month), int(day))
        except ValueError:
            raise _Mistaken("field_date_impossible") from None
        if not self.earliest <= typed <= self.latest:
            raise _Mistaken(
                "field_date_out_of_range",
                min=self.earliest.isoformat(),
                max=self.latest.isoformat(),
            )
        return typed.isoformat()


@dataclass(frozen=True)
class IntegerFormat:
    """A whole number between two bounds, both allowed."""

    type: ClassVar[FormatType] = "integer"
    minimum: int
    maximum: int

    def read(self, value: str) -> str:
        """The number without leading zeros."""
        if not _INTEGER.fullmatch(value):
            raise _Mistaken("field_format")
        if not self.minimum <= int(value) <= self.maximum:
            raise _Mistaken("field_number_out_of_range", min=self.minimum, max=self.maximum)
        return str(int(value))


@dataclass(frozen=True)
class Option:
    """One answer of a choice: what is stored, and what people read."""

    code: str
    text: Text


@dataclass(frozen=True)
class ChoiceFormat:
    """One of a closed list of answers."""

    type: ClassVar[FormatType] = "choice"
    options: tuple[Option, ...]

    def read(self, value: str) -> str:
        """The option's code; upper and lower case are the same."""
        for option in self.options:
            if option.code.casefold() == value.casefold():
                return option.code
        raise _Mistaken("field_choice")


FieldFormat = TextFormat | CodeFormat | DateFormat | IntegerFormat | ChoiceFormat


@dataclass(frozen=True)
class Field:
    """A field that papers may have.

    ``never_to`` are agencies that must not learn it: no kind with this field has a route to them.
    ``example`` is a valid value for the form, or empty.
    """

    name: str
    label: Text
    hint: Text | None
    format: FieldFormat
    example: str = ""
    never_to: tuple[AgencyKind, ...] = ()


@dataclass(frozen=True)
class KindField:
    """A field as one kind of paper asks for it."""

    field: Field
    required: bool


def validate_fields(
    fields: tuple[KindField, ...], values: Mapping[str, str]
) -> tuple[dict[str, str], list[FieldMistake]]:
    """Judge what was typed into ``fields``: those of a kind, or others of the same form too.

    Returns the accepted values in their one spelling and in the order of the fields (empty
    optional ones are left out), and every mistake: those of the fields first, in their order,
    then unknown names. So nobody mends them one by one. Never raises.
    """
    accepted: dict[str, str] = {}
    mistakes: list[FieldMistake] = []
    for asked in fields:
        name = asked.field.name
        try:
            value = read_value(asked.field.format, values.get(name, ""))
            if value:
                accepted[name] = value
            elif asked.required:
                raise _Mistaken("field_missing")
        except _Mistaken as mistake:
            mistakes.append(FieldMistake(name, mistake.code, mistake.details))
    mistakes += _out_of_order(fields, accepted)
    known = {asked.field.name for asked in fields}
    mistakes += [FieldMistake(name, "field_unknown") for name in values if name not in known]
    return accepted, mistakes


def fits(format_: FieldFormat, value: str) -> bool:
    """Whether the format accepts this value and it is not empty."""
    try:
        return bool(read_value(format_, value))
    except _Mistaken:
        return False


def read_value(format_: FieldFormat, typed: str) -> str:
    """The typed value in its one spelling; empty when nothing but white space was typed."""
    if any(_is_unwanted(character) for character in typed):
        raise _Mistaken("field_characters")
    value = " ".join(unicodedata.normalize("NFC", typed).split())
    return format_.read(value) if value else ""


def _is_unwanted(character: str) -> bool:
    return character not in "\t\r\n" and unicodedata.category(character) in _UNWANTED_CATEGORIES


def _out_of_order(fields: tuple[KindField, ...], accepted: Mapping[str, str]) -> list[FieldMistake]:
    """Dates that lie before the date they must not precede. ISO dates sort as strings."""
    mistakes = []
    for asked in fields:
        name = asked.field.name
        other = asked.field.format.not_before if isinstance(asked.field.format, DateFormat) else ""
        if other in accepted and name in accepted and accepted[name] < accepted[other]:
            mistakes.append(FieldMistake(name, "field_date_order", {"other": other}))
    return mistakes
