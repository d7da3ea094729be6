"""Fulfilling: a paper about the same person ends what was open, in the transaction that delivers.

Persons are compared within the papers of one agency only, by what stands on them; nothing about
them is kept. What went out before a paper was issued belongs to an earlier course. Entry points:
:func:`by_document` when a paper goes out, :func:`found` for many, :func:`form` for the form of the
paper that is missing.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kursdocs.catalogue import Catalogue, FollowUpRule
from kursdocs.core import scopes
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.names import is_same_name
from kursdocs.core.documents.sending import SendingForm
from kursdocs.core.documents.tables import Delivery, Document, DocumentState
from kursdocs.core.errors import Conflict, NotFound
from kursdocs.core.follow_ups.standing import has_paper, is_there
from kursdocs.core.follow_ups.tables import FollowUp, FollowUpState
from kursdocs.core.workdays import local_moment

_DATES_AT_ONCE = 5_000


@dataclass(frozen=True)
class Subject:
    """Of whom a paper of an agency is, and since when. Two agencies never meet here.

    ``since`` is when a paper went out; of one that something should follow, when it was issued, if
    that was earlier.
    """

    agency_id: UUID
    document_id: UUID
    family_name: str
    given_names: str
    birth_date: date | None
    since: datetime

    @classmethod
    def awaiting(
        cls,
        agency_id: UUID,
        document_id: UUID,
        *names: Any,
        stored_at: datetime,
        issued_on: str | None,
    ) -> "Subject":
        """A paper that something should follow; ``names`` are both names and the birth date."""
        issued_at = local_moment(date.fromisoformat(issued_on), 0) if issued_on else stored_at
        family_name, given_names, birth_date = names
        since = min(stored_at, issued_at)
        return cls(agency_id, document_id, family_name, given_names, birth_date, since)


def subject_columns() -> list[sa.ColumnElement[Any]]:
    """The names, and the columns for ``stored_at`` and ``issued_on`` of a :class:`Subject`."""
    names = (Document.family_name, Document.given_names, Document.birth_date)
    issued_on = col(Document.fields)["issued_on"].as_string().label("issued_on")
    return [*(col(name) for name in names), col(Document.stored_at), issued_on]


def by_document(session: Session, catalogue: Catalogue, document_id: UUID, *, now: datetime) -> int:
    """End what this paper fulfils, at both its agencies; returns how many.

    Does nothing while the paper is not out. Rows that somebody settles at this moment are left to
    them: whoever sends holds the end of the log already, and must not wait for them.
    """
    document = session.get(Document, document_id)
    if document is None or document.state is not DocumentState.LIVE:
        return 0
    rules = [rule.code for rule in catalogue.follow_ups if document.kind in rule.fulfilled_by]
    if not rules or document.birth_date is None:
        return 0
    # What it ends at the other agency may hang on a paper that the acting one is no party to.
    with scopes.reaching_everything(session):
        return _end_fulfilled(session, document, rules, now=now)


def _end_fulfilled(
    session: Session, document: Document, rules: Sequence[str], *, now: datetime
) -> int:
    query = (
        sa.select(FollowUp, *subject_columns())
        .join(Document, col(Document.id) == FollowUp.document_id)
        .where(
            col(FollowUp.agency_id).in_(_agencies(session, document)),
            col(FollowUp.state) == FollowUpState.OPEN,
            col(FollowUp.rule).in_(list(rules)),
            col(Document.birth_date) == document.birth_date,
        )
        .order_by(col(FollowUp.id))
        .with_for_update(of=FollowUp, skip_locked=True)
    )
    ended = 0
    for follow_up, *names, stored_at, issued_on in session.execute(query).all():
        one = Subject.awaiting(
            follow_up.agency_id,
            follow_up.document_id,
            *names,
            stored_at=stored_at,
            issued_on=issued_on,
        )
        if is_same_name(one, document) and _is_later(document.stored_at, one):
            end(follow_up, FollowUpState.FULFILLED, now=now)
            follow_up.fulfilled_by_document_id = document.id
            session.add(follow_up)
            ended += 1
    return ended


def _is_later(stored_at: datetime | None, one: Subject) -> bool:
    return stored_at is not None and stored_at >= one.since


def _agencies(session: Session, document: Document) -> list[UUID]:
    query = (
        select(Delivery.recipient_agency_id)
        .join(Document, col(Document.id) == Delivery.document_id)
        .where(Delivery.document_id == document.id, *is_there())
    )
    recipients = session.exec(query).all()
    return [document.sender_agency_id, *recipients] if recipients else []


def end(follow_up: FollowUp, state: FollowUpState, *, now: datetime) -> None:
    """End a (locked) follow-up."""
    follow_up.state = state
    follow_up.ended_at = now


def found(
    session: Session, rule: FollowUpRule, subjects: Sequence[Subject]
) -> Mapping[tuple[UUID, UUID], UUID]:
    """Which of these are fulfilled, by (paper, agency): the paper that does it."""
    known = _papers(session, rule, {(one.agency_id, one.birth_date) for one in subjects})
    matches = ((one, _match(one, known)) for one in subjects)
    return {(one.document_id, one.agency_id): by for one, by in matches if by is not None}


_Papers = Mapping[tuple[UUID, date | None], Sequence[Subject]]


def _papers(
    session: Session, rule: FollowUpRule, wanted: Collection[tuple[UUID, date | None]]
) -> _Papers:
    """The papers that would fulfil the rule, by agency and birth date, where these are wanted."""
    papers = defaultdict[tuple[UUID, date | None], list[Subject]](list)
    columns = (
        Document.id,
        Document.family_name,
        Document.given_names,
        Document.birth_date,
        Document.stored_at,
        Delivery.sender_agency_id,
        Delivery.recipient_agency_id,
    )
    ordered = sorted({born for _, born in wanted if born is not None})
    for first in range(0, len(ordered), _DATES_AT_ONCE):
        some = ordered[first : first + _DATES_AT_ONCE]
        query = (
            sa.select(*(col(column) for column in columns))
            .select_from(sa.join(Document, Delivery, col(Delivery.document_id) == Document.id))
            .where(
                col(Document.kind).in_(rule.fulfilled_by),
                col(Document.birth_date).in_(some),
                *is_there(),
            )
        )
        for id_, family_name, given_names, born, stored_at, *agencies in session.execute(query):
            for agency_id in agencies:
                if (agency_id, born) in wanted:
                    one = Subject(agency_id, id_, family_name, given_names, born, stored_at)
                    papers[agency_id, born].append(one)
    return papers


def _match(subject: Subject, papers: _Papers) -> UUID | None:
    """Most names are written alike; only of the others the words are compared."""
    born_alike = papers.get((subject.agency_id, subject.birth_date), ())
    same_day = [one for one in born_alike if _is_later(one.since, subject)]
    for one in same_day:
        written = (one.family_name, one.given_names)
        if written == (subject.family_name, subject.given_names):
            return one.document_id
    return next((one.document_id for one in same_day if is_same_name(one, subject)), None)


def form(
    session: Session, actor: Actor, catalogue: Catalogue, follow_up_id: UUID, kind: str
) -> tuple[SendingForm, UUID]:
    """The form of the missing paper, as far as the one here fills it in; and that one's id.

    Raises ``NotFound`` for what is not the acting agency's, and for a kind that does not fulfil it;
    ``Conflict`` (``follow_up_over``) when it has ended.
    """
    query = (
        select(FollowUp, Document, Delivery)
        .join(Document, col(Document.id) == FollowUp.document_id)
        .join(Delivery, col(Delivery.id) == FollowUp.delivery_id)
        .where(FollowUp.id == follow_up_id, FollowUp.agency_id == actor.acting.id)
    )
    row = session.exec(query).first()
    rule = catalogue.follow_up(row[0].rule) if row else None
    if row is None or rule is None or kind not in rule.fulfilled_by:
        raise NotFound
    follow_up, document, delivery = row
    is_open = follow_up.state is FollowUpState.OPEN
    if not is_open or not session.scalar(
        sa.select(has_paper()).where(col(FollowUp.id) == follow_up_id)
    ):
        raise Conflict("follow_up_over", state=follow_up.state.value)
    filled = SendingForm(
        kind=kind,
        recipients=_recipients(session, actor, catalogue, delivery, kind),
        family_name=document.family_name,
        given_names=document.given_names,
        birth_date=document.birth_date.isoformat() if document.birth_date else "",
        fields=_shared(catalogue, document, kind),
    )
    return filled, document.id


def _recipients(
    session: Session, actor: Actor, catalogue: Catalogue, delivery: Delivery, kind: str
) -> Sequence[str]:
    """The other agency of the paper, if this kind may go there."""
    is_sent = delivery.sender_agency_id == actor.acting.id
    other_id = delivery.recipient_agency_id if is_sent else delivery.sender_agency_id
    other = session.get(Agency, other_id)
    if other is None or other.closed_at is not None:
        return ()
    route = catalogue.route(kind, actor.acting.kind, other.kind)
    return (other.slug,) if route is not None else ()


_LASTING = ("bamf_person_no", "customer_no", "course_no")
"""Numbers that stay the same from paper to paper; days and results do not."""


def _shared(catalogue: Catalogue, document: Document, kind: str) -> dict[str, str]:
    asked = catalogue.kind(kind)
    names = {one.field.name for one in asked.fields} if asked else set()
    return {
        name: str(document.fields[name])
        for name in _LASTING
        if name in names and name in document.fields
    }
