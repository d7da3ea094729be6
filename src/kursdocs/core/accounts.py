"""People and programs: users, memberships, service accounts, sign-ins, and the actors they become.

A user is (issuer, subject), never an e-mail. A membership has from, until and source; claims of
the sign-in provider make and end only memberships that came from claims. A sign-in is a row: its
random token lies hashed here, so that roles and sign-out act at once.

Entry points: :func:`begin_sign_in`, :func:`take_attempt`, :func:`sign_in`,
:func:`actor_of_sign_in`, :func:`actor_of_bearer`, :func:`switch_agency`, :func:`sign_out`.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col, delete, select, update

from kursdocs.core import audit
from kursdocs.core.access import ActingAgency, Actor, ActorKind, Role
from kursdocs.core.agencies import Agency, Municipality
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Conflict, Forbidden, NotFound
from kursdocs.core.ports import Identity, SignInRefused, SignInStart
from kursdocs.core.tables import new_id, one_of, stored_as_value

IDLE_LIMIT = timedelta(minutes=30)
ABSOLUTE_LIMIT = timedelta(hours=10)
ATTEMPT_LIMIT = timedelta(minutes=15)
_TOUCH_EVERY = timedelta(minutes=1)


class MembershipSource(StrEnum):
    """Where a membership comes from: the provider's claims, or a person here."""

    CLAIM = "claim"
    MANUAL = "manual"


class User(SQLModel, table=True):
    """A person who signed in once. Deleting the row never deletes a document."""

    __tablename__ = "app_user"
    __table_args__ = (sa.UniqueConstraint("issuer", "subject"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    issuer: str = Field(max_length=300)
    subject: str = Field(max_length=255)
    display_name: str = Field(default="", max_length=200)
    created_at: datetime
    deactivated_at: datetime | None = None


class Membership(SQLModel, table=True):
    """What a user may be, where, from when until when."""

    __tablename__ = "membership"
    __table_args__ = (
        one_of("role", Role),
        one_of("source", MembershipSource),
        sa.CheckConstraint(
            "(role IN ('clerk', 'head')) = (agency_id IS NOT NULL)", name="agency_by_role"
        ),
        sa.CheckConstraint(
            "valid_until IS NULL OR valid_until >= valid_from", name="ends_after_start"
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    user_id: UUID = Field(foreign_key="app_user.id", ondelete="CASCADE", index=True)
    municipality_id: UUID = Field(foreign_key="municipality.id", ondelete="RESTRICT")
    agency_id: UUID | None = Field(
        default=None, foreign_key="agency.id", ondelete="RESTRICT", index=True
    )
    role: Role = Field(sa_type=stored_as_value(Role))
    source: MembershipSource = Field(sa_type=stored_as_value(MembershipSource))
    valid_from: datetime
    valid_until: datetime | None = None


class ServiceAccount(SQLModel, table=True):
    """A program of one agency: issuer and client id, with the permissions of a clerk."""

    __tablename__ = "service_account"
    __table_args__ = (sa.UniqueConstraint("issuer", "client_id"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    issuer: str = Field(max_length=300)
    client_id: str = Field(max_length=255)
    agency_id: UUID = Field(foreign_key="agency.id", ondelete="RESTRICT", index=True)
    created_at: datetime
    ended_at: datetime | None = None


class SignIn(SQLModel, table=True):
    """A browser session: the hash of its token, and the membership it acts under."""

    __tablename__ = "sign_in"

    token_hash: str = Field(primary_key=True, max_length=64)
    user_id: UUID = Field(foreign_key="app_user.id", ondelete="CASCADE", index=True)
    membership_id: UUID | None = Field(
        default=None, foreign_key="membership.id", ondelete="SET NULL"
    )
    id_token: str = Field(default="", sa_type=sa.Text)
    provider_sid: str = Field(default="", max_length=255, sa_column_kwargs={"server_default": ""})
    begun_at: datetime
    used_at: datetime


class SignInAttempt(SQLModel, table=True):
    """What must be remembered between leaving for the provider and coming back.

    Bound to one browser, usable once; many may be under way, so that two tabs do not disturb
    each other.
    """

    __tablename__ = "sign_in_attempt"

    state_hash: str = Field(primary_key=True, max_length=64)
    browser_hash: str = Field(max_length=64)
    nonce: str = Field(max_length=200)
    code_verifier: str = Field(max_length=200)
    return_to: str = Field(max_length=500)
    begun_at: datetime = Field(index=True)


@dataclass(frozen=True)
class ClaimRule:
    """One line of the mapping file: this value of this claim grants this role there."""

    claim: str
    value: str
    role: Role
    municipality: str = ""
    agency: str = ""

    def matches(self, claims: Mapping[str, object]) -> bool:
        """Whether the token holds the value, alone or in a list.

        Dots in ``claim`` go deeper, unless a claim has just that name (as addresses do).
        """
        held: object = claims
        for part in [self.claim] if self.claim in claims else self.claim.split("."):
            held = held.get(part) if isinstance(held, Mapping) else None
        values = held if isinstance(held, list | tuple) else [held]
        return self.value in values


@dataclass(frozen=True)
class MembershipView:
    """A membership as the switcher shows it."""

    id: UUID
    role: Role
    agency_name: str
    municipality_name: str


@dataclass(frozen=True)
class SignedIn:
    """The actor of a browser session, and what else they could act as."""

    actor: Actor
    user: User
    membership_id: UUID | None
    memberships: Sequence[MembershipView]


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def begin_sign_in(
    session: Session, begun: SignInStart, *, browser: str, return_to: str, now: datetime
) -> None:
    """Remember an attempt, bound to the random value in this browser's cookie."""
    session.exec(delete(SignInAttempt).where(col(SignInAttempt.begun_at) < now - ATTEMPT_LIMIT))
    # Sessions that nobody came back to are not kept either: they hold names of staff.
    is_over = sa.or_(
        col(SignIn.begun_at) < now - ABSOLUTE_LIMIT, col(SignIn.used_at) < now - IDLE_LIMIT
    )
    session.exec(delete(SignIn).where(is_over))
    session.add(
        SignInAttempt(
            state_hash=_hashed(begun.state),
            browser_hash=_hashed(browser),
            nonce=begun.nonce,
            code_verifier=begun.code_verifier,
            return_to=return_to,
            begun_at=now,
        )
    )


def take_attempt(
    session: Session, *, state: str, browser: str, now: datetime
) -> tuple[SignInStart, str]:
    """The attempt of that state, once, and where to return to; raises ``SignInRefused``."""
    # Locked, so that of two who come back with one state only the first finds it.
    attempt = session.get(SignInAttempt, _hashed(state), with_for_update=True)
    if attempt is None:
        raise SignInRefused("state_unknown")
    session.delete(attempt)
    session.flush()
    if attempt.begun_at < now - ATTEMPT_LIMIT:
        raise SignInRefused("state_expired")
    if not secrets.compare_digest(attempt.browser_hash, _hashed(browser)):
        raise SignInRefused("other_browser")
    begun = SignInStart(
        url="", state=state, nonce=attempt.nonce, code_verifier=attempt.code_verifier
    )
    return begun, attempt.return_to


def sign_in(
    session: Session,
    identity: Identity,
    rules: Sequence[ClaimRule],
    *,
    replacing: str = "",
    now: datetime,
) -> str:
    """Open a session for a checked identity and return its token (256 bits, stored as a hash).

    ``replacing`` is the token this browser had before, worth nothing from now on. Applies the
    claims mapping. A person without any membership is signed in too: they get a page
    that says whom to ask. Raises ``Forbidden`` (``account_deactivated``).
    """
    user = _user_of(session, identity, now=now)
    session.exec(delete(SignIn).where(col(SignIn.token_hash) == _hashed(replacing)))
    _apply_claims(session, user, identity, rules, now=now)
    memberships = _current(session, user.id, now=now)
    token = secrets.token_urlsafe(32)
    first = memberships[0] if memberships else None
    session.add(
        SignIn(
            token_hash=_hashed(token),
            user_id=user.id,
            membership_id=first[0].id if first else None,
            id_token=identity.id_token,
            begun_at=now,
            used_at=now,
        )
    )
    audit.record(
        session,
        _actor(user, first),
        Happening.SIGN_IN_SUCCEEDED,
        now=now,
        memberships=len(memberships),
    )
    return token


def _user_of(session: Session, identity: Identity, *, now: datetime) -> User:
    """The person's row, made at the first time, and locked: their claims are mapped one by one."""
    user = _locked(session, identity) or _made(session, identity, now=now)
    if user.deactivated_at is not None:
        raise Forbidden("account_deactivated")
    name = identity.claims.get("name") or identity.claims.get("preferred_username")
    if isinstance(name, str) and name:
        user.display_name = name[:200]
    session.add(user)
    session.flush()
    return user


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


_Held = tuple[Membership, Agency | None, Municipality]


def _current(session: Session, user_id: UUID, *, now: datetime) -> list[_Held]:
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


def _apply_claims(
    session: Session,
    user: User,
    identity: Identity,
    rules: Sequence[ClaimRule],
    *,
    now: datetime,
) -> None:
    """Grant what the claims say and end what they no longer say; manual rows stay untouched."""
    wanted = _wanted(session, identity, rules)
    query = select(Membership).where(
        Membership.user_id == user.id,
        Membership.source == MembershipSource.CLAIM,
        col(Membership.valid_until).is_(None),
    )
    held = {(m.municipality_id, m.agency_id, m.role): m for m in session.exec(query)}
    for key, membership in held.items():
        if key not in wanted:
            end_membership(session, Actor.system("claims"), membership, now=now)
    for municipality_id, agency_id, role in sorted(wanted - set(held), key=str):
        grant(
            session,
            Actor.system("claims"),
            Membership(
                user_id=user.id,
                municipality_id=municipality_id,
                agency_id=agency_id,
                role=role,
                source=MembershipSource.CLAIM,
                valid_from=now,
            ),
            now=now,
        )


def _wanted(
    session: Session, identity: Identity, rules: Sequence[ClaimRule]
) -> set[tuple[UUID, UUID | None, Role]]:
    matching = [rule for rule in rules if rule.matches(identity.claims)]
    agencies = {a.slug: a for a in session.exec(_named(Agency, [r.agency for r in matching]))}
    towns = {
        m.slug: m for m in session.exec(_named(Municipality, [r.municipality for r in matching]))
    }
    wanted: set[tuple[UUID, UUID | None, Role]] = set()
    for rule in matching:
        if rule.agency in agencies:
            agency = agencies[rule.agency]
            wanted.add((agency.municipality_id, agency.id, rule.role))
        elif rule.municipality in towns:
            wanted.add((towns[rule.municipality].id, None, rule.role))
    return wanted


def _named(table: type[Agency] | type[Municipality], slugs: list[str]):  # type: ignore[no-untyped-def]  # the statement type differs per table
    return select(table).where(col(table.slug).in_([s for s in slugs if s]))


def grant(session: Session, actor: Actor, membership: Membership, *, now: datetime) -> None:
    """Add a membership."""
    session.add(membership)
    audit.record(
        session,
        actor,
        Happening.MEMBERSHIP_GRANTED,
        now=now,
        role=membership.role.value,
        source=membership.source.value,
    )


def end_membership(
    session: Session, actor: Actor, membership: Membership, *, now: datetime
) -> None:
    """End a membership now. The next request of its holder no longer has it."""
    membership.valid_until = now
    session.add(membership)
    audit.record(
        session,
        actor,
        Happening.MEMBERSHIP_ENDED,
        now=now,
        role=membership.role.value,
        source=membership.source.value,
    )


def _actor(user: User, held: _Held | None) -> Actor:
    if held is None:
        return Actor(kind=ActorKind.PERSON, display_name=user.display_name, user_id=user.id)
    membership, agency, municipality = held
    return Actor(
        kind=ActorKind.PERSON,
        display_name=user.display_name,
        user_id=user.id,
        municipality_id=municipality.id,
        agency=_acting(agency) if agency else None,
        role=membership.role,
    )


def _acting(agency: Agency) -> ActingAgency:
    return ActingAgency(id=agency.id, slug=agency.slug, name=agency.name, kind=agency.kind)


def actor_of_sign_in(session: Session, token: str, *, now: datetime) -> SignedIn | None:
    """Who holds this session token now; ``None`` when it is unknown, idle too long or ended.

    Memberships are read afresh each time: what ended a second ago no longer counts.
    """
    row = session.get(SignIn, _hashed(token))
    if row is None:
        return None
    user = session.get(User, row.user_id)
    too_old = row.begun_at < now - ABSOLUTE_LIMIT or row.used_at < now - IDLE_LIMIT
    # As statements: another request of this session may have ended it meanwhile.
    this = col(SignIn.token_hash) == row.token_hash
    if too_old or user is None or user.deactivated_at is not None:
        session.exec(delete(SignIn).where(this))
        return None
    if row.used_at < now - _TOUCH_EVERY:
        session.exec(update(SignIn).where(this).values(used_at=now))
    held = _current(session, user.id, now=now)
    chosen = next((h for h in held if h[0].id == row.membership_id), None)
    return SignedIn(
        actor=_actor(user, chosen),
        user=user,
        membership_id=chosen[0].id if chosen else None,
        memberships=[
            MembershipView(m.id, m.role, a.name if a else "", town.name) for m, a, town in held
        ],
    )


def switch_agency(session: Session, token: str, membership_id: UUID, *, now: datetime) -> Actor:
    """Act under another of one's own memberships; raises ``NotFound`` when it is not one's own."""
    row = session.get(SignIn, _hashed(token))
    if row is None:
        raise NotFound
    user = session.get_one(User, row.user_id)
    chosen = next(
        (h for h in _current(session, user.id, now=now) if h[0].id == membership_id), None
    )
    if chosen is None:
        raise NotFound
    row.membership_id = membership_id
    session.add(row)
    actor = _actor(user, chosen)
    audit.record(session, actor, Happening.AGENCY_SWITCHED, now=now)
    return actor


def sign_out(session: Session, actor: Actor, token: str, *, now: datetime) -> str:
    """End the session and return the provider's id token, needed to sign out there too."""
    ended = delete(SignIn).where(col(SignIn.token_hash) == _hashed(token))
    id_token = session.execute(ended.returning(col(SignIn.id_token))).scalar()
    if id_token is None:
        return ""
    audit.record(session, actor, Happening.SIGN_IN_ENDED, now=now)
    return str(id_token)


def actor_of_bearer(
    session: Session,
    identity: Identity,
    rules: Sequence[ClaimRule],
    *,
    agency: str,
    now: datetime,
) -> Actor:
    """The actor of a checked access token.

    A program is looked up as a service account. A person's claims are mapped as at sign-in;
    ``agency`` is the slug of the header ``Kursdocs-Agency``, needed with several memberships.
    Raises ``Forbidden``: ``service_unknown``, ``account_deactivated``, ``agency_ambiguous``,
    ``agency_not_yours``.
    """
    if identity.is_service:
        return _service(session, identity, agency=agency)
    user = _user_of(session, identity, now=now)
    _apply_claims(session, user, identity, rules, now=now)
    held = _current(session, user.id, now=now)
    if agency:
        held = [h for h in held if h[1] is not None and h[1].slug == agency]
        if not held:
            raise Forbidden("agency_not_yours")
    if len({(h[0].municipality_id, h[0].agency_id) for h in held}) > 1:
        raise Forbidden("agency_ambiguous")
    return _actor(user, held[0] if held else None)


def _service(session: Session, identity: Identity, *, agency: str) -> Actor:
    query = (
        select(ServiceAccount, Agency)
        .join(Agency, col(Agency.id) == ServiceAccount.agency_id)
        .where(
            ServiceAccount.issuer == identity.issuer,
            ServiceAccount.client_id == identity.client_id,
            col(ServiceAccount.ended_at).is_(None),
            col(Agency.closed_at).is_(None),
        )
    )
    found = session.exec(query).first()
    if found is None:
        raise Forbidden("service_unknown")
    account, own = found
    if agency and agency != own.slug:
        raise Forbidden("agency_not_yours")
    return Actor(
        kind=ActorKind.SERVICE,
        display_name=account.client_id,
        service_account_id=account.id,
        municipality_id=own.municipality_id,
        agency=_acting(own),
        role=Role.CLERK,
    )


def create_service_account(
    session: Session, actor: Actor, *, issuer: str, client_id: str, agency: Agency, now: datetime
) -> ServiceAccount:
    """Let a program of the agency in; raises ``Conflict`` (``client_id_taken``)."""
    known = select(ServiceAccount.id).where(
        ServiceAccount.issuer == issuer, ServiceAccount.client_id == client_id
    )
    if session.exec(known).first():
        raise Conflict("client_id_taken", client_id=client_id)
    account = ServiceAccount(
        issuer=issuer, client_id=client_id, agency_id=agency.id, created_at=now
    )
    session.add(account)
    audit.record(session, actor, Happening.SERVICE_ACCOUNT_CREATED, now=now)
    return account


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
    user = _user_of(session, Identity(issuer=issuer, subject=subject), now=now)
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
    query = select(User.id, User.display_name).where(col(User.id).in_(_known(ids)))
    return dict(session.exec(query).all())


def services_of(session: Session, ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Client ids of service accounts by id."""
    query = select(ServiceAccount.id, ServiceAccount.client_id).where(
        col(ServiceAccount.id).in_(_known(ids))
    )
    return dict(session.exec(query).all())


def _known(ids: Iterable[UUID | None]) -> set[UUID]:
    return {one for one in ids if one is not None}
