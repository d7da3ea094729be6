"""Letters: text and HTML say the same, in whole sentences of both languages, and look calm."""

import html
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.factories import make_catalogue

from kursdocs.catalogue import Addressee
from kursdocs.core.ports import Letter
from kursdocs.core.reminders.plan import Digest, KindCount, Section
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import local_moment
from kursdocs.operations.letters import letter
from kursdocs.operations.letters.wording import Language, List, explained, paragraphs, subject

TODAY = date(2026, 11, 23)
URL = "https://kursdocs.musterstadt.example"
KINDS = (KindCount("admission_ik_jc", 2, 5), KindCount("nonattendance_report_ik", 1, 1))


def section(**changes: object) -> Section:
    """A desk for which three papers wait, unless changed."""
    values: dict[str, object] = {
        "agency_id": new_id(),
        "agency_slug": "auslaenderbehoerde",
        "agency_name": "Ausländerbehörde Musterstadt",
        "addressee": Addressee.DESK,
        "waiting": 3,
        "new": 1,
        "oldest": 5,
        "step": 5,
        "kinds": KINDS,
        "returned": 0,
        "leaving": 0,
        "silent_days": 0,
        "told": (),
    }
    return Section(**{**values, **changes})  # type: ignore[arg-type]  # a test's own changes


NOTHING_WAITS: dict[str, object] = {"waiting": 0, "new": 0, "oldest": 0, "step": 0, "kinds": ()}


def digest(*sections: Section) -> Digest:
    return Digest("abh@post.example", TODAY, local_moment(TODAY, 20), sections or (section(),))


def write(*sections: Section) -> Letter:
    return letter(
        digest(*sections),
        make_catalogue(),
        public_url=URL,
        message_id="<1@musterstadt.example>",
        now=local_moment(TODAY, 7),
    )


def said(one: Section, language: Language) -> list[str]:
    found = paragraphs(one, make_catalogue(), language)
    return [" ".join(paragraph.sentences) for paragraph in found]


EVERYTHING = section(returned=2, leaving=1, silent_days=8)
HEAD = section(addressee=Addressee.HEAD, step=10, oldest=10)
TOWN = section(addressee=Addressee.COORDINATOR, kinds=(), step=15, oldest=15)
ALL = {
    "desk": (section(),),
    "everything": (EVERYTHING,),
    "head": (HEAD,),
    "deputy": (replace(HEAD, addressee=Addressee.DEPUTY),),
    "coordinator": (TOWN, replace(TOWN, agency_name="Jobcenter", unreachable=True)),
    "two agencies": (EVERYTHING, section(agency_name="Jobcenter Musterstadt", waiting=1)),
    "returned": (section(**NOTHING_WAITS, returned=1),),
    "leaving": (section(**NOTHING_WAITS, leaving=2),),
    "silent": (section(**NOTHING_WAITS, silent_days=30),),
}


# -- text and HTML -------------------------------------------------------------------------


def words_of_html(page: str) -> str:
    """What a reader sees, with the address after the words of each link, as in the text."""
    body = page[page.index("<body") :]
    linked = re.sub(r'<a [^>]*href="([^"]+)"[^>]*>([^<]+)</a>', r"\2: \1", body)
    bare = re.sub(r"<[^>]+>", " ", linked.replace("<li", "- <li"))
    return " ".join(html.unescape(bare).split())


@pytest.mark.parametrize("name", ALL)
def test_text_and_html_say_the_same(name: str) -> None:
    made = write(*ALL[name])

    text = " ".join(made.text.replace("-" * 60, "").split())

    assert words_of_html(made.html) == text


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("language", Language)
def test_both_languages_say_everything(name: str, language: Language) -> None:
    made = write(*ALL[name])
    text = " ".join(made.text.split())

    for one in ALL[name]:
        assert one.agency_name in text
        for paragraph in paragraphs(one, make_catalogue(), language):
            for words in (*paragraph.sentences, *paragraph.items):
                assert words in text
            assert f"{URL}/" in text


def test_both_languages_have_the_same_paragraphs() -> None:
    for sections in ALL.values():
        for one in sections:
            shapes = [
                [(p.list, len(p.sentences), len(p.items)) for p in paragraphs(one, CATALOGUE, each)]
                for each in Language
            ]
            assert shapes[0] == shapes[1]


CATALOGUE = make_catalogue()


def test_the_languages_are_marked_and_german_comes_first() -> None:
    page = write().html

    assert page.startswith('<!doctype html>\n<html lang="de">')
    assert re.findall(r'<div lang="(..)">', page) == ["de", "en"]
    german, english = page.split('<div lang="en">')
    assert "Dokumente warten" in german
    assert "Dokumente" not in english
    assert "Zulassung zum Integrationskurs" in german
    assert CATALOGUE.kind("admission_ik_jc").name.get("en") in english  # type: ignore[union-attr]  # it is there


@pytest.mark.parametrize("name", ALL)
def test_no_line_of_the_text_is_longer_than_a_screen_but_links(name: str) -> None:
    for line in write(*ALL[name]).text.splitlines():
        assert len(line) <= 100 or line.startswith(("- ", "https://"))
        assert line == line.rstrip()


def test_no_blank_lines_pile_up() -> None:
    for sections in ALL.values():
        assert "\n\n\n\n" not in write(*sections).text


# -- one and many --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "german", "english"),
    [
        (
            {"waiting": 1, "new": 1, "oldest": 0, "step": 0},
            "1 Dokument wartet seit heute auf Ihre Stelle.",
            "1 document has been waiting for your agency since today.",
        ),
        (
            {"waiting": 1, "new": 0, "oldest": 1},
            "1 Dokument wartet seit 1 Arbeitstag auf Ihre Stelle.",
            "1 document has been waiting for your agency for 1 working day.",
        ),
        (
            {"waiting": 2, "new": 1, "oldest": 2},
            "2 Dokumente warten auf Ihre Stelle, 1 davon neu, das älteste seit 2 Arbeitstagen.",
            "2 documents are waiting for your agency, 1 of them new,"
            " the oldest for 2 working days.",
        ),
        (
            {"waiting": 2, "new": 0, "oldest": 2},
            "2 Dokumente warten auf Ihre Stelle, das älteste seit 2 Arbeitstagen.",
            "2 documents are waiting for your agency, the oldest for 2 working days.",
        ),
        (
            {**NOTHING_WAITS, "returned": 1},
            "1 Dokument kam zurück: Die Empfängerstelle hat nicht übernommen.",
            "1 document came back: the recipient did not take over.",
        ),
        (
            {**NOTHING_WAITS, "returned": 2},
            "2 Dokumente kamen zurück: Die Empfängerstelle hat nicht übernommen.",
            "2 documents came back: the recipient did not take over.",
        ),
        (
            {**NOTHING_WAITS, "leaving": 1},
            "1 Dokument wird in den nächsten Tagen nach Plan gelöscht.",
            "1 document will be deleted as planned within the next days.",
        ),
        (
            {**NOTHING_WAITS, "leaving": 2},
            "2 Dokumente werden in den nächsten Tagen nach Plan gelöscht.",
            "2 documents will be deleted as planned within the next days.",
        ),
        (
            {"addressee": Addressee.COORDINATOR, "waiting": 1, "oldest": 15},
            "1 Dokument unberührt, seit 15 Arbeitstagen. Danach geht es zurück.",
            "1 document untouched, for 15 working days. It goes back after that.",
        ),
        (
            {"addressee": Addressee.COORDINATOR, "waiting": 2, "oldest": 15},
            "2 Dokumente unberührt, das älteste seit 15 Arbeitstagen. Danach gehen sie zurück.",
            "2 documents untouched, the oldest for 15 working days. They go back after that.",
        ),
        (
            {"addressee": Addressee.COORDINATOR, "waiting": 1, "oldest": 0, "unreachable": True},
            "1 Dokument unberührt, seit heute. Die Stelle hat kein Postfach.",
            "1 document untouched, since today. The agency has no mailbox.",
        ),
    ],
)
def test_one_is_not_many(changes: dict[str, object], german: str, english: str) -> None:
    one = section(**changes)

    assert said(one, Language.DE) == [german]
    assert said(one, Language.EN) == [english]


def test_deputy_and_head_hear_why_they_are_told() -> None:
    assert said(HEAD, Language.DE)[0].endswith(
        "Sie erhalten das als Leitung, weil seit 10 Arbeitstagen niemand übernommen hat,"
        " was wartet."
    )
    deputy = replace(HEAD, addressee=Addressee.DEPUTY, step=1)
    assert said(deputy, Language.EN)[0].endswith(
        "You are told as the deputy because nobody has taken over what waits for 1 working day."
    )


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ((section(waiting=1, oldest=0),), "1 Dokument wartet seit heute"),
        ((section(),), "3 Dokumente warten, das älteste seit 5 Arbeitstagen"),
        ((section(), section(oldest=9)), "6 Dokumente warten, das älteste seit 9 Arbeitstagen"),
        (ALL["returned"], "1 Dokument zurückgekommen"),
        (ALL["leaving"], "2 Dokumente vor der Löschung"),
        (ALL["silent"], "Bitte sehen Sie nach, es werden Papiere erwartet"),
        ((TOWN,), "3 Dokumente in 1 Stelle unberührt"),
        ((TOWN, TOWN), "6 Dokumente in 2 Stellen unberührt"),
        ((TOWN, section(waiting=1, oldest=1)), "1 Dokument wartet seit 1 Arbeitstag"),
    ],
)
def test_the_subject_says_the_most_urgent_thing(
    sections: tuple[Section, ...], expected: str
) -> None:
    assert subject(digest(*sections)) == f"kursdocs: {expected}"
    assert write(*sections).subject == f"kursdocs: {expected}"


# -- what others chose ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "in_text", "in_html"),
    [
        ("Amt <b>A</b> & Co", "Amt <b>A</b> & Co", "Amt &lt;b&gt;A&lt;/b&gt; &amp; Co"),
        ('"><img src=x>', '"><img src=x>', "&#34;&gt;&lt;img src=x&gt;"),
        (
            "Amt\r\n\r\nBitte hier:\u2028https://boese.example\x00",
            "Amt Bitte hier: https://boese.example",
            "Amt Bitte hier: https://boese.example",
        ),
        ("Amt \u202egnaf", "Amt gnaf", "Amt gnaf"),
        ("{{ 7 * 7 }} {% raw %}", "{{ 7 * 7 }} {% raw %}", "{{ 7 * 7 }} {% raw %}"),
    ],
)
def test_the_name_of_an_agency_is_nothing_but_a_name(name: str, in_text: str, in_html: str) -> None:
    made = write(section(agency_name=name))

    assert made.text.split("\n")[2] == in_text
    assert re.findall(r"<h2[^>]*>([^<]*)</h2>", made.html) == [in_html, in_html]
    assert name.splitlines()[0] not in made.subject
    assert "\n" not in explained(digest(section(agency_name=name)), CATALOGUE)


def test_a_kind_that_the_catalogue_has_lost_is_named_by_its_code() -> None:
    made = write(section(kinds=(KindCount("ended_kind", 1, 0),)))

    assert "- ended_kind: 1, seit heute" in made.text


def test_links_lead_to_the_list_that_the_paragraph_is_about() -> None:
    text = write(EVERYTHING).text

    links = re.findall(r"\S+://\S+", text)
    lists = [List.WAITING, List.RETURNED, List.LEAVING, List.WAITING]
    assert links == [f"{URL}/lists/auslaenderbehoerde/{shown}" for shown in lists] * 2
    assert set(re.findall(r"\S+://\S+", write(TOWN).text)) == {f"{URL}/agencies"}


def test_every_link_of_a_mail_has_words_of_its_own() -> None:
    labels = re.findall(r"<a [^>]*>([^<]+)</a>", write(section(returned=1, leaving=1)).html)

    assert len(set(labels)) == 6


def test_the_templates_load_nothing() -> None:
    page = write().html

    assert not re.search(r"\bsrc=|url\(|@import|background=|<img|<link|<script|<form", page)
    assert Path(letter.__code__.co_filename).with_name("digest.html").exists()
