"""How letters speak: two languages side by side, counts, ages, and days in words.

The lowest module of the package. ``topics`` says what is told of each clock, ``town`` what the
coordinator is told, ``monthly`` what the month brought, ``frames`` what stands around it,
``paragraphs`` puts a mail together, ``decisions`` explains why somebody is mailed or not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kursdocs.catalogue import Text


class Language(StrEnum):
    """The two languages of every mail."""

    DE = "de"
    EN = "en"


class List(StrEnum):
    """The lists that a mail leads to, through the sign-in."""

    WAITING = "waiting"
    RETURNED = "returned"
    LEAVING = "leaving"
    REQUESTS = "requests"
    APPROVALS = "approvals"
    LAPSING = "lapsing"
    PROOF = "proof"
    START = "start"
    AGENCIES = "agencies"
    NUMBERS = "numbers"
    SETTINGS = "settings"


@dataclass(frozen=True)
class Paragraph:
    """Sentences about one thing, the kinds below them, and the list where it can be seen.

    ``leads`` are lines that lead somewhere themselves. ``agency`` is whose lists they are; without
    a list nothing is to be seen elsewhere.
    """

    sentences: Sequence[str]
    items: Sequence[str] = ()
    list: List | None = None
    agency: str = ""
    leads: Sequence[tuple[str, List]] = ()


@dataclass(frozen=True)
class Counted:
    """A sentence for one of something, and for many; ``{n}`` is how many, the rest by name."""

    one: Text
    many: Text

    def say(self, count: int, language: Language, /, **words: str) -> str:
        """The sentence for so many."""
        text = self.one if count == 1 else self.many
        return text.get(language).format(n=count, **words)


def always(text: Text) -> Counted:
    """A sentence that does not count."""
    return Counted(text, text)


PAPERS = Counted(Text("{n} Papier", "{n} paper"), Text("{n} Papiere", "{n} papers"))
AGENCIES = Counted(Text("{n} Stelle", "{n} agency"), Text("{n} Stellen", "{n} agencies"))
_MORE_KINDS = Counted(
    Text("und {n} weitere Art", "and {n} more kind"),
    Text("und {n} weitere Arten", "and {n} more kinds"),
)
_MORE_AGENCIES = Counted(
    Text("und {n} weitere Stelle", "and {n} more agency"),
    Text("und {n} weitere Stellen", "and {n} more agencies"),
)


def one_line(name: str) -> str:
    """A name that somebody chose, unable to pretend to be more than a name."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())


def cut(lines: Sequence[str], most: int, more: Counted, language: Language) -> list[str]:
    """The first of them, and how many more there are; never a line that hides only one."""
    if len(lines) <= most + 1:
        return list(lines)
    return [*lines[:most], more.say(len(lines) - most, language)]


def cut_kinds(lines: Sequence[str], most: int, language: Language) -> list[str]:
    """The first of the kinds."""
    return cut(lines, most, _MORE_KINDS, language)


def cut_agencies(lines: Sequence[str], most: int, language: Language) -> list[str]:
    """The first of the agencies."""
    return cut(lines, most, _MORE_AGENCIES, language)


# -- days in words -------------------------------------------------------------------------


def _days(days: int, words: Mapping[int, Text], past: Text, ahead: Text, language: Language) -> str:
    if days in words:
        return words[days].get(language)
    return (past if days < 0 else ahead).get(language).format(n=abs(days))


def age(days: int, language: Language) -> str:
    """For how many working days something has waited."""
    words = {
        0: Text("seit heute", "since today"),
        1: Text("seit 1 Arbeitstag", "for 1 working day"),
    }
    ahead = Text("seit {n} Arbeitstagen", "for {n} working days")
    return _days(max(0, days), words, ahead, ahead, language)


def due_by_working_days(days: int, language: Language) -> str:
    """How many working days are left until something is due; negative ones are over."""
    words = {
        -1: Text("seit 1 Arbeitstag überfällig", "overdue by 1 working day"),
        0: Text("heute fällig", "due today"),
        1: Text("in 1 Arbeitstag fällig", "due in 1 working day"),
    }
    past = Text("seit {n} Arbeitstagen überfällig", "overdue by {n} working days")
    ahead = Text("in {n} Arbeitstagen fällig", "due in {n} working days")
    return _days(days, words, past, ahead, language)


def due(days: int, language: Language) -> str:
    """The same in days of the calendar."""
    words = {
        -1: Text("seit gestern überfällig", "overdue since yesterday"),
        0: Text("heute fällig", "due today"),
        1: Text("morgen fällig", "due tomorrow"),
    }
    past = Text("seit {n} Tagen überfällig", "overdue by {n} days")
    ahead = Text("in {n} Tagen fällig", "due in {n} days")
    return _days(days, words, past, ahead, language)


def lapses(days: int, language: Language) -> str:
    """In how many days of the calendar a paper expires; negative ones are over."""
    words = {
        -1: Text("lief gestern ab", "expired yesterday"),
        0: Text("läuft heute ab", "expires today"),
        1: Text("läuft morgen ab", "expires tomorrow"),
    }
    past = Text("lief vor {n} Tagen ab", "expired {n} days ago")
    ahead = Text("läuft in {n} Tagen ab", "expires in {n} days")
    return _days(days, words, past, ahead, language)


def without_a_look(days: int, language: Language) -> str:
    """For how many days of the calendar nobody has looked in."""
    words = {
        0: Text("seit heute", "since today"),
        1: Text("seit gestern", "since yesterday"),
    }
    ahead = Text("seit {n} Tagen", "for {n} days")
    return _days(max(0, days), words, ahead, ahead, language)
