"""Clocks, follow-ups and reasons of a catalogue file: every mistake is named with its line."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.catalogue.overlays import OWN
from tests.catalogue.test_checker import GOOD

from kursdocs.catalogue import (
    TAKEN_OVER,
    Addressee,
    AgencyKind,
    Catalogue,
    CatalogueError,
    Clocks,
    FollowUpClock,
    Side,
    Steps,
    Unit,
    load,
)
from kursdocs.catalogue.comparison import compare
from kursdocs.catalogue.files import shipped_file

RULES = """
[clocks.request]
before = 3
desk = 2
head = 4

[clocks.approval]
desk = 0

[follow_ups.proof]
clock = "proof"
name = { de = "Nachweis fehlt", en = "Proof is missing" }
hint = { de = "Bitte senden.", en = "Please send." }
kinds = ["admission"]
side = "recipient"
agency_kinds = "course_provider"
counted_from = "taken_over"
unit = "working_days"
days = [2, 5]
due = 2
fulfilled_by = ["certificate"]

[settle_reasons.on_paper]
text = { de = "Auf Papier", en = "On paper" }
on_paper = true
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "town.toml"
    path.write_text(text, encoding="utf-8")
    return path


def loaded(tmp_path: Path, text: str = RULES) -> Catalogue:
    return load(written(tmp_path, GOOD + text))


def test_what_the_file_says_is_what_holds(tmp_path: Path) -> None:
    catalogue = loaded(tmp_path)

    request = Steps(((2, Addressee.DESK), (4, Addressee.HEAD)), before=3)
    assert catalogue.clocks == Clocks(request, Steps(((0, Addressee.DESK),)))
    rule = catalogue.follow_up("proof")
    assert rule is not None
    assert (rule.clock, rule.side, rule.unit) == (
        FollowUpClock.PROOF,
        Side.RECIPIENT,
        Unit.WORKING_DAYS,
    )
    assert (rule.days, rule.due, rule.counted_from) == ((2, 5), 2, TAKEN_OVER)
    assert (rule.kinds, rule.fulfilled_by) == (("admission",), ("certificate",))
    reason = catalogue.settle_reason("on_paper")
    assert reason is not None
    assert (reason.text.en, reason.on_paper) == ("On paper", True)


def test_a_file_may_do_without(tmp_path: Path) -> None:
    catalogue = loaded(tmp_path, "")

    assert (catalogue.follow_ups, catalogue.settle_reasons) == ((), ())
    assert catalogue.clocks == Clocks()
    assert catalogue.follow_up("proof") is None
    assert catalogue.settle_reason("on_paper") is None


@pytest.mark.parametrize(
    ("before", "after", "at", "reason"),
    [
        ("before = 3", "before = 61", "before = 61", "must lie between 0 and 60"),
        ("desk = 2\nhead = 4", "desk = 5\nhead = 4", "[clocks.request]", "must follow each other"),
        ("desk = 2\nhead = 4", "", "[clocks.request]", "must follow each other"),
        ("head = 4", "boss = 4", "boss = 4", "unknown key 'boss'"),
        ("[clocks.approval]", "[clocks.silence]", "[clocks.silence]", "'silence' is no clock"),
        ('clock = "proof"', 'clock = "wish"', 'clock = "wish"', "'wish'"),
        ("[follow_ups.proof]", "[follow_ups.Proof]", "[follow_ups.Proof]", "is no code"),
        ("name = { de", "title = { de", "title = {", "unknown key 'title'"),
        ('kinds = ["admission"]', 'kinds = ["x"]', 'kinds = ["x"]', "an unknown kind 'x'"),
        ('kinds = ["admission"]', "kinds = []", "kinds = []", "kinds is empty"),
        ('side = "recipient"', 'side = "both"', 'side = "both"', "'both'"),
        ('side = "recipient"', "", "[follow_ups.proof]", "side is missing"),
        ('"course_provider"\ncounted', '"school"\ncounted', 'agency_kinds = "school"', "'school'"),
        ('"taken_over"', '"someday"', 'counted_from = "someday"', "or a date field"),
        ('"taken_over"', '"level"', 'counted_from = "level"', "or a date field"),
        ('unit = "working_days"', 'unit = "weeks"', 'unit = "weeks"', "'weeks'"),
        ("days = [2, 5]", "days = [5, 2]", "days = [5, 2]", "days must ascend"),
        ("days = [2, 5]", "days = [2, 2]", "days = [2, 2]", "days must ascend"),
        ("days = [2, 5]", "days = [1, 2, 3, 4, 5]", "days = [1,", "4 at most"),
        ("days = [2, 5]", "days = []", "days = []", "must be whole numbers"),
        ("days = [2, 5]", "days = [2, 401]", "days = [2, 401]", "must be whole numbers"),
        ("days = [2, 5]", "days = [-2, 5]", "days = [-2, 5]", "before the paper was taken over"),
        ("due = 2", "due = 1", "due = 1", "nobody would be told in time"),
        ('["certificate"]', '["admission"]', "fulfilled_by", "would end what it opens itself"),
        ('["certificate"]', '["y"]', 'fulfilled_by = ["y"]', "names an unknown kind 'y'"),
        ('fulfilled_by = ["certificate"]', 'law = "§ 7"', 'law = "§ 7"', "unknown key 'law'"),
        ("on_paper = true", "on_paper = 1", "on_paper = 1", "must be true or false"),
        ("[settle_reasons.on_paper]", "[settle_reasons.On]", "[settle_reasons.On]", "is no code"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_line(
    tmp_path: Path, before: str, after: str, at: str, reason: str
) -> None:
    assert RULES.count(before) == 1, before
    text = GOOD + RULES.replace(before, after)

    with pytest.raises(CatalogueError) as refused:
        load(written(tmp_path, text))

    lines = text.splitlines()
    named = {(lines[one.line - 1], one.reason) for one in refused.value.mistakes}
    assert any(line.startswith(at) and reason in said for line, said in named), named


def test_a_kind_without_the_date_is_named(tmp_path: Path) -> None:
    text = RULES.replace('"taken_over"', '"expires_on"').replace('["admission"]', '["certificate"]')

    with pytest.raises(CatalogueError) as refused:
        loaded(
            tmp_path, text.replace('fulfilled_by = ["certificate"]', 'fulfilled_by = ["admission"]')
        )

    (mistake,) = refused.value.mistakes
    assert mistake.reason.endswith("the kind 'certificate' has no field 'expires_on'")


def test_without_reasons_nothing_could_be_settled(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="settle_reasons are missing"):
        loaded(tmp_path, RULES[: RULES.index("[settle_reasons")])


# ── A town's own ─────────────────────────────────────────────────────────────────────────────


def test_a_town_switches_one_off_and_the_difference_says_so(tmp_path: Path) -> None:
    own = load(written(tmp_path, OWN + "\n[follow_ups.lapsing_ik]\noff = true\n"))

    assert own.follow_up("lapsing_ik") is None
    assert len(own.follow_ups) == len(load().follow_ups) - 1
    changes = [one for one in compare(load(), own) if one.section == "follow_ups"]
    assert [(one.what, one.code) for one in changes] == [("removed", "lapsing_ik")]


def test_what_was_never_shipped_cannot_be_switched_off(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no shipped follow-up 'nothing'"):
        load(written(tmp_path, OWN + "\n[follow_ups.nothing]\noff = true\n"))


def test_every_number_and_word_that_differs_is_shown(tmp_path: Path) -> None:
    other = RULES
    for was, becomes in (
        ("days = [2, 5]", "days = [2, 6]"),
        ('side = "recipient"', 'side = "sender"'),
        ('de = "Auf Papier"', 'de = "Mit Brief"'),
        ("before = 3", "before = 2"),
    ):
        other = other.replace(was, becomes)

    before, after = loaded(tmp_path), loaded(tmp_path, other)
    changes = {
        (one.section, one.code, detail.key, detail.before, detail.after)
        for one in compare(before, after)
        for detail in one.details
    }

    assert changes == {
        ("clocks", "request", "before", "3", "2"),
        ("follow_ups", "proof", "days", "2, 5", "2, 6"),
        ("follow_ups", "proof", "side", "recipient", "sender"),
        ("settle_reasons", "on_paper", "text.de", "Auf Papier", "Mit Brief"),
    }


# ── The shipped file ─────────────────────────────────────────────────────────────────────────

# Read from the law by hand: who, counted from, told at, due, and where it stands.
LAW: Mapping[str, tuple[str, str, str, tuple[int, ...], int, str]] = {
    "proof_ik": ("recipient", TAKEN_OVER, "working_days", (5, 10), 5, "§ 7 Abs. 2 IntV"),
    "proof_bsk": ("recipient", TAKEN_OVER, "working_days", (2, 5), 2, "§ 7 Abs. 3 DeuFöV"),
    "start_ik": ("sender", "issued_on", "days", (5 * 7, 6 * 7), 6 * 7, "§ 7 Abs. 4 IntV"),
    "start_bsk": ("sender", "issued_on", "days", (3 * 7, 4 * 7), 4 * 7, "§ 9 Abs. 3 DeuFöV"),
    "lapsing_ik": ("sender", "expires_on", "days", (-60, -21), 0, "§ 6 Abs. 1 IntV"),
    "lapsing_bsk": ("sender", "expires_on", "days", (-21, -7), 0, "§ 6 Abs. 3 DeuFöV"),
}


def test_the_shipped_rules_are_those_of_the_law() -> None:
    found = {
        rule.code: (rule.side, rule.counted_from, rule.unit, rule.days, rule.due)
        for rule in load().follow_ups
    }

    assert found == {code: law[:5] for code, law in LAW.items()}


@pytest.mark.parametrize("code", LAW)
def test_each_shipped_rule_names_its_law(code: str) -> None:
    rule = load().follow_up(code)

    assert rule is not None
    assert LAW[code][5] in rule.hint.de


def test_providers_prove_and_begin_and_issuing_bodies_watch_what_lapses() -> None:
    provider = {AgencyKind.COURSE_PROVIDER}
    for rule in load().follow_ups:
        is_of_provider = set(rule.agency_kinds) == provider
        assert is_of_provider == (rule.clock is not FollowUpClock.LAPSING), rule.code
        # Nobody but Jobcenter and employment agency issues papers of vocational courses.
        if rule.code == "lapsing_bsk":
            assert set(rule.agency_kinds) == {AgencyKind.JOBCENTER, AgencyKind.EMPLOYMENT_AGENCY}


def test_the_owner_of_each_rule_can_have_its_papers() -> None:
    catalogue = load()
    for rule in catalogue.follow_ups:
        for code in rule.kinds:
            kind = catalogue.kind(code)
            assert kind is not None
            owners = {
                owner
                for route in kind.routes
                for owner in ([route.sender] if rule.side is Side.SENDER else route.recipients)
            }
            assert owners & set(rule.agency_kinds), (rule.code, code)


def test_every_rule_can_be_fulfilled_by_a_paper_that_its_owner_has() -> None:
    catalogue = load()
    for rule in catalogue.follow_ups:
        for owner in rule.agency_kinds:
            can_send = {kind.code for kind in catalogue.sendable_by(owner)}
            can_get = {kind.code for kind in catalogue.receivable_by(owner)}
            assert set(rule.fulfilled_by) & (can_send | can_get), (rule.code, owner)


def test_the_shipped_file_gives_both_languages_to_each() -> None:
    shipped = tomllib.loads(shipped_file().read_text(encoding="utf-8"))

    assert {*LAW} == {*shipped["follow_ups"]}
    for reason in load().settle_reasons:
        assert reason.text.de != reason.text.en
