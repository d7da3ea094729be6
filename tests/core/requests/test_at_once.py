"""Two people at the same moment: a request ends once, and nothing goes out on an ended one."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlmodel import col, func, select
from tests.core.requests.conftest import Desks, make_request_form
from tests.factories import JOBCENTER, NOW, PROVIDER, make_catalogue

from kursdocs.core.audit import AuditEvent, Happening
from kursdocs.core.documents.tables import Document, DocumentState
from kursdocs.core.errors import KursdocsError
from kursdocs.core.requests import answering, asking
from kursdocs.core.requests.tables import PaperRequest, RequestState

ROUNDS = 4
DONE = "done"


def at_once(*steps: Callable[[], object]) -> list[str]:
    """What came of each, begun at the same moment."""
    start = threading.Barrier(len(steps))

    def attempt(step: Callable[[], object]) -> str:
        start.wait(10)
        try:
            step()
        except KursdocsError as refused:
            return refused.code
        return DONE

    with ThreadPoolExecutor(len(steps)) as threads:
        return list(threads.map(attempt, steps))


def count(desks: Desks, happening: Happening) -> int:
    with desks.database.transaction() as session:
        query = select(func.count()).where(col(AuditEvent.happening) == happening)
        return session.exec(query).one()


def live(desks: Desks) -> list[Document]:
    with desks.database.transaction() as session:
        return list(session.exec(select(Document).where(Document.state == DocumentState.LIVE)))


def test_of_two_answers_at_once_one_closes_it_and_the_other_does_not_go_out(desks: Desks) -> None:
    for number in range(1, ROUNDS + 1):
        request_id = desks.ask()
        first, second = desks.check(), desks.check()

        ends = at_once(lambda s=first: desks.deliver(s), lambda s=second: desks.deliver(s))  # type: ignore[misc]  # bound at once

        assert sorted(ends) == [DONE, "request_over"]
        assert desks.see(JOBCENTER, request_id).document_id in {one.id for one in live(desks)}
        assert len(live(desks)) == number
        assert count(desks, Happening.PAPER_REQUEST_ANSWERED) == number


def test_taken_back_while_it_is_answered_it_ends_one_way_or_the_other(desks: Desks) -> None:
    for _ in range(ROUNDS):
        request_id = desks.ask()
        asked, before = desks.check(), len(live(desks))

        answered, cancelled = at_once(
            lambda s=asked: desks.deliver(s),  # type: ignore[misc]  # bound at once
            lambda r=request_id: desks.do(asking.cancel, JOBCENTER, r, now=NOW),  # type: ignore[misc]  # bound at once
        )

        assert sorted([answered, cancelled]) == [DONE, "request_over"]
        is_answered = answered == DONE
        seen = desks.see(JOBCENTER, request_id).state
        assert seen is (RequestState.ANSWERED if is_answered else RequestState.CANCELLED)
        assert len(live(desks)) == before + is_answered


def test_declined_while_it_is_answered_by_a_colleague_it_ends_one_way_or_the_other(
    desks: Desks,
) -> None:
    values = {"reason": "no_such_paper", "catalogue": make_catalogue(), "now": NOW}
    for _ in range(ROUNDS):
        request_id, asked = desks.ask(), desks.check()

        answered, declined = at_once(
            lambda s=asked: desks.deliver(s),  # type: ignore[misc]  # bound at once
            lambda r=request_id: desks.do(answering.decline, PROVIDER, r, **values),  # type: ignore[misc]  # bound at once
        )

        assert sorted([answered, declined]) == [DONE, "request_over"]
        seen = desks.see(JOBCENTER, request_id).state
        assert seen is (RequestState.ANSWERED if answered == DONE else RequestState.DECLINED)


def test_released_the_paper_goes_out_whatever_becomes_of_the_request(desks: Desks) -> None:
    for _ in range(ROUNDS):
        request_id, released = desks.ask(), desks.check(released=True)

        answered, cancelled = at_once(
            lambda s=released: desks.deliver(s),  # type: ignore[misc]  # bound at once
            lambda r=request_id: desks.do(asking.cancel, JOBCENTER, r, now=NOW),  # type: ignore[misc]  # bound at once
        )

        assert answered == DONE
        seen = desks.see(JOBCENTER, request_id).state
        assert seen is (RequestState.CANCELLED if cancelled == DONE else RequestState.ANSWERED)


def test_two_colleagues_asking_for_the_same_at_once_ask_once(desks: Desks) -> None:
    for number in range(1, ROUNDS + 1):
        given = f"Anna {'abcdefgh'[number]}"
        ask = make_request_form(given_names=given)

        def once(form: asking.RequestForm = ask) -> object:
            rules = make_catalogue()
            return desks.do(asking.ask, JOBCENTER, rules, form, now=NOW)

        assert sorted(at_once(once, once, once)) == [DONE, "request_repeated", "request_repeated"]
        with desks.database.transaction() as session:
            assert session.exec(select(func.count()).select_from(PaperRequest)).one() == number
