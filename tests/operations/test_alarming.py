"""Alarms by mail: once a day and kind, to the operator, at any hour, counts and nothing else."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.factories import NOW, TESTS, make_catalogue
from tests.operations.post import COORDINATOR, PUBLIC_URL, Post, texts_of

from kursdocs.core import outbox
from kursdocs.core.documents import holding
from kursdocs.core.outbox import Purpose
from kursdocs.operations.alarming import Alarm, alarm
from kursdocs.operations.letters.alarms import WORDS, alarm_letter

SUNDAY, MONDAY = date(2026, 11, 22), date(2026, 11, 23)
OPERATOR = "betrieb@it.example"


def manned(post: Post) -> Post:
    """The same town with somebody who runs it."""
    settings = post.services.settings.model_copy(update={"operator_mail": OPERATOR})
    return replace(
        post, house=replace(post.house, services=replace(post.services, settings=settings))
    )


def raised(post: Post, kind: Alarm) -> int:
    return alarm(post.services, kind, now=post.house.clock())


def test_the_operator_is_told_once_a_day_and_kind_at_any_hour(any_post: Post) -> None:
    post = manned(any_post).at(SUNDAY, 3)

    assert (raised(post, Alarm.LOG_ALTERED), raised(post, Alarm.LOG_ALTERED)) == (1, 0)
    assert raised(post, Alarm.INTEGRITY_UNCHECKED) == 1
    letters = post.work()

    assert [letter.recipients for letter in letters] == [(OPERATOR,)] * 2
    assert raised(post.at(SUNDAY, 23), Alarm.LOG_ALTERED) == 0
    assert raised(post.at(MONDAY, 1), Alarm.LOG_ALTERED) == 1


def test_without_an_operator_the_coordinators_are_told(post: Post) -> None:
    post.staff()

    assert raised(post.at(SUNDAY, 3), Alarm.INTEGRITY_UNCHECKED) == 1
    [letter] = post.work()

    assert letter.recipients == (COORDINATOR,)


def test_with_nobody_to_be_told_it_is_in_the_log_of_the_program_alone(
    post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    post.change_town(mailbox="")

    assert raised(post, Alarm.INTEGRITY_UNCHECKED) == 0

    assert "alarm.reaches_nobody" in capsys.readouterr().out


def test_what_it_says_is_true_when_it_goes(post: Post) -> None:
    """A second paper comes to wait for a day between the alarm and its mail."""
    post = manned(post).at(MONDAY, 8)
    post.arrive(scanned=False, hours_ago=24)
    post.arrive(scanned=False, hours_ago=23)
    raised(post, Alarm.HELD_LONG)
    [letter] = post.later(hours=1).work()

    text = texts_of(letter)["plain"]
    assert "2 Papiere warten seit mehr als einem Tag" in text
    assert "2 papers have waited" in text


def test_what_is_mended_before_it_goes_is_not_told(post: Post) -> None:
    post = manned(post).at(MONDAY, 8)
    held = post.arrive(scanned=False, hours_ago=24)
    raised(post, Alarm.HELD_LONG)
    with post.services.transaction() as session:
        holding.pass_scan(session, TESTS, held, catalogue=make_catalogue(), now=post.house.clock())

    assert [one for one in post.work() if one.recipients == (OPERATOR,)] == []
    assert [mail for mail in post.mails() if mail.purpose is Purpose.ALARM] == []


@pytest.mark.parametrize("kind", Alarm)
@pytest.mark.parametrize("count", [1, 3])
def test_each_says_what_is_wrong_and_which_command_helps(kind: Alarm, count: int) -> None:
    letter = alarm_letter(
        kind, count, address=OPERATOR, public_url=PUBLIC_URL, message_id="<1@x.example>", now=NOW
    )

    for text in (letter.text, letter.html):
        assert WORDS[kind].command in text
        assert PUBLIC_URL in text
        assert "einmal am Tag" in text
        assert "{n}" not in text
    assert (letter.to, "\n" in letter.subject) == (OPERATOR, False)


def test_one_that_failed_can_be_sent_again_and_says_the_same(post: Post) -> None:
    post = manned(post).at(MONDAY)
    raised(post, Alarm.INTEGRITY_UNCHECKED)
    [mail] = post.mails()
    with post.services.transaction() as session:
        outbox.mark_failed(session, mail.id, error="550", final=True, now=post.house.clock())
    with post.later(hours=1).services.transaction() as session:
        outbox.resend(session, mail.id, now=post.house.clock())
    [letter] = post.work()

    assert WORDS[Alarm.INTEGRITY_UNCHECKED].command in texts_of(letter)["plain"]


def test_a_day_later_the_same_is_told_again(post: Post) -> None:
    post = manned(post).at(MONDAY, 8)
    post.arrive(scanned=False, hours_ago=24)

    counts = []
    for _ in range(3):
        raised(post, Alarm.HELD_LONG)
        counts.append(len([one for one in post.work() if one.recipients == (OPERATOR,)]))
        post.house.clock.advance(timedelta(days=1))

    assert counts == [1, 1, 1]
