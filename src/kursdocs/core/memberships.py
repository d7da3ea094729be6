"""Roles: who has which where, given by hand and taken away again.

The tables and what a sign-in makes of them are in ``accounts``. It must not know of commands.
For heads and coordinators: :func:`place`, :func:`roster`, :func:`get`, :func:`end_one`,
:func:`change_role`, :func:`limit`. For the operator, who may do everything: :func:`add`,
:func:`end`, :func:`listing`, :func:`end_service_account`, :func:`places_unknown`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from kursdocs.core import accounts, audit
from kursdocs.core.access import Actor, Permission, Role
from kursdocs.core.accounts import ClaimRule, Membership, MembershipSource, ServiceAccount, User
from kursdocs.core.agencies import Agency, Municipality
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Conflict, Invalid, NotFound


@dataclass(frozen=True)
class Post:
    """A role at a place: an agency for clerk and head, a municipality for the others."""

    role: Role
    municipality_id: UUID
    agency: Agency | None = None


@dataclass(frozen=True)
class Place:
    """Where roles are held: an open agency, or its municipality itself (``agency`` is None)."""

    municipality_id: UUID
    municipality_name: str
    agency: Agency | None = None

    @property
    def name(self) -> str:
        """How people call it."""
        return self.agency.name if self.agency else self.municipality_name

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that can be held there."""
        return tuple(role for role in Role if role.is_of_agency == (self.agency is not None))

    @property
    def managing_role(self) -> Role:
        """The role without which nobody there could manage its members."""
        return Role.HEAD if self.agency else Role.COORDINATOR

    def post(self, role: Role) -> Post:
        """This role at this place."""
        return Post(role, self.municipality_id, self.agency)


@dataclass(frozen=True)
class Entry:
    """One membership as those see it who manage it.

    ``is_last``: nobody else there could manage its members afterwards. ``is_own``: it is the
    reader's own.
    """

    id: UUID
    user_id: UUID
    name: str
    subject_tail: str
    role: Role
    source: MembershipSource
    since: datetime
    until: datetime | None
    is_last: bool
    is_own: bool


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


def place(session: Session, actor: Actor, slug: str = "") -> Place:
    """Where the actor manages members.

    A head: their own agency, whether named or not. A coordinator: the municipality itself, or an
    open agency of it. Raises ``NotFound`` for whatever is out of reach.
    """
    actor.require(Permission.MEMBERS_MANAGE)
    town = session.get_one(Municipality, actor.municipality)
    if actor.agency is not None:
        slug = slug or actor.agency.slug
    if not slug:
        return Place(town.id, town.name)
    query = select(Agency).where(
        Agency.slug == slug, Agency.municipality_id == town.id, col(Agency.closed_at).is_(None)
    )
    agency = session.exec(query).first()
    if agency is None or (actor.agency is not None and actor.agency.id != agency.id):
        raise NotFound
    return Place(town.id, town.name, agency)


def roster(session: Session, actor: Actor, at: Place, *, now: datetime) -> list[Entry]:
    """Who has which role at the place now: whoever manages it first, then by name."""
    query = (
        select(Membership, User)
        .join(User, col(User.id) == Membership.user_id)
        .where(
            Membership.municipality_id == at.municipality_id,
            Membership.agency_id == (at.agency.id if at.agency else None),
            Membership.valid_from <= now,
            _valid(now),
        )
        .order_by(User.display_name, User.subject, col(Membership.id))
    )
    found = session.exec(query).all()
    managing = {member.user_id for member, _ in found if member.role is at.managing_role}
    entries = [
        Entry(
            id=member.id,
            user_id=user.id,
            name=user.display_name,
            subject_tail=user.subject[-6:],
            role=member.role,
            source=member.source,
            since=member.valid_from,
            until=member.valid_until,
            is_last=managing == {user.id} and member.role is at.managing_role,
            is_own=user.id == actor.user_id,
        )
        for member, user in found
    ]
    return sorted(entries, key=lambda entry: entry.role is not at.managing_role)


def members_by_agency(session: Session, actor: Actor, *, now: datetime) -> dict[UUID, int]:
    """How many people each agency of the municipality has."""
    query = (
        select(Membership.agency_id, sa.func.count(sa.distinct(col(Membership.user_id))))
        .where(Membership.municipality_id == actor.municipality, _valid(now))
        .group_by(col(Membership.agency_id))
    )
    return {agency_id: count for agency_id, count in session.exec(query) if agency_id is not None}


def get(
    session: Session, actor: Actor, membership_id: UUID, *, now: datetime
) -> tuple[Place, Entry]:
    """One membership and its place.

    Raises ``NotFound`` when it is out of the actor's reach, ``Conflict`` (``membership_ended``).
    """
    actor.require(Permission.MEMBERS_MANAGE)
    query = (
        select(Membership.agency_id, Agency.slug)
        .outerjoin(Agency, col(Agency.id) == Membership.agency_id)
        .where(Membership.id == membership_id, Membership.municipality_id == actor.municipality)
    )
    found = session.exec(query).first()
    if found is None or (actor.agency is not None and found[0] != actor.agency.id):
        raise NotFound
    at = place(session, actor, found[1] or "")
    for entry in roster(session, actor, at, now=now):
        if entry.id == membership_id:
            return at, entry
    raise Conflict("membership_ended")


def end_one(
    session: Session, actor: Actor, membership_id: UUID, *, knowing: bool, now: datetime
) -> Place:
    """End the membership now, wherever it came from.

    The last one with which members can be managed ends only ``knowing``: else ``Invalid``
    (``last_head_unconfirmed``, ``last_coordinator_unconfirmed``). Raises as :func:`get`.
    """
    at, entry, membership = _for_change(session, actor, membership_id, now=now)
    _require_knowing(at, entry, knowing)
    accounts.end_membership(session, actor, membership, now=now)
    return at


def change_role(
    session: Session,
    actor: Actor,
    membership_id: UUID,
    role: Role,
    *,
    knowing: bool,
    now: datetime,
) -> Place:
    """Give another role at the same place instead of this one, until the same day.

    Raises ``Conflict`` (``membership_from_claims``, ``role_held_already``; ``role_own``, for nobody
    but a head who steps down gives themselves a role), ``Invalid`` (``field_choice``) for a role
    that does not exist there, and as :func:`end_one`.
    """
    at, entry, membership = _for_change(session, actor, membership_id, now=now)
    if role not in at.roles:
        raise Invalid("field_choice", field="role")
    if membership.user_id == actor.user_id and role is not Role.CLERK:
        raise Conflict("role_own")
    if entry.source is MembershipSource.CLAIM:
        raise Conflict("membership_from_claims")
    held = {one.role for one in roster(session, actor, at, now=now) if one.user_id == entry.user_id}
    if role in held:
        raise Conflict("role_held_already")
    _require_knowing(at, entry, knowing)
    ends = membership.valid_until
    accounts.end_membership(session, actor, membership, now=now)
    accounts.grant(
        session,
        actor,
        Membership(
            user_id=membership.user_id,
            municipality_id=membership.municipality_id,
            agency_id=membership.agency_id,
            role=role,
            source=MembershipSource.MANUAL,
            valid_from=now,
            valid_until=ends,
        ),
        now=now,
    )
    return at


def limit(
    session: Session,
    actor: Actor,
    membership_id: UUID,
    until: datetime | None,
    *,
    knowing: bool,
    now: datetime,
) -> Place:
    """Set when the membership ends by itself, or (``None``) that it does not.

    Raises ``Conflict`` (``membership_from_claims``), ``Invalid`` (``end_date_past``), and as
    :func:`end_one`.
    """
    at, entry, membership = _for_change(session, actor, membership_id, now=now)
    if entry.source is MembershipSource.CLAIM:
        raise Conflict("membership_from_claims")
    if until is not None and until <= now:
        raise Invalid("end_date_past", field="until")
    if until is not None:
        _require_knowing(at, entry, knowing)
    membership.valid_until = until
    session.add(membership)
    audit.record(
        session,
        actor,
        Happening.MEMBERSHIP_LIMITED,
        now=now,
        agency_id=membership.agency_id,
        **accounts.whose(membership),
        until=until.isoformat() if until else "",
    )
    return at


def _for_change(
    session: Session, actor: Actor, membership_id: UUID, *, now: datetime
) -> tuple[Place, Entry, Membership]:
    """Read under a lock of the place: two heads who end each other must not both succeed."""
    at, _ = get(session, actor, membership_id, now=now)
    own: type[Agency] | type[Municipality] = Agency if at.agency else Municipality
    place_id = at.agency.id if at.agency else at.municipality_id
    session.get_one(own, place_id, with_for_update={"key_share": True}, populate_existing=True)
    at, entry = get(session, actor, membership_id, now=now)
    membership = session.get_one(Membership, membership_id, populate_existing=True)
    return at, entry, membership


def _require_knowing(at: Place, entry: Entry, knowing: bool) -> None:
    if knowing or not entry.is_last:
        return
    if at.agency:
        raise Invalid("last_head_unconfirmed", field="knowing")
    raise Invalid("last_coordinator_unconfirmed", field="knowing")


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
