"""``kursdocs retention``: what it would do, what it did, and which moments it takes."""

import json
from datetime import UTC, datetime, timedelta

from tests.cli.commands import Run
from tests.factories import OFFICE, PROVIDER, make_document, make_person_actor, make_town

from kursdocs.adapters.database import Database

LONG_AGO = datetime.now(UTC) - timedelta(days=70)
OLD = {"issued_on": "2020-01-01", "expires_on": "2020-06-30"}


def forgotten(run: Run, settings: dict[str, object], inside: Database) -> str:
    """A paper that nobody has touched for 70 days; its id."""
    assert run("migrate", **settings).code == 0
    with inside.transaction() as session:
        town = make_town(session)
        clerk = make_person_actor(session, town[PROVIDER])
        return str(make_document(session, clerk, OFFICE, now=LONG_AGO, fields=OLD))


def test_a_dry_run_explains_each_step_and_the_run_takes_it(
    run: Run, settings: dict[str, object], inside: Database
) -> None:
    document_id = forgotten(run, settings, inside)

    planned = run("retention", "--dry-run", **settings)
    again = run("retention", "--dry-run", "--json", **settings)
    done = run("retention", "--json", **settings)
    after = run("retention", "--dry-run", **settings)

    assert (planned.code, planned.err) == (0, "")
    assert planned.out.startswith(f"{document_id} (admission_ik_jc) would go back to its sender")
    [step] = json.loads(again.out)
    assert (step["action"], step["document"]) == ("give_back", document_id)
    assert json.loads(done.out)["give_back"] == 1
    assert after.out == "Nothing is due.\n"


def test_another_moment_is_for_looking_only(
    run: Run, settings: dict[str, object], inside: Database
) -> None:
    forgotten(run, settings, inside)
    run("retention", **settings)
    later = (datetime.now(UTC) + timedelta(days=25)).date().isoformat()

    looked = run("retention", "--dry-run", "--at", later, **settings)
    refused = run("retention", "--at", later, **settings)

    assert "would be announced as leaving on" in looked.out
    assert refused.code == 2
    assert "--dry-run" in refused.err


def test_a_run_says_what_it_did(run: Run, settings: dict[str, object], inside: Database) -> None:
    forgotten(run, settings, inside)

    done = run("retention", **settings)

    assert (done.code, done.out) == (
        0,
        "Ended without approval: 0, given back untouched: 1, announced: 0, erased: 0.\n",
    )
