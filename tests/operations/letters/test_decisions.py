"""Why somebody is mailed, or is not, in one sentence of either language."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from tests.operations.letters.samples import LATE, STUCK, WAITING, section

from kursdocs.catalogue import Addressee
from kursdocs.core.reminders.digest import Decision, Overdue, Section, Why
from kursdocs.core.tables import new_id
from kursdocs.operations.letters import Language, decided, given_back

# A Wednesday; seven o'clock in the offices.
AT = datetime(2026, 11, 25, 6, tzinfo=UTC)


def decision(
    why: Why,
    said: Section | None = None,
    at: datetime | None = None,
    addressee: Addressee = Addressee.DESK,
) -> Decision:
    return Decision(why, new_id(), "jobcenter", "Jobcenter", addressee, "", said, at)


@pytest.mark.parametrize(
    ("made", "german", "english"),
    [
        (
            decision(Why.DUE, section(WAITING), AT),
            "Die Stelle wird erinnert (am Mittwoch, 25. November, um 7:00 Uhr): 3 Papiere warten,"
            " das älteste seit 5 Arbeitstagen.",
            "The desk is reminded (on Wednesday, 25 November, at 7:00): 3 papers waiting,"
            " the oldest for 5 working days.",
        ),
        (
            decision(Why.DUE, section(STUCK, LATE), None, Addressee.COORDINATOR),
            "Die Koordination wird erinnert: 3 Papiere warten, das älteste seit 15 Arbeitstagen;"
            " 2 Anforderungen offen, die dringendste seit 10 Arbeitstagen überfällig.",
            "The coordinator is reminded: 3 papers waiting, the oldest for 15 working days;"
            " 2 requests open, the most urgent overdue by 10 working days.",
        ),
        (
            decision(Why.NOTHING_NEW, None, AT),
            "Die Stelle wird nicht erinnert, weil es nichts Neues gibt. Die nächste Mail kann am"
            " Mittwoch, 25. November, um 7:00 Uhr hinausgehen.",
            "The desk is not reminded because there is nothing new. The next mail may go out on"
            " Wednesday, 25 November, at 7:00.",
        ),
        (
            decision(Why.NO_MAILBOX, section(WAITING)),
            "Die Stelle kann nicht erinnert werden, weil kein Postfach eingetragen ist. Dort ist"
            " offen: 3 Papiere warten, das älteste seit 5 Arbeitstagen.",
            "The desk cannot be reminded because no mailbox is set. Open there: 3 papers waiting,"
            " the oldest for 5 working days.",
        ),
    ],
)
def test_who_is_mailed_why_and_when_next(made: Decision, german: str, english: str) -> None:
    assert decided(made, Language.DE) == german
    assert decided(made, Language.EN) == english


@pytest.mark.parametrize("why", Why)
@pytest.mark.parametrize("addressee", Addressee)
def test_every_decision_has_a_whole_sentence_of_its_own(why: Why, addressee: Addressee) -> None:
    for language in Language:
        others = {decided(decision(each), language) for each in Why if each is not why}
        for said in (section(WAITING), None):
            told = decided(
                decision(why, said if why is not Why.DUE else section(WAITING)), language
            )
            assert told.endswith(".")
            assert told not in others
            assert "{" not in told


def test_the_reason_names_the_addressee() -> None:
    told = {decided(decision(Why.CLOSED, addressee=each), Language.DE) for each in Addressee}

    assert len(told) == len(Addressee)


@pytest.mark.parametrize(
    ("waited", "expected"),
    [
        (16, "One paper goes back to its sender, untouched for 16 working days."),
        (1, "One paper goes back to its sender, untouched for 1 working day."),
    ],
)
def test_why_a_paper_goes_back(waited: int, expected: str) -> None:
    assert given_back(Overdue(uuid4(), uuid4(), "jobcenter", waited), Language.EN) == expected
