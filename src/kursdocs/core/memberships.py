"""Roles as the operator sees them: who has which, given by hand and taken away again.

The tables and what a sign-in makes of them are in ``accounts``. It must not know of commands.
Entry points: :func:`add`, :func:`end`, :func:`listing`, :func:`end_service_account`,
:func:`places_unknown`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kursdocs.core import accounts, audit
from kursdocs.core.access import Actor, Role
from kursdocs.core.accounts import ClaimRule, Membership, MembershipSource, ServiceAccount, User
from kursdocs.core.agencies import Agency, Municipality
from kursdocs.core.audit import Happening


@dataclass(frozen=True)
class Post:
    """A role at a place: an agency for clerk and head, a municipality for the others."""

    role: Role
    municipality_id: UUID
    agency: Agency | None = None


@dataclass(frozen=True)
class Member:
    """One membership that is valid now."""

    subject: str
    name: str
    role: Role
    municipality: str
    agency: str
    source: MembershipSource
    since: datetime


def add(
    session: Session, actor: Actor, *, issuer: str, subject: str, post: Post, now: datetime
) -> bool:
    """Give the role by hand; ``False`` when the person has it by hand already.

    A role that came from claims does not count: it may end with them.
    """
    held = _held(session, issuer, subject, post, now=now)
    if any(one.source is MembershipSource.MANUAL for one in held):
        return False
    accounts.grant_by_subject(
        session,
        replace(actor, municipality_id=post.municipality_id),
        issuer=issuer,
        subject=subject,
        role=post.role,
        municipality_id=post.municipality_id,
        agency=post.agency,
        now=now,
    )
    return True


def end(
    session: Session, actor: Actor, *, issuer: str, subject: str, post: Post, now: datetime
) -> Sequence[MembershipSource]:
    """End the role now, wherever it came from; the sources of what ended, none if not held."""
    held = _held(session, issuer, subject, post, now=now)
    for membership in held:
        accounts.end_membership(
            session, replace(actor, municipality_id=post.municipality_id), membership, now=now
        )
    return [membership.source for membership in held]


def _held(
    session: Session, issuer: str, subject: str, post: Post, *, now: datetime
) -> Sequence[Membership]:
    query = (
        select(Membership)
        .join(User, col(User.id) == Membership.user_id)
        .where(
            User.issuer == issuer,
            User.subject == subject,
            Membership.role == post.role,
            Membership.municipality_id == post.municipality_id,
            Membership.agency_id == (post.agency.id if post.agency else None),
            _valid(now),
        )
    )
    return session.exec(query.order_by(col(Membership.id))).all()


def _valid(now: datetime) -> sa.ColumnElement[bool]:
    ends = col(Membership.valid_until)
    return sa.or_(ends.is_(None), ends > now)


def listing(
    session: Session, *, issuer: str, municipality: str = "", agency: str = "", now: datetime
) -> list[Member]:
    """Who has which role now at open agencies and in municipalities, narrowed to one by slug."""
    query = (
        select(Membership, User, Municipality.slug, Agency.slug)
        .join(User, col(User.id) == Membership.user_id)
        .join(Municipality, col(Municipality.id) == Membership.municipality_id)
        .outerjoin(Agency, col(Agency.id) == Membership.agency_id)
        .where(User.issuer == issuer, _valid(now), col(Agency.closed_at).is_(None))
        .order_by(
            Municipality.slug, col(Agency.slug).nulls_first(), User.subject, col(Membership.id)
        )
    )
    if municipality:
        query = query.where(Municipality.slug == municipality)
    if agency:
        query = query.where(Agency.slug == agency)
    return [
        Member(u.subject, u.display_name, m.role, town, place or "", m.source, m.valid_from)
        for m, u, town, place in session.exec(query)
    ]


def end_service_account(
    session: Session, actor: Actor, *, issuer: str, client_id: str, now: datetime
) -> bool:
    """Let the program in no more, from its next call on; ``False`` when it was not let in."""
    query = (
        select(ServiceAccount, Agency.municipality_id)
        .join(Agency, col(Agency.id) == ServiceAccount.agency_id)
        .where(
            ServiceAccount.issuer == issuer,
            ServiceAccount.client_id == client_id,
            col(ServiceAccount.ended_at).is_(None),
        )
    )
    found = session.exec(query).first()
    if found is None:
        return False
    account, municipality_id = found
    account.ended_at = now
    session.add(account)
    by = replace(actor, municipality_id=municipality_id)
    audit.record(session, by, Happening.SERVICE_ACCOUNT_ENDED, now=now)
    return True


def places_unknown(session: Session, rules: Sequence[ClaimRule]) -> list[tuple[int, str]]:
    """Rules of the mapping that can grant nothing: number (from 1) and slug that nothing has."""
    open_agencies = select(Agency.slug).where(col(Agency.closed_at).is_(None))
    agencies = set(session.exec(open_agencies))
    towns = set(session.exec(select(Municipality.slug)))
    return [
        (number, rule.agency or rule.municipality)
        for number, rule in enumerate(rules, start=1)
        if rule.agency not in agencies and rule.municipality not in towns
    ]
