"""The log as heads and auditors read it; why something happened is in ``test_reason_words``."""

import re

import pytest
from tests.web.house import House

from kursdocs import catalogue as rules
from kursdocs.core.audit.happenings import DETAIL_KEYS, Happening
from kursdocs.web import audit, error_words, errors, pages

HEAD, AUDITOR = "vera.probe", "paul.probe"


def rows(page: str) -> list[str]:
    """The text of each row."""
    body = page.split("<tbody")[1].split("</tbody>")[0]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in body.split("<tr")[1:]]


def test_every_row_has_the_number_by_which_it_is_proved(house: House) -> None:
    page = house.person(AUDITOR).get("/log").text

    numbers = [int(number) for number in re.findall(r'class="kd-number">(\d+)<', page)]

    assert len(numbers) == len(rows(page))
    assert numbers == sorted(set(numbers), reverse=True)
    assert "kursdocs audit prove NR" in page


def test_an_agencys_own_log_does_not_repeat_whose_it_is(house: House) -> None:
    head, auditor = house.person(HEAD), house.person(AUDITOR)
    head.get("/inbox")

    own = next(row for row in rows(head.get("/log").text) if "hat den Eingang angesehen" in row)
    all_of_it = rows(auditor.get("/log").text)
    towns = next(row for row in all_of_it if "hat den Eingang angesehen" in row)

    assert "Vera Probe hat den Eingang" in own
    assert "Vera Probe VHS Musterstadt hat den Eingang" in towns


@pytest.fixture(scope="module")
def shown() -> pages.Pages:
    """Pages as they are served, with their translations."""
    return pages.load(pages.frontend_folder(), rules.load())


def test_everything_that_can_happen_has_its_words_in_both_languages(shown: pages.Pages) -> None:
    for happening in Happening:
        details = dict.fromkeys(DETAIL_KEYS[happening] | {"person", "refusal"}, "X")
        german, english = (
            shown.text(language, audit.SENTENCES[happening], **details) for language in ("de", "en")
        )
        assert "" not in (german, english)
        assert german != english
        assert "%(" not in german + english


def test_a_refusal_stands_in_the_log_in_the_words_in_which_it_was_told(house: House) -> None:
    head = house.person(HEAD)
    assert head.get("/integrity").status_code == 403

    german = rows(head.get("/log").text)
    english = rows(head.get("/log", headers={"Accept-Language": "en"}).text)

    assert any("wurde abgewiesen: „" in row for row in german)
    assert any("was refused: “" in row for row in english)
    assert "not_permitted" not in " ".join(german + english)


def test_every_refusal_can_be_told_again_without_its_details(shown: pages.Pages) -> None:
    for code in error_words.SENTENCES:
        german, english = (errors.sentence_then(shown, language, code) for language in ("de", "en"))
        assert german != english
        assert "%(" not in german + english


def test_a_refusal_by_a_code_of_old_keeps_it(shown: pages.Pages) -> None:
    assert errors.sentence_then(shown, "de", "of_old") == "of_old"
    assert errors.sentence_then(shown, "de", "") == "–"
