"""What a digest says, sentence by sentence, in German and English: counts, kinds and ages only.

The same sentences stand in the mail's text, in its HTML and, as one line, in the explanation of
``kursdocs remind --dry-run``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kursdocs.catalogue import Addressee, Catalogue
from kursdocs.core.reminders.plan import Digest, KindCount, Overdue, Section


class Language(StrEnum):
    """The two languages of every mail."""

    DE = "de"
    EN = "en"


class List(StrEnum):
    """The lists that a mail leads to, through the sign-in."""

    WAITING = "waiting"
    RETURNED = "returned"
    LEAVING = "leaving"
    AGENCIES = "agencies"


@dataclass(frozen=True)
class Paragraph:
    """Sentences about one thing, the kinds below them, and the list where it can be seen."""

    sentences: Sequence[str]
    items: Sequence[str]
    list: List


@dataclass(frozen=True)
class Frame:
    """What stands around the paragraphs of every mail: greeting, names of the links, last words."""

    greeting: str
    labels: Mapping[List, str]
    closing: str


FRAMES: Mapping[Language, Frame] = {
    Language.DE: Frame(
        "Guten Tag,",
        {
            List.WAITING: "Eingang ansehen (mit Anmeldung)",
            List.RETURNED: "Ansehen, was zurückkam (mit Anmeldung)",
            List.LEAVING: "Ansehen, was gelöscht wird (mit Anmeldung)",
            List.AGENCIES: "Stellen ansehen (mit Anmeldung)",
        },
        "Sobald jemand aus der Stelle übernimmt, enden die Erinnerungen für alle. Diese Nachricht"
        " nennt mit Absicht keine Namen. Uhrzeit, Pausen und Vertretung stellt die Leitung der"
        " Stelle in kursdocs ein.",
    ),
    Language.EN: Frame(
        "Hello, the same in English:",
        {
            List.WAITING: "See the inbox (with sign-in)",
            List.RETURNED: "See what came back (with sign-in)",
            List.LEAVING: "See what will be deleted (with sign-in)",
            List.AGENCIES: "See the agencies (with sign-in)",
        },
        "As soon as anybody of the agency takes over, the reminders end for all. This message"
        " names nobody on purpose. The head of the agency sets hour, pauses and deputy in"
        " kursdocs.",
    ),
}


def one_line(name: str) -> str:
    """A name that somebody chose, unable to pretend to be more than a name."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())


@dataclass(frozen=True)
class _Words:
    """How one language counts."""

    one: str
    many: str
    today: str
    one_day: str
    days: str

    def documents(self, count: int) -> str:
        return self.one if count == 1 else self.many.format(count)

    def age(self, waited: int) -> str:
        if waited == 0:
            return self.today
        return self.one_day if waited == 1 else self.days.format(waited)


_WORDS = {
    Language.DE: _Words(
        "1 Dokument",
        "{} Dokumente",
        "seit heute",
        "seit 1 Arbeitstag",
        "seit {} Arbeitstagen",
    ),
    Language.EN: _Words(
        "1 document",
        "{} documents",
        "since today",
        "for 1 working day",
        "for {} working days",
    ),
}


def subject(digest: Digest) -> str:
    """The subject, in German: the most urgent thing first, without names."""
    words, desks = _WORDS[Language.DE], [s for s in digest.sections if not _is_of_town(s)]
    waiting = sum(section.waiting for section in desks)
    if waiting:
        oldest = max(section.oldest for section in desks)
        verb = "wartet" if waiting == 1 else "warten"
        age = f", das älteste {words.age(oldest)}" if waiting > 1 else f" {words.age(oldest)}"
        return f"kursdocs: {words.documents(waiting)} {verb}{age}"
    if returned := sum(section.returned for section in desks):
        return f"kursdocs: {words.documents(returned)} zurückgekommen"
    if leaving := sum(section.leaving for section in desks):
        return f"kursdocs: {words.documents(leaving)} vor der Löschung"
    if desks:
        return "kursdocs: Bitte sehen Sie nach, es werden Papiere erwartet"
    stuck, places = sum(section.waiting for section in digest.sections), len(digest.sections)
    where = "1 Stelle" if places == 1 else f"{places} Stellen"
    return f"kursdocs: {words.documents(stuck)} in {where} unberührt"


def _is_of_town(section: Section) -> bool:
    return section.addressee is Addressee.COORDINATOR


def paragraphs(section: Section, catalogue: Catalogue, language: Language) -> Iterator[Paragraph]:
    """What one addressee of one agency is told, most urgent first."""
    if _is_of_town(section):
        yield _stuck(section, language)
        return
    if section.waiting:
        yield _waiting(section, catalogue, language)
    if section.returned:
        yield _returned(section, language)
    if section.leaving:
        yield _leaving(section, language)
    if section.silent_days:
        yield _silent(section, language)


def _waiting(section: Section, catalogue: Catalogue, language: Language) -> Paragraph:
    words, new = _WORDS[language], section.new
    documents, age = words.documents(section.waiting), words.age(section.oldest)
    if language is Language.DE:
        news = f"{new} davon neu, " if new else ""
        one = f"{documents} wartet {age} auf Ihre Stelle."
        many = f"{documents} warten auf Ihre Stelle, {news}das älteste {age}."
    else:
        news = f"{new} of them new, " if new else ""
        one = f"{documents} has been waiting for your agency {age}."
        many = f"{documents} are waiting for your agency, {news}the oldest {age}."
    said = [one if section.waiting == 1 else many, *_why_you(section, language)]
    kinds = [_kind(each, catalogue, language) for each in section.kinds]
    return Paragraph(said, kinds, List.WAITING)


def _kind(one: KindCount, catalogue: Catalogue, language: Language) -> str:
    kind, words = catalogue.kind(one.kind), _WORDS[language]
    name = kind.name.get(language) if kind else one.kind
    if one.count == 1:
        return f"{name}: 1, {words.age(one.oldest)}"
    oldest = "das älteste" if language is Language.DE else "the oldest"
    return f"{name}: {one.count}, {oldest} {words.age(one.oldest)}"


def _why_you(section: Section, language: Language) -> list[str]:
    """Why somebody else than the desk is told."""
    if section.addressee is Addressee.DESK or not section.step:
        return []
    age = _WORDS[language].age(section.step)
    if language is Language.DE:
        role = "Vertretung" if section.addressee is Addressee.DEPUTY else "Leitung"
        return [f"Sie erhalten das als {role}, weil {age} niemand übernommen hat, was wartet."]
    role = "deputy" if section.addressee is Addressee.DEPUTY else "head"
    return [f"You are told as the {role} because nobody has taken over what waits {age}."]


def _returned(section: Section, language: Language) -> Paragraph:
    documents = _WORDS[language].documents(section.returned)
    if language is Language.DE:
        verb = "kam" if section.returned == 1 else "kamen"
        said = f"{documents} {verb} zurück: Die Empfängerstelle hat nicht übernommen."
    else:
        said = f"{documents} came back: the recipient did not take over."
    return Paragraph([said], (), List.RETURNED)


def _leaving(section: Section, language: Language) -> Paragraph:
    documents = _WORDS[language].documents(section.leaving)
    if language is Language.DE:
        verb = "wird" if section.leaving == 1 else "werden"
        said = f"{documents} {verb} in den nächsten Tagen nach Plan gelöscht."
    else:
        said = f"{documents} will be deleted as planned within the next days."
    return Paragraph([said], (), List.LEAVING)


def _silent(section: Section, language: Language) -> Paragraph:
    days = section.silent_days
    if language is Language.DE:
        said = (
            f"Seit {days} Tagen hat niemand aus Ihrer Stelle in den Eingang gesehen, obwohl Papiere"
            " für Sie erwartet werden. Bitte nutzen Sie die Cloud."
        )
    else:
        said = (
            f"Nobody of your agency has looked into the inbox for {days} days although papers are"
            " expected for you. Please use the cloud."
        )
    return Paragraph([said], (), List.WAITING)


def _stuck(section: Section, language: Language) -> Paragraph:
    words, is_one = _WORDS[language], section.waiting == 1
    documents, age = words.documents(section.waiting), words.age(section.oldest)
    if language is Language.DE:
        oldest = "" if is_one else "das älteste "
        said = f"{documents} unberührt, {oldest}{age}."
        back = "Danach geht es zurück." if is_one else "Danach gehen sie zurück."
        why = "Die Stelle hat kein Postfach." if section.unreachable else back
    else:
        oldest = "" if is_one else "the oldest "
        said = f"{documents} untouched, {oldest}{age}."
        back = "It goes back after that." if is_one else "They go back after that."
        why = "The agency has no mailbox." if section.unreachable else back
    return Paragraph([said, why], (), List.AGENCIES)


_ROLE_NAMES = {
    Addressee.DESK: "desk",
    Addressee.DEPUTY: "deputy",
    Addressee.HEAD: "head",
    Addressee.COORDINATOR: "coordinator",
}


def explained(digest: Digest, catalogue: Catalogue) -> str:
    """One English sentence that says who is mailed and why."""
    parts = []
    for section in digest.sections:
        said = [
            sentence
            for paragraph in paragraphs(section, catalogue, Language.EN)
            for sentence in paragraph.sentences
        ]
        step = f", step {section.step}" if section.step else ""
        name, role = one_line(section.agency_name), _ROLE_NAMES[section.addressee]
        parts.append(f"{name} ({role}{step}): {' '.join(said)}")
    return " | ".join(parts)


def given_back(late: Overdue) -> str:
    """Why a delivery goes back to its sender."""
    return f"One delivery goes back to its sender, untouched for {late.waited} working days."


TOMORROW = "Today's mail has gone out already; on the next working day:"
"""Before what came up after the one mail of the day."""

POSTPONED: Mapping[str, str] = {
    "not_a_working_day": "Something is due, but the agency does not work today.",
    "before_its_hour": "Something is due, but the agency's hour has not come yet.",
    "after_the_last_hour": "Something is due, but no mail goes out so late.",
    "no_mailbox": "Something is due, but the agency has no mailbox: only the coordinator is told.",
}
"""Why nobody is mailed although something is due."""
