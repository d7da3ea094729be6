"""When content goes: each class, each way to end, and the days on which calendars are awkward."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from tests.factories import make_catalogue

from kursdocs.core.documents.retention import Leaving, LeavingReason, add_months, is_due, leaving
from kursdocs.core.documents.tables import Delivery, DeliveryState, Document, DocumentState
from kursdocs.core.tables import new_id

STORED = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
R1, R2, R3, R4 = "course_not_formed_ik", "admission_ik_jc", "start_notice_ik", "certificate_ik_copy"


def document(kind: str = R2, **changes: Any) -> Document:
    values: dict[str, Any] = {
        "id": new_id(),
        "kind": kind,
        "state": DocumentState.LIVE,
        "fields": {"expires_on": "2027-10-12"},
        "created_at": STORED,
        "stored_at": STORED,
    }
    return Document(**(values | changes))


def delivery(**moments: Any) -> Delivery:
    state = DeliveryState.NEW
    if "taken_over_at" in moments:
        state = DeliveryState.TAKEN_OVER
    if "returned_at" in moments:
        state = DeliveryState.RETURNED
    return Delivery(state=state, delivered_at=STORED, **moments)


def taken(moment: datetime) -> Delivery:
    return delivery(taken_over_at=moment)


def returned(moment: datetime) -> Delivery:
    return delivery(returned_at=moment)


def when(of: Document, *deliveries: Delivery) -> tuple[date, str]:
    found = leaving(make_catalogue().kind(of.kind), of, deliveries)
    assert found is not None
    return found.delete_on, found.reason.value


def test_the_kinds_of_these_tests_are_of_the_classes_they_stand_for() -> None:
    classes = [make_catalogue().kind(code) for code in (R1, R2, R3, R4)]

    assert [kind.retention.code for kind in classes if kind] == ["R1", "R2", "R3", "R4"]


# -- Classes ---------------------------------------------------------------------------------------


def test_r1_ends_30_days_after_the_last_recipient_settled_it() -> None:
    first, last = STORED + timedelta(days=1), STORED + timedelta(days=8)

    # Settled on 1 December: 31 December is the 30th day, and is kept to its end.
    assert when(document(R1), taken(first), returned(last)) == (date(2027, 1, 1), "settled")


def test_r1_that_nobody_settles_ends_after_6_months() -> None:
    assert when(document(R1), taken(STORED), delivery()) == (date(2027, 5, 24), "maximum")


def test_r2_ends_3_months_after_expiry() -> None:
    assert when(document(), taken(STORED)) == (date(2028, 1, 13), "validity_end")


def test_r2_ends_after_15_months_at_most() -> None:
    far = document(fields={"expires_on": "2030-01-01"})

    assert when(far, taken(STORED)) == (date(2028, 2, 24), "maximum")


def test_r2_without_its_optional_date_is_kept_for_the_maximum() -> None:
    assert when(document(fields={}), taken(STORED)) == (date(2028, 2, 24), "maximum")


def test_r3_ends_6_months_after_the_day_the_paper_names() -> None:
    kind = make_catalogue().kind(R3)
    assert kind is not None
    named = document(R3, fields={kind.kept_from: "2026-12-31"})

    assert when(named, taken(STORED)) == (date(2027, 7, 1), "course_end")


def test_r4_counts_from_the_last_settling_because_nobody_says_when_a_case_is_closed() -> None:
    settled = datetime(2026, 12, 1, 12, tzinfo=UTC)

    assert when(document(R4), taken(settled)) == (date(2027, 12, 2), "settled")


def test_an_old_paper_is_not_gone_on_arrival() -> None:
    old = document(fields={"expires_on": "2020-01-01"})
    settled = STORED + timedelta(days=2)

    assert when(old, taken(settled)) == (date(2026, 12, 26), "just_settled")


def test_an_old_paper_that_nobody_touches_stays_until_it_went_back_and_30_days_more() -> None:
    old = document(fields={"expires_on": "2020-01-01"})

    assert when(old, taken(STORED), delivery()) == (date(2027, 2, 22), "untouched")


def test_the_least_time_goes_beyond_the_maximum_by_itself_at_most() -> None:
    last_day = datetime(2027, 5, 23, 12, tzinfo=UTC)

    assert when(document(R1), taken(last_day)) == (date(2027, 6, 23), "just_settled")


def test_a_kind_the_catalogue_does_not_know_any_more_is_kept_for_six_months() -> None:
    assert when(document("gone_kind"), taken(STORED)) == (date(2027, 5, 24), "maximum")


# -- Ends ------------------------------------------------------------------------------------------


def test_what_everybody_returned_goes_30_days_later() -> None:
    last = STORED + timedelta(days=8)

    assert when(document(), returned(STORED), returned(last)) == (date(2027, 1, 1), "returned")


def test_what_one_of_two_returned_is_kept_by_its_class() -> None:
    assert when(document(), returned(STORED), taken(STORED)) == (date(2028, 1, 13), "validity_end")


def test_what_is_withdrawn_or_blocked_goes_30_days_later() -> None:
    withdrawn = document(state=DocumentState.WITHDRAWN, withdrawn_at=STORED + timedelta(days=8))
    blocked = document(state=DocumentState.BLOCKED)

    assert when(withdrawn, taken(STORED)) == (date(2027, 1, 1), "withdrawn")
    assert when(blocked, delivery()) == (date(2026, 12, 24), "blocked")


def test_what_nobody_approves_ends_and_then_goes() -> None:
    waiting = document(R1, state=DocumentState.HELD, approval_needed=True)
    unscanned = document(R1, state=DocumentState.HELD)

    assert when(waiting, delivery()) == (date(2027, 1, 23), "unapproved")
    assert when(unscanned, delivery()) == (date(2027, 5, 24), "maximum")


@pytest.mark.parametrize("state", ["pending", "abandoned", "erased"])
def test_what_has_no_content_loses_none(state: str) -> None:
    assert leaving(None, document(state=DocumentState(state)), []) is None


# -- Calendars -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2027, 1, 31), 1, date(2027, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2026, 12, 31), 6, date(2027, 6, 30)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
    ],
)
def test_a_month_without_that_day_ends_on_its_last(day: date, months: int, expected: date) -> None:
    assert add_months(day, months) == expected


def test_a_period_that_ends_in_a_short_month_keeps_its_last_day() -> None:
    last_of_november = document(fields={"expires_on": "2027-11-30"})

    assert when(last_of_november, taken(STORED)) == (date(2028, 2, 24), "maximum")
    assert when(document(fields={"expires_on": "2026-11-30"}), taken(STORED)) == (
        date(2027, 3, 1),
        "validity_end",
    )


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        # Half past midnight in the offices is still the day before in UTC; summer and winter.
        (datetime(2026, 12, 1, 22, 59, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2026, 12, 1, 23, 1, tzinfo=UTC), date(2027, 1, 2)),
        (datetime(2027, 3, 27, 23, 30, tzinfo=UTC), date(2027, 4, 28)),
        (datetime(2027, 3, 28, 22, 30, tzinfo=UTC), date(2027, 4, 29)),
        (datetime(2027, 10, 30, 22, 30, tzinfo=UTC), date(2027, 12, 1)),
        (datetime(2027, 10, 31, 22, 30, tzinfo=UTC), date(2027, 12, 1)),
    ],
)
def test_the_day_is_that_of_the_offices_also_when_clocks_change(
    moment: datetime, expected: date
) -> None:
    newly = document(R1, created_at=moment, stored_at=moment)

    assert when(newly, taken(moment)) == (expected, "settled")


# -- Announcing ------------------------------------------------------------------------------------


def test_it_is_due_seven_local_days_after_its_announcement_and_not_before_its_day() -> None:
    announced = datetime(2027, 3, 25, 23, 30, tzinfo=UTC)  # 26 March, half past midnight
    of = document(delete_on=date(2027, 4, 1), deletion_noticed_at=announced)

    assert not is_due(of, today=date(2027, 4, 1))
    assert is_due(of, today=date(2027, 4, 2))
    of.delete_on = date(2027, 4, 5)
    assert not is_due(of, today=date(2027, 4, 4))
    of.deletion_noticed_at = None
    assert not is_due(of, today=date(2027, 5, 1))


def test_every_class_of_the_catalogue_has_a_rule() -> None:
    for kind in make_catalogue().kinds:
        found = leaving(kind, document(kind.code, fields={}), [taken(STORED)])

        assert isinstance(found, Leaving)
        assert found.reason in LeavingReason
        assert found.delete_on > STORED.date() + timedelta(days=30)
