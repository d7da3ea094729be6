"""Lists and their order, what is overdue, and how requests end by themselves and are forgotten."""

from datetime import date, timedelta
from typing import Any

import pytest
from tests.core.requests.conftest import Desks
from tests.factories import JOBCENTER, NOW, OFFICE, PROVIDER, TODAY, make_catalogue

from kursdocs.core.documents import lifecycle
from kursdocs.core.errors import NotFound
from kursdocs.core.requests import asking, reading, retention
from kursdocs.core.requests.reading import RequestView, Shown, Side
from kursdocs.core.requests.tables import PaperRequest, RequestState

DAY = timedelta(days=1)


def listed(desks: Desks, who: str, side: Side, shown: Shown, **more: Any) -> list[RequestView]:
    values = {"today": TODAY, **more}
    found: list[RequestView] = desks.do(reading.rows, who, side, shown, **values)
    return found


def test_the_most_urgent_comes_first_and_pages_go_on_where_they_ended(desks: Desks) -> None:
    days = (12, 3, 7, 3)
    ids = [
        desks.ask(given_names=f"Anna {'abcd'[n]}", due_on=(TODAY + days[n] * DAY).isoformat())
        for n in range(4)
    ]
    desks.ask(OFFICE, provider="sprachwerk")

    order = [one.id for one in listed(desks, PROVIDER, Side.RECEIVED, Shown.OPEN)]
    assert order == [ids[1], ids[3], ids[2], ids[0]]
    first = listed(desks, JOBCENTER, Side.MADE, Shown.OPEN, limit=2)
    rest = listed(desks, JOBCENTER, Side.MADE, Shown.OPEN, after=first[-1].id)
    assert [one.id for one in (*first, *rest)] == order
    assert listed(desks, JOBCENTER, Side.RECEIVED, Shown.OPEN) == []


def test_a_list_does_not_go_on_after_a_foreign_request(desks: Desks) -> None:
    foreign = desks.ask(OFFICE, provider="sprachwerk")

    with pytest.raises(NotFound):
        listed(desks, JOBCENTER, Side.MADE, Shown.OPEN, after=foreign)


def test_overdue_is_the_day_after_the_due_date_on_both_sides(desks: Desks) -> None:
    request_id = desks.ask(due_on="2026-11-30")
    last, late = date(2026, 11, 30), date(2026, 12, 2)

    for who, side in ((PROVIDER, Side.RECEIVED), (JOBCENTER, Side.MADE)):
        assert listed(desks, who, side, Shown.OVERDUE, today=last) == []
        found = listed(desks, who, side, Shown.OVERDUE, today=late)
        assert [(one.id, one.days_overdue(late)) for one in found] == [(request_id, 2)]
    assert desks.do(reading.overdue_count, JOBCENTER, today=late) == 1
    assert desks.do(reading.overdue_count, JOBCENTER, today=last) == 0


def test_sixty_days_after_its_day_it_ends_by_itself(desks: Desks) -> None:
    request_id = desks.ask(due_on="2026-11-30")
    day = NOW + 67 * DAY  # 2027-01-29

    for now, count in ((day, 0), (day + DAY, 1)):
        with desks.database.transaction() as session:
            due = retention.lapse_due(session, today=now.date(), limit=10)
            done = [retention.lapse(session, one, duty="tests", now=now) for one in due]
        assert done == [True] * count

    seen = desks.see(JOBCENTER, request_id)
    assert (seen.state, seen.forget_on) == (RequestState.LAPSED, date(2027, 3, 2))


def test_answered_again_in_the_meantime_it_does_not_lapse(desks: Desks) -> None:
    request_id = desks.ask()
    desks.answer()

    with desks.database.transaction() as session:
        assert not retention.lapse(session, request_id, duty="tests", now=NOW + 300 * DAY)


def test_thirty_days_after_its_end_it_forgets_the_person(desks: Desks) -> None:
    request_id = desks.ask(fields={"period_from": "2026-06-01"})
    desks.do(asking.cancel, JOBCENTER, request_id, now=NOW)
    forget_on = desks.see(JOBCENTER, request_id).forget_on
    assert forget_on == TODAY + 31 * DAY

    for now, is_done in ((NOW + 30 * DAY, False), (NOW + 31 * DAY, True)):
        with desks.database.transaction() as session:
            due = retention.forget_due(session, today=now.date(), limit=10)
            assert due == ([request_id] if is_done else [])
            assert retention.forget(session, request_id, now=now) is is_done

    with desks.database.transaction() as session:
        row = session.get_one(PaperRequest, request_id)
        assert (row.family_name, row.given_names, row.birth_date, row.fields) == ("", "", None, {})
    seen = desks.see(PROVIDER, request_id)
    assert (seen.kind, seen.state) == ("attendance_certificate_ik", RequestState.CANCELLED)
    assert (seen.requester, seen.forget_on) == (JOBCENTER, None)


def test_what_is_open_again_is_not_forgotten(desks: Desks) -> None:
    desks.ask()
    document_id = desks.answer()
    with desks.database.transaction() as session:
        assert retention.forget_due(session, today=TODAY + 40 * DAY, limit=10)

    values = {"reason": "wrong_document", "catalogue": make_catalogue(), "now": NOW}
    desks.do(lifecycle.withdraw, PROVIDER, document_id, **values)

    with desks.database.transaction() as session:
        assert retention.forget_due(session, today=TODAY + 40 * DAY, limit=10) == []
