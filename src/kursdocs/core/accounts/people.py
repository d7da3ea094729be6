"""Persons and what they may be: found, granted, ended, and turned into actors."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kursdocs.core import audit
from kursdocs.core.access import ActingAgency, Actor, ActorKind, Role
from kursdocs.core.accounts.tables import Membership, MembershipSource, User
from kursdocs.core.agencies import Agency, Municipality
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Forbidden
from kursdocs.core.ports import Identity

Held = tuple[Membership, Agency | None, Municipality]


def user_of(session: Session, identity: Identity, *, now: datetime) -> User:
    """The person's row, made at the first time, and locked: their claims are mapped one by one.

    Raises ``Forbidden`` (``account_deactivated``).
    """
    user = _locked(session, identity) or _made(session, identity, now=now)
    if user.deactivated_at is not None:
        raise Forbidden("account_deactivated")
    name = identity.claims.get("name") or identity.claims.get("preferred_username")
    if isinstance(name, str) and name:
        user.display_name = name[:200]
    session.add(user)
    session.flush()
    return user


def is_outdated(user: User, identity: Identity, *, same_second: bool) -> bool:
    """Whether the token was made before its person was signed out.

    Tokens are dated to the second. ``same_second`` says how to take one of that very second:
    access tokens are refused, whereas somebody may well sign in again at once.
    """
    if user.signed_out_at is None:
        return False
    made = identity.issued_at
    return made is None or made < user.signed_out_at or (same_second and made == user.signed_out_at)


def _locked(session: Session, identity: Identity) -> User | None:
    query = select(User).where(User.issuer == identity.issuer, User.subject == identity.subject)
    return session.exec(query.with_for_update(key_share=True)).first()


def _made(session: Session, identity: Identity, *, now: datetime) -> User:
    user = User(issuer=identity.issuer, subject=identity.subject, created_at=now)
    try:
        with session.begin_nested():
            session.add(user)
            session.flush()
    except sa.exc.IntegrityError:
        # Another call of the same person made it at the same moment.
        return _locked(session, identity) or user
    return user


def held_now(session: Session, user_id: UUID, *, now: datetime) -> list[Held]:
    """The user's memberships valid now, with agency and municipality, in a stable order."""
    query = (
        select(Membership, Agency, Municipality)
        .join(Municipality, col(Municipality.id) == Membership.municipality_id)
        .outerjoin(Agency, col(Agency.id) == Membership.agency_id)
        .where(
            Membership.user_id == user_id,
            Membership.valid_from <= now,
            sa.or_(col(Membership.valid_until).is_(None), col(Membership.valid_until) > now),
            col(Agency.closed_at).is_(None),
        )
        .order_by(col(Agency.name).nulls_last(), col(Membership.role).desc(), col(Membership.id))
    )
    return [(m, a, town) for m, a, town in session.exec(query)]


def actor_as(user: User, held: Held | None) -> Actor:
    """The user acting under one of their memberships, or without any."""
    if held is None:
        return Actor(kind=ActorKind.PERSON, display_name=user.display_name, user_id=user.id)
    membership, agency, municipality = held
    return Actor(
        kind=ActorKind.PERSON,
        display_name=user.display_name,
        user_id=user.id,
        municipality_id=municipality.id,
        agency=acting(agency) if agency else None,
        role=membership.role,
    )


def acting(agency: Agency) -> ActingAgency:
    """The agency as an actor carries it."""
    return ActingAgency(id=agency.id, slug=agency.slug, name=agency.name, kind=agency.kind)


def grant(session: Session, actor: Actor, membership: Membership, *, now: datetime) -> None:
    """Add a membership."""
    session.add(membership)
    _record(session, actor, Happening.MEMBERSHIP_GRANTED, membership, now=now)


def end_membership(
    session: Session, actor: Actor, membership: Membership, *, now: datetime
) -> None:
    """End a membership now. The next request of its holder no longer has it."""
    membership.valid_until = now
    session.add(membership)
    _record(session, actor, Happening.MEMBERSHIP_ENDED, membership, now=now)


def _record(
    session: Session,
    actor: Actor,
    happening: Happening,
    membership: Membership,
    *,
    now: datetime,
) -> None:
    """In the logs of agency and municipality, whoever did it: claims belong to neither."""
    audit.record(
        session,
        replace(actor, municipality_id=membership.municipality_id),
        happening,
        now=now,
        agency_id=membership.agency_id,
        **whose(membership),
        role=membership.role.value,
        source=membership.source.value,
    )


def whose(membership: Membership) -> dict[str, Any]:
    """Ids for the log: which membership, of whom, and at which agency (empty: municipality)."""
    return {
        "membership": str(membership.id),
        "user": str(membership.user_id),
        "agency": str(membership.agency_id or ""),
    }


def grant_by_subject(
    session: Session,
    actor: Actor,
    *,
    issuer: str,
    subject: str,
    role: Role,
    municipality_id: UUID,
    agency: Agency | None,
    now: datetime,
) -> User:
    """Give a role to somebody who may not have signed in yet: how the first coordinator is made."""
    user = user_of(session, Identity(issuer=issuer, subject=subject), now=now)
    grant(
        session,
        actor,
        Membership(
            user_id=user.id,
            municipality_id=municipality_id,
            agency_id=agency.id if agency else None,
            role=role,
            source=MembershipSource.MANUAL,
            valid_from=now,
        ),
        now=now,
    )
    return user


def names_of(session: Session, ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Display names of users by id, for pages of their own agency."""
    query = select(User.id, User.display_name).where(col(User.id).in_(known(ids)))
    return dict(session.exec(query).all())


def known(ids: Iterable[UUID | None]) -> set[UUID]:
    """The ids that are there."""
    return {one for one in ids if one is not None}
