"""Each decision of the plan as one sentence: who is mailed, or why not, and when next.

The same sentences stand on the coordinator's page and in ``kursdocs remind --dry-run``.
"""

from collections.abc import Mapping
from datetime import datetime

from babel.dates import format_datetime

from kursdocs.catalogue import Addressee, Text
from kursdocs.core.reminders.digest import Decision, Overdue, Topic, Why
from kursdocs.core.reminders.tables import Clock
from kursdocs.core.workdays import LOCAL
from kursdocs.operations.letters.topics import headline
from kursdocs.operations.letters.wording import Counted, Language

WHO: Mapping[Addressee, Text] = {
    Addressee.DESK: Text("Die Stelle", "The desk"),
    Addressee.DEPUTY: Text("Die Vertretung", "The deputy"),
    Addressee.HEAD: Text("Die Leitung", "The head"),
    Addressee.COORDINATOR: Text("Die Koordination", "The coordinator"),
}

_DUE = Text("{who} wird erinnert{at}: {what}.", "{who} is reminded{at}: {what}.")
_AT = Text(" ({at})", " ({at})")
_NOT: Mapping[Why, Text] = {
    Why.NOTHING_NEW: Text(
        "{who} wird nicht erinnert, weil es nichts Neues gibt.",
        "{who} is not reminded because there is nothing new.",
    ),
    Why.NOT_A_WORKING_DAY: Text(
        "{who} wird heute nicht erinnert, weil dort heute nicht gearbeitet wird.",
        "{who} is not reminded today because nobody works there today.",
    ),
    Why.PAUSED: Text(
        "{who} wird heute nicht erinnert, weil die Stelle eine Pause eingetragen hat.",
        "{who} is not reminded today because the agency has entered a pause.",
    ),
    Why.BEFORE_ITS_HOUR: Text(
        "{who} wird noch nicht erinnert, weil die eingestellte Uhrzeit noch nicht da ist.",
        "{who} is not reminded yet because the hour that was set has not come.",
    ),
    Why.AFTER_THE_LAST_HOUR: Text(
        "{who} wird heute nicht mehr erinnert, weil so spät keine Mail mehr hinausgeht.",
        "{who} is not reminded any more today because no mail goes out so late.",
    ),
    Why.AFTER_THE_CUT_OFF: Text(
        "{who} wird heute nicht mehr erinnert, weil Neues erst nach der eingestellten Uhrzeit kam.",
        "{who} is not reminded any more today because the news came after the hour that was set.",
    ),
    Why.WAITS_FOR_PLAN_DAY: Text(
        "{who} wird heute nicht erinnert, weil nichts davon eilt und die Stelle Neues nur an ihren"
        " eigenen Tagen lesen will.",
        "{who} is not reminded today because nothing of it is urgent and the agency wants to hear"
        " of news on its own days only.",
    ),
    Why.TOLD_TODAY: Text(
        "{who} wird heute nicht noch einmal erinnert, weil heute schon eine Mail an diese Adresse"
        " ging.",
        "{who} is not reminded again today because a mail has gone to this address today already.",
    ),
    Why.NO_MAILBOX: Text(
        "{who} kann nicht erinnert werden, weil kein Postfach eingetragen ist.",
        "{who} cannot be reminded because no mailbox is set.",
    ),
    Why.REFUSED: Text(
        "{who} wird nicht erreicht, weil das Postfach die letzte Mail nicht angenommen hat.",
        "{who} is not reached because the mailbox refused the last mail.",
    ),
    Why.CLOSED: Text(
        "{who} wird nicht erinnert, weil die Stelle geschlossen ist.",
        "{who} is not reminded because the agency is closed.",
    ),
}
_RUNNING = Text(" Dort ist offen: {what}.", " Open there: {what}.")
_SILENT = Text(
    "seit Tagen sah niemand in den Eingang, obwohl Papiere erwartet werden",
    "nobody has looked into the inbox for days although papers are expected",
)
_NEXT = Text(" Die nächste Mail kann {at} hinausgehen.", " The next mail may go out {at}.")
_MOMENTS = {
    Language.DE: ("'am' EEEE, d. MMMM, 'um' H:mm 'Uhr'", "de_DE"),
    Language.EN: ("'on' EEEE, d MMMM, 'at' H:mm", "en_GB"),
}
TOPICS_MAX = 3


def decided(decision: Decision, language: Language) -> str:
    """Why this addressee is mailed or is not, and when the next mail may go out."""
    who = WHO[decision.addressee].get(language)
    what, at = _what(decision, language), _moment(decision.at, language)
    if decision.why is Why.DUE:
        at = _AT.get(language).format(at=at) if at else ""
        return _DUE.get(language).format(who=who, at=at, what=what)
    said = _NOT[decision.why].get(language).format(who=who)
    if what:
        said += _RUNNING.get(language).format(what=what)
    if at:
        said += _NEXT.get(language).format(at=at)
    return said


def _what(decision: Decision, language: Language) -> str:
    """The most urgent topics in a few words each."""
    topics = decision.section.topics if decision.section else ()
    return "; ".join(_topic(topic, language) for topic in topics[:TOPICS_MAX])


def _topic(topic: Topic, language: Language) -> str:
    """In the words of the mail, except where those speak to the agency itself."""
    return _SILENT.get(language) if topic.clock is Clock.SILENCE else headline(topic, language)


def _moment(at: datetime | None, language: Language) -> str:
    if at is None:
        return ""
    pattern, locale = _MOMENTS[language]
    return format_datetime(at.astimezone(LOCAL), pattern, locale=locale)


_GIVEN_BACK = Counted(
    Text(
        "Ein Papier geht an seinen Absender zurück, {n} Arbeitstag unberührt.",
        "One paper goes back to its sender, untouched for {n} working day.",
    ),
    Text(
        "Ein Papier geht an seinen Absender zurück, {n} Arbeitstage unberührt.",
        "One paper goes back to its sender, untouched for {n} working days.",
    ),
)


def given_back(late: Overdue, language: Language = Language.EN) -> str:
    """Why a delivery goes back to its sender."""
    return _GIVEN_BACK.say(late.waited, language)
