"""The claims mapping on the command line: its rules, and what a token would get."""

import json
from pathlib import Path

import pytest
from tests.cli.commands import Run, set_up_town

RULES = """
[[rules]]
claim = "groups"
value = "vhs"
role = "clerk"
agency = "vhs"

[[rules]]
claim = "groups"
value = "town"
role = "coordinator"
municipality = "musterstadt"

[[rules]]
claim = "groups"
value = "vhs"
role = "head"
agency = "vertippt"
"""


@pytest.fixture
def with_rules(run: Run, settings: dict[str, object], tmp_path: Path) -> dict[str, object]:
    """A town and a mapping."""
    set_up_town(run, settings)
    file = tmp_path / "claims.toml"
    file.write_text(RULES)
    return {**settings, "CLAIMS": file}


def test_rules_are_listed_with_what_is_wrong(run: Run, with_rules: dict[str, object]) -> None:
    listed = json.loads(run("claims", "list", "--json", **with_rules).out)

    assert [(one["rule"], one["at"], one["problem"]) for one in listed] == [
        ("1", "vhs", ""),
        ("2", "musterstadt", ""),
        ("3", "vertippt", "does not exist"),
    ]


def test_claims_are_tried_in_sentences(
    run: Run, with_rules: dict[str, object], tmp_path: Path
) -> None:
    file = tmp_path / "claims.json"
    file.write_text(json.dumps({"sub": "neu", "groups": ["vhs"], "name": "Lin Probe"}))

    told = run("claims", "try", str(file), **with_rules)
    data = json.loads(run("claims", "try", str(file), "--json", **with_rules).out)

    assert (told.code, told.err) == (0, "")
    assert told.out.splitlines() == [
        "Rule 1 matches: groups = vhs makes clerk of vhs.",
        "Rule 3 matches: groups = vhs makes head of vertippt (vertippt does not exist).",
        "The person would get: clerk of VHS.",
        "Nobody with this `sub` has signed in here yet.",
    ]
    assert data["rules"] == [1, 3]
    assert data["granted"] == [{"role": "clerk", "place": "VHS", "is_closed": False}]
    assert "Lin" not in told.out


def test_another_providers_token_and_no_match_are_told(
    run: Run, with_rules: dict[str, object], tmp_path: Path
) -> None:
    file = tmp_path / "claims.json"
    file.write_text(json.dumps({"sub": "neu", "iss": "https://woanders.example"}))

    told = run("claims", "try", str(file), **with_rules).out

    assert "would be refused" in told
    assert "No rule matches." in told
    assert "no role from claims" in told


def test_what_is_no_claims_is_refused_without_repeating_it(
    run: Run, with_rules: dict[str, object], tmp_path: Path
) -> None:
    file = tmp_path / "claims.json"
    file.write_text("{geheim")

    refused = run("claims", "try", str(file), **with_rules)
    missing = run("claims", "try", str(tmp_path / "nirgends"), **with_rules)

    assert (refused.code, "claims_unreadable" in refused.err) == (1, True)
    assert "geheim" not in refused.err + refused.out
    assert (missing.code, "cannot be read" in missing.err) == (2, True)
