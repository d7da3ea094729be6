"""What a mail says of each clock, sentence by sentence: counts, kinds and ages only (rule 5)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kursdocs.catalogue import Addressee, Catalogue, Text
from kursdocs.core.reminders.digest import KindCount, Reach, Section, Topic
from kursdocs.core.reminders.tables import Clock
from kursdocs.operations.letters import monthly
from kursdocs.operations.letters.wording import (
    Counted,
    Language,
    List,
    Paragraph,
    age,
    always,
    cut_kinds,
    due,
    due_by_working_days,
    lapses,
    without_a_look,
)

KINDS_MAX = 5
"""So many kinds are listed under what is most urgent, the rest only counted."""
KINDS_BELOW_MAX = 2
"""So many under everything after it, so that a full mail still fits on two screens of a phone."""


_OLDEST = Text("das älteste {when}", "the oldest {when}")


@dataclass(frozen=True)
class Wording:
    """What is said of one clock.

    ``when`` puts the topic's days into words. ``headline`` is for subject lines and explanations,
    ``told`` the sentence to the agency; ``todo`` opens a mail of which it is the most urgent thing,
    ``how`` says what to do, ``why`` tells deputy or head why they hear of it, ``oldest`` stands
    behind a kind of which there are many.
    """

    list: List
    when: Callable[[int, Language], str]
    headline: Counted
    told: Counted
    todo: Text
    how: Text | None = None
    why: Text | None = None
    oldest: Text = _OLDEST


_NEXT = Text("die dringendste {when}", "the most urgent {when}")
_NEXT_PAPER = Text("das dringendste {when}", "the most urgent {when}")
_SETTLE = Text(
    "Ist es anders erledigt, sagen Sie dort, warum; dann endet die Erinnerung.",
    "If it is settled otherwise, say there why; then the reminder ends.",
)

WORDINGS: Mapping[Clock, Wording] = {
    Clock.APPROVAL: Wording(
        List.APPROVALS,
        age,
        Counted(
            Text(
                "{n} Mitteilung wartet {when} auf Freigabe",
                "{n} report waiting for approval {when}",
            ),
            Text(
                "{n} Mitteilungen warten auf Freigabe, {oldest}",
                "{n} reports waiting for approval, {oldest}",
            ),
        ),
        Counted(
            Text(
                "{n} Mitteilung wartet {when} auf die Freigabe durch eine zweite Person.",
                "{n} report has been waiting {when} for approval by a second person.",
            ),
            Text(
                "{n} Mitteilungen warten auf die Freigabe durch eine zweite Person,"
                " {news}{oldest}.",
                "{n} reports wait for approval by a second person, {news}{oldest}.",
            ),
        ),
        Text(
            "Bitte geben Sie heute frei, was auf eine zweite Person wartet.",
            "Please approve today what waits for a second person.",
        ),
        Text(
            "Vorher erhält sie niemand, und solche Mitteilungen eilen.",
            "Until then nobody receives it, and such reports are urgent.",
        ),
        Text(
            "Sie erhalten das als {role}, weil {when} niemand freigegeben hat.",
            "You are told as the {role} because nobody has approved it {when}.",
        ),
        Text("die älteste {when}", "the oldest {when}"),
    ),
    Clock.REQUEST: Wording(
        List.REQUESTS,
        due_by_working_days,
        Counted(
            Text("{n} Anforderung {when}", "{n} request {when}"),
            Text(
                "{n} Anforderungen offen, die dringendste {when}",
                "{n} requests open, the most urgent {when}",
            ),
        ),
        Counted(
            Text(
                "{n} Anforderung einer anderen Stelle ist {when}.",
                "{n} request of another agency is {when}.",
            ),
            Text(
                "{n} Anforderungen anderer Stellen sind offen, {news}die dringendste {when}.",
                "{n} requests of other agencies are open, {news}the most urgent {when}.",
            ),
        ),
        Text(
            "Bitte beantworten Sie, was andere Stellen bei Ihnen angefordert haben.",
            "Please answer what other agencies have asked you for.",
        ),
        Text(
            "Senden Sie das Papier von dort aus, oder lehnen Sie mit einem Grund ab.",
            "Send the paper from there, or decline with a reason.",
        ),
        Text(
            "Sie erhalten das als {role}, weil eine Antwort {when} ist.",
            "You are told as the {role} because an answer is {when}.",
        ),
        _NEXT,
    ),
    Clock.WAITING: Wording(
        List.WAITING,
        age,
        Counted(
            Text("{n} Papier wartet {when}", "{n} paper waiting {when}"),
            Text(
                "{n} Papiere warten, {oldest}",
                "{n} papers waiting, {oldest}",
            ),
        ),
        Counted(
            Text(
                "{n} Papier wartet {when} auf Ihre Stelle.",
                "{n} paper has been waiting for your agency {when}.",
            ),
            Text(
                "{n} Papiere warten auf Ihre Stelle, {news}{oldest}.",
                "{n} papers are waiting for your agency, {news}{oldest}.",
            ),
        ),
        Text(
            "Bitte übernehmen Sie, was im Eingang wartet, oder geben Sie es zurück.",
            "Please take over what waits in the inbox, or return it.",
        ),
        None,
        Text(
            "Sie erhalten das als {role}, weil {when} niemand übernommen hat, was wartet.",
            "You are told as the {role} because nobody has taken over what waits {when}.",
        ),
    ),
    Clock.LAPSING: Wording(
        List.LAPSING,
        lapses,
        Counted(
            Text("{n} Papier {when}", "{n} paper {when}"),
            Text(
                "{n} Papiere ohne Anmeldung, das dringendste {when}",
                "{n} papers without a registration, the most urgent {when}",
            ),
        ),
        Counted(
            Text(
                "{n} Papier, zu dem keine Anmeldung bekannt ist, {when}.",
                "{n} paper without a known registration {when}.",
            ),
            Text(
                "Zu {n} Papieren ist keine Anmeldung bekannt, {news}das dringendste {when}.",
                "{n} papers have no known registration, {news}the most urgent {when}.",
            ),
        ),
        Text(
            "Bitte fragen Sie nach, ob ein Kurs gefunden ist, bevor ein Papier abläuft.",
            "Please ask whether a course was found before a paper expires.",
        ),
        _SETTLE,
        None,
        _NEXT_PAPER,
    ),
    Clock.PROOF: Wording(
        List.PROOF,
        due,
        Counted(
            Text("{n} Nachweis der Anmeldung {when}", "{n} proof of registration {when}"),
            Text(
                "{n} Nachweise der Anmeldung fehlen, der dringendste {when}",
                "{n} proofs of registration are missing, the most urgent {when}",
            ),
        ),
        Counted(
            Text(
                "{n} Nachweis einer Anmeldung fehlt, {when}.",
                "{n} proof of a registration is missing, {when}.",
            ),
            Text(
                "{n} Nachweise von Anmeldungen fehlen, {news}der dringendste {when}.",
                "{n} proofs of registrations are missing, {news}the most urgent {when}.",
            ),
        ),
        Text(
            "Bitte senden Sie den Nachweis der Anmeldung, der noch fehlt.",
            "Please send the proof of registration that is missing.",
        ),
        _SETTLE,
        None,
        Text("der dringendste {when}", "the most urgent {when}"),
    ),
    Clock.START: Wording(
        List.START,
        due,
        Counted(
            Text("{n} Meldung zum Kursbeginn {when}", "{n} report of a course start {when}"),
            Text(
                "{n} Meldungen zum Kursbeginn fehlen, die dringendste {when}",
                "{n} reports of course starts are missing, the most urgent {when}",
            ),
        ),
        Counted(
            Text(
                "{n} Meldung zum Kursbeginn fehlt, {when}.",
                "{n} report of a course start is missing, {when}.",
            ),
            Text(
                "{n} Meldungen zum Kursbeginn fehlen, {news}die dringendste {when}.",
                "{n} reports of course starts are missing, {news}the most urgent {when}.",
            ),
        ),
        Text(
            "Bitte melden Sie, ob der Kurs begonnen hat oder nicht zustande kam.",
            "Please report whether the course started or was not formed.",
        ),
        _SETTLE,
        None,
        _NEXT,
    ),
    Clock.RETURNED: Wording(
        List.RETURNED,
        age,
        Counted(
            Text("{n} Papier zurückgekommen", "{n} paper came back"),
            Text("{n} Papiere zurückgekommen", "{n} papers came back"),
        ),
        Counted(
            Text(
                "{n} Papier kam zurück: Die Empfängerstelle hat nicht übernommen.",
                "{n} paper came back: the recipient did not take over.",
            ),
            Text(
                "{n} Papiere kamen zurück: Die Empfängerstelle hat nicht übernommen.",
                "{n} papers came back: the recipient did not take over.",
            ),
        ),
        Text(
            "Bitte sehen Sie nach, was zurückkam; der Grund steht dabei.",
            "Please see what came back; the reason stands beside it.",
        ),
    ),
    Clock.DELETION: Wording(
        List.LEAVING,
        age,
        Counted(
            Text("{n} Papier vor der Löschung", "{n} paper before deletion"),
            Text("{n} Papiere vor der Löschung", "{n} papers before deletion"),
        ),
        Counted(
            Text(
                "{n} Papier wird in den nächsten Tagen nach Plan gelöscht.",
                "{n} paper will be deleted as planned within the next days.",
            ),
            Text(
                "{n} Papiere werden in den nächsten Tagen nach Plan gelöscht.",
                "{n} papers will be deleted as planned within the next days.",
            ),
        ),
        Text(
            "Bitte laden Sie herunter, was in Ihrer Akte noch fehlt; bald wird es gelöscht.",
            "Please download what your file still lacks; it will be deleted soon.",
        ),
    ),
    Clock.SILENCE: Wording(
        List.WAITING,
        without_a_look,
        always(
            Text(
                "Bitte sehen Sie nach, es werden Papiere erwartet",
                "Please look in, papers are expected",
            )
        ),
        always(
            Text(
                "{When} hat niemand aus Ihrer Stelle in den Eingang gesehen, obwohl Papiere für Sie"
                " erwartet werden. Bitte sehen Sie nach.",
                "Nobody of your agency has looked into the inbox {when} although papers are"
                " expected for you. Please have a look.",
            )
        ),
        Text(
            "Bitte sehen Sie heute einmal in den Eingang.",
            "Please look into the inbox once today.",
        ),
    ),
    Clock.REFUSED: Wording(
        List.SETTINGS,
        age,
        Counted(
            Text(
                "Ein Postfach Ihrer Stelle nimmt keine Mails an",
                "A mailbox of your agency refuses mails",
            ),
            Text(
                "Postfächer Ihrer Stelle nehmen keine Mails an",
                "Mailboxes of your agency refuse mails",
            ),
        ),
        Counted(
            Text(
                "{Which} nimmt keine Mails an: Die letzte kam nicht an.",
                "{Which} refuses mails: the last one did not arrive.",
            ),
            Text(
                "{n} Postfächer Ihrer Stelle nehmen keine Mails an: Die letzten kamen nicht an.",
                "{n} mailboxes of your agency refuse mails: the last ones did not arrive.",
            ),
        ),
        Text(
            "Bitte prüfen Sie das Postfach; bis es geht, erinnert dort niemand.",
            "Please check the mailbox; until it works nobody is reminded there.",
        ),
        Text(
            "Berichtigen Sie die Adresse oder schaffen Sie Platz im Postfach, und senden Sie dann"
            " eine Testmail.",
            "Correct the address or make room in the mailbox, then send a test mail.",
        ),
    ),
    Clock.MONTHLY: Wording(
        List.NUMBERS,
        age,
        always(Text("Ihr Monat in Zahlen", "Your month in numbers")),
        always(Text("Das war Ihr Monat.", "That was your month.")),
        Text("Heute ist nichts zu tun.", "There is nothing to do today."),
    ),
}
"""One entry for every clock."""


def headline(topic: Topic, language: Language) -> str:
    """The topic in a few words, without a full stop."""
    wording = WORDINGS[topic.clock]
    when = wording.when(topic.days, language)
    return wording.headline.say(topic.count, language, when=when, oldest=_oldest(topic, language))


def _oldest(topic: Topic, language: Language) -> str:
    """How long the oldest of many has been there; when that came today, all of them did."""
    wording = WORDINGS[topic.clock]
    if wording.when is age and topic.days == 0:
        return Text("alle seit heute", "all since today").get(language)
    return wording.oldest.get(language).format(when=wording.when(topic.days, language))


# -- to the agency -------------------------------------------------------------------------


def paragraph(
    section: Section, topic: Topic, catalogue: Catalogue, language: Language, *, kinds_max: int
) -> Paragraph:
    """What the section's addressee is told of that topic, with so many of its kinds."""
    wording = WORDINGS[topic.clock]
    if topic.clock is Clock.MONTHLY and section.month is not None:
        sentences = monthly.sentences(section.month, language)
    else:
        sentences = [_told(section, topic, language), *_why_you(section, topic, language)]
        sentences += [wording.how.get(language)] if wording.how else []
    kinds = [_kind(topic, each, catalogue, language) for each in topic.kinds]
    return Paragraph(
        sentences, cut_kinds(kinds, kinds_max, language), wording.list, section.agency_slug
    )


def _told(section: Section, topic: Topic, language: Language) -> str:
    when = WORDINGS[topic.clock].when(topic.days, language)
    return WORDINGS[topic.clock].told.say(
        topic.count,
        language,
        when=when,
        oldest=_oldest(topic, language),
        When=when[:1].upper() + when[1:],
        news=_news(topic, language),
        Which=_which(section).get(language),
    )


def _news(topic: Topic, language: Language) -> str:
    if not topic.new:
        return ""
    return Text("{n} davon neu, ", "{n} of them new, ").get(language).format(n=topic.new)


def _which(section: Section) -> Text:
    """Which mailbox refuses: never by its address, which may be that of a person."""
    if section.reach is Reach.REFUSED:
        return Text("Das Postfach Ihrer Stelle", "Your agency's mailbox")
    return Text("Das Postfach der Vertretung Ihrer Stelle", "The mailbox of your agency's deputy")


_WITHOUT_DAYS = frozenset({Clock.RETURNED, Clock.DELETION, Clock.REFUSED, Clock.MONTHLY})

ROLES: Mapping[Addressee, Text] = {
    Addressee.DEPUTY: Text("Vertretung", "deputy"),
    Addressee.HEAD: Text("Leitung", "head"),
    Addressee.COORDINATOR: Text("Koordination", "coordinator"),
}


def _why_you(section: Section, topic: Topic, language: Language) -> Sequence[str]:
    """Why somebody else than the desk is told."""
    role, wording = ROLES.get(section.addressee), WORDINGS[topic.clock]
    if role is None or wording.why is None or not topic.step:
        return []
    # Of what waits, the step that was reached; of what has a day, the days since then.
    days = topic.days if topic.clock is Clock.REQUEST else topic.step
    when = wording.when(days, language)
    return [wording.why.get(language).format(role=role.get(language), when=when)]


def _kind(topic: Topic, one: KindCount, catalogue: Catalogue, language: Language) -> str:
    # What should follow a paper is told by its rule, everything else by the kind of paper.
    kind, wording = catalogue.follow_up(one.kind) or catalogue.kind(one.kind), WORDINGS[topic.clock]
    name = kind.name.get(language) if kind else one.kind
    if one.count == topic.count:
        return name  # How many and how old stands in the sentence above it.
    if topic.clock in _WITHOUT_DAYS:
        return f"{name}: {one.count}"
    when = wording.when(one.days, language)
    if one.count == 1:
        return f"{name}: 1, {when}"
    return f"{name}: {one.count}, {wording.oldest.get(language).format(when=when)}"
