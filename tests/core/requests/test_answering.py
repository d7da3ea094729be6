"""What answers a request, what reopens it, and for whom it stands in for the person's release."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import select
from tests.core.requests.conftest import CERTIFICATE, Desks
from tests.factories import JOBCENTER, NOW, OFFICE, PROVIDER, TODAY, make_catalogue, make_form

from kursdocs.catalogue import Need
from kursdocs.core.documents import corrections, holding, lifecycle, rescanning, settling
from kursdocs.core.documents.sending import Sending, SendingForm
from kursdocs.core.documents.tables import Delivery
from kursdocs.core.errors import Conflict, Invalid, InvalidForm, NotFound
from kursdocs.core.requests import answering, asking, reading, retention
from kursdocs.core.requests.reading import Fallen, Shown, Side
from kursdocs.core.requests.tables import RequestState

ONE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
OPEN, ANSWERED = RequestState.OPEN, RequestState.ANSWERED


def counted(desks: Desks, who: str, side: Side) -> dict[Shown, int]:
    found: dict[Shown, int] = desks.do(reading.counts, who, side, today=TODAY)
    return found


def test_the_paper_closes_the_request_whoever_came_by_way_of_it(desks: Desks) -> None:
    request_id = desks.ask()

    document_id = desks.answer()

    for who in (PROVIDER, JOBCENTER):
        seen = desks.see(who, request_id)
        assert (seen.state, seen.document_id) == (ANSWERED, document_id)
    assert desks.do(reading.open_count, PROVIDER) == 0
    assert counted(desks, JOBCENTER, Side.MADE) == {
        Shown.OPEN: 0,
        Shown.OVERDUE: 0,
        Shown.ENDED: 1,
    }
    assert desks.do(answering.answered_by, PROVIDER, document_id) == [request_id]
    assert desks.do(answering.answered_by, OFFICE, document_id) == []


def test_a_request_in_two_steps_stands_in_for_the_release_of_exactly_that(desks: Desks) -> None:
    desks.ask()

    document_id = desks.answer()

    with desks.database.transaction() as session:
        need = session.exec(select(Delivery.need).where(Delivery.document_id == document_id)).one()
    assert need == Need.PRIOR_REQUEST


@ONE
@pytest.mark.parametrize(
    "changes",
    [
        {"given_names": "Anna"},
        {"birth_date": "1987-06-06"},
        {"recipients": (OFFICE,)},
        {"recipients": (JOBCENTER, OFFICE)},
        {"kind": "registration_confirmation_ik", "fields": {}},
    ],
    ids=["another name", "another birth date", "another agency", "one more agency", "another kind"],
)
def test_for_anybody_and_anything_else_the_release_is_needed(
    desks: Desks, changes: dict[str, Any]
) -> None:
    desks.ask()

    recipients = changes.pop("recipients", (JOBCENTER,))
    with pytest.raises(InvalidForm) as refused:
        desks.check(*recipients, **changes)

    assert ("released", "release_missing") in [
        (one.field, one.code) for one in refused.value.mistakes
    ]


@ONE
def test_where_the_law_knows_no_two_steps_the_release_is_needed_too(desks: Desks) -> None:
    desks.ask(kind="start_notice_ik", person_asked_on="")

    with pytest.raises(InvalidForm):
        desks.check(kind="start_notice_ik", fields={"start_on": "2026-11-02"})

    assert (
        desks.check(
            kind="start_notice_ik", fields={"start_on": "2026-11-02"}, released=True
        ).kind.code
        == "start_notice_ik"
    )


@ONE
def test_the_name_may_be_spelt_otherwise(desks: Desks) -> None:
    request_id = desks.ask()

    desks.answer(family_name="MUSTERMANN OEZTUERK")

    assert desks.see(JOBCENTER, request_id).state is ANSWERED


@ONE
@pytest.mark.parametrize(
    "changes", [{"given_names": "Probefriedrich"}, {"birth_date": "1987-05-06"}]
)
def test_who_names_the_request_may_mend_a_slip_in_name_or_birth_date(
    desks: Desks, changes: dict[str, Any]
) -> None:
    request_id = desks.ask()

    desks.answer(request=str(request_id), **changes)

    assert desks.see(JOBCENTER, request_id).state is ANSWERED


@ONE
@pytest.mark.parametrize(
    ("named", "changes", "code"),
    [
        ("nonsense", {}, "request_unknown"),
        ("00000000-0000-7000-8000-000000000000", {}, "request_unknown"),
        ("of another provider", {}, "request_unknown"),
        ("cancelled", {}, "request_over"),
        ("open", {"given_names": "Anna", "birth_date": "1999-09-09"}, "request_of_other"),
        ("open", {"recipients": (OFFICE,), "released": True}, "request_of_other"),
    ],
)
def test_a_named_request_must_be_one_that_the_paper_answers(
    desks: Desks, named: str, changes: dict[str, Any], code: str
) -> None:
    request_id = desks.ask(provider="sprachwerk" if named == "of another provider" else PROVIDER)
    if named == "cancelled":
        desks.do(asking.cancel, JOBCENTER, request_id, now=NOW)
    request = named if named[0] in "n0" else str(request_id)

    recipients = changes.pop("recipients", (JOBCENTER,))
    with pytest.raises(Invalid, match=code):
        desks.check(*recipients, request=request, **changes)


def test_what_is_no_code_no_slug_and_no_key_was_asked_for_by_nobody(desks: Desks) -> None:
    desks.ask()
    form = make_form(JOBCENTER, **CERTIFICATE)
    slug = replace(form, recipients=["\0", JOBCENTER])

    def asked(form: SendingForm, key: str = "") -> frozenset[str]:
        found: answering.Asked = desks.do(answering.answerable, PROVIDER, form, key=key)
        return found.of

    assert asked(slug) == asked(form) == {JOBCENTER}
    assert asked(replace(form, kind="\0")) == asked(form, key="\0") == frozenset()


# ── What becomes of the paper ────────────────────────────────────────────────────────────────


def withdraw(desks: Desks, document_id: UUID) -> None:
    values = {"reason": "wrong_document", "catalogue": make_catalogue(), "now": NOW}
    desks.do(lifecycle.withdraw, PROVIDER, document_id, **values)


def give_back(desks: Desks, document_id: UUID) -> None:
    with desks.database.transaction() as session:
        own = select(Delivery.id).where(Delivery.document_id == document_id)
        delivery_id = session.exec(own).one()
    values = {"reason": "illegible", "catalogue": make_catalogue(), "now": NOW}
    desks.do(settling.return_, JOBCENTER, delivery_id, **values)


@pytest.mark.parametrize(
    ("end", "fallen"), [(withdraw, Fallen.WITHDRAWN), (give_back, Fallen.RETURNED)]
)
def test_withdrawn_or_returned_it_is_open_again_everywhere(
    desks: Desks, end: Callable[[Desks, UUID], None], fallen: Fallen
) -> None:
    request_id = desks.ask()
    document_id = desks.answer()

    end(desks, document_id)

    assert [desks.see(who, request_id).state for who in (PROVIDER, JOBCENTER)] == [OPEN, OPEN]
    assert desks.see(PROVIDER, request_id).fallen is fallen
    assert desks.do(reading.open_count, PROVIDER) == 1
    assert counted(desks, JOBCENTER, Side.MADE)[Shown.ENDED] == 0
    # It stands in for the release again, and the next paper closes it.
    second = desks.answer()
    assert desks.see(JOBCENTER, request_id).document_id == second


def test_what_becomes_of_one_paper_changes_no_other_request(desks: Desks) -> None:
    names = ("Anna", "Berta", "Clara")
    requests = [desks.ask(given_names=name) for name in names]
    papers = [desks.answer(given_names=name) for name in names]

    withdraw(desks, papers[1])

    states = [desks.see(JOBCENTER, one).state for one in requests]
    assert states == [ANSWERED, OPEN, ANSWERED]
    assert counted(desks, JOBCENTER, Side.MADE)[Shown.OPEN] == 1
    assert counted(desks, PROVIDER, Side.RECEIVED)[Shown.ENDED] == 2


def test_unscanned_it_answers_when_it_goes_out_and_not_before(desks: Desks) -> None:
    request_id = desks.ask()
    document_id = desks.deliver(desks.check(), scanned=False)
    before = {who: desks.see(who, request_id) for who in (PROVIDER, JOBCENTER)}

    desks.do(holding.pass_scan, PROVIDER, document_id, catalogue=make_catalogue(), now=NOW)

    assert [seen.state for seen in before.values()] == [OPEN, OPEN]
    assert before[PROVIDER].fallen is Fallen.HELD
    # The requester does not learn of a paper that it has not.
    assert (before[JOBCENTER].fallen, before[JOBCENTER].document_id) == (None, None)
    assert desks.see(JOBCENTER, request_id).state is ANSWERED


@ONE
def test_blocked_it_answers_nothing(desks: Desks) -> None:
    request_id = desks.ask()
    document_id = desks.deliver(desks.check(), scanned=False)

    values = {"reason": "infected", "catalogue": make_catalogue(), "now": NOW}
    desks.do(holding.block, PROVIDER, document_id, **values)

    assert desks.see(PROVIDER, request_id).fallen is Fallen.BLOCKED


@ONE
def test_malware_that_is_found_later_opens_the_request_again(desks: Desks) -> None:
    request_id = desks.ask()
    document_id = desks.answer()
    assert desks.see(JOBCENTER, request_id).state is ANSWERED

    desks.do(
        rescanning.block,
        PROVIDER,
        document_id,
        signatures="2",
        catalogue=make_catalogue(),
        now=NOW,
    )

    for who in (PROVIDER, JOBCENTER):
        seen = desks.see(who, request_id)
        assert (seen.state, seen.fallen) == (OPEN, Fallen.BLOCKED)


def correction_of(desks: Desks, document_id: UUID, **changes: Any) -> Sending:
    """A corrected paper, sent because of the request that the first one answered."""
    form = make_form(JOBCENTER, **{**CERTIFICATE, **changes})
    checked: Sending = desks.do(
        corrections.check_correction,
        PROVIDER,
        make_catalogue(),
        document_id,
        form,
        reason="false_details",
        key="",
        today=TODAY,
    )
    assert [one.need for one in checked.addressed] == [Need.PRIOR_REQUEST]
    return checked


def test_a_correction_that_never_went_out_keeps_no_other_from_coming(desks: Desks) -> None:
    request_id = desks.ask()
    first = desks.answer()
    held = desks.deliver(correction_of(desks, first), scanned=False)
    values = {"reason": "wrong_person", "catalogue": make_catalogue(), "now": NOW}
    desks.do(lifecycle.withdraw, PROVIDER, held, **values)

    second = desks.deliver(correction_of(desks, first))

    assert desks.see(JOBCENTER, request_id).document_id == second


def test_a_forgotten_request_lets_nobody_elses_paper_follow(desks: Desks) -> None:
    request_id = desks.ask()
    first = desks.answer()
    with desks.database.transaction() as session:
        assert retention.forget(session, request_id, now=NOW + timedelta(days=40))

    second = desks.deliver(correction_of(desks, first, given_names="Probefrieda"))
    mended = {"given_names": "Probefrieda", "birth_date": "1987-06-15"}
    third = desks.deliver(correction_of(desks, second, **mended))
    elses = correction_of(desks, third, family_name="Andersmann", birth_date="1991-02-03")
    with pytest.raises(Conflict, match="request_over"):
        desks.deliver(elses)

    seen = desks.see(JOBCENTER, request_id)
    assert (seen.document_id, seen.forgotten_at) == (third, NOW + timedelta(days=40))


# ── At the same time ─────────────────────────────────────────────────────────────────────────


def test_of_two_answers_the_first_closes_it_and_the_second_needs_a_release(desks: Desks) -> None:
    request_id = desks.ask()
    asked, released = desks.check(), desks.check(released=True)
    first = desks.deliver(desks.check())

    with pytest.raises(Conflict, match="request_over"):
        desks.deliver(asked)
    desks.deliver(released)

    assert desks.see(JOBCENTER, request_id).document_id == first


def test_cancelled_while_it_is_answered_nothing_goes_out_on_its_ground(desks: Desks) -> None:
    request_id = desks.ask()
    asked, released = desks.check(), desks.check(released=True)
    desks.do(asking.cancel, JOBCENTER, request_id, now=NOW)

    with pytest.raises(Conflict, match="request_over"):
        desks.deliver(asked)
    desks.deliver(released)

    assert desks.see(JOBCENTER, request_id).state is RequestState.CANCELLED


# ── By the person asked ──────────────────────────────────────────────────────────────────────


@ONE
def test_the_form_is_filled_in_and_looking_is_noted_once(desks: Desks) -> None:
    request_id = desks.ask(fields={"period_from": "2026-06-01"})

    form = desks.do(answering.prefill, PROVIDER, request_id, now=NOW)

    assert (form.kind, form.recipients) == ("attendance_certificate_ik", (JOBCENTER,))
    assert (form.family_name, form.birth_date) == ("Mustermann-Öztürk", "1987-06-05")
    assert (form.fields, form.request) == ({"period_from": "2026-06-01"}, str(request_id))
    assert desks.see(JOBCENTER, request_id).opened_at == NOW
    for who in (JOBCENTER, "sprachwerk"):
        with pytest.raises(NotFound):
            desks.do(answering.prefill, who, request_id, now=NOW)


@ONE
def test_the_requester_looking_is_not_the_provider_looking(desks: Desks) -> None:
    request_id = desks.ask()

    desks.do(answering.mark_opened, JOBCENTER, request_id, now=NOW)

    assert desks.see(JOBCENTER, request_id).opened_at is None


def test_it_is_declined_with_a_reason_of_the_list(desks: Desks) -> None:
    request_id, rules = desks.ask(), make_catalogue()
    with pytest.raises(Invalid, match="reason_unknown"):
        desks.do(
            answering.decline, PROVIDER, request_id, reason="keine Lust", catalogue=rules, now=NOW
        )
    with pytest.raises(NotFound):
        desks.do(
            answering.decline, JOBCENTER, request_id, reason="no_release", catalogue=rules, now=NOW
        )

    desks.do(answering.decline, PROVIDER, request_id, reason="no_release", catalogue=rules, now=NOW)

    seen = desks.see(JOBCENTER, request_id)
    assert (seen.state, seen.end_reason) == (RequestState.DECLINED, "no_release")
    with pytest.raises(Conflict, match="request_over"):
        desks.do(answering.prefill, PROVIDER, request_id, now=NOW)
    with pytest.raises(InvalidForm):
        desks.check()
