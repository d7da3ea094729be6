"""Reads a catalogue file and refuses it unless all of it makes sense.

``load`` is the entry point. A town's rules are changed by people who do not run the program, so a
refusal lists every mistake at once, each with file, line and reason. Reading a single value is
the business of ``tables``; here stands what the parts of a catalogue mean and how they must fit.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from kursdocs.catalogue import patterns
from kursdocs.catalogue.fields import (
    ChoiceFormat,
    CodeFormat,
    DateFormat,
    Field,
    FieldFormat,
    IntegerFormat,
    KindField,
    Option,
    TextFormat,
    fits,
)
from kursdocs.catalogue.lines import Lines
from kursdocs.catalogue.tables import E, Mistakes, Table
from kursdocs.catalogue.types import (
    Catalogue,
    ExcludedPaper,
    Kind,
    NeedText,
    Retention,
    ReturnReason,
    Route,
    WithdrawalReason,
)
from kursdocs.catalogue.wording import AgencyKind, Need, StartEvent, Text

FILE_BYTES_MAX = 1024 * 1024
RETENTION_MONTHS_MAX = 60
"""Five years: the ceiling for everything in a transport store."""

RESERVED_FIELD_NAMES = frozenset(
    {
        "kind",
        "recipient",
        "recipients",
        "obliging_body",
        "obliging_bodies",
        "family_name",
        "given_names",
        "birth_date",
        "released",
        "release_given_on",
        "release_form",
        "original_at",
        "is_copy",
        "file",
        "idempotency_key",
    }
)
"""What every upload asks already; a field of a kind must not hide it."""

_NAME_LENGTH_MAX = 120
_EARLIEST_DAY = date(2005, 1, 1)  # The first integration courses.
_LATEST_DAY = date(2099, 12, 31)
_RETENTION_CODE = re.compile(r"R[1-9]")
_OPTION_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,29}")


class CatalogueError(Exception):
    """The catalogue cannot be used. The message names every mistake as ``file:line: reason``."""


def load(path: Path | None = None) -> Catalogue:
    """The catalogue in this file, or the shipped one.

    Raises :class:`CatalogueError` with all mistakes, one per line, when it cannot be used.
    """
    file: Traversable = path or resources.files("kursdocs.catalogue") / "catalogue.toml"
    text = _read(file)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line ([0-9]+)", str(error))
        line = found[1] if found else str(text.count("\n") + 1)  # "at end of document"
        raise CatalogueError(f"{file}:{line}: no valid TOML: {error}") from None
    mistakes = Mistakes(Lines(text))
    catalogue = _catalogue(Table(data, (), mistakes))
    if found_mistakes := mistakes.in_order():
        raise CatalogueError("\n".join(f"{file}:{line}: {why}" for line, why in found_mistakes))
    return catalogue


def _read(file: Traversable) -> str:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise CatalogueError(f"{file}:1: cannot be read: {error.strerror}") from None
    if len(raw) > FILE_BYTES_MAX:
        raise CatalogueError(f"{file}:1: is larger than {FILE_BYTES_MAX} bytes")
    try:
        # Editors on Windows put a byte order mark in front, and end lines with two characters.
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise CatalogueError(f"{file}:{line}: is not UTF-8") from None


def _catalogue(top: Table) -> Catalogue:
    fields = {table.name: _field(table) for table in top.tables("fields")}
    retentions = {table.name: _retention(table) for table in top.tables("retention")}
    kind_tables = top.tables("kinds")
    excluded_tables = top.tables("excluded")
    _refuse_same_codes(kind_tables, excluded_tables)
    catalogue = Catalogue(
        version=top.string("version", length_max=20),
        kinds=tuple(_kind(table, fields, retentions) for table in kind_tables),
        retentions=tuple(retentions.values()),
        excluded=tuple(_excluded(table) for table in excluded_tables),
        return_reasons=tuple(
            ReturnReason(code, text) for code, text in _reasons(top, "return_reasons")
        ),
        withdrawal_reasons=tuple(
            WithdrawalReason(code, text) for code, text in _reasons(top, "withdrawal_reasons")
        ),
        agency_kind_names=_agency_kind_names(top),
        need_texts=_need_texts(top),
    )
    _refuse_same_names(kind_tables, catalogue.kinds)
    top.done()
    return catalogue


def _field(table: Table) -> Field:
    table.check_code()
    if table.name in RESERVED_FIELD_NAMES:
        table.wrong("", f"{table.name!r} is asked for with every paper; choose another name")
    format_ = _format(table)
    example = table.string("example", length_max=100, default="")
    if table.has("example") and not fits(format_, example):
        table.wrong("example", f"the example {example!r} does not fit the field's own format")
    field = Field(
        name=table.name,
        label=table.text("label", _NAME_LENGTH_MAX),
        hint=table.text("hint") if table.has("hint") else None,
        format=format_,
        example=example,
        never_to=table.members("never_to", AgencyKind, required=False),
    )
    table.done()
    return field


def _format(table: Table) -> FieldFormat:
    formats: dict[str, Callable[[Table], FieldFormat]] = {
        "text": _text_format,
        "code": _code_format,
        "date": _date_format,
        "integer": _integer_format,
        "choice": _choice_format,
    }
    name = table.string("format", length_max=20)
    if name not in formats:
        if name:
            table.wrong("format", f"unknown format {name!r}; known are {', '.join(formats)}")
        table.ignore_rest()  # Which keys belong here depends on the format.
        return TextFormat(max_length=500)
    return formats[name](table)


def _text_format(table: Table) -> FieldFormat:
    return TextFormat(max_length=table.number("max_length", 1, 500))


def _code_format(table: Table) -> FieldFormat:
    # Short, because the pattern is tried on what strangers type (see ``patterns``).
    max_length = table.number("max_length", 1, 60)
    pattern = table.string("pattern", length_max=200)
    if wrong := patterns.problem(pattern):
        table.wrong("pattern", f"pattern {wrong}")
        return TextFormat(max_length)
    return CodeFormat(pattern, max_length)


def _date_format(table: Table) -> FieldFormat:
    earliest = table.day("earliest", _EARLIEST_DAY)
    latest = table.day("latest", _LATEST_DAY)
    if earliest > latest:
        table.wrong("earliest", "earliest is later than latest")
    not_before = table.string("not_before", length_max=60, default="")
    return DateFormat(earliest, latest, not_before)


def _integer_format(table: Table) -> FieldFormat:
    bound = 999_999_999
    minimum = table.number("min", -bound, bound)
    maximum = table.number("max", -bound, bound)
    if minimum > maximum and table.has("max"):
        table.wrong("min", "min is larger than max")
    return IntegerFormat(minimum, maximum)


def _choice_format(table: Table) -> FieldFormat:
    codes = table.inner("options")
    if codes is None:
        return ChoiceFormat(())
    options = tuple(Option(code, codes.text(code, _NAME_LENGTH_MAX)) for code in codes.names())
    for option in options:
        if not _OPTION_CODE.fullmatch(option.code):
            codes.wrong(option.code, f"{option.code!r} is no code for an option")
    if len({option.code.casefold() for option in options}) < len(options):
        table.wrong("options", "two options differ in upper and lower case only")
    return ChoiceFormat(options)


def _retention(table: Table) -> Retention:
    if not _RETENTION_CODE.fullmatch(table.name):
        table.wrong("", f"{table.name!r} is no retention class: R1 to R9")
    if table.has("days") == table.has("months"):
        table.wrong("", "exactly one of days and months must be given")
    days = table.number("days", 1, 31 * RETENTION_MONTHS_MAX, default=0)
    months = table.number("months", 1, RETENTION_MONTHS_MAX, default=0)
    max_months = table.number("max_months", 1, RETENTION_MONTHS_MAX)
    if table.has("max_months") and (months > max_months or days > 31 * max_months):
        table.wrong("max_months", "the period is longer than its own maximum")
    retention = Retention(
        code=table.name,
        start=table.member("start", StartEvent) or StartEvent.LAST_ACKNOWLEDGED,
        days=days,
        months=months,
        max_months=max_months,
        text=table.text("text"),
    )
    table.done()
    return retention


def _kind(table: Table, fields: Mapping[str, Field], retentions: Mapping[str, Retention]) -> Kind:
    table.check_code()
    asked = _kind_fields(table, fields)
    retention = _kind_retention(table, retentions)
    kind = Kind(
        code=table.name,
        name=table.text("name", _NAME_LENGTH_MAX),
        hint=table.text("hint"),
        fields=asked,
        retention=retention,
        routes=_routes(table, asked),
        kept_from=table.string("kept_from", length_max=60, default=""),
        four_eyes=table.flag("four_eyes", default=False),
        due_working_days=table.number("due_working_days", 1, 60, default=5),
    )
    _check_kept_from(table, kind)
    table.done()
    return kind


def _kind_fields(table: Table, fields: Mapping[str, Field]) -> tuple[KindField, ...]:
    asked: dict[str, KindField] = {}
    for entry in table.strings("fields"):
        name = entry.removesuffix("?")
        if name in asked:
            table.wrong("fields", f"field {name!r} is named twice")
        elif name not in fields:
            table.wrong("fields", f"unknown field {name!r}")
        else:
            asked[name] = KindField(fields[name], required=not entry.endswith("?"))
    for name, kind_field in asked.items():
        format_ = kind_field.field.format
        if isinstance(format_, DateFormat) and format_.not_before not in ("", *_dates(asked)):
            table.wrong("fields", f"{name!r} needs the date {format_.not_before!r} beside it")
    return tuple(asked.values())


def _dates(asked: Mapping[str, KindField]) -> set[str]:
    return {name for name, one in asked.items() if isinstance(one.field.format, DateFormat)}


def _kind_retention(table: Table, retentions: Mapping[str, Retention]) -> Retention:
    code = table.string("retention", length_max=2)
    if code in retentions:
        return retentions[code]
    if code:
        table.wrong("retention", f"unknown retention class {code!r}")
    return Retention("", StartEvent.LAST_ACKNOWLEDGED, 0, 0, 0, Text("", ""))


def _check_kept_from(table: Table, kind: Kind) -> None:
    if not kind.retention.start.is_a_date_of_the_paper:
        if kind.kept_from:
            table.wrong("kept_from", f"{kind.retention.code} does not start at a date of the paper")
    elif kind.kept_from not in _dates({one.field.name: one for one in kind.fields}):
        table.wrong("kept_from", f"{kind.retention.code} needs kept_from: a date field of the kind")


def _routes(table: Table, asked: Iterable[KindField]) -> tuple[Route, ...]:
    routes: list[Route] = []
    first_seen: dict[tuple[AgencyKind, AgencyKind], tuple[Route, int]] = {}
    for row in table.rows("routes"):
        sender = row.member("from", AgencyKind)
        recipients = row.members("to", AgencyKind)
        ground = row.string("ground", length_max=200)
        need = row.member("needs", Need)
        row.done()
        if sender is None or need is None:
            continue
        route = Route(sender, recipients, ground, need)
        _refuse_bad_recipients(row, route, asked)
        _refuse_contradiction(row, route, first_seen)
        routes.append(route)
    return tuple(routes)


def _refuse_bad_recipients(row: Table, route: Route, asked: Iterable[KindField]) -> None:
    if route.sender in route.recipients:
        row.wrong("to", f"{route.sender} cannot send to its own kind of agency")
    for one in asked:
        for recipient in route.recipients:
            if recipient in one.field.never_to:
                row.wrong("to", f"{recipient} must never learn the field {one.field.name!r}")


def _refuse_contradiction(
    row: Table,
    route: Route,
    first_seen: dict[tuple[AgencyKind, AgencyKind], tuple[Route, int]],
) -> None:
    line = row.mistakes.line(row.path)
    for recipient in route.recipients:
        first, first_line = first_seen.setdefault((route.sender, recipient), (route, line))
        if first is route:
            continue
        same = (first.ground, first.need) == (route.ground, route.need)
        row.wrong(
            "to",
            f"from {route.sender} to {recipient} "
            f"{'stands already' if same else 'contradicts the route'} in line {first_line}",
        )


def _excluded(table: Table) -> ExcludedPaper:
    table.check_code()
    paper = ExcludedPaper(table.name, table.text("name", _NAME_LENGTH_MAX), table.text("reason"))
    table.done()
    return paper


def _reasons(top: Table, key: str) -> Iterable[tuple[str, Text]]:
    for table in top.tables(key):
        table.check_code()
        yield table.name, table.text("text", _NAME_LENGTH_MAX)
        table.done()


def _agency_kind_names(top: Table) -> dict[AgencyKind, Text]:
    tables = _one_per_member(top, "agency_kinds", AgencyKind)
    names = {kind: table.text("name", _NAME_LENGTH_MAX) for kind, table in tables.items()}
    for table in tables.values():
        table.done()
    return names


def _need_texts(top: Table) -> dict[Need, NeedText]:
    tables = _one_per_member(top, "needs", Need)
    texts = {
        need: NeedText(table.text("name", _NAME_LENGTH_MAX), table.text("hint"))
        for need, table in tables.items()
    }
    for table in tables.values():
        table.done()
    return texts


def _one_per_member(top: Table, key: str, members: type[E]) -> dict[E, Table]:
    """The table of every member of a vocabulary; missing and unknown ones are mistakes."""
    tables = {table.name: table for table in top.tables(key)}
    for name, table in tables.items():
        if name not in list(members):
            table.wrong("", f"{name!r} is unknown; known are {', '.join(members)}")
    missing = [member for member in members if member not in tables]
    if tables and missing:
        top.wrong(key, f"{key} has no wording for {', '.join(missing)}")
    return {member: tables[member] for member in members if member in tables}


def _refuse_same_codes(kinds: Iterable[Table], excluded: Iterable[Table]) -> None:
    codes = {table.name: table for table in kinds}
    for table in excluded:
        if table.name in codes:
            line = table.mistakes.line(codes[table.name].path)
            table.wrong("", f"{table.name!r} is a kind of paper too, in line {line}")


def _refuse_same_names(tables: Iterable[Table], kinds: Iterable[Kind]) -> None:
    """Two kinds of one name cannot be told apart by a clerk."""
    first_of: dict[str, str] = {}
    for table, kind in zip(tables, kinds, strict=True):
        for name in {kind.name.de, kind.name.en} - {""}:
            if first_of.setdefault(name, kind.code) != kind.code:
                table.wrong("name", f"the kind {first_of[name]!r} has the same name {name!r}")
