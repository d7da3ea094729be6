"""``kursdocs rescan``: who wants every paper looked at again, and where nobody looks at all."""

import json

from sqlmodel import col, select
from tests.cli.commands import Run
from tests.factories import OFFICE, PROVIDER, make_document, make_person_actor, make_town

from kursdocs.adapters.database import Database
from kursdocs.core.documents import rescanning
from kursdocs.core.documents.tables import Document

VERSION = "ClamAV 1.4.6/27800"


def send(inside: Database) -> None:
    with inside.transaction() as session:
        town = make_town(session)
        clerk = make_person_actor(session, town[PROVIDER])
        for _ in range(2):
            make_document(session, clerk, OFFICE)
        ids = session.exec(select(Document.id).order_by(col(Document.id))).all()
        rescanning.confirm(session, ids, VERSION)


def waiting(inside: Database) -> int:
    with inside.transaction() as session:
        return rescanning.outdated_count(session, VERSION)


def test_every_paper_is_to_be_looked_at_again(
    run: Run, settings: dict[str, object], inside: Database
) -> None:
    """The scanner itself is not asked: the worker asks it as soon as it answers."""
    settings["CLAMD"] = "127.0.0.1:1"
    assert run("migrate", **settings).code == 0
    send(inside)
    before = waiting(inside)

    asked = run("rescan", **settings)
    again = run("rescan", "--json", **settings)

    assert (before, waiting(inside)) == (0, 2)
    assert (asked.code, asked.out.partition(".")[0]) == (0, "The worker will look again: papers 2")
    assert json.loads(again.out) == {"documents": 2}


def test_where_nobody_looks_for_malware_that_is_said(run: Run, settings: dict[str, object]) -> None:
    asked = run("rescan", **{**settings, "CLAMD": "off"})

    assert asked.code == 2
    assert "KURSDOCS_CLAMD is off" in asked.err
