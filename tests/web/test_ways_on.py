"""No refusal is a dead end: every error page says what to do and where to go on."""

from dataclasses import replace

import pytest
from tests.web.house import UNKNOWN, House
from tests.web.lint import leads_somewhere
from tests.web.samples import CLERK, COORDINATOR, VISITOR

from kursdocs.web import ways_on
from kursdocs.web.error_words import HEADINGS
from kursdocs.web.pages import Page

READERS = (VISITOR, CLERK, COORDINATOR)
# The sentence itself says all there is to do, and the form to send again stands beside it.
SAID_ALREADY = {401, 403, 500}


@pytest.mark.parametrize("reader", READERS, ids=["visitor", "clerk", "coordinator"])
@pytest.mark.parametrize("status", HEADINGS)
def test_every_refusal_leads_on_and_ends_at_help(reader: Page, status: int) -> None:
    found = ways_on.ways(reader, status)

    assert len(found) >= 2
    assert found[-1].href == "/help#problems"
    assert all(leads_somewhere("GET", way.href.partition("#")[0]) for way in found)


@pytest.mark.parametrize("status", sorted(set(HEADINGS) - SAID_ALREADY))
def test_every_refusal_says_what_to_do_now(status: int) -> None:
    assert ways_on.steps(VISITOR, status, "")


def test_who_belongs_to_several_agencies_is_told_to_look_which_one_it_is() -> None:
    one = replace(CLERK, memberships=CLERK.memberships[:1])

    several = ways_on.steps(CLERK, 404, "not_found")

    assert len(several) == len(ways_on.steps(one, 404, "not_found")) + 1


def test_a_part_that_is_down_is_called_once_more_first() -> None:
    assert ways_on.ways(CLERK, 503, again="/sent")[0].href == "/sent"


@pytest.mark.parametrize(
    ("subject", "path", "status", "way"),
    [
        ("jonas.muster", f"/documents/{UNKNOWN}", 404, "/inbox"),
        ("jonas.muster", "/agencies", 403, "/inbox"),
        ("ines.muster", "/inbox", 403, "/"),
        ("", "/nowhere", 404, "/"),
        ("", "/sign-in/callback?state=none&code=none", 403, "/sign-in"),
    ],
)
def test_the_page_shows_steps_and_ways_but_a_number_only_when_we_failed(
    house: House, subject: str, path: str, status: int, way: str
) -> None:
    visitor = house.person(subject) if subject else house.visitor()

    answer = visitor.get(path)

    assert answer.status_code == status
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    assert f'kern-btn--primary" href="{way}"' in main
    assert "Was Sie jetzt tun können" in main
    assert "Nummer" not in main
