"""Dates and numbers of a paper, by the labels that the catalogue and usual forms give them."""

import re
from collections.abc import Iterator, Mapping

from kursdocs.catalogue import (
    Catalogue,
    ChoiceFormat,
    CodeFormat,
    DateFormat,
    Field,
    FieldFormat,
    IntegerFormat,
    TextFormat,
)
from kursdocs.catalogue.fields import fits, read_value
from kursdocs.operations.proposals.labels import Paper, the_only

_MONTHS = (
    "januar", "februar", "märz", "april", "mai", "juni",
    "juli", "august", "september", "oktober", "november", "dezember",
)  # fmt: skip
DATE = (
    r"(?:[0-9]{1,2}\. ?[0-9]{1,2}\. ?[0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{2}"
    rf"|[0-9]{{1,2}}\. ?(?:{'|'.join(_MONTHS)}) [0-9]{{4}})(?![0-9])"
)
_LEADING_DATE = re.compile(rf"(?:am |den |zum |bis )*({DATE})", re.IGNORECASE)
_IN_WORDS = re.compile(r"([0-9]{1,2})\. ?([a-zä]+) ([0-9]{4})", re.IGNORECASE)
_LEADING_NUMBER = re.compile(r"([0-9]{1,4})(?: ?(?:UE|Unterrichtseinheiten)\b.*)?")
_PERIOD = re.compile(
    rf"(?:zeitraum|in der zeit|vom|von)\s*:?\s*(?:vom |von )?({DATE})"
    rf"\s*(?:bis(?: zum)?|[-–—])\s*({DATE})",
    re.IGNORECASE,
)
# "Musterstadt, den 12.10.2026": where and when a letter was written.
_WRITTEN = re.compile(rf"[^\W\d_][^\d,:;]{{1,40}}, (?:den |am )?({DATE})", re.IGNORECASE)

# Beside the label of the catalogue; the second of a pair counts only if the first finds nothing.
_LABELS: Mapping[str, tuple[str, ...]] = {
    "bamf_person_no": (
        r"(?:BAMF-?)?Personen-?kenn(?:ziffer|zahl)|BAMF-?(?:Kennziffer|Nummer|Nr\.?)"
        r"|Personenkennziffer des Bundesamtes|PKZ",
    ),
    "customer_no": (r"Kunden-?(?:nummer|nr\.?)(?: der Agentur für Arbeit| des Jobcenters)?",),
    "issued_on": (
        r"ausgestellt am|(?:Datum der )?Ausstellung(?:sdatum)?|Ausstellungstag|erteilt am",
        r"Datum(?: des Bescheid(?:e?s))?",
    ),
    "expires_on": (r"(?:längstens )?gültig bis(?: zum)?|Gültigkeit bis|Ablauf der Gültigkeit",),
    "valid_from": (r"gültig (?:ab|vom|seit)(?: dem)?",),
    "planned_start_on": (
        r"(?:geplanter|voraussichtlicher) (?:Kurs)?beginn|voraussichtlicher Start",
    ),
    "start_on": (
        r"(?:Tatsächlicher )?Kursbeginn|Beginn des Kurses|(?:Der )?Kurs(?:es)? beginnt am",
    ),
    "course_no": (r"Kurs(?:kennung|nummer|-?nr\.?|-?kennziffer)",),
    "period_from": (r"Zeitraum von|Teilnahme von|Teilnahme vom",),
    "lesson_units": (
        r"(?:besuchte|geleistete|absolvierte|wahrgenommene) (?:Unterrichtseinheiten|UE)",
    ),
    "missed_lesson_units": (
        r"(?:unentschuldigt )?(?:versäumte|gefehlte) (?:Unterrichtseinheiten|UE)",
    ),
    "lesson_units_left": (r"(?:verbleibende|restliche) (?:Unterrichtseinheiten|UE)",),
    "lesson_units_used": (r"(?:bereits |schon )?verbrauchte (?:Unterrichtseinheiten|UE)",),
    "test_on": (r"(?:Test)?termin|Datum des Tests|Einstufungstest am",),
    "test_time": (r"Uhrzeit|Beginn um",),
    "tested_on": (r"getestet am|Testdatum|Tag des Tests",),
    "exam_on": (r"geprüft am|Prüfungs(?:datum|tag)|Tag der Prüfung|Datum der Prüfung",),
    "last_attended_on": (r"zuletzt anwesend(?: am)?|letzter Anwesenheitstag|letzte Teilnahme",),
    "answer_due_on": (r"Antwort (?:erbeten )?bis(?: zum)?|Frist",),
    "target_level": (r"Ziel(?:sprach)?niveau",),
}
# Free text can only be told from other text where people agree on its label.
_TEXTS = frozenset({"course_no"})


def fields_of(paper: Paper, catalogue: Catalogue) -> dict[str, str]:
    """The catalogue's fields that the paper names, each in its one spelling."""
    found = {name: value for name, f in catalogue.fields.items() if (value := _field(paper, f))}
    for name, value in _period(paper, catalogue.fields).items():
        found.setdefault(name, value)
    if "issued_on" in catalogue.fields and "issued_on" not in found:
        found.update(_written(paper, catalogue.fields["issued_on"]))
    return _in_order(found, catalogue.fields)


def _field(paper: Paper, field: Field) -> str:
    if isinstance(field.format, TextFormat) and field.name not in _TEXTS:
        return ""
    usual = _LABELS.get(field.name, ())
    own = re.escape(field.label.de.rstrip("?"))
    for label in (f"{own}|{usual[0]}" if usual else own, *usual[1:]):
        read = {
            value: True
            for beside in paper.beside(label)
            if (value := value_in(field.format, beside))
        }
        if read:
            return the_only(read)
    return ""


def value_in(format_: FieldFormat, text: str) -> str:
    """What the beginning of a text says in this format; empty when that is not clear."""
    for shown in _shown(format_, text.strip()):
        if fits(format_, shown):
            return read_value(format_, shown)
    return ""


def _shown(format_: FieldFormat, text: str) -> Iterator[str]:
    match format_:
        case DateFormat():
            if found := _LEADING_DATE.match(text):
                yield in_numbers(found[1])
        case IntegerFormat():
            if found := _LEADING_NUMBER.fullmatch(text):
                yield found[1]
        case CodeFormat():
            yield text.removesuffix("Uhr").strip()
            yield text.split()[0] if text else ""
        case ChoiceFormat(options=options):
            yield from (o.code for o in options if text.casefold() == o.text.de.casefold())
            yield text
        case TextFormat():
            yield text


def in_numbers(day: str) -> str:
    """A date as the catalogue reads it: "1. Februar 1990" is 1.2.1990."""
    if not (worded := _IN_WORDS.fullmatch(day)):
        return day
    month = _MONTHS.index(worded[2].lower()) + 1
    return f"{worded[1]}.{month}.{worded[3]}"


def _period(paper: Paper, fields: Mapping[str, Field]) -> dict[str, str]:
    if not {"period_from", "period_to"} <= fields.keys():
        return {}
    found = {
        (value_in(fields["period_from"].format, m[1]), value_in(fields["period_to"].format, m[2]))
        for text in paper.texts
        for m in _PERIOD.finditer(text)
    }
    if len(found) != 1:
        return {}
    [(start, end)] = found
    return {"period_from": start, "period_to": end} if start and end else {}


def _written(paper: Paper, field: Field) -> dict[str, str]:
    found = {
        value: True
        for cells in paper.lines
        for cell in cells
        if (m := _WRITTEN.fullmatch(cell.strip())) and (value := value_in(field.format, m[1]))
    }
    only = the_only(found)
    return {"issued_on": only} if only else {}


def _in_order(found: dict[str, str], fields: Mapping[str, Field]) -> dict[str, str]:
    """Without dates that contradict each other. ISO dates sort as strings."""
    wrong: set[str] = set()
    for name, value in found.items():
        format_ = fields[name].format
        other = format_.not_before if isinstance(format_, DateFormat) else ""
        if other in found and value < found[other]:
            wrong |= {name, other}
    return {name: value for name, value in found.items() if name not in wrong}
