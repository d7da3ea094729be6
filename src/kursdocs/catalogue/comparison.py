"""What one catalogue changes against another: for whoever writes a town's own rules.

Each part of a catalogue (a kind, a field, a retention class …) is laid out as lines of "what" and
"how"; a change is a line that came, went or became another. So nothing that is laid out can change
unseen. Knows no files and no command line.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kursdocs.catalogue.clocks import FollowUpRule, Steps
from kursdocs.catalogue.fields import ChoiceFormat, Field
from kursdocs.catalogue.instruction import InstructionText
from kursdocs.catalogue.types import Catalogue, Kind, Ladder, Retention, Route
from kursdocs.catalogue.wording import Text

Lines = Mapping[str, str]
"""What a part says, as in the file: ``{"retention": "R2", "fields.issued_on": "required"}``."""


class What(StrEnum):
    """What happened to a part."""

    ADDED = "added"
    CHANGED = "changed"
    SWITCHED_OFF = "switched off"
    REMOVED = "removed"


@dataclass(frozen=True)
class Detail:
    """One line that differs; empty is what was not there before or is no more."""

    key: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """One part that differs. ``section`` and ``code`` are those of the file."""

    what: What
    section: str
    code: str
    name: Text
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True)
class _Part:
    name: Text
    lines: Lines


_Parts = Mapping[str, _Part]


def compare(before: Catalogue, after: Catalogue) -> tuple[Change, ...]:
    """All that differs, kinds first; empty when both say the same under whatever version."""
    changes = list(_kind_changes(before, after))
    for section, parts_of in _SECTIONS.items():
        changes += _changes(section, parts_of(before), parts_of(after))
    return tuple(changes)


def as_lines(changes: Sequence[Change], language: str) -> Iterator[str]:
    """The changes for people to read, names in this language."""
    for change in changes:
        yield f"{change.what}: {change.section}.{change.code} ({change.name.get(language)})"
        for detail in change.details:
            if detail.before:
                yield f"  - {detail.key}: {detail.before}"
            if detail.after:
                yield f"  + {detail.key}: {detail.after}"


def as_data(changes: Sequence[Change], language: str) -> list[dict[str, object]]:
    """The changes for programs to read, names in this language."""
    return [
        {
            "what": change.what.value,
            "section": change.section,
            "code": change.code,
            "name": change.name.get(language),
            "details": [dataclasses.asdict(detail) for detail in change.details],
        }
        for change in changes
    ]


def _kind_changes(before: Catalogue, after: Catalogue) -> Iterator[Change]:
    old, new = _kinds(before.kinds), _kinds(after.kinds)
    ended = _kinds(after.ended)
    for change in _changes("kinds", old, new):
        is_off = change.what is What.REMOVED and change.code in ended
        yield dataclasses.replace(change, what=What.SWITCHED_OFF, details=()) if is_off else change


def _changes(section: str, before: _Parts, after: _Parts) -> Iterator[Change]:
    for code, new in after.items():
        old = before.get(code)
        details = _details(old.lines if old else {}, new.lines)
        if old is None:
            yield Change(What.ADDED, section, code, new.name, details)
        elif details:
            yield Change(What.CHANGED, section, code, new.name, details)
    for code, old in before.items():
        if code not in after:
            yield Change(What.REMOVED, section, code, old.name)


def _details(before: Lines, after: Lines) -> tuple[Detail, ...]:
    return tuple(
        Detail(key, before.get(key, ""), after.get(key, ""))
        for key in dict.fromkeys((*before, *after))
        if before.get(key, "") != after.get(key, "")
    )


def _kinds(kinds: Sequence[Kind]) -> _Parts:
    return {kind.code: _Part(kind.name, dict(_kind(kind))) for kind in kinds}


def _kind(kind: Kind) -> Iterator[tuple[str, str]]:
    yield from _text("name", kind.name)
    yield from _text("hint", kind.hint)
    yield "group", kind.group.code
    yield "retention", kind.retention.code
    yield "kept_from", kind.kept_from
    yield "four_eyes", _yes(kind.four_eyes)
    yield "due_working_days", str(kind.due_working_days)
    yield "ladder", kind.ladder.code
    yield "on_request", _yes(kind.on_request)
    yield "request_fields", ", ".join(asked.field.name for asked in kind.request_fields)
    for asked in kind.fields:
        yield f"fields.{asked.field.name}", "required" if asked.required else "optional"
    for route in kind.routes:
        for recipient in route.recipients:
            yield f"routes.{route.sender} > {recipient}", _route(route)


def _route(route: Route) -> str:
    forward = "; may be handed on" if route.forward else ""
    return f"needs {' or '.join(route.needs)}; {route.ground}{forward}"


def _field(field: Field) -> Iterator[tuple[str, str]]:
    yield from _text("label", field.label)
    yield from _text("hint", field.hint or Text("", ""))
    yield "format", field.format.type
    for bound in dataclasses.fields(field.format):
        if bound.name != "options":
            yield bound.name, str(getattr(field.format, bound.name))
    if isinstance(field.format, ChoiceFormat):
        for option in field.format.options:
            yield from _text(f"options.{option.code}", option.text)
    yield "example", field.example
    yield "never_to", ", ".join(field.never_to)


def _retention(retention: Retention) -> Iterator[tuple[str, str]]:
    yield from _text("text", retention.text)
    yield "start", retention.start
    yield "days", str(retention.days)
    yield "months", str(retention.months)
    yield "max_months", str(retention.max_months)


def _ladder(ladder: Ladder) -> Iterator[tuple[str, str]]:
    for after, addressee in ladder.steps:
        yield addressee, str(after)
    yield "return_after", str(ladder.return_after)


def _instruction(text: InstructionText) -> _Part:
    paragraphs = ((f"paragraphs.{number}", one) for number, one in enumerate(text.paragraphs, 1))
    part = _named(text.title, *paragraphs)
    lines = {"version": text.version, "for": ", ".join(text.agency_kinds)}
    return _Part(part.name, {**lines, **part.lines})


def _text(key: str, text: Text) -> Iterator[tuple[str, str]]:
    yield f"{key}.de", text.de
    yield f"{key}.en", text.en


def _yes(value: bool) -> str:
    return "true" if value else "false"


def _named(name: Text, *more: tuple[str, Text]) -> _Part:
    """A part that is nothing but wording."""
    texts = (("name", name), *more)
    return _Part(name, {key: said for title, text in texts for key, said in _text(title, text)})


def _steps(steps: Steps) -> Lines:
    told = {addressee.value: str(days) for days, addressee in steps.steps}
    return {**told, "before": str(steps.before)}


def _follow_up(rule: FollowUpRule) -> _Part:
    lines = {
        "clock": rule.clock,
        "kinds": ", ".join(rule.kinds),
        "side": rule.side,
        "agency_kinds": ", ".join(rule.agency_kinds),
        "counted_from": rule.counted_from,
        "unit": rule.unit,
        "days": ", ".join(map(str, rule.days)),
        "due": str(rule.due),
        "fulfilled_by": ", ".join(rule.fulfilled_by),
    }
    texts = _named(rule.name, ("hint", rule.hint))
    return _Part(rule.name, {**lines, **texts.lines})


_SECTIONS: Mapping[str, Callable[[Catalogue], _Parts]] = {
    "fields": lambda rules: {
        name: _Part(field.label, dict(_field(field))) for name, field in rules.fields.items()
    },
    "retention": lambda rules: {
        one.code: _Part(one.text, dict(_retention(one))) for one in rules.retentions
    },
    "ladders": lambda rules: {
        one.code: _Part(Text(one.code, one.code), dict(_ladder(one))) for one in rules.ladders
    },
    "clocks": lambda rules: {
        "silent_after_days": _Part(
            Text("Stille in Tagen", "Silence in days"), {"days": str(rules.silent_after_days)}
        ),
        "person_has_days": _Part(
            Text("Zeit der Person in Tagen", "The person's time in days"),
            {"days": str(rules.person_has_days)},
        ),
        "answer_working_days": _Part(
            Text("Antwort in Arbeitstagen", "Answer in working days"),
            {"days": str(rules.answer_working_days)},
        ),
        "log_kept_months": _Part(
            Text("Protokoll in Monaten", "Log in months"), {"months": str(rules.log_kept_months)}
        ),
        "request": _Part(Text("Anforderungen", "Requests"), _steps(rules.clocks.request)),
        "approval": _Part(Text("Zweite Person", "Second person"), _steps(rules.clocks.approval)),
    },
    "follow_ups": lambda rules: {one.code: _follow_up(one) for one in rules.follow_ups},
    "settle_reasons": lambda rules: {
        one.code: _Part(one.text, {**dict(_text("text", one.text)), "on_paper": str(one.on_paper)})
        for one in rules.settle_reasons
    },
    "groups": lambda rules: {one.code: _named(one.name) for one in rules.groups},
    "excluded": lambda rules: {
        one.code: _named(one.name, ("reason", one.reason)) for one in rules.excluded
    },
    "return_reasons": lambda rules: {one.code: _named(one.text) for one in rules.return_reasons},
    "withdrawal_reasons": lambda rules: {
        one.code: _named(one.text) for one in rules.withdrawal_reasons
    },
    "correction_reasons": lambda rules: {
        one.code: _named(one.text) for one in rules.correction_reasons
    },
    "request_decline_reasons": lambda rules: {
        one.code: _named(one.text) for one in rules.request_decline_reasons
    },
    "agency_kinds": lambda rules: {
        kind: _named(name) for kind, name in rules.agency_kind_names.items()
    },
    "instruction": lambda rules: {"text": _instruction(rules.instruction)},
    "needs": lambda rules: {
        need: _named(text.name, ("hint", text.hint)) for need, text in rules.need_texts.items()
    },
}
