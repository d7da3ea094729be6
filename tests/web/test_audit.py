"""The log as heads and auditors read it; why something happened is in ``test_reason_words``."""

import re

from tests.web.house import House

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
