"""What the server takes from this program, as its API says, and what an entry lacks for it.

The server decides; this is to name every mistake before the first byte leaves. What it does not
know (a need of a newer server, a length) it lets pass.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

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
    validate_fields,
)
from kursdocs.catalogue.wording import Text
from kursdocs.push.papers import Entry, Mistake

Wording = Callable[[str, Mapping[str, str | int]], str]
"""The sentence for a mistake in a field, by its code."""
Form = dict[str, str | Sequence[str]]

_PERSON = ("family_name", "given_names", "birth_date")
_COMMON = (*_PERSON, "original_at", "release_given_on", "release_form")
_ANY_TEXT = TextFormat(max_length=64 * 1024)
_EARLIEST = date(1900, 1, 1)
_OBLIGING = {"obliging_body", "issuing_body"}


class RulesUnreadable(Exception):
    """The answer is not what a kursdocs of this version says."""


@dataclass(frozen=True)
class Kind:
    """A kind of paper that this agency may send. ``needs`` are by the recipient's agency kind."""

    code: str
    name: str
    fields: tuple[KindField, ...]
    needs: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Rules:
    """What this program may send, and to whom. ``recipients`` map slugs to agency kinds."""

    agency: str
    kinds: Mapping[str, Kind]
    recipients: Mapping[str, str]

    def check(self, entry: Entry, today: date, wording: Wording) -> tuple[Form, list[Mistake]]:
        """The form to send, in one spelling, and every mistake."""
        kind = self.kinds.get(entry.kind)
        mistakes = self._kind_mistakes(entry) + self._recipient_mistakes(entry, kind)
        if kind is None:
            return {}, mistakes
        accepted, wrong = validate_fields((*_common_fields(today), *kind.fields), entry.fields)
        mistakes += [entry.mistake(m.field, wording(m.code, m.details)) for m in wrong]
        form: Form = {
            "kind": kind.code,
            "recipient": sorted(set(entry.recipients)),
            "obliging_body": sorted(set(entry.obliging_bodies)),
            "released": "true" if entry.released else "",
            **accepted,
        }
        return {name: value for name, value in form.items() if value}, mistakes

    def _kind_mistakes(self, entry: Entry) -> list[Mistake]:
        if entry.kind in self.kinds:
            return []
        said = f"'{entry.kind}' is no kind that {self.agency} may send" if entry.kind else "missing"
        names = [f"{kind.code} ({kind.name})" for kind in self.kinds.values()]
        return [entry.mistake("kind", f"{said}{_choices(entry.kind, list(self.kinds), names)}")]

    def _recipient_mistakes(self, entry: Entry, kind: Kind | None) -> list[Mistake]:
        slugs = list(self.recipients)
        if not entry.recipients:
            return [entry.mistake("to", f"missing{_choices('', slugs, slugs)}")]
        mistakes = []
        for slug in entry.recipients:
            if slug not in self.recipients:
                reason = f"there is no agency '{slug}'{_choices(slug, slugs, slugs)}"
            else:
                reason = _unmet(entry, kind, slug, self.recipients[slug])
            if reason:
                mistakes.append(entry.mistake("to", reason))
        return mistakes


def _choices(typed: str, codes: list[str], names: list[str]) -> str:
    """What there is instead: what was probably meant, or everything."""
    near = difflib.get_close_matches(typed, codes, n=3, cutoff=0.75) if typed else []
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return "; there are:\n" + "\n".join(names) if names else "; there are none"


def _unmet(entry: Entry, kind: Kind | None, slug: str, agency_kind: str) -> str:
    """What the way to this recipient needs and the entry does not say; else empty."""
    if kind is None:
        return ""
    needs = kind.needs.get(agency_kind)
    if needs is None:
        return f"{kind.code} may not go from your agency to {slug}"
    if "release" in needs and _is_released(entry):
        return ""
    if needs & _OBLIGING and slug in entry.obliging_bodies:
        return ""
    if needs == {"release"}:
        return f"the person must have released it for {slug}: say so with 'released'"
    if needs <= _OBLIGING | {"release"}:
        reason = "obliged the person" if "obliging_body" in needs else "issued the entitlement"
        return f"{slug} may have it only if it {reason}: say so with 'obliging_body'"
    return ""


def _is_released(entry: Entry) -> bool:
    return entry.released or bool(
        entry.fields.get("release_given_on") or entry.fields.get("release_form")
    )


def _common_fields(today: date) -> tuple[KindField, ...]:
    past = DateFormat(earliest=_EARLIEST, latest=today)
    dates = ("birth_date", "release_given_on")
    return tuple(
        _asked(name, past if name in dates else _ANY_TEXT, required=name in _PERSON)
        for name in _COMMON
    )


def _asked(name: str, format_: FieldFormat, *, required: bool) -> KindField:
    return KindField(Field(name, Text(name, name), None, format_), required)


def read_rules(me: Any, agencies: Any, catalogue: Any) -> Rules:
    """What the API's answers mean for this program; raises :class:`RulesUnreadable`."""
    try:
        own = me["agency"]
        kinds = [_kind(kind, own["kind"]) for kind in catalogue["kinds"]]
        return Rules(
            agency=own["slug"],
            kinds={kind.code: kind for kind in kinds if kind.needs},
            recipients={one["slug"]: one["kind"] for one in agencies["items"]},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RulesUnreadable from error


def _kind(told: Any, own_kind: str) -> Kind:
    needs = {
        recipient: frozenset([route["need"], *route["alternatives"]])
        for route in told["routes"]
        if route["sender"] == own_kind
        for recipient in route["recipients"]
    }
    fields = tuple(
        _asked(one["name"], _format(one["format"]), required=one["required"])
        for one in told["fields"]
    )
    return Kind(told["code"], told["name"]["en"], fields, needs)


def _format(told: Mapping[str, Any]) -> FieldFormat:
    """A format of the catalogue from its data; of a type that is not known, any text."""
    match told["type"]:
        case "code":
            return CodeFormat(told["pattern"], told["max_length"])
        case "date":
            first, last = date.fromisoformat(told["earliest"]), date.fromisoformat(told["latest"])
            return DateFormat(first, last, told.get("not_before", ""))
        case "integer":
            return IntegerFormat(told["minimum"], told["maximum"])
        case "choice":
            return ChoiceFormat(tuple(Option(one, Text(one, one)) for one in told["options"]))
        case "text":
            return TextFormat(told["max_length"])
        case _:
            return _ANY_TEXT
