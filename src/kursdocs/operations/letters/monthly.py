"""The monthly note: what the agency exchanged, how fast, and how many take part. Only true things.

Small numbers of agencies are not told: they encourage nobody, and point at single ones.
"""

from collections.abc import Sequence
from datetime import date
from math import ceil

from kursdocs.catalogue import Text
from kursdocs.core.adoption import MonthNumbers
from kursdocs.core.reminders.digest import Section
from kursdocs.core.reminders.tables import Clock
from kursdocs.operations.letters.wording import PAPERS, Counted, Language

_MONTHS = (
    Text("Januar", "January"),
    Text("Februar", "February"),
    Text("März", "March"),
    Text("April", "April"),
    Text("Mai", "May"),
    Text("Juni", "June"),
    Text("Juli", "July"),
    Text("August", "August"),
    Text("September", "September"),
    Text("Oktober", "October"),
    Text("November", "November"),
    Text("Dezember", "December"),
)
_NOTHING = Text("nichts", "nothing")
_CARRIED = Counted(
    Text("Das ist {n} Papier, das niemand tragen musste.", "Nobody had to carry that paper."),
    Text(
        "Das sind {n} Papiere, die niemand tragen musste.",
        "That is {n} papers that nobody had to carry.",
    ),
)
_HOURS = Counted(
    Text("{n} Arbeitsstunde", "{n} working hour"),
    Text("{n} Arbeitsstunden", "{n} working hours"),
)
_DAYS = Counted(
    Text("{n} Arbeitstag", "{n} working day"), Text("{n} Arbeitstagen", "{n} working days")
)
_HOURS_A_DAY = 8
_ACTIVE_MIN = 5


def month_name(numbers: MonthNumbers, language: Language) -> str:
    """The month that is told of."""
    return _MONTHS[numbers.first_day.month - 1].get(language)


def headline(numbers: MonthNumbers, language: Language) -> str:
    """The month as a headline."""
    text = Text("Ihr {month} in Zahlen", "Your {month} in numbers")
    return text.get(language).format(month=month_name(numbers, language))


def sentences(numbers: MonthNumbers, language: Language) -> Sequence[str]:
    """What is said of the month."""
    found = [_exchanged(numbers, language)]
    if total := numbers.sent + numbers.received:
        found.append(_CARRIED.say(total, language))
    if numbers.median_hours is not None:
        found.append(_speed(numbers.median_hours, language))
    if told := _taking_part(numbers, language):
        found.append(told)
    return found


def proof(sections: Sequence[Section], signed: tuple[int, date] | None, language: Language) -> str:
    """What the mail proves later, where the month is told of; else, or unsigned, nothing."""
    is_told = any(section.topic(Clock.MONTHLY) for section in sections)
    if signed is None or not is_told:
        return ""
    size, day = signed
    text = Text(
        "Nachweis: Am {day}. {month} {year} hatte das Protokoll {size} Einträge. Der"
        " unterschriebene Stand steht im Kopf dieser Mail: Wer sie aufhebt, kann später zeigen, ob"
        " jemand einen dieser Einträge geändert oder entfernt hat.",
        "Proof: on {day} {month} {year} the log had {size} entries. The signed state stands in the"
        " header of this mail: whoever keeps it can show later whether somebody changed or removed"
        " one of these entries.",
    )
    month = _MONTHS[day.month - 1].get(language)
    return text.get(language).format(day=day.day, month=month, year=day.year, size=size)


def _exchanged(numbers: MonthNumbers, language: Language) -> str:
    sent, received = _many(numbers.sent, language), _many(numbers.received, language)
    text = Text(
        "Im {month} hat Ihre Stelle {sent} gesendet und {received} empfangen.",
        "In {month} your agency sent {sent} and received {received}.",
    )
    month = month_name(numbers, language)
    return text.get(language).format(month=month, sent=sent, received=received)


def _many(count: int, language: Language) -> str:
    return PAPERS.say(count, language) if count else _NOTHING.get(language)


def _speed(hours: float, language: Language) -> str:
    """The median in plain words, rounded up so that it is true."""
    if hours <= 2 * _HOURS_A_DAY:
        within = _HOURS.say(max(1, ceil(hours)), language)
    else:
        within = _DAYS.say(ceil(hours / _HOURS_A_DAY), language)
    text = Text(
        "Die Hälfte haben Sie innerhalb von {within} übernommen.",
        "Half of what you took over was taken over within {within}.",
    )
    return text.get(language).format(within=within)


def _taking_part(numbers: MonthNumbers, language: Language) -> str:
    active, everybody = numbers.active_agencies, numbers.all_agencies
    if everybody < _ACTIVE_MIN or active < _ACTIVE_MIN:
        return ""
    if active >= everybody:
        text = Text(
            "Alle {all} Stellen der Kommune waren dabei.",
            "All {all} agencies of the municipality took part.",
        )
    else:
        text = Text(
            "{active} von {all} Stellen der Kommune waren dabei.",
            "{active} of {all} agencies of the municipality took part.",
        )
    return text.get(language).format(active=active, all=everybody)
