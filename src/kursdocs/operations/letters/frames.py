"""What stands around the paragraphs of a mail: greeting, names of links, own plan, last words."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from kursdocs.catalogue import Addressee, Text
from kursdocs.core.agencies import PlanTime
from kursdocs.core.reminders.digest import OwnPlan, Section
from kursdocs.core.reminders.tables import Clock
from kursdocs.operations.letters.wording import Language, List

GREETING = Text("Guten Tag,", "Hello, the same in English:")

LABELS: Mapping[List, Text] = {
    List.WAITING: Text("Eingang ansehen (mit Anmeldung)", "See the inbox (with sign-in)"),
    List.RETURNED: Text(
        "Zurückgekommenes ansehen (mit Anmeldung)", "See what came back (with sign-in)"
    ),
    List.LEAVING: Text(
        "Ansehen, was gelöscht wird (mit Anmeldung)", "See what will be deleted (with sign-in)"
    ),
    List.REQUESTS: Text("Anforderungen ansehen (mit Anmeldung)", "See the requests (with sign-in)"),
    List.APPROVALS: Text(
        "Ansehen und freigeben (mit Anmeldung)", "See and approve them (with sign-in)"
    ),
    List.LAPSING: Text(
        "Ablaufende Papiere ansehen (mit Anmeldung)", "See the expiring papers (with sign-in)"
    ),
    List.PROOF: Text(
        "Fehlende Nachweise ansehen (mit Anmeldung)", "See the missing proofs (with sign-in)"
    ),
    List.START: Text(
        "Offene Kursbeginne ansehen (mit Anmeldung)", "See the open course starts (with sign-in)"
    ),
    List.AGENCIES: Text("Stellen ansehen (mit Anmeldung)", "See the agencies (with sign-in)"),
    List.NUMBERS: Text("Unsere Zahlen ansehen (mit Anmeldung)", "See our numbers (with sign-in)"),
    List.SETTINGS: Text("Postfächer prüfen (mit Anmeldung)", "Check the mailboxes (with sign-in)"),
}
"""What each link says: it leads to the sign-in first."""


# -- the agency's own plan -----------------------------------------------------------------

_WEEKDAYS: Mapping[int, Text] = {
    1: Text("montags", "on Mondays"),
    2: Text("dienstags", "on Tuesdays"),
    3: Text("mittwochs", "on Wednesdays"),
    4: Text("donnerstags", "on Thursdays"),
    5: Text("freitags", "on Fridays"),
    6: Text("samstags", "on Saturdays"),
    7: Text("sonntags", "on Sundays"),
}
_EVERY_DAY = Text("an jedem Arbeitstag", "on every working day")
_TIMES: Mapping[PlanTime, Text] = {
    PlanTime.MORNING: Text("am Morgen", "in the morning"),
    PlanTime.BEFORE_COUNTER_HOURS: Text("vor der Sprechzeit", "before counter hours"),
    PlanTime.AFTER_COUNTER_HOURS: Text("nach der Sprechzeit", "after counter hours"),
    PlanTime.AFTERNOON: Text("am Nachmittag", "in the afternoon"),
}
_PLANNED = Text("Sie haben sich vorgenommen: {when}.", "You have planned: {when}.")
_TODAY = Text("Heute ist so ein Tag.", "Today is such a day.")
# Whoever only reads the month's numbers, or mends a mailbox, is not asked to look in.
_NOT_PLANNED = frozenset({Clock.MONTHLY, Clock.REFUSED})


def own_plan(section: Section, language: Language) -> Sequence[str]:
    """The plan of the agency quoted back, and whether today is such a day."""
    plan = section.own_plan
    if plan is None or all(topic.clock in _NOT_PLANNED for topic in section.topics):
        return []
    when = ", ".join(_when(plan, language))
    if not when:
        return []
    said = [_PLANNED.get(language).format(when=when)]
    if plan.is_today and plan.weekdays:
        said.append(_TODAY.get(language))
    return said


def _when(plan: OwnPlan, language: Language) -> Iterator[str]:
    if set(plan.weekdays) >= {1, 2, 3, 4, 5}:
        yield _EVERY_DAY.get(language)
    elif plan.weekdays:
        yield _listed([_WEEKDAYS[day].get(language) for day in plan.weekdays], language)
    if plan.time is not None:
        yield _TIMES[plan.time].get(language)


def _listed(words: Sequence[str], language: Language) -> str:
    *first, last = words
    return Text(" und ", " and ").get(language).join([*([", ".join(first)] if first else []), last])


# -- the last words ------------------------------------------------------------------------

_ENDS = Text(
    "Sobald jemand aus der Stelle übernimmt oder zurückgibt, enden die Erinnerungen für alle.",
    "As soon as anybody of the agency takes over or returns it, the reminders end for all.",
)
_RARE = Text(
    "Eine solche Mail kommt höchstens einmal am Arbeitstag, nur wenn es Neues gibt, und nennt mit"
    " Absicht keine Namen.",
    "Such a mail comes once a working day at most, only when there is news, and names nobody on"
    " purpose.",
)
_SETTINGS = Text(
    "Uhrzeit, Pausen und Vertretung stellt die Leitung der Stelle in kursdocs ein.",
    "The head of the agency sets hour, pauses and deputy in kursdocs.",
)
_SETTINGS_WITH_NOTE = Text(
    "Uhrzeit, Pausen, Vertretung und ob die Monatsnotiz kommt, stellt die Leitung der Stelle in"
    " kursdocs ein.",
    "The head of the agency sets hour, pauses, deputy, and whether the monthly note comes, in"
    " kursdocs.",
)


def closing(sections: Collection[Section], language: Language) -> str:
    """How the reminders end, and who sets when they come."""
    own = [section for section in sections if section.addressee is not Addressee.COORDINATOR]
    clocks = {topic.clock for section in own for topic in section.topics}
    said = [_ENDS] if Clock.WAITING in clocks else []
    said.append(_RARE)
    if own:
        said.append(_SETTINGS_WITH_NOTE if Clock.MONTHLY in clocks else _SETTINGS)
    return " ".join(text.get(language) for text in said)
