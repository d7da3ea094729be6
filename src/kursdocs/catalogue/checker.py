"""Reads a catalogue file and refuses it unless all of it makes sense.

``load`` is the entry point. A town's rules are changed by people who do not run the program, so a
refusal lists every mistake at once, each with file, line and reason. Reading a single value is
the business of ``tables``; here stands what the parts of a catalogue mean and how they must fit.
"""

import dataclasses
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from kursdocs.catalogue import patterns
from kursdocs.catalogue.clocks import read_clocks, read_follow_ups, read_settle_reasons
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
from kursdocs.catalogue.files import (
    OFF,
    SHIPPED,
    CatalogueError,
    Overlay,
    Source,
    read,
    shipped_file,
)
from kursdocs.catalogue.instruction import read_instruction
from kursdocs.catalogue.tables import E, Mistakes, Table
from kursdocs.catalogue.types import (
    Catalogue,
    CorrectionReason,
    ExcludedPaper,
    Group,
    Kind,
    Ladder,
    NeedText,
    RequestDeclineReason,
    Retention,
    ReturnReason,
    Route,
    WithdrawalReason,
)
from kursdocs.catalogue.wording import Addressee, AgencyKind, Need, StartEvent, Text

RETENTION_MONTHS_MAX = 60
"""Five years: the ceiling for everything in a transport store."""

RESERVED_FIELD_NAMES = frozenset(
    {
        "kind",
        "recipient",
        "recipients",
        "request",
        "provider",
        "due_on",
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
        "reason",
    }
)
"""What every upload asks already; a field of a kind must not hide it."""

STANDARD_LADDER = "standard"
"""The ladder of kinds that name none."""

_Read = tuple[Table, Kind]

_NAME_LENGTH_MAX = 120
_LADDER_DAYS_MAX = 60
_EARLIEST_DAY = date(2005, 1, 1)  # The first integration courses.
_LATEST_DAY = date(2099, 12, 31)
_RETENTION_CODE = re.compile(r"R[1-9]")
_OPTION_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,29}")


def load(path: Path | None = None) -> Catalogue:
    """The catalogue in this file, or the shipped one.

    A file with ``extends = "shipped"`` is laid over the shipped one, any other stands alone.
    Raises :class:`CatalogueError` with all mistakes, one per line, when it cannot be used.
    """
    own = read(path or shipped_file())
    is_overlay = own.data.get("extends") == SHIPPED
    source: Source = Overlay(own, read(shipped_file())) if is_overlay else own
    mistakes = Mistakes(source)
    top = Table(source.data, (), mistakes)
    if top.string("extends", length_max=20, default=SHIPPED) not in ("", SHIPPED):
        top.wrong("extends", f"extends must be {SHIPPED!r}; leave it out when the file is complete")
    catalogue = _catalogue(top)
    if found := mistakes.in_order():
        raise CatalogueError(found)
    return catalogue


def _catalogue(top: Table) -> Catalogue:
    fields = {table.name: _field(table) for table in top.tables("fields")}
    retentions = {table.name: _retention(table) for table in top.tables("retention")}
    ladders = {table.name: _ladder(table) for table in top.tables("ladders")}
    groups = {table.name: _group(table) for table in top.tables("groups")}
    excluded_tables = top.tables("excluded")
    kinds, ended = _kinds(top, _Parts(groups, fields, retentions, ladders))
    _refuse_same_codes([table for table, _ in kinds], excluded_tables)
    _refuse_same_names(kinds)
    catalogue = Catalogue(
        version=top.string("version", length_max=20),
        groups=tuple(groups.values()),
        kinds=tuple(kind for _, kind in kinds),
        ended=tuple(kind for _, kind in ended),
        retentions=tuple(retentions.values()),
        ladders=tuple(ladders.values()),
        silent_after_days=top.number("silent_after_days", 1, 60, default=7),
        person_has_days=top.number("person_has_days", 1, 60, default=7),
        answer_working_days=top.number("answer_working_days", 1, 60, default=10),
        log_kept_months=top.number("log_kept_months", 1, 120, default=6),
        excluded=tuple(_excluded(table) for table in excluded_tables),
        return_reasons=tuple(
            ReturnReason(code, text) for code, text in _reasons(top, "return_reasons")
        ),
        withdrawal_reasons=tuple(
            WithdrawalReason(code, text) for code, text in _reasons(top, "withdrawal_reasons")
        ),
        request_decline_reasons=tuple(
            RequestDeclineReason(code, text)
            for code, text in _reasons(top, "request_decline_reasons")
        ),
        correction_reasons=tuple(
            CorrectionReason(code, text) for code, text in _reasons(top, "correction_reasons")
        ),
        fields=fields,
        agency_kind_names=_agency_kind_names(top),
        need_texts=_need_texts(top),
        instruction=read_instruction(top),
        clocks=read_clocks(top),
        follow_ups=read_follow_ups(top, _field_names(*kinds, *ended), fields),
        settle_reasons=read_settle_reasons(top),
    )
    _refuse_shared_reasons(top, catalogue)
    top.done()
    return catalogue


def _field_names(*kinds: _Read) -> Mapping[str, Collection[str]]:
    return {kind.code: {asked.field.name for asked in kind.fields} for _, kind in kinds}


def _group(table: Table) -> Group:
    table.check_code()
    group = Group(table.name, table.text("name", _NAME_LENGTH_MAX))
    table.done()
    return group


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


def _ladder(table: Table) -> Ladder:
    table.check_code()
    steps = tuple(
        (table.number(addressee, 1, _LADDER_DAYS_MAX), addressee) for addressee in Addressee
    )
    days = [after for after, addressee in steps if table.has(addressee)]
    if days != sorted(days):
        table.wrong("", f"the steps must follow each other: {', '.join(Addressee)}")
    return_after = table.number("return_after", 1, _LADDER_DAYS_MAX)
    if return_after < max(days, default=0):
        table.wrong("return_after", "the paper would go back before everybody was told")
    table.done()
    return Ladder(table.name, steps, return_after)


@dataclasses.dataclass(frozen=True)
class _Parts:
    """What kinds are put together from."""

    groups: Mapping[str, Group]
    fields: Mapping[str, Field]
    retentions: Mapping[str, Retention]
    ladders: Mapping[str, Ladder]


def _kinds(top: Table, parts: _Parts) -> tuple[list[_Read], list[_Read]]:
    """The kinds that may be sent, and those that were switched off."""
    kinds: list[_Read] = []
    ended: list[_Read] = []
    for table in top.tables("kinds"):
        if table.names() == [OFF]:
            table.wrong("", f"there is no shipped kind {table.name!r} to switch on or off")
            continue
        is_off = table.flag(OFF, default=False)
        kind = _kind(table, parts)
        if is_off:
            ended.append((table, dataclasses.replace(kind, routes=())))
        else:
            kinds.append((table, kind))
    return kinds, ended


def _kind(table: Table, parts: _Parts) -> Kind:
    table.check_code()
    asked = _kind_fields(table, parts.fields)
    retention = _kind_retention(table, parts.retentions)
    kind = Kind(
        code=table.name,
        name=table.text("name", _NAME_LENGTH_MAX),
        hint=table.text("hint"),
        group=_kind_group(table, parts.groups),
        fields=asked,
        retention=retention,
        routes=_routes(table, asked),
        ladder=_kind_ladder(table, parts.ladders),
        kept_from=table.string("kept_from", length_max=60, default=""),
        four_eyes=table.flag("four_eyes", default=False),
        due_working_days=table.number("due_working_days", 1, 60, default=5),
        on_request=table.flag("on_request", default=True),
        request_fields=_request_fields(table, asked),
    )
    _check_kept_from(table, kind)
    _refuse_two_bodies(table, kind)
    _refuse_unheld_forward(table, kind)
    table.done()
    return kind


def _kind_group(table: Table, groups: Mapping[str, Group]) -> Group:
    code = table.string("group", length_max=60)
    if code and code not in groups:
        table.wrong("group", f"unknown group {code!r}; known are {', '.join(groups)}")
    return groups.get(code, Group(code, Text("", "")))


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


def _request_fields(table: Table, asked: Iterable[KindField]) -> tuple[KindField, ...]:
    """Those of the kind's fields that may be given when asking for it; none must be."""
    known = {one.field.name: one.field for one in asked}
    names = table.strings("request_fields") if table.has("request_fields") else []
    for name in names:
        if name not in known:
            table.wrong("request_fields", f"{name!r} is no field of this kind")
    if len(set(names)) < len(names):
        table.wrong("request_fields", "a field is named twice")
    # What was typed is checked against the day it must not precede, so that must be there too.
    for name in names:
        format_ = known[name].format if name in known else None
        if isinstance(format_, DateFormat) and format_.not_before not in ("", *names):
            table.wrong("request_fields", f"{name!r} needs {format_.not_before!r} beside it")
    return tuple(KindField(known[name], required=False) for name in names if name in known)


def _dates(asked: Mapping[str, KindField]) -> set[str]:
    return {name for name, one in asked.items() if isinstance(one.field.format, DateFormat)}


def _kind_retention(table: Table, retentions: Mapping[str, Retention]) -> Retention:
    code = table.string("retention", length_max=2)
    if code in retentions:
        return retentions[code]
    if code:
        table.wrong("retention", f"unknown retention class {code!r}")
    return Retention("", StartEvent.LAST_ACKNOWLEDGED, 0, 0, 0, Text("", ""))


def _kind_ladder(table: Table, ladders: Mapping[str, Ladder]) -> Ladder:
    code = table.string("ladder", length_max=60, default=STANDARD_LADDER)
    if code not in ladders:
        known = ", ".join(ladders)
        table.wrong("ladder", f"there is no ladder {code!r}; known are {known}")
    return ladders.get(code, Ladder(code, (), 0))


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
        needs = _needs(row)
        own_kind = row.flag("own_kind", default=False)
        forward = row.flag("forward", default=False)
        row.done()
        if sender is None or not needs:
            continue
        route = Route(sender, recipients, ground, needs[0], needs[1:], forward)
        _refuse_own_kind(row, route, own_kind)
        _refuse_bad_recipients(row, route, asked)
        _refuse_contradiction(row, route, first_seen)
        _refuse_bad_forward(row, route)
        routes.append(route)
    return tuple(routes)


def _refuse_bad_forward(row: Table, route: Route) -> None:
    """What is handed on rests on the person's word or the law alone, and never joins two offices.

    Who obliged, issued or requested is known of the first sending only.
    """
    if not route.forward:
        return
    if not set(route.needs) <= {Need.RELEASE, Need.NONE}:
        row.wrong("forward", "forward is possible only where needs is release or none")
    provider = AgencyKind.COURSE_PROVIDER
    if route.sender is not provider and set(route.recipients) != {provider}:
        row.wrong("forward", "offices do not hand papers on to each other")


def _refuse_unheld_forward(table: Table, kind: Kind) -> None:
    """Nobody can hand on what nobody may send them."""
    held = {recipient for route in kind.routes for recipient in route.recipients}
    for route in kind.routes:
        if route.forward and route.sender not in held:
            table.wrong(
                "routes", f"{route.sender} cannot hand on what no route brings to {route.sender}"
            )


def _refuse_two_bodies(table: Table, kind: Kind) -> None:
    needs = {need for route in kind.routes for need in route.needs}
    if {Need.OBLIGING_BODY, Need.ISSUING_BODY} <= needs:
        table.wrong("", "needs the obliging and the issuing body; the form can ask for one of them")


def _needs(row: Table) -> tuple[Need, ...]:
    needs = row.members("needs", Need)
    if Need.NONE in needs and len(needs) > 1:
        row.wrong("needs", "where none is enough, the other needs mean nothing")
    return needs


def _refuse_own_kind(row: Table, route: Route, allowed: bool) -> None:
    """Rarely meant, so it has to be said twice."""
    if route.sender in route.recipients and not allowed:
        row.wrong(
            "to", f"{route.sender} can send to its own kind of agency only with own_kind = true"
        )
    if allowed and route.sender not in route.recipients:
        row.wrong("own_kind", f"own_kind is true, but {route.sender} does not stand in to")


def _refuse_bad_recipients(row: Table, route: Route, asked: Iterable[KindField]) -> None:
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
        same = (first.ground, first.needs) == (route.ground, route.needs)
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


def _refuse_shared_reasons(top: Table, catalogue: Catalogue) -> None:
    """A paper that ended names one code; whether it was withdrawn or replaced is one of the two."""
    withdrawal = {reason.code for reason in catalogue.withdrawal_reasons}
    for reason in catalogue.correction_reasons:
        if reason.code in withdrawal:
            top.wrong("correction_reasons", f"{reason.code!r} is a withdrawal reason too")


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
            place = table.mistakes.place(codes[table.name].path, seen_from=table.path)
            table.wrong("", f"{table.name!r} is a kind of paper too, in {place}")


def _refuse_same_names(kinds: Sequence[_Read]) -> None:
    """Two kinds of one name cannot be told apart by a clerk."""
    first_of: dict[str, str] = {}
    for table, kind in kinds:
        for name in {kind.name.de, kind.name.en} - {""}:
            if first_of.setdefault(name, kind.code) != kind.code:
                table.wrong("name", f"the kind {first_of[name]!r} has the same name {name!r}")
