"""Reminding, day by day: who is told when, up the ladder, until somebody acts or it goes back."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from tests.factories import JOBCENTER, OFFICE, PROVIDER, REPORT, TESTS
from tests.operations.house import Clock
from tests.operations.post import COORDINATOR, DEPUTY, DESK, HEAD, Post, addressed, texts_of
from tests.servers import Letter

from kursdocs.catalogue import Addressee
from kursdocs.core import agencies
from kursdocs.core.agencies import AgencyPause
from kursdocs.core.audit import Happening
from kursdocs.core.documents import settling
from kursdocs.core.documents.tables import DeliveryState
from kursdocs.core.reminders.digest import Decision, Why
from kursdocs.core.reminders.tables import Clock as ReminderClock
from kursdocs.core.reminders.tables import Outcome
from kursdocs.core.tables import metadata
from kursdocs.core.workdays import LOCAL, local_moment
from kursdocs.operations import reminding
from kursdocs.operations.reminding import Reminded

SENDER_MAILBOX = f"{PROVIDER}@post.example"
HOUR = timedelta(hours=1)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@pytest.fixture
def clock() -> Clock:
    """Spring, with Easter and a change of the clocks ahead."""
    return Clock(local_moment(date(2026, 3, 2), 8).astimezone(UTC))


def days(post: Post, last: date, *, looking_in: tuple[str, ...] = ()) -> list[Letter]:
    """Every day at eight until that one, weekends and holidays too."""
    found = []
    while post.today < last:
        post.at(post.today + timedelta(days=1))
        post.look_in(*looking_in)
        found += post.work()
    return found


# -- the ladder ----------------------------------------------------------------------------

FORGOTTEN = """\
2026-03-23 Mon  auslaenderbehoerde  1 Papier wartet seit 1 Arbeitstag
2026-03-24 Tue  auslaenderbehoerde  1 Papier wartet seit 2 Arbeitstagen
2026-03-27 Fri  auslaenderbehoerde  1 Papier wartet seit 5 Arbeitstagen
2026-03-27 Fri  vertretung          1 Papier wartet seit 5 Arbeitstagen
2026-04-07 Tue  auslaenderbehoerde  1 Papier wartet seit 10 Arbeitstagen
2026-04-07 Tue  leitung             1 Papier wartet seit 10 Arbeitstagen
2026-04-07 Tue  vertretung          1 Papier wartet seit 10 Arbeitstagen
2026-04-14 Tue  auslaenderbehoerde  1 Papier wartet seit 15 Arbeitstagen
2026-04-14 Tue  koordination        1 Papier in 1 Stelle unberührt
2026-04-14 Tue  leitung             1 Papier wartet seit 15 Arbeitstagen
2026-04-14 Tue  vertretung          1 Papier wartet seit 15 Arbeitstagen
2026-04-16 Thu  vhs-musterstadt     1 Papier zurückgekommen
"""


def test_a_forgotten_document_climbs_the_ladder_day_by_day_and_goes_back(post: Post) -> None:
    """It came on a Friday evening; Good Friday and Easter Monday lie in between."""
    post.staff()
    document = post.at(date(2026, 3, 20), 20).arrive()
    lines = []

    for _ in range(40):
        letters = days(post, post.today + timedelta(days=1), looking_in=(OFFICE,))
        today = post.today
        for letter in sorted(letters, key=lambda letter: letter.recipients):
            box = letter.recipients[0].partition("@")[0]
            subject = str(letter.message["Subject"]).removeprefix("kursdocs: ")
            lines.append(f"{today} {DAYS[today.weekday()]}  {box:<18}  {subject}\n")

    table = "".join(lines)
    assert table == FORGOTTEN
    assert post.state_of(document) is DeliveryState.RETURNED


def test_what_goes_back_is_logged_once_as_the_reminders_own_doing(post: Post) -> None:
    post.staff()
    document = post.at(date(2026, 3, 20)).arrive()
    days(post, date(2026, 4, 14))
    assert post.at(date(2026, 4, 14)).remind().returned == 0
    assert post.at(date(2026, 4, 15), 6).remind().returned == 0, "before the agency's hour"

    assert post.at(date(2026, 4, 15), 7).remind() == Reminded(mails=0, returned=1)
    assert post.later(hours=1).remind() == Reminded(mails=0, returned=0)
    assert post.at(date(2026, 4, 16), 7).remind() == Reminded(mails=1, returned=0)

    [event] = post.house.events(Happening.DELIVERY_RETURNED, document_id=document)
    assert (event.actor_kind, event.detail) == ("system", {"reason": "untouched"})
    assert event.municipality_id == post.house.sender.municipality_id


def test_a_paper_that_cannot_go_back_keeps_nobody_from_being_reminded(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.staff()
    stuck = post.at(date(2026, 3, 20)).arrive()
    days(post, date(2026, 4, 14))
    post.at(date(2026, 4, 14), 12).arrive(JOBCENTER)
    with monkeypatch.context() as broken:
        broken.setattr(settling, "return_untouched", None)

        assert post.at(date(2026, 4, 15), 7).remind() == Reminded(mails=1, returned=0)

    assert post.state_of(stuck) is DeliveryState.NEW
    assert post.later(hours=1).remind().returned == 1


def test_an_agency_that_never_looks_in_is_asked_to_on_the_way(post: Post) -> None:
    post.at(date(2026, 3, 2)).look_in(OFFICE)
    post.arrive()
    post.work()

    letters = days(post, date(2026, 3, 10), looking_in=(PROVIDER,))

    assert [len(texts_of(letter)["plain"].split("Bitte sehen Sie nach")) - 1
            for letter in letters] == [0, 1]  # fmt: skip
    assert "Seit 7 Tagen hat niemand aus Ihrer Stelle" in texts_of(letters[1])["plain"]


def test_silence_is_told_once_a_week_and_ends_when_somebody_looks_in(post: Post) -> None:
    """The agency's own paper was taken over long ago, an answer may come: nothing waits."""
    document = post.at(date(2026, 3, 2)).arrive()
    post.take_over(document)
    post.look_in(PROVIDER)

    silent = []
    while post.today < date(2026, 3, 31):
        if days(post, post.today + timedelta(days=1), looking_in=(OFFICE,)):
            silent.append(post.today)
        if post.today == date(2026, 3, 24):
            post.look_in(PROVIDER)

    assert silent == [date(2026, 3, day) for day in (9, 16, 23, 31)]


# -- when it ends --------------------------------------------------------------------------


@pytest.mark.parametrize("waited", [0, 3, 12])
def test_after_anybody_took_over_nobody_is_told_anything_more(post: Post, waited: int) -> None:
    post.staff()
    document = post.at(date(2026, 3, 2)).arrive()
    post.work()
    days(post, date(2026, 3, 2) + timedelta(days=waited), looking_in=(OFFICE,))
    before = len(post.smtp.letters)

    post.take_over(document)

    assert days(post, date(2026, 5, 29), looking_in=(OFFICE, PROVIDER)) == []
    assert len(post.smtp.letters) == before
    assert post.house.events(Happening.DELIVERY_RETURNED) == []


def test_what_somebody_returns_is_told_the_sender_once(post: Post) -> None:
    document = post.at(date(2026, 3, 2)).arrive()
    post.work()
    post.give_back(document)

    (letter,) = days(post, date(2026, 3, 31), looking_in=(OFFICE, PROVIDER))

    assert letter.recipients == (SENDER_MAILBOX,)
    assert letter.message["Subject"] == "kursdocs: 1 Papier zurückgekommen"


def test_take_over_by_one_recipient_leaves_the_other_its_reminders(post: Post) -> None:
    document = post.at(date(2026, 3, 2)).arrive(OFFICE, JOBCENTER)
    post.work()
    post.take_over(document)

    later = days(post, date(2026, 3, 4), looking_in=(OFFICE, JOBCENTER, PROVIDER))

    assert addressed(later) == [f"{JOBCENTER}@post.example"]


def test_papers_of_a_closed_agency_go_back_and_their_sender_hears_of_it(post: Post) -> None:
    document = post.at(date(2026, 3, 2)).arrive()
    with post.services.transaction() as session:
        office = agencies.by_slug(session, OFFICE)
        agencies.close_agency(session, TESTS, office, now=post.house.clock())

    letters = days(post, date(2026, 3, 31))

    assert addressed(letters) == [SENDER_MAILBOX]
    assert post.state_of(document) is DeliveryState.RETURNED


# -- days that matter ----------------------------------------------------------------------


def moments(post: Post, until: date) -> list[tuple[str, str]]:
    """The worker does its duties every hour until that day is over; when who was told.

    At a quarter past: then the mails of that hour are out.
    """
    post.house.clock.now = post.house.clock.now.replace(minute=15)
    end = local_moment(until, 23)
    return [
        (f"{moment.astimezone(LOCAL):%a %d.%m. %H:%M}", letter.recipients[0].partition("@")[0])
        for moment, letter in post.work_through(end, HOUR)
    ]


@pytest.mark.parametrize(
    ("friday", "monday"),
    [
        (date(2026, 3, 6), "Mon 09.03. 07:15"),
        # The clocks go ahead in the night to Sunday the 29th, and back to Sunday the 25th.
        (date(2026, 3, 27), "Mon 30.03. 07:15"),
        (date(2026, 10, 23), "Mon 26.10. 07:15"),
    ],
)
def test_what_comes_on_a_friday_evening_is_told_on_monday_at_seven(
    post: Post, friday: date, monday: str
) -> None:
    post.at(friday, 20).arrive()
    post.look_in(OFFICE)

    assert moments(post, friday + timedelta(days=3)) == [(monday, OFFICE)]


@pytest.mark.parametrize("sunday", [date(2026, 3, 29), date(2026, 10, 25)])
def test_what_comes_in_the_night_of_the_change_counts_from_that_sunday(
    post: Post, sunday: date
) -> None:
    """2:30 is never, or twice; the working days that follow are counted alike."""
    post.house.clock.now = local_moment(sunday, 0).astimezone(UTC) + timedelta(hours=2, minutes=30)
    document = post.arrive(hours_ago=0)
    post.at(sunday + timedelta(days=1)).look_in(OFFICE)

    (first,) = post.work()
    post.at(sunday + timedelta(days=2)).look_in(OFFICE)
    (second,) = post.work()

    assert first.message["Subject"] == "kursdocs: 1 Papier wartet seit 1 Arbeitstag"
    assert second.message["Subject"] == "kursdocs: 1 Papier wartet seit 2 Arbeitstagen"
    assert post.state_of(document) is DeliveryState.NEW


def test_epiphany_is_a_holiday_in_bavaria_and_a_tuesday_in_berlin(post: Post) -> None:
    post.change(OFFICE, land="BY")
    post.change(JOBCENTER, land="BE")
    post.at(date(2026, 1, 5), 21).arrive(OFFICE, JOBCENTER)
    post.look_in(OFFICE, JOBCENTER)

    assert sorted(moments(post, date(2026, 1, 7))) == [
        ("Tue 06.01. 07:15", JOBCENTER),
        ("Wed 07.01. 07:15", OFFICE),
        ("Wed 07.01. 07:15", JOBCENTER),
    ]


def test_nobody_is_told_at_night_nor_in_a_pause_nor_before_the_agencys_hour(post: Post) -> None:
    post.change(OFFICE, digest_hour=9)
    with post.services.transaction() as session:
        paused = agencies.by_slug(session, JOBCENTER).id
        session.add(
            AgencyPause(agency_id=paused, first_day=date(2026, 3, 3), last_day=date(2026, 3, 4))
        )
    post.at(date(2026, 3, 2), 22).arrive(OFFICE, JOBCENTER)
    post.look_in(OFFICE, JOBCENTER)

    assert moments(post, date(2026, 3, 5))[:2] == [
        ("Tue 03.03. 09:15", OFFICE),
        ("Wed 04.03. 09:15", OFFICE),
    ]
    assert moments(post, date(2026, 3, 5)) == []
    told = {one.agency_id: one.sent_at.astimezone(LOCAL) for one in post.told()}
    assert f"{told[paused]:%d.%m. %H:%M}" == "05.03. 07:15"


def test_an_outage_of_the_worker_for_weeks_ends_with_one_mail_each(post: Post) -> None:
    """Not with one for every step that was missed."""
    post.staff()
    post.at(date(2026, 3, 2)).arrive()

    letters = post.at(date(2026, 3, 18)).work()

    assert addressed(letters) == [DESK, HEAD, DEPUTY]
    assert post.later(hours=1).work() == []


# -- to whom -------------------------------------------------------------------------------


def test_of_an_agency_without_a_mailbox_the_coordinator_is_told_the_same_day(post: Post) -> None:
    post.change(OFFICE, mailbox="")
    post.change_town(mailbox=COORDINATOR)
    post.at(date(2026, 3, 2)).arrive()

    (letter,) = post.work()

    assert letter.recipients == (COORDINATOR,)
    said = texts_of(letter)["plain"]
    assert "kein Postfach, Mails erreichen dort niemanden" in " ".join(said.split())
    assert "Zulassung" not in said, "the coordinator sees no kinds"


def test_a_mailbox_in_capitals_is_the_same_mailbox(post: Post) -> None:
    post.change(JOBCENTER, mailbox=DESK.upper())
    post.at(date(2026, 3, 2)).arrive(OFFICE, JOBCENTER)

    (letter,) = post.work()

    assert texts_of(letter)["plain"].count("1 Papier wartet seit heute auf Ihre Stelle") == 2


def test_a_mailbox_that_changes_on_the_way_gets_the_reminders_from_then_on(post: Post) -> None:
    """The mail of the day was planned for the old one, where nothing is due any more."""
    post.at(date(2026, 3, 2)).arrive()
    post.remind()
    post.change(OFFICE, mailbox="neu@post.example")

    assert addressed(post.work()) == ["neu@post.example"]


# -- the demo, and looking ahead -----------------------------------------------------------


def test_in_the_demo_an_agency_is_told_at_any_hour_but_once_a_day(post: Post) -> None:
    demo = post.services.settings.model_copy(update={"demo": True})
    object.__setattr__(post.services, "settings", demo)
    post.at(date(2026, 3, 7), 23).arrive()
    post.look_in(OFFICE)

    assert addressed(post.work()) == [DESK]
    post.arrive()
    assert post.work() == []
    assert addressed(post.later(hours=1).work()) == [DESK], "a Sunday"


def dump(post: Post) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with post.services.transaction() as session:
        return {
            table.name: sorted((tuple(row) for row in session.execute(sa.select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def test_an_explanation_names_everybody_with_a_reason_and_changes_nothing(post: Post) -> None:
    post.staff()
    post.change(JOBCENTER, mailbox="")
    post.at(date(2026, 3, 2)).arrive(OFFICE, JOBCENTER)
    post.at(date(2026, 3, 24)).arrive()
    post.look_in(OFFICE, PROVIDER)
    before = dump(post)

    found = list(reminding.explain(post.services))
    decided = reminding.decisions(post.services)

    assert dump(post) == before
    assert post.smtp.letters == []
    # The other office was never told of the same paper, so that it stays there for now.
    assert found[0] == (
        JOBCENTER,
        "One paper goes back to its sender, untouched for 16 working days.",
    )
    reasons = {
        (one.agency_slug, one.addressee): (one.why, one.address)
        for one in decided
        if one.why is not Why.NOTHING_NEW
    }
    assert reasons == {
        (OFFICE, Addressee.DESK): (Why.DUE, DESK),
        (OFFICE, Addressee.DEPUTY): (Why.DUE, DEPUTY),
        (OFFICE, Addressee.HEAD): (Why.DUE, HEAD),
        (OFFICE, Addressee.COORDINATOR): (Why.DUE, COORDINATOR),
        (JOBCENTER, Addressee.DESK): (Why.NO_MAILBOX, ""),
        (JOBCENTER, Addressee.COORDINATOR): (Why.DUE, COORDINATOR),
    }
    assert len(found) == 1 + len(decided)


@pytest.mark.parametrize(
    ("moment", "why"),
    [
        (local_moment(date(2026, 3, 8), 12), Why.NOT_A_WORKING_DAY),
        (local_moment(date(2026, 3, 9), 6), Why.BEFORE_ITS_HOUR),
        (local_moment(date(2026, 3, 9), 12), Why.DUE),
        (local_moment(date(2026, 3, 9), 21), Why.AFTER_THE_LAST_HOUR),
    ],
)
def test_an_explanation_says_why_nobody_is_told_now(post: Post, moment: datetime, why: Why) -> None:
    post.at(date(2026, 3, 6), 20).arrive()
    post.house.clock.now = moment.astimezone(UTC)

    assert decision(post).why is why


def decision(post: Post, slug: str = OFFICE, addressee: Addressee = Addressee.DESK) -> Decision:
    """What is decided for that addressee now."""
    (found,) = (
        one
        for one in reminding.decisions(post.services)
        if (one.agency_slug, one.addressee) == (slug, addressee)
    )
    return found


def test_an_explanation_knows_that_todays_mail_is_out(post: Post) -> None:
    post.at(date(2026, 3, 2)).arrive()
    post.work()
    post.arrive(hours_ago=3)

    found = decision(post)

    assert found.why is Why.TOLD_TODAY
    assert found.at == local_moment(date(2026, 3, 3), 7)


def test_an_explanation_knows_of_a_mailbox_that_refused_todays_mail(post: Post) -> None:
    post.staff()
    post.at(date(2026, 3, 2)).arrive()
    post.smtp.refuse("rcpt", "550 5.1.1 no such box")
    post.work()
    post.smtp.behave()

    assert decision(post).why is Why.REFUSED
    # Its coordinator and its head hear of it the same day.
    assert addressed(post.later(hours=1).work()) == [COORDINATOR, HEAD]


def test_a_mailbox_that_refuses_every_morning_is_told_to_the_head_and_still_to_the_coordinator(
    post: Post,
) -> None:
    """While the new attempt is on its way, and after it was refused again."""
    post.staff()
    post.smtp.refuse("rcpt", "550 5.1.1 no such box", only=DESK)
    told = []
    for day in (date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)):
        post.at(day, 6).arrive()
        letters = post.work_through(local_moment(day, 9), timedelta(minutes=5))
        told.append(addressed([letter for _, letter in letters]))

    assert told == [[COORDINATOR, HEAD]] * 3


# -- other clocks, from end to end -----------------------------------------------------------


def test_a_report_that_waits_for_a_second_person_is_told_the_same_day(post: Post) -> None:
    post.at(date(2026, 3, 2), 11).arrive(hours_ago=0, **REPORT)

    (letter,) = post.work()

    assert letter.recipients == (SENDER_MAILBOX,)
    assert [(one.clock, one.step) for one in post.told()] == [(ReminderClock.APPROVAL, 0)]


def test_after_todays_mail_an_approval_waits_for_tomorrows(post: Post) -> None:
    post.at(date(2026, 3, 2)).give_back(post.arrive())
    post.at(date(2026, 3, 3)).work()
    post.later(hours=3).arrive(hours_ago=0, **REPORT)

    assert post.work() == []

    (letter,) = post.at(date(2026, 3, 4), 7).later(minutes=15).work()
    assert letter.recipients == (SENDER_MAILBOX,)


def test_a_monthly_note_comes_once_on_the_first_working_day(post: Post) -> None:
    """It is of February, in which one paper went from the provider to the office."""
    post.take_over(post.at(date(2026, 2, 10)).arrive())
    post.look_in(OFFICE, PROVIDER)
    for slug in (OFFICE, JOBCENTER):
        post.change(slug, monthly_note=True)
    post.at(date(2026, 2, 27))

    letters = days(post, date(2026, 3, 20), looking_in=(OFFICE, PROVIDER, JOBCENTER))

    assert addressed(letters) == [DESK], "the jobcentre had nothing, the provider does not want it"
    assert [(one.clock, f"{one.sent_at:%d.%m.}", one.step) for one in post.told()] == [
        (ReminderClock.MONTHLY, "02.03.", 2026 * 12 + 2)
    ]


# -- the ledger --------------------------------------------------------------------------------


def test_what_came_of_reminders_is_written_down_and_opened_again_when_undone(post: Post) -> None:
    document = post.at(date(2026, 3, 2)).arrive()
    post.work()
    assert reminding.close_ledger(post.services) == 0
    post.at(date(2026, 3, 3), 10).take_over(document)

    assert reminding.close_ledger(post.services) == 1
    assert reminding.close_ledger(post.services) == 0

    (row,) = post.told()
    assert (row.outcome, row.done_at) == (Outcome.TAKEN_OVER, post.house.clock())
    assert row.done_after_minutes == (8 + 2) * 60
    post.later(seconds=10).undo(document)

    assert reminding.close_ledger(post.services) == 1

    (row,) = post.told()
    assert (row.outcome, row.done_at, row.done_after_minutes) == (Outcome.OPEN, None, None)
