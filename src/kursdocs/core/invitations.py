"""Invitations by link: whoever opens one and signs in gets the role that stands in it, once.

The link carries a secret of 256 bits; only its hash lies here. It is worth nothing once it was
used, revoked or is too old, and when whoever made it may no longer do so: nobody keeps a way back
in. Nor is it worth anything to whoever made it. Entry points: :func:`create`, :func:`listing`,
:func:`revoke`, :func:`find`, :func:`accept`.
"""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import CursorResult
from sqlalchemy.orm import aliased
from sqlmodel import Field, Session, SQLModel, col, update

from kursdocs.core import accounts, audit, memberships
from kursdocs.core.access import Actor, Role
from kursdocs.core.accounts import Membership, MembershipSource, User
from kursdocs.core.agencies import Agency, Municipality
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Conflict, Invalid, NotFound
from kursdocs.core.memberships import Place
from kursdocs.core.tables import new_id, one_of, stored_as_value

DAYS_DEFAULT = 7
DAYS_MAX = 30
NOTE_LENGTH_MAX = 60
OPEN_MAX = 50
"""As many invitations may be open at one place at a time."""


class Invitation(SQLModel, table=True):
    """One role for whoever holds the link; only the hash of its secret lies here.

    Nobody made it (``created_by_user_id``): then the operator did.
    """

    __tablename__ = "invitation"
    __table_args__ = (
        one_of("role", Role),
        sa.CheckConstraint(
            "(role IN ('clerk', 'head')) = (agency_id IS NOT NULL)", name="agency_by_role"
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    token_hash: str = Field(max_length=64, unique=True)
    municipality_id: UUID = Field(foreign_key="municipality.id", ondelete="RESTRICT")
    agency_id: UUID | None = Field(
        default=None, foreign_key="agency.id", ondelete="RESTRICT", index=True
    )
    role: Role = Field(sa_type=stored_as_value(Role))
    note: str = Field(default="", max_length=NOTE_LENGTH_MAX)
    created_by_user_id: UUID | None = Field(
        default=None, foreign_key="app_user.id", ondelete="SET NULL"
    )
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None = None
    accepted_by_user_id: UUID | None = Field(
        default=None, foreign_key="app_user.id", ondelete="SET NULL"
    )
    revoked_at: datetime | None = None


@dataclass(frozen=True)
class Offer:
    """What an open invitation offers, and by whom (empty: by the operator)."""

    id: UUID
    role: Role
    agency_name: str
    municipality_name: str
    inviter: str
    note: str
    created_at: datetime
    expires_at: datetime

    @property
    def place_name(self) -> str:
        """Where the role is held."""
        return self.agency_name or self.municipality_name


def create(
    session: Session,
    actor: Actor,
    at: Place,
    *,
    role: Role,
    days: int = DAYS_DEFAULT,
    note: str = "",
    now: datetime,
) -> str:
    """Make an invitation and return the secret of its link, which nobody can ever read again.

    Raises ``Invalid`` (``field_choice``, ``field_number_out_of_range``, ``field_too_long``,
    ``field_characters``) and ``Conflict`` (``invitations_too_many``).
    """
    _check(at, role=role, days=days, note=note)
    if len(listing(session, at, now=now)) >= OPEN_MAX:
        raise Conflict("invitations_too_many", limit=OPEN_MAX)
    secret = secrets.token_urlsafe(32)
    invitation = Invitation(
        token_hash=_hashed(secret),
        municipality_id=at.municipality_id,
        agency_id=at.agency.id if at.agency else None,
        role=role,
        note=note.strip(),
        created_by_user_id=actor.user_id,
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    session.add(invitation)
    _record(session, actor, Happening.INVITATION_CREATED, invitation, now=now, days=days)
    return secret


def _check(at: Place, *, role: Role, days: int, note: str) -> None:
    if role not in at.roles:
        raise Invalid("field_choice", field="role")
    if not 1 <= days <= DAYS_MAX:
        raise Invalid("field_number_out_of_range", field="days", min=1, max=DAYS_MAX)
    if len(note.strip()) > NOTE_LENGTH_MAX:
        raise Invalid("field_too_long", field="note", max=NOTE_LENGTH_MAX)
    if not note.isprintable():
        raise Invalid("field_characters", field="note")


def listing(session: Session, at: Place, *, now: datetime) -> list[Offer]:
    """The open invitations of a place, the newest first."""
    agency_id = at.agency.id if at.agency else None
    query = _offers(now).where(
        col(Invitation.municipality_id) == at.municipality_id,
        col(Invitation.agency_id) == agency_id,
    )
    return [Offer(*row) for row in session.execute(query)]


def revoke(session: Session, actor: Actor, invitation_id: UUID, *, now: datetime) -> Place:
    """Make an open invitation worthless.

    Raises ``NotFound`` when it is out of the actor's reach, ``Conflict`` (``invitation_over``)
    when it was used, revoked or too old before.
    """
    invitation = session.get(Invitation, invitation_id)
    if invitation is None or invitation.municipality_id != actor.municipality:
        raise NotFound
    agency = session.get(Agency, invitation.agency_id) if invitation.agency_id else None
    if agency is None and actor.agency is not None:
        raise NotFound
    at = memberships.place(session, actor, agency.slug if agency else "")
    if not _taken(session, invitation_id, now, revoked_at=now):
        raise Conflict("invitation_over")
    _record(session, actor, Happening.INVITATION_REVOKED, invitation, now=now)
    return at


def find(session: Session, secret: str, *, now: datetime) -> Offer | None:
    """The open invitation of that secret; used, revoked, too old and unknown are alike."""
    row = session.execute(_offers(now).where(col(Invitation.token_hash) == _hashed(secret))).first()
    return Offer(*row) if row else None


def is_held(session: Session, actor: Actor, offer: Offer, *, now: datetime) -> bool:
    """Whether the person has the role, or one there that includes it, already."""
    if actor.user_id is None:
        return False
    invitation = session.get_one(Invitation, offer.id)
    return _covers(_roles_there(session, actor.user_id, invitation, now=now), invitation.role)


def is_own(session: Session, actor: Actor, offer: Offer) -> bool:
    """Whether the person made it: nobody gives a role to themselves.

    Else a coordinator could look at the papers of every agency (rule 9) with nobody's help.
    """
    return session.get_one(Invitation, offer.id).created_by_user_id == actor.user_id is not None


def accept(session: Session, actor: Actor, secret: str, *, now: datetime) -> UUID:
    """Give the person the role, once; the id of their membership.

    Of two who do so at once exactly one gets it. Raises ``NotFound`` (``invitation_over``) and
    ``Conflict`` (``role_held_already``, ``invitation_own``), by which the link stays unused.
    """
    offer = find(session, secret, now=now)
    if offer is None or actor.user_id is None:
        raise NotFound("invitation_over")
    invitation = session.get_one(Invitation, offer.id)
    held = _roles_there(session, actor.user_id, invitation, now=now)
    if _covers(held, invitation.role):
        raise Conflict("role_held_already")
    if is_own(session, actor, offer):
        raise Conflict("invitation_own")
    if not _taken(session, offer.id, now, accepted_at=now, accepted_by_user_id=actor.user_id):
        raise NotFound("invitation_over")
    guest = replace(actor, municipality_id=invitation.municipality_id, agency=None)
    for lesser in held:
        # The new role includes it; two entries for one agency would only puzzle.
        if lesser.source is MembershipSource.MANUAL and lesser.role is Role.CLERK:
            accounts.end_membership(session, guest, lesser, now=now)
    membership = Membership(
        user_id=actor.user_id,
        municipality_id=invitation.municipality_id,
        agency_id=invitation.agency_id,
        role=invitation.role,
        source=MembershipSource.MANUAL,
        valid_from=now,
    )
    accounts.grant(session, guest, membership, now=now)
    _record(session, guest, Happening.INVITATION_ACCEPTED, invitation, now=now)
    return membership.id


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


_Columns = sa.Select[UUID, Role, str, str, str, str, datetime, datetime]


def _offers(now: datetime) -> _Columns:
    inviter = aliased(User)
    return (
        sa.select(
            col(Invitation.id),
            col(Invitation.role),
            sa.func.coalesce(col(Agency.name), ""),
            col(Municipality.name),
            sa.func.coalesce(inviter.display_name, ""),
            col(Invitation.note),
            col(Invitation.created_at),
            col(Invitation.expires_at),
        )
        .join(Municipality, col(Municipality.id) == Invitation.municipality_id)
        .outerjoin(Agency, col(Agency.id) == Invitation.agency_id)
        .outerjoin(inviter, col(inviter.id) == Invitation.created_by_user_id)
        .where(_is_open(now), col(Agency.closed_at).is_(None))
        .order_by(col(Invitation.id).desc())
    )


def _is_open(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        col(Invitation.accepted_at).is_(None),
        col(Invitation.revoked_at).is_(None),
        col(Invitation.expires_at) > now,
        sa.or_(col(Invitation.created_by_user_id).is_(None), _inviter_may(now)),
    )


def _inviter_may(now: datetime) -> sa.ColumnElement[bool]:
    """Whoever made it still manages the members there: else an ended head had a way back in."""
    ends = col(Membership.valid_until)
    leads = sa.and_(
        col(Membership.role) == Role.HEAD, col(Membership.agency_id) == col(Invitation.agency_id)
    )
    coordinates = sa.and_(
        col(Membership.role) == Role.COORDINATOR,
        col(Membership.municipality_id) == col(Invitation.municipality_id),
    )
    return (
        sa.select(sa.literal(1))
        .select_from(Membership)
        .join(User, col(User.id) == Membership.user_id)
        .where(
            col(Membership.user_id) == col(Invitation.created_by_user_id),
            col(User.deactivated_at).is_(None),
            sa.or_(ends.is_(None), ends > now),
            sa.or_(leads, coordinates),
        )
        .correlate(Invitation)
        .exists()
    )


def _taken(session: Session, invitation_id: UUID, now: datetime, **values: object) -> bool:
    """Change the invitation if it is open still, as one statement: the first of two wins."""
    statement = (
        update(Invitation)
        .where(col(Invitation.id) == invitation_id, _is_open(now))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[object]", session.execute(statement)).rowcount == 1


def _roles_there(
    session: Session, user_id: UUID, invitation: Invitation, *, now: datetime
) -> list[Membership]:
    place = (invitation.municipality_id, invitation.agency_id)
    held = [membership for membership, _, _ in accounts.held_now(session, user_id, now=now)]
    return [one for one in held if (one.municipality_id, one.agency_id) == place]


def _covers(held: list[Membership], role: Role) -> bool:
    """A head is a clerk too."""
    roles = {membership.role for membership in held}
    return role in roles or (role is Role.CLERK and Role.HEAD in roles)


def _record(
    session: Session,
    actor: Actor,
    happening: Happening,
    invitation: Invitation,
    *,
    now: datetime,
    **more: Any,
) -> None:
    audit.record(
        session,
        replace(actor, municipality_id=invitation.municipality_id),
        happening,
        now=now,
        agency_id=invitation.agency_id,
        invitation=str(invitation.id),
        agency=str(invitation.agency_id or ""),
        role=invitation.role.value,
        **more,
    )
