"""What the coordinator is told: of each agency how much lies there, never which papers (rule 9)."""

from collections.abc import Mapping, Sequence

from kursdocs.catalogue import Text
from kursdocs.core.reminders.digest import Reach, Section
from kursdocs.core.reminders.tables import Clock
from kursdocs.core.reminders.topics import urgency
from kursdocs.operations.letters.topics import headline
from kursdocs.operations.letters.wording import (
    AGENCIES,
    Counted,
    Language,
    List,
    Paragraph,
    cut_agencies,
    one_line,
)

AGENCIES_MAX = 8
"""So many agencies are listed, the rest only counted."""

HEADING = Text("Für die Koordination", "For the coordinator")
TASK = Text(
    "Bitte rufen Sie die Stellen an, in denen etwas liegen bleibt.",
    "Please call the agencies in which something is left lying.",
)
_STUCK = Counted(
    Text("In {n} Stelle bleibt etwas liegen:", "In {n} agency something is left lying:"),
    Text("In {n} Stellen bleibt etwas liegen:", "In {n} agencies something is left lying:"),
)
_AFTERWARDS = Text(
    "Was dort niemand übernimmt, geht am Ende seiner Frist an den Absender zurück.",
    "What nobody there takes over goes back to its sender when its time is up.",
)
_REACH: Mapping[Reach, Text] = {
    Reach.NO_MAILBOX: Text(
        "kein Postfach, Mails erreichen dort niemanden", "no mailbox, mails reach nobody there"
    ),
    Reach.REFUSED: Text("das Postfach nimmt keine Mails an", "the mailbox refuses mails"),
}
_SUBJECTS: Mapping[Clock, Counted] = {
    Clock.WAITING: Counted(
        Text("{n} Papier in {agencies} unberührt", "{n} paper untouched in {agencies}"),
        Text("{n} Papiere in {agencies} unberührt", "{n} papers untouched in {agencies}"),
    ),
    Clock.REQUEST: Counted(
        Text("{n} Anforderung in {agencies} überfällig", "{n} request overdue in {agencies}"),
        Text("{n} Anforderungen in {agencies} überfällig", "{n} requests overdue in {agencies}"),
    ),
}
_OTHER_SUBJECT = Text("In {agencies} bleibt etwas liegen", "In {agencies} something is left lying")


def subject(sections: Sequence[Section], language: Language) -> str:
    """What is most urgent in the town, in a few words."""
    agencies = AGENCIES.say(len({section.agency_id for section in sections}), language)
    for clock, counted in _SUBJECTS.items():
        told = [section for section in sections if section.topic(clock) is not None]
        if told:
            where = AGENCIES.say(len({section.agency_id for section in told}), language)
            count = sum(topic.count for section in told if (topic := section.topic(clock)))
            return counted.say(count, language, agencies=where)
    return _OTHER_SUBJECT.get(language).format(agencies=agencies)


def paragraph(sections: Sequence[Section], language: Language) -> Paragraph:
    """One line for each agency, under one link."""
    ordered = sorted(sections, key=_urgency)
    lines = [_line(section, language) for section in ordered]
    sentences = [_STUCK.say(len(lines), language)]
    items = cut_agencies(lines, AGENCIES_MAX, language)
    return Paragraph(sentences, items, List.AGENCIES, ordered[0].agency_slug)


def afterwards(sections: Sequence[Section], language: Language) -> Paragraph | None:
    """What becomes of papers that stay untouched."""
    if not any(section.topic(Clock.WAITING) for section in sections):
        return None
    return Paragraph([_AFTERWARDS.get(language)])


def _urgency(section: Section) -> tuple[bool, tuple[int, str]]:
    """Whom no mail reaches comes first: there only a call helps."""
    return section.reach is Reach.REACHED, urgency(section.topics[0])


def _line(section: Section, language: Language) -> str:
    said = [headline(topic, language) for topic in section.topics]
    if section.reach in _REACH:
        said.append(_REACH[section.reach].get(language))
    return f"{one_line(section.agency_name)}: {'; '.join(said)}"
