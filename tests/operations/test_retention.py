"""The run of retention: untouched goes back, the end is announced, and then nothing is left."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select
from tests.factories import OFFICE, PROVIDER, REPORT, make_catalogue
from tests.operations.house import PAPER, House
from tests.operations.outages import stopped
from tests.servers import S3Server

from kursdocs.core.audit import Happening
from kursdocs.core.documents import holding, inbox, lifecycle, reading, retention, settling
from kursdocs.core.documents.inbox import Filter, InboxState
from kursdocs.core.documents.tables import Delivery, DeliveryState, Document, SearchToken
from kursdocs.core.errors import Conflict, Gone, NotFound, Unavailable
from kursdocs.core.workdays import local_date
from kursdocs.operations import retention as operation
from kursdocs.operations.retention import Action

DAY = timedelta(days=1)
OLD = {"fields": {"issued_on": "2020-01-01", "expires_on": "2020-06-30"}}


def today(house: House) -> date:
    return local_date(house.clock())


def deliveries(house: House, document_id: UUID) -> list[Delivery]:
    with house.services.transaction() as session:
        query = select(Delivery).where(Delivery.document_id == document_id)
        return list(session.exec(query.order_by(col(Delivery.id))))


def take_over(house: House, document_id: UUID, slug: str = OFFICE) -> None:
    with house.services.transaction() as session:
        actor = house.actors[slug]
        view = reading.view(session, actor, document_id)
        assert view.own_delivery is not None
        settling.take_over(
            session, actor, view.own_delivery.id, catalogue=make_catalogue(), now=house.clock()
        )


def withdraw(house: House, document_id: UUID) -> None:
    with house.services.transaction() as session:
        lifecycle.withdraw(
            session,
            house.sender,
            document_id,
            reason="wrong_person",
            catalogue=make_catalogue(),
            now=house.clock(),
        )


def later(house: House, days: int) -> dict[Action, int]:
    """Let days pass, then one run; only what it did."""
    house.clock.advance(days * DAY)
    return {action: count for action, count in operation.run(house.services).items() if count}


def old_and_taken_over(house: House) -> UUID:
    """A paper that goes as soon as it may: 31 days after it was taken over."""
    document_id = house.send(sending=house.sending(**OLD), key="k").id
    take_over(house, document_id)
    return document_id


def erased(house: House) -> UUID:
    """The same, with its content gone."""
    document_id = old_and_taken_over(house)
    assert later(house, 24) == {Action.ANNOUNCE: 1}
    assert later(house, 7) == {Action.ERASE: 1}
    return document_id


# -- The way of one document -----------------------------------------------------------------------


def test_what_was_taken_over_is_announced_and_goes_on_its_day(house: House) -> None:
    document_id = old_and_taken_over(house)
    goes_on = today(house) + 31 * DAY
    assert house.document(document_id).delete_on == goes_on

    assert later(house, 23) == {}
    assert later(house, 1) == {Action.ANNOUNCE: 1}
    assert later(house, 6) == {}
    assert house.read(document_id) == PAPER
    assert later(house, 1) == {Action.ERASE: 1}
    assert later(house, 1) == {}

    assert today(house) == goes_on + DAY
    assert [event.happening.value for event in house.events(document_id=document_id)][2:] == [
        "document.deletion_noticed",
        "document.downloaded",
        "document.erased",
    ]


def test_of_what_is_erased_a_record_remains_and_nothing_else(house: House) -> None:
    before = house.send()
    document_id = erased(house)

    row = house.document(document_id)
    assert (row.state.value, row.kind) == ("erased", "admission_ik_jc")
    assert row.erased_at == house.clock()
    said = (row.family_name, row.given_names, row.birth_date, row.fields, row.original_at)
    assert said == ("", "", None, {}, "")
    assert (row.release_given_on, row.release_form) == (None, None)
    assert (row.sha256, row.received_sha256, row.stored_sha256) == ("", "", "")
    assert deliveries(house, document_id)[0].state is DeliveryState.TAKEN_OVER
    # What is needed by others is untouched.
    assert house.objects() == [house.document(before.id).object_name]
    assert house.keys() == [before.id]
    assert house.idempotency_keys() == []
    with house.services.transaction() as session:
        found = set(session.exec(select(SearchToken.delivery_id)))
    assert found == {before.deliveries[0].id}
    assert house.faults() == []


def test_no_file_of_ours_tells_of_the_person_while_we_run(embedded: House) -> None:
    erased(embedded)

    folder = Path(embedded.services.settings.database_url.removeprefix("sqlite:///")).parent
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert len(files) > 3
    for file in files:
        assert b"mustermann" not in file.read_bytes().lower(), file.name


def test_sender_and_recipient_see_that_it_existed_and_others_nothing(house: House) -> None:
    document_id = erased(house)

    with house.services.transaction() as session:
        for actor in (house.sender, house.recipient):
            view = reading.view(session, actor, document_id)
            codes = [event.code for event in reading.timeline(view, view.deliveries[0])]
            assert (view.state.value, view.family_name) == ("erased", "")
            assert codes == ["sent", "delivered", "taken_over", "erased"]
        listed = inbox.rows(session, house.recipient, Filter(state=InboxState.ERASED))
        assert [(row.document_id, row.family_name) for row in listed] == [(document_id, "")]
        assert inbox.rows(session, house.recipient, Filter(state=InboxState.TAKEN_OVER)) == []
    for actor in (house.sender, house.recipient):
        with pytest.raises(Gone):
            house.read(document_id, actor)
    with pytest.raises(NotFound):
        house.read(document_id, house.actors["sprachwerk"])


def test_a_withdrawn_paper_goes_and_the_record_still_says_when_it_was_withdrawn(
    house: House,
) -> None:
    document_id = house.send().id
    withdraw(house, document_id)
    withdrawn_at = house.clock()

    assert later(house, 24) == {Action.ANNOUNCE: 1}
    assert later(house, 7) == {Action.ERASE: 1}

    with house.services.transaction() as session:
        view = reading.view(session, house.sender, document_id)
    assert (view.withdrawn_at, view.end_reason) == (withdrawn_at, "wrong_person")
    assert house.faults() == []


def test_untouched_goes_back_first_and_only_30_days_later_it_goes(house: House) -> None:
    document_id = house.send(sending=house.sending(**OLD)).id

    assert later(house, 59) == {}
    assert later(house, 1) == {Action.GIVE_BACK: 1}

    [returned] = deliveries(house, document_id)
    assert (returned.state, returned.return_reason) == (DeliveryState.RETURNED, "untouched")
    assert house.document(document_id).delete_on == today(house) + 31 * DAY
    assert later(house, 24) == {Action.ANNOUNCE: 1}
    assert later(house, 7) == {Action.ERASE: 1}


def test_what_nobody_approves_in_time_ends_and_then_goes(house: House) -> None:
    document_id = house.send(sending=house.sending(**REPORT)).id
    goes_on = house.document(document_id).delete_on

    assert later(house, 30) == {}
    assert later(house, 1) == {Action.END_UNAPPROVED: 1}

    row = house.document(document_id)
    assert (row.state.value, row.end_reason) == ("withdrawn", "not_approved_in_time")
    assert goes_on is not None
    assert row.delete_on == goes_on + DAY
    later(house, 24)
    assert later(house, 7) == {Action.ERASE: 1}
    assert house.faults() == []


def test_a_row_of_an_older_version_is_given_its_date(house: House) -> None:
    document_id = house.send().id
    with house.services.transaction() as session:
        session.get_one(Document, document_id).delete_on = None

    assert later(house, 0) == {Action.DATE: 1}

    assert house.document(document_id).delete_on == date(2028, 1, 13)


def test_who_comes_too_late_is_announced_first_and_the_day_is_put_off(house: House) -> None:
    document_id = old_and_taken_over(house)

    assert later(house, 100) == {Action.ANNOUNCE: 1}

    assert house.document(document_id).delete_on == today(house) + 7 * DAY
    assert later(house, 6) == {}
    assert later(house, 1) == {Action.ERASE: 1}


def test_an_event_after_the_announcement_is_followed(house: House) -> None:
    document_id = old_and_taken_over(house)
    later(house, 24)
    withdraw(house, document_id)

    assert house.document(document_id).deletion_noticed_at is None
    assert later(house, 7) == {}
    assert house.document(document_id).state.value == "withdrawn"


def test_a_catalogue_that_keeps_it_longer_is_followed_in_the_last_moment(house: House) -> None:
    document_id = old_and_taken_over(house)
    later(house, 24)
    rules = make_catalogue()
    kinds = tuple(
        replace(kind, retention=replace(kind.retention, months=90, max_months=60))
        for kind in rules.kinds
    )
    house.clock.advance(7 * DAY)

    longer = replace(house.services, catalogue=replace(rules, kinds=kinds))
    assert operation.run(longer)[Action.ERASE] == 0

    assert house.document(document_id).delete_on == date(2027, 12, 31)
    assert house.read(document_id) == PAPER
    operation.run(house.services)  # other tests share the house


def test_a_catalogue_that_keeps_it_shorter_counts_for_what_is_there_already(
    house: House,
) -> None:
    document_id = house.send().id
    take_over(house, document_id)
    later(house, 0)
    assert house.document(document_id).delete_on == date(2028, 1, 13)
    rules = make_catalogue()
    kinds = tuple(
        replace(kind, retention=replace(kind.retention, max_months=2)) for kind in rules.kinds
    )

    shorter = replace(house.services, catalogue=replace(rules, kinds=kinds))
    assert operation.run(shorter)[Action.DATE] >= 1
    assert operation.run(shorter)[Action.DATE] == 0

    assert house.document(document_id).delete_reason == "maximum"
    assert house.document(document_id).delete_on == date(2027, 1, 24)
    assert operation.run(house.services)[Action.DATE] >= 1, "and back again"


# -- What agencies are told ------------------------------------------------------------------------


def test_both_sides_are_told_how_much_goes_soon(house: House) -> None:
    document_id = old_and_taken_over(house)
    house.send()

    def told(slug: str) -> int:
        actor = house.actors[slug]
        with house.services.transaction() as session:
            rows = retention.noticed(session, actor, today=today(house))
            count = retention.noticed_count(session, actor.acting.id, today=today(house))
        assert [row.id for row in rows] == [document_id] * count
        return count

    assert [told(slug) for slug in (PROVIDER, OFFICE, "jobcenter")] == [0, 0, 0]
    later(house, 24)
    assert [told(slug) for slug in (PROVIDER, OFFICE, "jobcenter")] == [1, 1, 0]
    later(house, 7)
    assert [told(slug) for slug in (PROVIDER, OFFICE, "jobcenter")] == [0, 0, 0]


def test_a_dry_run_says_each_step_and_changes_nothing(house: House) -> None:
    going, untouched = old_and_taken_over(house), house.send(sending=house.sending(**OLD)).id
    house.clock.advance(60 * DAY)
    before = [row.model_dump() for row in house.documents()], len(house.events())

    planned = operation.plan(house.services, at=house.clock())

    assert {(step.document_id, step.action) for step in planned} == {
        (going, Action.ANNOUNCE),
        (untouched, Action.GIVE_BACK),
    }
    assert ([row.model_dump() for row in house.documents()], len(house.events())) == before


# -- At the same time, and when parts are down -----------------------------------------------------


def test_a_take_over_and_the_return_of_the_untouched_never_wait_in_a_circle(house: House) -> None:
    ids = [house.send(sending=house.sending(**OLD)).id for _ in range(6)]
    house.clock.advance(60 * DAY)
    start = threading.Barrier(2)

    def take() -> None:
        start.wait(10)
        for document_id in ids:
            with suppress(Conflict):  # already returned
                take_over(house, document_id)

    def give_back() -> None:
        start.wait(10)
        operation.run(house.services)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(take), threads.submit(give_back)]:
            done.result(60)

    settled = [deliveries(house, document_id)[0].state for document_id in ids]
    assert DeliveryState.NEW not in settled


def test_two_runs_at_once_erase_once(house: House) -> None:
    document_id = old_and_taken_over(house)
    later(house, 24)
    house.clock.advance(7 * DAY)
    start = threading.Barrier(2)

    def run(_: int) -> int:
        start.wait(10)
        return operation.run(house.services)[Action.ERASE]

    with ThreadPoolExecutor(2) as threads:
        counts = list(threads.map(run, range(2)))

    assert sorted(counts) == [0, 1]
    assert len(house.events(Happening.DOCUMENT_ERASED, document_id=document_id)) == 1
    assert house.faults() == []


class Erasing:
    """A key store that is asked for a key at the moment in which the content is erased."""

    def __init__(self, house: House) -> None:
        self._house = house

    def get(self, document_id: UUID) -> bytes:
        operation.run(self._house.services)
        return self._house.services.keys.get(document_id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._house.services.keys, name)


def test_a_download_that_is_overtaken_by_the_end_says_so(house: House) -> None:
    document_id = old_and_taken_over(house)
    later(house, 24)
    house.clock.advance(7 * DAY)
    overtaken = replace(house.services, keys=Erasing(house))

    with pytest.raises(Gone):
        replace(house, services=overtaken).read(document_id)


def test_when_the_store_is_down_the_sweeper_finishes_later(at_servers: House, s3: S3Server) -> None:
    document_id = old_and_taken_over(at_servers)
    later(at_servers, 24)
    at_servers.clock.advance(7 * DAY)

    with stopped(s3, at_servers.services.store), pytest.raises(Unavailable):
        operation.run(at_servers.services)

    assert at_servers.document(document_id).state.value == "erased"
    assert at_servers.keys() == []
    assert at_servers.document(document_id).swept_at is None
    assert at_servers.sweep().buried == 1
    assert at_servers.objects() == []
    assert at_servers.faults() == []


def test_an_approved_report_counts_from_its_settling(house: House) -> None:
    document_id = house.send(sending=house.sending(**REPORT)).id
    colleague = replace(house.sender, user_id=house.recipient.user_id)
    with house.services.transaction() as session:
        holding.approve(
            session, colleague, document_id, catalogue=make_catalogue(), now=house.clock()
        )
    take_over(house, document_id)

    assert house.document(document_id).delete_on == today(house) + 31 * DAY
