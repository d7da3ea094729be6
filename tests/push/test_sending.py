"""Whole runs against the real application: everything arrives, and nothing arrives twice."""

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from tests.browser.broken_line import Cut, Line, breakable_line
from tests.push.house import Desk, a_scan, an_entry, desk_at
from tests.servers import free_port
from tests.web.house import JOBCENTER, OFFICE, House

from kursdocs.push.ledger import Ledger, Sent
from kursdocs.push.papers import Mistake, Mistaken
from kursdocs.push.sending import Outcome, Result
from kursdocs.push.server import Server, Unreachable

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def line(house: House) -> Iterator[Line]:
    """A line to the house that can be cut."""
    with breakable_line(house.url) as opened:
        yield opened


def documents(house: House) -> int:
    """How many documents the house has, whatever their state."""
    return len(house.contents()["document"])


def outcomes(results: list[Result]) -> list[str]:
    return [result.outcome.value for result in results]


def mistakes(desk: Desk, **changes: object) -> list[Mistake]:
    """What is wrong with an entry that differs so."""
    entry = replace(an_entry(a_scan(desk.ledger.parent)), **changes)  # type: ignore[arg-type]
    with pytest.raises(Mistaken) as refused:
        desk.push(entry)
    return list(refused.value.mistakes)


# --- Arriving ------------------------------------------------------------------------------------


def test_a_file_arrives_at_each_recipient(desk: Desk, house: House, tmp_path: Path) -> None:
    path = a_scan(tmp_path)

    (result,) = desk.push(an_entry(path))

    stored = house.service("vhs-musterstadt").get(f"/api/v1/documents/{result.document}").json()
    assert (result.outcome, result.state) == (Outcome.SENT, "live")
    assert stored["received_sha256"] == result.paper.sha256
    assert sorted(one["recipient"] for one in stored["deliveries"]) == [OFFICE, JOBCENTER]
    assert (stored["birth_date"], stored["fields"]["issued_on"]) == ("1990-01-02", "2026-10-02")


def test_the_same_command_again_sends_nothing(desk: Desk, house: House, tmp_path: Path) -> None:
    entries = [an_entry(a_scan(tmp_path, name)) for name in ("a.pdf", "b.pdf")]
    first = desk.push(entries[0])
    before = documents(house)

    second, third = desk.push(*entries), desk.push(*entries)

    assert outcomes(second) == ["skipped", "sent"]
    assert outcomes(third) == ["skipped", "skipped"]
    assert second[0].document == first[0].document
    assert documents(house) == before + 1


def test_without_its_ledger_it_still_stores_nothing_twice(
    desk: Desk, house: House, tmp_path: Path
) -> None:
    entry = an_entry(a_scan(tmp_path))
    (first,) = desk.push(entry)
    desk.ledger.unlink()
    before = documents(house)

    # Typed in another spelling and another order it is the same sending.
    again = replace(entry, recipients=(JOBCENTER, OFFICE))
    fields = {**entry.fields, "birth_date": "1990-01-02", "family_name": " Muster "}
    (second,) = desk.push(replace(again, fields=fields))

    assert (second.outcome, second.document) == (Outcome.SENT, first.document)
    assert documents(house) == before


def test_the_ledger_names_the_file_and_no_person(desk: Desk, tmp_path: Path) -> None:
    (result,) = desk.push(an_entry(a_scan(tmp_path)))

    noted = json.loads(desk.ledger.read_text())
    assert (noted["file"], noted["document"], noted["sha256"]) == (
        "scan.pdf",
        result.document,
        result.paper.sha256,
    )
    assert not {"Muster", "Lin", "1990-01-02"} & set(map(str, noted.values()))


def test_two_lines_with_the_same_content_are_one_sending(desk: Desk, tmp_path: Path) -> None:
    entry = an_entry(a_scan(tmp_path))

    assert outcomes(desk.push(entry, replace(entry, line=3))) == ["sent", "skipped"]


# --- Broken lines --------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [Cut.IN_THE_MIDDLE, Cut.BEFORE_THE_ANSWER])
def test_after_a_broken_line_it_is_stored_once(
    desk: Desk, house: House, line: Line, tmp_path: Path, cut: Cut
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(large_photograph())
    desk = desk.over(line.url)
    desk.when_waiting = lambda: setattr(line, "cut", Cut.NOWHERE)
    before = documents(house)

    def break_it(_: Server) -> None:
        line.cut = cut

    (result,) = desk.push(an_entry(path), before=break_it)

    assert (result.outcome, line.cuts) == (Outcome.SENT, 1)
    assert [reason[:14] for reason, _ in desk.waited] == ["the line broke"]
    assert documents(house) == before + 1
    # It began anew, and was not done before all had left.
    assert desk.moves.count(0.0) == 2
    assert desk.moves[-1] == 1.0


def large_photograph() -> bytes:
    """More than fits into the buffers on the way."""
    picture = Image.frombytes("RGB", (800, 600), os.urandom(800 * 600 * 3))
    out = BytesIO()
    picture.save(out, "JPEG", quality=95)
    return out.getvalue()


def test_killed_between_the_servers_answer_and_the_ledger_it_stores_once(
    desk: Desk, house: House, tmp_path: Path
) -> None:
    entry = an_entry(a_scan(tmp_path))
    before = documents(house)

    child = FORK.Process(target=_push_and_die, args=(desk, entry))
    child.start()
    child.join(60)

    assert child.exitcode == -signal.SIGKILL
    assert (documents(house), desk.ledger.read_bytes()) == (before + 1, b"")
    (result,) = desk.push(entry)
    assert result.outcome is Outcome.SENT
    assert documents(house) == before + 1
    assert outcomes(desk.push(entry)) == ["skipped"]


def _push_and_die(desk: Desk, entry: object) -> None:
    def die(_ledger: Ledger, _sent: Sent) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    Ledger.note = die  # type: ignore[assignment, method-assign]  # this process has no afterwards
    desk.push(entry)  # type: ignore[arg-type]


def test_nobody_there_is_said_after_some_tries(desk: Desk, tmp_path: Path) -> None:
    desk = desk.over(f"http://127.0.0.1:{free_port()}")

    with pytest.raises(Unreachable, match=r"cannot be reached \(connection refused\)"):
        desk.push(an_entry(a_scan(tmp_path)))

    seconds = [waited for _, waited in desk.waited]
    assert len(seconds) == 7
    assert all(0.7 < one <= 30 * 1.25 for one in seconds)
    assert seconds[4] > seconds[1]


# --- Tokens --------------------------------------------------------------------------------------


def test_a_token_that_ran_out_is_fetched_anew(desk: Desk, tmp_path: Path) -> None:
    def age(server: Server) -> None:
        server._token = "ran-out"

    assert outcomes(desk.push(an_entry(a_scan(tmp_path)), before=age)) == ["sent"]
    assert desk.waited == []


def test_a_wrong_secret_is_said_and_not_shown(desk: Desk, tmp_path: Path) -> None:
    desk.access = replace(desk.access, client_secret="falsch-4711")

    with pytest.raises(Unreachable) as refused:
        desk.push(an_entry(a_scan(tmp_path)))

    said = str(refused.value)
    assert "does not let 'vhs-musterstadt' in (invalid_client); check client id and secret" in said
    assert "4711" not in said


def test_an_issuer_that_is_none_is_said(desk: Desk, house: House, tmp_path: Path) -> None:
    desk.access = replace(desk.access, issuer=house.url)

    with pytest.raises(Unreachable, match="is no OpenID provider; mend the issuer"):
        desk.push(an_entry(a_scan(tmp_path)))


# --- Mistakes before the first byte --------------------------------------------------------------


def test_every_mistake_of_every_entry_is_named_and_nothing_sent(
    desk: Desk, house: House, tmp_path: Path
) -> None:
    before = documents(house)
    good = an_entry(a_scan(tmp_path))
    wrong = replace(an_entry(tmp_path / "none.pdf", issued_on="32.1.2026", colour="red"), line=7)
    unreleased = replace(good, line=3, released=False)

    with pytest.raises(Mistaken) as refused:
        desk.push(wrong, good, unreleased)

    assert [(one.line, one.field, one.reason) for one in refused.value.mistakes] == [
        (3, "to", f"the person must have released it for {OFFICE}: say so with 'released'"),
        (3, "to", f"the person must have released it for {JOBCENTER}: say so with 'released'"),
        (7, "issued_on", "This day is not in the calendar."),
        (7, "colour", "This kind of paper has no such field."),
        (7, "file", "cannot be read: No such file or directory"),
    ]
    assert documents(house) == before


def test_an_unknown_kind_is_told_what_there_is(desk: Desk) -> None:
    (far,) = mistakes(desk, kind="passport")
    (near,) = mistakes(desk, kind="admission_ik_jcc")
    (none,) = mistakes(desk, kind="")

    assert far.reason.startswith("'passport' is no kind that vhs-musterstadt may send; there are:")
    assert "\nadmission_ik_jc (Integration course admission (Jobcenter))\n" in far.reason
    assert near.reason.endswith("did you mean admission_ik_jc?") or "or" in near.reason
    assert none.reason.startswith("missing; there are:")


def test_an_unknown_recipient_is_told_who_there_is(desk: Desk) -> None:
    (far,) = mistakes(desk, recipients=("nobody",))
    (near,) = mistakes(desk, recipients=("jobcentre",))
    (none,) = mistakes(desk, recipients=())

    assert far.reason == (
        "there is no agency 'nobody'; there are:\nauslaenderbehoerde\njobcenter\nsprachwerk"
    )
    assert near.reason == "there is no agency 'jobcentre'; did you mean jobcenter?"
    assert none.reason.startswith("missing; there are:")


def test_a_recipient_that_may_not_have_it_is_named(desk: Desk) -> None:
    (one,) = mistakes(desk, recipients=(JOBCENTER, "sprachwerk"))

    assert one.reason == "admission_ik_jc may not go from your agency to sprachwerk"


# --- What the server refuses ---------------------------------------------------------------------


def test_what_the_server_refuses_is_told_in_its_words_and_the_rest_is_sent(
    desk: Desk, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnothing of a PDF follows")

    refused, sent = desk.push(an_entry(broken), an_entry(a_scan(tmp_path)))

    assert (refused.outcome, refused.problem_code) == (Outcome.REFUSED, "file_damaged")
    assert refused.reason == "The PDF is damaged or incomplete. Please scan or save it again."
    assert sent.outcome is Outcome.SENT
    assert len(desk.ledger.read_text().splitlines()) == 1


def test_a_file_that_changes_after_it_was_checked_is_not_sent(
    desk: Desk, house: House, tmp_path: Path
) -> None:
    path, before = a_scan(tmp_path), documents(house)

    def change(_: Server) -> None:
        path.write_bytes(b"%PDF-1.4")

    (result,) = desk.push(an_entry(path), before=change)

    assert (result.outcome, result.problem_code) == (Outcome.REFUSED, "file_changed")
    assert documents(house) == before


def test_what_was_withdrawn_does_not_count_as_sent(
    desk: Desk, house: House, tmp_path: Path
) -> None:
    entry = an_entry(a_scan(tmp_path))
    (first,) = desk.push(entry)
    desk.ledger.unlink()
    withdrawal = f"/api/v1/documents/{first.document}/withdrawal"
    answer = house.service("vhs-musterstadt").post(withdrawal, json={"reason": "wrong_recipient"})
    assert answer.status_code == 200

    (second,) = desk.push(entry)

    assert (second.outcome, second.state) == (Outcome.REFUSED, "withdrawn")
    assert first.document in second.reason


def test_another_agency_sends_the_same_file_as_its_own(
    desk: Desk, house: House, tmp_path: Path
) -> None:
    entry = an_entry(a_scan(tmp_path))
    (first,) = desk.push(entry)

    (second,) = desk_at(house, tmp_path, "sprachwerk").push(entry)

    assert second.outcome is Outcome.SENT
    assert second.document != first.document
