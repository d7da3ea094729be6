"""Answering a request: which ones a sending answers, and the end of those it does.

A request is answered by the paper itself, whether or not somebody came by way of the request:
when the asked agency delivers that kind about that person to the requester, it closes in the same
transaction. :func:`answerable` tells before a file is received what was asked for, :func:`hold`
looks again under the lock, :func:`close` ends what it held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kursdocs.catalogue import Catalogue, DateFormat, Need
from kursdocs.catalogue.fields import fits, read_value
from kursdocs.core import audit
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.documents.names import is_same_name
from kursdocs.core.documents.sending import Sending, SendingForm
from kursdocs.core.documents.tables import Document, IdempotencyKey
from kursdocs.core.errors import Conflict, Invalid, NotFound
from kursdocs.core.requests.standing import end, is_open, is_still_open, locked
from kursdocs.core.requests.tables import PaperRequest, RequestState


@dataclass(frozen=True)
class Asked:
    """What the law lets the acting agency send because it was asked for it, and who asked.

    ``of`` are the agencies (slugs) that asked in the two steps of § 14 Abs. 6 Satz 4 bis 7 IntV;
    ``request_id`` is the request that the form names, if any.
    """

    of: frozenset[str]
    request_id: UUID | None = None


def answerable(
    session: Session,
    actor: Actor,
    form: SendingForm,
    *,
    key: str = "",
    replaces_id: UUID | None = None,
) -> Asked:
    """Who asked the acting agency for the paper of this form, as far as the form says it.

    A repeated sending (``key``) and a correction (``replaces_id``) answer what the first one did.
    Raises ``Invalid`` (``request_unknown``, ``request_over``, ``request_of_other``) for a request
    that the form names and this paper does not answer.
    """
    # Nothing is judged yet, and PostgreSQL fails on a NUL where SQLite finds nothing.
    recipients = [slug for slug in form.recipients if slug.isprintable()]
    if not (form.kind.isprintable() and key.isprintable()):
        return Asked(frozenset())
    person = _Person(form.family_name, form.given_names, _birth_date(form.birth_date))
    again = _documents(session, actor, key, replaces_id)
    named = _named(session, actor, form, person, again)
    query = (
        select(PaperRequest, Agency.slug)
        .join(Agency, col(Agency.id) == PaperRequest.requester_agency_id)
        .where(
            PaperRequest.provider_agency_id == actor.acting.id,
            PaperRequest.kind == form.kind,
            col(Agency.slug).in_(recipients),
            col(PaperRequest.person_asked_on).is_not(None),
            sa.or_(is_open(), col(PaperRequest.document_id).in_(again)),
        )
    )
    found = session.exec(query).all()
    of = {slug for paper, slug in found if _is_meant(paper, person, named, again)}
    return Asked(frozenset(of), named)


@dataclass(frozen=True)
class _Person:
    family_name: str
    given_names: str
    birth_date: date | None


def _birth_date(typed: str) -> date | None:
    every = DateFormat(earliest=date.min, latest=date.max)
    return date.fromisoformat(read_value(every, typed)) if fits(every, typed) else None


def _documents(
    session: Session, actor: Actor, key: str, replaces_id: UUID | None
) -> Sequence[UUID]:
    """What was sent before and is now sent again: under the same key, or to be corrected."""
    known = session.get(IdempotencyKey, (actor.acting.id, key)) if key else None
    return [one for one in (known.document_id if known else None, replaces_id) if one is not None]


def _named(
    session: Session,
    actor: Actor,
    form: SendingForm,
    person: _Person,
    again: Sequence[UUID],
) -> UUID | None:
    """The request that the form names."""
    if not form.request.strip():
        return None
    try:
        request_id = UUID(form.request.strip())
    except ValueError:
        raise Invalid("request_unknown", field="request") from None
    query = select(PaperRequest, Agency.slug).join(
        Agency, col(Agency.id) == PaperRequest.requester_agency_id
    )
    mine = query.where(
        PaperRequest.id == request_id, PaperRequest.provider_agency_id == actor.acting.id
    )
    found = session.exec(mine).first()
    if found is None:
        raise Invalid("request_unknown", field="request")
    paper, requester = found
    if not is_still_open(session, request_id) and paper.document_id not in again:
        raise Invalid("request_over", field="request")
    is_sent_to_them = form.kind == paper.kind and requester in form.recipients
    if not is_sent_to_them or not _is_near(paper, person):
        raise Invalid("request_of_other", field="request")
    return request_id


def _is_near(paper: PaperRequest, person: _Person) -> bool:
    """Whether name or birth date agree: who answers a request may correct a slip in one of them.

    A form with neither has other mistakes, of which it is told first. What was forgotten answers
    nothing new; only what had been sent for it is still corrected.
    """
    if not person.family_name.strip() or person.birth_date is None:
        return True
    return paper.forgotten_at is not None or _is_alike(paper, person)


def _is_alike(one: PaperRequest | Document, other: _Person) -> bool:
    return is_same_name(one, other) or one.birth_date == other.birth_date


def _is_meant(
    paper: PaperRequest, person: _Person, named: UUID | None, again: Sequence[UUID]
) -> bool:
    if paper.id == named or paper.document_id in again:
        return _is_near(paper, person)
    return is_same_name(paper, person) and paper.birth_date == person.birth_date


# ── In the transaction that delivers ─────────────────────────────────────────────────────────


def hold(session: Session, actor: Actor, sending: Sending) -> Sequence[PaperRequest]:
    """Lock the requests that this sending answers; call it before anything else is locked.

    Raises ``Conflict`` (``request_over``) when the paper may only be sent because it was asked
    for, and the request has ended meanwhile.
    """
    again = _same_paper(session, sending.replaces_id)
    recipients = [one.agency_id for one in sending.addressed]
    query = (
        select(PaperRequest)
        .where(
            PaperRequest.provider_agency_id == actor.acting.id,
            PaperRequest.kind == sending.kind.code,
            col(PaperRequest.requester_agency_id).in_(recipients),
            sa.or_(
                col(PaperRequest.birth_date) == sending.birth_date,
                col(PaperRequest.id) == sending.request_id,
                col(PaperRequest.document_id).in_(again),
            ),
            col(PaperRequest.state).in_([RequestState.OPEN, RequestState.ANSWERED]),
        )
        .order_by(col(PaperRequest.id))
        .with_for_update()
    )
    found = session.exec(query.execution_options(populate_existing=True)).all()
    person = _Person(sending.family_name, sending.given_names, sending.birth_date)
    replaced = session.get(Document, sending.replaces_id) if sending.replaces_id else None
    held = [
        paper
        for paper in found
        if _is_meant(paper, person, sending.request_id, again)
        # For whom it was asked stands on the replaced paper, when the request forgot it.
        and (replaced is None or paper.forgotten_at is None or _is_alike(replaced, person))
        and (paper.document_id in again or is_still_open(session, paper.id))
    ]
    _refuse_unasked(sending, held)
    return held


def _same_paper(session: Session, replaces_id: UUID | None) -> Sequence[UUID]:
    """What is corrected, and its corrections so far: one that never went out answers nothing."""
    if replaces_id is None:
        return []
    found = session.exec(select(Document.id).where(Document.replaces_id == replaces_id))
    return [replaces_id, *found]


def _refuse_unasked(sending: Sending, held: Sequence[PaperRequest]) -> None:
    asked = {paper.requester_agency_id for paper in held if paper.person_asked_on is not None}
    for one in sending.addressed:
        if one.need is Need.PRIOR_REQUEST and one.agency_id not in asked:
            raise Conflict("request_over")


def close(
    session: Session,
    actor: Actor,
    held: Sequence[PaperRequest],
    document_id: UUID,
    *,
    now: datetime,
) -> None:
    """End the requests that were held: this document answers them."""
    remembered = [paper for paper in held if paper.forgotten_at is None]
    for paper in held:
        paper.document_id = document_id
        session.add(paper)
    for paper in remembered:
        end(paper, RequestState.ANSWERED, actor, now=now)
    for paper in remembered:
        audit.record(
            session,
            actor,
            Happening.PAPER_REQUEST_ANSWERED,
            now=now,
            document_id=document_id,
            paper_request=str(paper.id),
        )


def answered_by(session: Session, actor: Actor, document_id: UUID) -> Sequence[UUID]:
    """The requests of, or to, the acting agency that this document answers."""
    query = select(PaperRequest.id).where(
        PaperRequest.document_id == document_id,
        PaperRequest.state == RequestState.ANSWERED,
        sa.or_(
            col(PaperRequest.provider_agency_id) == actor.acting.id,
            col(PaperRequest.requester_agency_id) == actor.acting.id,
        ),
    )
    return session.exec(query.order_by(col(PaperRequest.id))).all()


# ── By the person asked ──────────────────────────────────────────────────────────────────────


def prefill(session: Session, actor: Actor, request_id: UUID, *, now: datetime) -> SendingForm:
    """The form that answers this request, as far as the request fills it in; notes the look at it.

    Raises ``NotFound`` for every request that the acting agency was not asked, ``Conflict``
    (``request_over``).
    """
    mine = col(PaperRequest.provider_agency_id) == actor.acting.id
    query = (
        select(PaperRequest, Agency.slug)
        .join(Agency, col(Agency.id) == PaperRequest.requester_agency_id)
        .where(PaperRequest.id == request_id, mine)
    )
    found = session.exec(query).first()
    if found is None:
        raise NotFound
    paper, requester = found
    if not is_still_open(session, request_id):
        raise Conflict("request_over", state=paper.state.value)
    mark_opened(session, actor, request_id, now=now)
    return SendingForm(
        kind=paper.kind,
        recipients=(requester,),
        family_name=paper.family_name,
        given_names=paper.given_names,
        birth_date=paper.birth_date.isoformat() if paper.birth_date else "",
        fields=_texts(paper.fields),
        request=str(paper.id),
    )


def _texts(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items()}


def mark_opened(session: Session, actor: Actor, request_id: UUID, *, now: datetime) -> None:
    """Note the first time that the asked agency looked at the request."""
    session.execute(
        sa.update(PaperRequest)
        .where(
            col(PaperRequest.id) == request_id,
            col(PaperRequest.provider_agency_id) == actor.acting.id,
            col(PaperRequest.opened_at).is_(None),
            col(PaperRequest.state) == RequestState.OPEN,
        )
        .values(opened_at=now)
    )


def decline(
    session: Session,
    actor: Actor,
    request_id: UUID,
    *,
    reason: str,
    catalogue: Catalogue,
    now: datetime,
) -> None:
    """Say that the paper does not come, with a reason of the catalogue's list.

    Raises ``NotFound`` for every request that the acting agency was not asked, ``Invalid``
    (``reason_unknown``), ``Conflict`` (``request_over``).
    """
    paper = locked(session, request_id, col(PaperRequest.provider_agency_id) == actor.acting.id)
    if catalogue.request_decline_reason(reason) is None:
        raise Invalid("reason_unknown", field="reason")
    end(paper, RequestState.DECLINED, actor, now=now)
    paper.end_reason = reason
    session.add(paper)
    audit.record(
        session,
        actor,
        Happening.PAPER_REQUEST_DECLINED,
        now=now,
        paper_request=str(paper.id),
        reason=reason,
    )
