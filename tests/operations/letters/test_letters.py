"""Letters: text and HTML say the same, in whole sentences of both languages, and look calm."""

import html
import re
from pathlib import Path

import pytest
from tests.operations.letters.samples import (
    ALL,
    CATALOGUE,
    DEPUTY,
    EVERYTHING,
    HEAD,
    TOWN,
    UNREACHED,
    URL,
    WAITING,
    digest,
    section,
    write,
)

from kursdocs.core.reminders.digest import KindCount, Topic
from kursdocs.core.reminders.tables import Clock
from kursdocs.operations.letters import letter
from kursdocs.operations.letters.paragraphs import blocks
from kursdocs.operations.letters.wording import Language, List

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
    text = " ".join(write(*ALL[name]).text.split())

    told = list(blocks(digest(*ALL[name]), CATALOGUE, language))

    assert told
    for block in told:
        assert block.heading in text
        for paragraph in block.paragraphs:
            leads = [line for line, _ in paragraph.leads]
            for words in (*paragraph.sentences, *paragraph.items, *leads):
                assert words in text


def test_the_languages_are_marked_and_german_comes_first() -> None:
    page = write().html

    assert page.startswith('<!doctype html>\n<html lang="de">')
    assert re.findall(r'<div lang="(..)">', page) == ["de", "en"]
    german, english = page.split('<div lang="en">')
    assert "Papiere warten" in german
    assert "Papiere" not in english
    assert "Zulassung zum Integrationskurs" in german
    assert "Integration course admission" in english


@pytest.mark.parametrize("name", ALL)
def test_no_line_of_the_text_is_longer_than_seventy_two_letters_but_links(name: str) -> None:
    for line in write(*ALL[name]).text.splitlines():
        assert len(line) <= 72 or line.strip().startswith("https://")
        assert line == line.rstrip()


@pytest.mark.parametrize("name", ALL)
def test_no_blank_lines_pile_up(name: str) -> None:
    assert "\n\n\n\n" not in write(*ALL[name]).text


def test_a_mail_with_everything_stays_short() -> None:
    """Two screens of a phone: about seventy short lines."""
    german = write(EVERYTHING).text.split("-" * 60)[0]

    words = [line for line in german.splitlines() if "https://" not in line]
    assert len(" ".join(words)) < 2400
    assert german.count("https://") == 9
    assert german.count("\n- ") <= 5 + 2 + 2 + 7


def test_the_most_urgent_is_told_in_full_and_the_rest_in_a_line_each() -> None:
    german = write(EVERYTHING).text.split("-" * 60)[0]

    in_full, besides = german.split("Außerdem (mit Anmeldung):\n")
    assert "14 Papiere warten auf Ihre Stelle, 3 davon neu" in in_full
    assert "- und 5 weitere Arten\n" in in_full
    assert f"- 2 Papiere zurückgekommen:\n  {URL}/lists/auslaenderbehoerde/returned\n" in besides
    assert "- Ihr Oktober in Zahlen:\n" in besides


def test_nothing_is_said_twice() -> None:
    clocks = (Clock.PROOF, Clock.START, Clock.LAPSING)
    german = write(section(*(Topic(clock, 2, days=3) for clock in clocks))).text.split("-" * 60)[0]

    assert " ".join(german.split()).count("Ist es anders erledigt, sagen Sie dort, warum") == 1


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
        ("{{ 7 * 7 }} {% raw %} {n}", "{{ 7 * 7 }} {% raw %} {n}", "{{ 7 * 7 }} {% raw %} {n}"),
    ],
)
def test_the_name_of_an_agency_is_nothing_but_a_name(name: str, in_text: str, in_html: str) -> None:
    made = write(section(agency_name=name))

    assert made.text.split("\n")[5] == in_text
    assert re.findall(r"<h2[^>]*>([^<]*)</h2>", made.html) == [in_html, in_html]
    assert name.splitlines()[0] not in made.subject


def test_in_the_coordinators_list_too_it_is_nothing_but_a_name() -> None:
    made = write(section(STUCK_ONE, addressee=TOWN.addressee, agency_name="<b>A</b>\nB"))

    assert "- <b>A</b> B: 1 Papier wartet" in made.text
    assert "<li style" in made.html
    assert "&lt;b&gt;A&lt;/b&gt; B: 1 Papier wartet" in made.html


STUCK_ONE = Topic(Clock.WAITING, 1, days=15, step=15)


def test_a_kind_that_the_catalogue_has_lost_is_named_by_its_code() -> None:
    kinds = (KindCount("ended_kind", 1, 0), KindCount("admission_ik_jc", 2, 5))

    made = write(section(Topic(Clock.WAITING, 3, days=5, kinds=kinds)))

    assert "- ended_kind: 1, seit heute" in made.text


# -- links ---------------------------------------------------------------------------------


def links_of(text: str) -> list[str]:
    return re.findall(r"\S+://\S+", text)


def test_each_group_has_one_link_that_leads_to_its_list() -> None:
    text = write(EVERYTHING).text

    lists = [
        *(List.APPROVALS, List.REQUESTS, List.WAITING),
        *(List.LAPSING, List.PROOF, List.START, List.RETURNED, List.LEAVING, List.NUMBERS),
    ]
    assert links_of(text) == [f"{URL}/lists/auslaenderbehoerde/{shown}" for shown in lists] * 2


def test_two_things_in_one_list_share_its_link() -> None:
    text = write(section(WAITING, Topic(Clock.SILENCE, 1, days=8))).text

    assert links_of(text) == [f"{URL}/lists/auslaenderbehoerde/waiting"] * 2
    assert "Bitte sehen Sie nach." in " ".join(text.split())


def test_the_coordinator_gets_one_link_for_all_agencies() -> None:
    text = write(TOWN, UNREACHED).text

    assert links_of(text) == [f"{URL}/lists/jobcenter/agencies"] * 2


def test_the_head_comes_to_the_settings_where_the_mailbox_stands() -> None:
    assert links_of(write(HEAD).text)[0] == f"{URL}/lists/auslaenderbehoerde/settings"


def test_every_link_of_a_mail_has_words_of_its_own() -> None:
    labels = re.findall(r"<a [^>]*>([^<]+)</a>", write(EVERYTHING).html)

    assert len(set(labels)) == len(labels) == 18


@pytest.mark.parametrize("name", ALL)
def test_the_mail_loads_nothing_and_carries_no_token(name: str) -> None:
    page = write(*ALL[name]).html

    assert not re.search(r"\bsrc=|url\(|@import|background=|<img|<link|<script|<form", page)
    assert all("?" not in link and "#" not in link for link in re.findall(r'href="([^"]+)', page))
    assert Path(letter.__code__.co_filename).with_name("digest.html").exists()


def test_programs_for_mail_that_know_only_tables_show_it_in_one_column() -> None:
    page = write(DEPUTY).html

    assert page.count('<table role="presentation"') == page.count("<table") == 2
    assert 'width="600"' in page
    assert "@media (prefers-color-scheme: dark)" in page
    assert not re.search(r"display:\s*(flex|grid)|position:|float:", page)
