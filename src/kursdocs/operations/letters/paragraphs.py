"""A whole mail as paragraphs: the subject, what to do first, and what each agency is told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kursdocs.catalogue import Addressee, Catalogue, Text
from kursdocs.core.reminders.digest import Digest, Section, Topic
from kursdocs.core.reminders.tables import Clock
from kursdocs.core.reminders.topics import urgency
from kursdocs.operations.letters import frames, monthly, town
from kursdocs.operations.letters.topics import (
    KINDS_BELOW_MAX,
    KINDS_MAX,
    WORDINGS,
    headline,
    paragraph,
)
from kursdocs.operations.letters.wording import Language, List, Paragraph, one_line


@dataclass(frozen=True)
class Block:
    """What stands under one heading."""

    heading: str
    paragraphs: Sequence[Paragraph]


def subject(digest: Digest, language: Language = Language.DE) -> str:
    """The most urgent thing in a few words, without names."""
    own, of_town = _split(digest.sections)
    if not own:
        return f"kursdocs: {town.subject(of_town, language)}"
    topic, section = _most_urgent(own)
    alike = [found for one in own if (found := one.topic(topic.clock))]
    return f"kursdocs: {_line(section, _together(alike), language)}"


def todo(digest: Digest, language: Language) -> str:
    """The first line: what to do."""
    own, _ = _split(digest.sections)
    if not own:
        return town.TASK.get(language)
    topic, _ = _most_urgent(own)
    return WORDINGS[topic.clock].todo.get(language)


def blocks(digest: Digest, catalogue: Catalogue, language: Language) -> Iterator[Block]:
    """One for each agency, the one with the most urgent thing first; then the town's."""
    own, of_town = _split(digest.sections)
    for section in own:
        yield Block(one_line(section.agency_name), list(_of(section, catalogue, language)))
    if of_town:
        lines = town.paragraph(of_town, language), town.afterwards(of_town, language)
        yield Block(town.HEADING.get(language), [line for line in lines if line])


def _split(sections: Sequence[Section]) -> tuple[list[Section], list[Section]]:
    told = [section for section in sections if section.topics]
    own = [section for section in told if section.addressee is not Addressee.COORDINATOR]
    of_town = [section for section in told if section.addressee is Addressee.COORDINATOR]
    return sorted(own, key=_first_urgency), of_town


def _first_urgency(section: Section) -> tuple[int, str]:
    return urgency(section.topics[0])


def _most_urgent(sections: Sequence[Section]) -> tuple[Topic, Section]:
    section = min(sections, key=_first_urgency)
    return section.topics[0], section


_LATEST_FIRST = frozenset({Clock.REQUEST, Clock.LAPSING, Clock.PROOF, Clock.START})
"""Clocks that run towards a day: fewer days are more urgent. Of the others, more are."""


def _together(topics: Sequence[Topic]) -> Topic:
    """The same thing of several agencies in one mailbox."""
    days = [topic.days for topic in topics]
    most = min(days) if topics[0].clock in _LATEST_FIRST else max(days)
    return replace(topics[0], count=sum(topic.count for topic in topics), days=most)


TOPICS_IN_FULL = 3
"""So many topics are told in whole sentences; what comes after them is named in a line each."""
_BESIDES = Text("Außerdem (mit Anmeldung):", "Besides (with sign-in):")


def _of(section: Section, catalogue: Catalogue, language: Language) -> Iterator[Paragraph]:
    if planned := frames.own_plan(section, language):
        yield Paragraph(planned)
    # What could stand alone at the end of a list of one does.
    full = TOPICS_IN_FULL if len(section.topics) > TOPICS_IN_FULL + 1 else len(section.topics)
    kinds_max, said, linked = KINDS_MAX, set[str](), set[List | None]()
    for topic in section.topics[:full]:
        told = paragraph(section, topic, catalogue, language, kinds_max=kinds_max)
        kinds_max = KINDS_BELOW_MAX if topic.kinds else kinds_max
        # One link for each list, and nothing said twice.
        sentences = [sentence for sentence in told.sentences if sentence not in said]
        yield replace(told, sentences=sentences, list=None if told.list in linked else told.list)
        said.update(told.sentences)
        linked.add(told.list)
    if rest := section.topics[full:]:
        lines = [(_line(section, topic, language), WORDINGS[topic.clock].list) for topic in rest]
        yield Paragraph(
            [_BESIDES.get(language)],
            items=[line for line, shown in lines if shown in linked],
            leads=[(line, shown) for line, shown in lines if shown not in linked],
            agency=section.agency_slug,
        )


def _line(section: Section, topic: Topic, language: Language) -> str:
    if topic.clock is Clock.MONTHLY and section.month is not None:
        return monthly.headline(section.month, language)
    return headline(topic, language)
