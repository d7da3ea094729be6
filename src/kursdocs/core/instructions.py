"""Instruction before first use: who confirmed the purpose binding, for which agency, and when.

Which agencies need it, and what it says, stands in the catalogue; another version of the text is
asked for anew. Persons only: a program cannot be instructed, and what it fetches is read by people
who are. Entry points: :func:`applies`, :func:`is_missing`, :func:`confirm`, :func:`confirmed_at`.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select

from kursdocs.catalogue import Catalogue
from kursdocs.core import audit
from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Conflict, NotFound


class Instruction(SQLModel, table=True):
    """A person confirmed this version of the text for this agency."""

    __tablename__ = "instruction"

    user_id: UUID = Field(primary_key=True, foreign_key="app_user.id", ondelete="CASCADE")
    agency_id: UUID = Field(primary_key=True, foreign_key="agency.id", ondelete="CASCADE")
    text_version: str = Field(primary_key=True, max_length=40)
    confirmed_at: datetime


def applies(actor: Actor, catalogue: Catalogue) -> bool:
    """Whether the actor is a person acting for an agency whose staff must be instructed."""
    return (
        actor.kind is ActorKind.PERSON
        and actor.agency is not None
        and actor.agency.kind in catalogue.instruction.agency_kinds
    )


def is_missing(session: Session, actor: Actor, catalogue: Catalogue) -> bool:
    """Whether the actor must confirm the instruction before anything else."""
    return applies(actor, catalogue) and own(session, actor, catalogue) is None


def own(session: Session, actor: Actor, catalogue: Catalogue) -> datetime | None:
    """When the actor confirmed the present text for the acting agency; ``None``: not yet."""
    key = (actor.user_id, actor.acting.id, catalogue.instruction.version)
    row = session.get(Instruction, key)
    return row.confirmed_at if row else None


def confirm(
    session: Session, actor: Actor, catalogue: Catalogue, *, version: str, now: datetime
) -> None:
    """Note that the actor confirmed this version, which they have read; the first time counts.

    Raises ``NotFound`` when nothing is to be confirmed here, ``Conflict`` (``instruction_changed``)
    when there is another text by now.
    """
    if actor.user_id is None or not applies(actor, catalogue):
        raise NotFound
    if version != catalogue.instruction.version:
        raise Conflict("instruction_changed")
    try:
        with session.begin_nested():
            session.add(
                Instruction(
                    user_id=actor.user_id,
                    agency_id=actor.acting.id,
                    text_version=version,
                    confirmed_at=now,
                )
            )
            session.flush()
    except IntegrityError:
        # A second tab, or a second click.
        return
    audit.record(session, actor, Happening.INSTRUCTION_CONFIRMED, now=now, version=version)


def confirmed_at(
    session: Session, agency_id: UUID, catalogue: Catalogue
) -> Mapping[UUID, datetime]:
    """Who of the agency confirmed the present text, and when; by user id."""
    query = select(Instruction.user_id, Instruction.confirmed_at).where(
        col(Instruction.agency_id) == agency_id,
        Instruction.text_version == catalogue.instruction.version,
    )
    return dict(session.exec(query).all())
