"""The sending desk's drafts: kept once, for one person and a day, sent once, then gone."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlmodel import Session, select
from tests.factories import OFFICE, PROVIDER, make_person_actor
from tests.operations.house import OTHER_PAPER, PAPER, House

from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.drafts import Draft, DraftView
from kursdocs.operations import drafting

TYPED = {
    "kind": ["admission_ik_jc"],
    "recipient": [OFFICE],
    "family_name": ["Mustermann-Öztürk"],
    "given_names": ["Probefried"],
    "birth_date": ["05.06.1987"],
    "release_given_on": ["23.11.2026"],
    "release_form": ["in_person"],
    "original_at": ["Probeordner Nord"],
    "bamf_person_no": ["4711081"],
    "issued_on": ["12.10.2026"],
    "expires_on": ["12.10.2027"],
}


def still_there(session: Session) -> None:
    """Nobody's standing has ended."""


def keep(house: House, *files: bytes, key: str = "", actor: Actor | None = None) -> DraftView:
    return drafting.keep(
        house.services,
        actor or house.sender,
        files or (PAPER,),
        file_name="Zulassung.pdf",
        upload_key=key,
        readmit=still_there,
    )


def note(house: House, draft_id: UUID, **changes: list[str]) -> None:
    with house.services.transaction() as session:
        drafting.note(
            session, house.sender, draft_id, {**TYPED, **changes}, now=house.clock()
        )


def mine(house: House, actor: Actor | None = None) -> list[DraftView]:
    with house.services.transaction() as session:
        return drafting.mine(session, actor or house.sender, now=house.clock())


def test_what_is_kept_noted_and_sent_is_one_document_and_no_draft_any_more(house: House) -> None:
    draft = keep(house)
    note(house, draft.id)

    view = drafting.send(house.services, house.sender, draft.id, still_there)

    assert house.read(view.id) == PAPER
    assert mine(house) == []
    assert house.keys() == [view.id]
    assert len(house.objects()) == 1
