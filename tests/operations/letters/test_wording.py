"""Sentences of mails: right for one and for many, for each clock and addressee, twice."""

import dataclasses
import re
from datetime import date
from typing import get_type_hints
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.operations.letters.samples import (
    ALL,
    CATALOGUE,
    DEPUTY,
    EVERYTHING,
    HEAD,
    LATE,
    OCTOBER,
    ONE,
    PLAN,
    TOWN,
    UNREACHED,
    WAITING,
    digest,
    section,
    write,
)

from kursdocs.catalogue import Addressee
from kursdocs.core.adoption import MonthNumbers
from kursdocs.core.agencies import PlanTime
from kursdocs.core.reminders.digest import KindCount, OwnPlan, Reach, Section, Told, Topic
from kursdocs.core.reminders.tables import Clock
from kursdocs.core.tables import new_id
from kursdocs.operations.letters import frames, monthly, wording
from kursdocs.operations.letters.paragraphs import blocks, subject, todo
from kursdocs.operations.letters.topics import KINDS_MAX, WORDINGS
from kursdocs.operations.letters.wording import Language, List
from kursdocs.web import lists


def said(one: Section, language: Language) -> list[str]:
    """Every paragraph of a mail with this section alone."""
    return [
        " ".join((*paragraph.sentences, *paragraph.items))
        for block in blocks(digest(one), CATALOGUE, language)
        for paragraph in block.paragraphs
    ]


# -- one and many --------------------------------------------------------------------------

SETTLE = "Ist es anders erledigt, sagen Sie dort, warum; dann endet die Erinnerung."
SETTLE_EN = "If it is settled otherwise, say there why; then the reminder ends."


@pytest.mark.parametrize(
    ("topic", "german", "english"),
    [
        (
            ONE,
            "1 Papier wartet seit heute auf Ihre Stelle.",
            "1 paper has been waiting for your agency since today.",
        ),
        (
            Topic(Clock.WAITING, 1, days=1),
            "1 Papier wartet seit 1 Arbeitstag auf Ihre Stelle.",
            "1 paper has been waiting for your agency for 1 working day.",
        ),
        (
            Topic(Clock.WAITING, 2, new=1, days=2),
            "2 Papiere warten auf Ihre Stelle, 1 davon neu, das älteste seit 2 Arbeitstagen.",
            "2 papers are waiting for your agency, 1 of them new, the oldest for 2 working days.",
        ),
        (
            Topic(Clock.APPROVAL, 1, days=1),
            "1 Mitteilung wartet seit 1 Arbeitstag auf die Freigabe durch eine zweite Person."
            " Vorher erhält sie niemand, und solche Mitteilungen eilen.",
            "1 report has been waiting for 1 working day for approval by a second person."
            " Until then nobody receives it, and such reports are urgent.",
        ),
        (
            Topic(Clock.REQUEST, 1, days=2),
            "1 Anforderung einer anderen Stelle ist in 2 Arbeitstagen fällig."
            " Senden Sie das Papier von dort aus, oder lehnen Sie mit einem Grund ab.",
            "1 request of another agency is due in 2 working days."
            " Send the paper from there, or decline with a reason.",
        ),
        (
            Topic(Clock.REQUEST, 3, days=-1),
            "3 Anforderungen anderer Stellen sind offen, die dringendste seit 1 Arbeitstag"
            " überfällig. Senden Sie das Papier von dort aus, oder lehnen Sie mit einem Grund ab.",
            "3 requests of other agencies are open, the most urgent overdue by 1 working day."
            " Send the paper from there, or decline with a reason.",
        ),
        (
            Topic(Clock.LAPSING, 1, days=21),
            f"1 Papier, zu dem keine Anmeldung bekannt ist, läuft in 21 Tagen ab. {SETTLE}",
            f"1 paper without a known registration expires in 21 days. {SETTLE_EN}",
        ),
        (
            Topic(Clock.LAPSING, 2, days=-1),
            f"Zu 2 Papieren ist keine Anmeldung bekannt, das dringendste lief gestern ab. {SETTLE}",
            f"2 papers have no known registration, the most urgent expired yesterday. {SETTLE_EN}",
        ),
        (
            Topic(Clock.PROOF, 1, days=-1),
            f"1 Nachweis einer Anmeldung fehlt, seit gestern überfällig. {SETTLE}",
            f"1 proof of a registration is missing, overdue since yesterday. {SETTLE_EN}",
        ),
        (
            Topic(Clock.START, 2, days=1),
            f"2 Meldungen zum Kursbeginn fehlen, die dringendste morgen fällig. {SETTLE}",
            f"2 reports of course starts are missing, the most urgent due tomorrow. {SETTLE_EN}",
        ),
        (
            Topic(Clock.RETURNED, 1),
            "1 Papier kam zurück: Die Empfängerstelle hat nicht übernommen.",
            "1 paper came back: the recipient did not take over.",
        ),
        (
            Topic(Clock.RETURNED, 2),
            "2 Papiere kamen zurück: Die Empfängerstelle hat nicht übernommen.",
            "2 papers came back: the recipient did not take over.",
        ),
        (
            Topic(Clock.DELETION, 1),
            "1 Papier wird in den nächsten Tagen nach Plan gelöscht.",
            "1 paper will be deleted as planned within the next days.",
        ),
        (
            Topic(Clock.SILENCE, 1, 1, days=7),
            "Seit 7 Tagen hat niemand aus Ihrer Stelle in den Eingang gesehen, obwohl Papiere für"
            " Sie erwartet werden. Bitte sehen Sie nach.",
            "Nobody of your agency has looked into the inbox for 7 days although papers are"
            " expected for you. Please have a look.",
        ),
    ],
)
def test_one_is_not_many_and_every_day_has_its_words(
    topic: Topic, german: str, english: str
) -> None:
    assert said(section(topic), Language.DE) == [german]
    assert said(section(topic), Language.EN) == [english]


@pytest.mark.parametrize(
    ("words", "days", "german", "english"),
    [
        (wording.age, 0, "seit heute", "since today"),
        (wording.age, 1, "seit 1 Arbeitstag", "for 1 working day"),
        (wording.age, 3, "seit 3 Arbeitstagen", "for 3 working days"),
        (wording.due_by_working_days, 0, "heute fällig", "due today"),
        (wording.due_by_working_days, 1, "in 1 Arbeitstag fällig", "due in 1 working day"),
        (wording.due_by_working_days, 2, "in 2 Arbeitstagen fällig", "due in 2 working days"),
        (wording.due_by_working_days, -1, "seit 1 Arbeitstag überfällig",
         "overdue by 1 working day"),
        (wording.due_by_working_days, -3, "seit 3 Arbeitstagen überfällig",
         "overdue by 3 working days"),
        (wording.due, 0, "heute fällig", "due today"),
        (wording.due, 1, "morgen fällig", "due tomorrow"),
        (wording.due, 5, "in 5 Tagen fällig", "due in 5 days"),
        (wording.due, -1, "seit gestern überfällig", "overdue since yesterday"),
        (wording.due, -5, "seit 5 Tagen überfällig", "overdue by 5 days"),
        (wording.lapses, 0, "läuft heute ab", "expires today"),
        (wording.lapses, 1, "läuft morgen ab", "expires tomorrow"),
        (wording.lapses, 60, "läuft in 60 Tagen ab", "expires in 60 days"),
        (wording.lapses, -1, "lief gestern ab", "expired yesterday"),
        (wording.lapses, -9, "lief vor 9 Tagen ab", "expired 9 days ago"),
        (wording.without_a_look, 1, "seit gestern", "since yesterday"),
        (wording.without_a_look, 8, "seit 8 Tagen", "for 8 days"),
    ],
)  # fmt: skip
def test_days_in_words(words: object, days: int, german: str, english: str) -> None:
    assert [words(days, each) for each in Language] == [german, english]  # type: ignore[operator]  # one of wording's functions


def test_kinds_are_counted_the_most_urgent_first_and_the_rest_in_one_line() -> None:
    kinds = [KindCount(f"kind_{number}", 2, 9 - number) for number in range(8)]
    topic = Topic(Clock.WAITING, 16, days=9, kinds=kinds)

    (block,) = blocks(digest(section(topic)), CATALOGUE, Language.DE)
    (paragraph,) = block.paragraphs

    assert len(paragraph.items) == KINDS_MAX + 1
    assert paragraph.items[0] == "kind_0: 2, das älteste seit 9 Arbeitstagen"
    assert paragraph.items[-1] == "und 3 weitere Arten"


def test_no_line_hides_a_single_kind() -> None:
    kinds = [KindCount(f"kind_{number}", 1, 1) for number in range(KINDS_MAX + 1)]

    found = said(section(Topic(Clock.WAITING, 6, days=1, kinds=kinds)), Language.EN)

    assert "more kind" not in found[0]
    assert "kind_5: 1, for 1 working day" in found[0]


def test_a_single_kind_is_only_named_as_its_number_stands_above_it() -> None:
    topic = Topic(Clock.WAITING, 2, days=1, kinds=[KindCount("admission_ik_jc", 2, 1)])

    assert said(section(topic), Language.EN) == [
        "2 papers are waiting for your agency, the oldest for 1 working day."
        " Integration course admission (Jobcenter)"
    ]


def test_what_should_follow_a_paper_is_named_by_its_rule() -> None:
    kinds = [KindCount("proof_ik", 2, -1), KindCount("proof_bsk", 1, 3)]

    (found,) = said(section(Topic(Clock.PROOF, 3, days=-1, kinds=kinds)), Language.DE)

    assert found.endswith(
        " Nachweis der Anmeldung fehlt (Integrationskurs): 2, der dringendste seit gestern"
        " überfällig Anmeldebestätigung fehlt (Berufssprachkurs): 1, in 3 Tagen fällig"
    )


# -- why you -------------------------------------------------------------------------------


def test_deputy_and_head_hear_why_they_are_told() -> None:
    assert said(DEPUTY, Language.DE)[0].endswith(
        "Sie erhalten das als Vertretung, weil seit 10 Arbeitstagen niemand übernommen hat,"
        " was wartet."
    )
    head = dataclasses.replace(DEPUTY, addressee=Addressee.HEAD)
    assert said(head, Language.EN)[0].endswith(
        "You are told as the head because nobody has taken over what waits for 10 working days."
    )


def test_of_a_late_answer_they_hear_how_late_it_is() -> None:
    head = section(Topic(Clock.REQUEST, 2, days=-5, step=5), addressee=Addressee.HEAD)

    assert (
        "Sie erhalten das als Leitung, weil eine Antwort seit 5 Arbeitstagen überfällig ist."
        in said(head, Language.DE)[0]
    )


def test_the_desk_needs_no_reason() -> None:
    assert "weil" not in " ".join(said(section(), Language.DE))


def test_the_head_hears_which_mailbox_refuses_but_never_its_address() -> None:
    deputys = dataclasses.replace(HEAD, reach=Reach.REACHED)

    assert said(HEAD, Language.DE)[0].startswith("Das Postfach Ihrer Stelle nimmt keine Mails an:")
    assert said(deputys, Language.EN)[0].startswith("The mailbox of your agency's deputy refuses")
    assert "senden Sie dann eine Testmail" in said(HEAD, Language.DE)[0]
    assert "@" not in "".join(said(HEAD, Language.DE))


# -- the agency's own plan -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "german", "english"),
    [
        (
            PLAN,
            ["Sie haben sich vorgenommen: dienstags und donnerstags, nach der Sprechzeit.",
             "Heute ist so ein Tag."],
            ["You have planned: on Tuesdays and on Thursdays, after counter hours.",
             "Today is such a day."],
        ),
        (
            OwnPlan((1, 3, 5), None, is_today=False),
            ["Sie haben sich vorgenommen: montags, mittwochs und freitags."],
            ["You have planned: on Mondays, on Wednesdays and on Fridays."],
        ),
        (
            OwnPlan((1, 2, 3, 4, 5), PlanTime.MORNING, is_today=True),
            ["Sie haben sich vorgenommen: an jedem Arbeitstag, am Morgen.",
             "Heute ist so ein Tag."],
            ["You have planned: on every working day, in the morning.", "Today is such a day."],
        ),
        (OwnPlan((), None, is_today=False), [], []),
        (None, [], []),
    ],
)  # fmt: skip
def test_the_agencys_own_plan_is_quoted_back(
    plan: OwnPlan | None, german: list[str], english: list[str]
) -> None:
    one = section(own_plan=plan)

    assert [frames.own_plan(one, each) for each in Language] == [german, english]


def test_whoever_only_reads_the_months_numbers_is_not_asked_to_look_in() -> None:
    (month,) = ALL["month"]

    assert frames.own_plan(month, Language.DE) == []


# -- the month -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "german", "english"),
    [
        (
            {},
            "Im Oktober hat Ihre Stelle 12 Papiere gesendet und 34 Papiere empfangen."
            " Das sind 46 Papiere, die niemand tragen musste."
            " Die Hälfte haben Sie innerhalb von 6 Arbeitsstunden übernommen."
            " 9 von 11 Stellen der Kommune waren dabei.",
            "In October your agency sent 12 papers and received 34 papers."
            " That is 46 papers that nobody had to carry."
            " Half of what you took over was taken over within 6 working hours."
            " 9 of 11 agencies of the municipality took part.",
        ),
        (
            {"sent": 0, "received": 1, "median_hours": None, "active_agencies": 11},
            "Im Oktober hat Ihre Stelle nichts gesendet und 1 Papier empfangen."
            " Das ist 1 Papier, das niemand tragen musste."
            " Alle 11 Stellen der Kommune waren dabei.",
            "In October your agency sent nothing and received 1 paper."
            " Nobody had to carry that paper."
            " All 11 agencies of the municipality took part.",
        ),
        (
            {"sent": 0, "received": 0, "median_hours": None, "active_agencies": 4},
            "Im Oktober hat Ihre Stelle nichts gesendet und nichts empfangen.",
            "In October your agency sent nothing and received nothing.",
        ),
        (
            {"median_hours": 0.2, "active_agencies": 2, "all_agencies": 2},
            "Im Oktober hat Ihre Stelle 12 Papiere gesendet und 34 Papiere empfangen."
            " Das sind 46 Papiere, die niemand tragen musste."
            " Die Hälfte haben Sie innerhalb von 1 Arbeitsstunde übernommen.",
            "In October your agency sent 12 papers and received 34 papers."
            " That is 46 papers that nobody had to carry."
            " Half of what you took over was taken over within 1 working hour.",
        ),
        (
            {"median_hours": 16.5, "active_agencies": 0},
            "Im Oktober hat Ihre Stelle 12 Papiere gesendet und 34 Papiere empfangen."
            " Das sind 46 Papiere, die niemand tragen musste."
            " Die Hälfte haben Sie innerhalb von 3 Arbeitstagen übernommen.",
            "In October your agency sent 12 papers and received 34 papers."
            " That is 46 papers that nobody had to carry."
            " Half of what you took over was taken over within 3 working days.",
        ),
    ],
)
def test_the_month_in_true_sentences(changes: dict[str, object], german: str, english: str) -> None:
    numbers = dataclasses.replace(OCTOBER, **changes)  # type: ignore[arg-type]  # a test's own

    found = [" ".join(monthly.sentences(numbers, each)) for each in Language]

    assert found == [german, english]


def test_the_monthly_note_says_who_switches_it_off() -> None:
    (month,) = ALL["month"]

    assert "ob die Monatsnotiz kommt, stellt die Leitung" in frames.closing([month], Language.DE)
    assert "Monatsnotiz" not in frames.closing([section()], Language.DE)


def test_every_month_has_a_name() -> None:
    days = [date(2026, month, 1) for month in range(1, 13)]
    names = [
        monthly.month_name(dataclasses.replace(OCTOBER, first_day=day), Language.DE) for day in days
    ]

    assert names[0] == "Januar"
    assert names[-1] == "Dezember"
    assert len(set(names)) == 12


# -- the coordinator -----------------------------------------------------------------------


def test_the_coordinator_gets_one_line_an_agency_those_first_whom_no_mail_reaches() -> None:
    (block,) = blocks(digest(TOWN, UNREACHED), CATALOGUE, Language.DE)

    assert block.heading == "Für die Koordination"
    first, last = block.paragraphs
    assert first.sentences == ["In 2 Stellen bleibt etwas liegen:"]
    assert first.items == [
        "Jobcenter Musterstadt: 3 Papiere warten, das älteste seit 15 Arbeitstagen;"
        " 2 Anforderungen offen, die dringendste seit 10 Arbeitstagen überfällig;"
        " kein Postfach, Mails erreichen dort niemanden",
        "Ausländerbehörde Musterstadt: 3 Papiere warten, das älteste seit 15 Arbeitstagen",
    ]
    assert "geht am Ende seiner Frist an den Absender zurück" in last.sentences[0]


def test_the_coordinator_hears_of_no_kinds() -> None:
    told = dataclasses.replace(TOWN, topics=[WAITING])

    assert "Zulassung" not in write(told).text


def test_of_papers_that_go_back_only_they_hear_where_papers_lie() -> None:
    late = section(LATE, addressee=Addressee.COORDINATOR)

    (block,) = blocks(digest(late), CATALOGUE, Language.EN)

    assert len(block.paragraphs) == 1
    assert block.paragraphs[0].sentences == ["In 1 agency something is left lying:"]


def test_many_agencies_are_cut_to_the_most_urgent() -> None:
    (block,) = blocks(digest(*ALL["coordinator of many"]), CATALOGUE, Language.DE)

    assert len(block.paragraphs[0].items) == 9
    assert block.paragraphs[0].items[-1] == "und 4 weitere Stellen"


# -- the subject and the first line --------------------------------------------------------


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ((section(ONE),), "1 Papier wartet seit heute"),
        ((section(),), "3 Papiere warten, das älteste seit 5 Arbeitstagen"),
        (
            (section(), section(Topic(Clock.WAITING, 3, days=9, step=5))),
            "6 Papiere warten, das älteste seit 9 Arbeitstagen",
        ),
        (
            (section(), section(Topic(Clock.REQUEST, 1, days=-3))),
            "1 Anforderung seit 3 Arbeitstagen überfällig",
        ),
        (
            (section(Topic(Clock.REQUEST, 1, days=-3)), section(Topic(Clock.REQUEST, 2, days=-4))),
            "3 Anforderungen offen, die dringendste seit 4 Arbeitstagen überfällig",
        ),
        ((EVERYTHING,), "2 Mitteilungen warten auf Freigabe, die älteste seit 1 Arbeitstag"),
        ((HEAD,), "Ein Postfach Ihrer Stelle nimmt keine Mails an"),
        ((section(Topic(Clock.RETURNED, 1)),), "1 Papier zurückgekommen"),
        ((section(Topic(Clock.DELETION, 2)),), "2 Papiere vor der Löschung"),
        ((section(Topic(Clock.LAPSING, 1, days=7)),), "1 Papier läuft in 7 Tagen ab"),
        (
            (section(Topic(Clock.SILENCE, 1, days=8)),),
            "Bitte sehen Sie nach, es werden Papiere erwartet",
        ),
        (ALL["month"], "Ihr Oktober in Zahlen"),
        ((TOWN,), "3 Papiere in 1 Stelle unberührt"),
        ((TOWN, UNREACHED), "6 Papiere in 2 Stellen unberührt"),
        (
            (section(LATE, addressee=Addressee.COORDINATOR),),
            "2 Anforderungen in 1 Stelle überfällig",
        ),
        ((TOWN, section(ONE)), "1 Papier wartet seit heute"),
    ],
)
def test_the_subject_says_the_most_urgent_thing(
    sections: tuple[Section, ...], expected: str
) -> None:
    assert subject(digest(*sections)) == f"kursdocs: {expected}"
    assert write(*sections).subject == f"kursdocs: {expected}"


def test_the_agency_with_the_most_urgent_thing_comes_first() -> None:
    late = section(Topic(Clock.REQUEST, 1, days=-3), agency_name="Volkshochschule Musterstadt")

    text = write(section(), late).text

    assert text.index("Volkshochschule") < text.index("Ausländerbehörde")
    assert text.startswith("Guten Tag,\n\nBitte beantworten Sie, was andere Stellen")


def test_what_there_is_to_do_comes_first() -> None:
    assert write(TOWN).text.startswith("Guten Tag,\n\nBitte rufen Sie die Stellen an")
    assert todo(digest(), Language.EN) == "Please take over what waits in the inbox, or return it."


# -- every list, and anything the plan can say ---------------------------------------------


def test_every_clock_has_its_words() -> None:
    assert set(WORDINGS) == set(Clock)


@pytest.mark.parametrize("name", List)
def test_every_list_of_a_mail_has_a_page_and_a_label(name: List) -> None:
    assert lists.PATHS[name].startswith("/")
    assert all(frames.LABELS[name].get(language) for language in Language)


def test_nothing_that_a_letter_is_made_of_can_carry_a_person() -> None:
    """Texts of a section are its agency's name and slug, and codes of kinds; the rest counts."""
    texts = {
        f"{made.__name__}.{name}"
        for made in (Section, Topic, KindCount, OwnPlan, MonthNumbers)
        for name, hint in get_type_hints(made).items()
        if hint is str
    }

    assert texts == {"Section.agency_slug", "Section.agency_name", "KindCount.kind"}


MARKED = "Stelle A"
KIND_CODES = ["admission_ik_jc", "nonattendance_report_ik", "proof_ik", "gone"]
counts = st.integers(1, 2_000)
days = st.integers(-400, 400)
topics = st.builds(
    Topic,
    clock=st.sampled_from(Clock),
    count=counts,
    new=st.integers(0, 2_000),
    days=days,
    step=st.integers(-1, 60),
    kinds=st.lists(
        st.builds(KindCount, kind=st.sampled_from(KIND_CODES), count=counts, days=days), max_size=9
    ),
)
months = st.builds(
    MonthNumbers,
    first_day=st.dates(date(2026, 1, 1), date(2030, 1, 1)),
    sent=st.integers(0, 500),
    received=st.integers(0, 500),
    taken_over=st.integers(0, 500),
    median_hours=st.none() | st.floats(0, 400),
    active_agencies=st.integers(0, 30),
    all_agencies=st.integers(0, 30),
)


@st.composite
def sections(draw: st.DrawFn) -> Section:
    chosen = draw(st.lists(topics, min_size=1, max_size=11, unique_by=lambda one: one.clock))
    who = draw(st.sampled_from(Addressee))
    subject_id = UUID("0199aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee")
    told = [Told(new_id(), who, topic.clock, "", subject_id, topic.step) for topic in chosen]
    plan = st.none() | st.builds(
        OwnPlan,
        weekdays=st.lists(st.integers(1, 7), unique=True).map(sorted).map(tuple),
        time=st.none() | st.sampled_from(PlanTime),
        is_today=st.booleans(),
    )
    return section(
        *chosen,
        agency_name=MARKED,
        agency_slug="stelle-a",
        addressee=who,
        told=told,
        reach=draw(st.sampled_from(Reach)),
        own_plan=draw(plan),
        month=draw(months),
    )


@given(st.lists(sections(), min_size=1, max_size=3))
def test_whatever_the_plan_says_both_languages_say_it_alike_and_without_a_person(
    found: list[Section],
) -> None:
    made = write(*found)
    shapes = [
        [
            [
                (len(p.sentences), len(p.items), p.list, [to for _, to in p.leads])
                for p in b.paragraphs
            ]
            for b in blocks(digest(*found), CATALOGUE, language)
        ]
        for language in Language
    ]

    assert shapes[0] == shapes[1]
    for text in (made.subject, made.text, made.html):
        assert "0199aaaa" not in text
        assert "@" not in text.replace("@media", "")
        assert "{" not in re.sub(r"<style>.*?</style>", "", text, flags=re.S)
    assert re.fullmatch(r"kursdocs: [^\n]{8,90}", made.subject)
    assert "Papiere wartet" not in made.text
    assert not re.search(
        r"\b1 (Papiere|Stellen|Anforderungen|papers|agencies|requests)\b", made.text
    )
