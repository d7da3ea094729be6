"""Browser sessions: from leaving for the sign-in provider to signing out.

A sign-in is a row: its random token lies hashed here, and memberships are read afresh at each
request, so that roles and sign-out act at once. Signing out elsewhere is in ``endings``.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, delete, update

from kursdocs.core import audit
from kursdocs.core.access import Actor, Role
from kursdocs.core.accounts.claims import ClaimRule, apply_claims
from kursdocs.core.accounts.people import actor_as, held_now, is_outdated, user_of
from kursdocs.core.accounts.tables import SignIn, SignInAttempt, User
from kursdocs.core.audit import Happening
from kursdocs.core.errors import NotFound
from kursdocs.core.ports import Identity, SignInRefused, SignInStart

IDLE_LIMIT = timedelta(minutes=30)
ABSOLUTE_LIMIT = timedelta(hours=10)
ATTEMPT_LIMIT = timedelta(minutes=15)
_TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class MembershipView:
    """A membership as the switcher shows it."""

    id: UUID
    role: Role
    agency_name: str
    municipality_name: str
    agency_slug: str = ""


@dataclass(frozen=True)
class SignedIn:
    """The actor of a browser session, and what else they could act as."""

    actor: Actor
    user: User
    membership_id: UUID | None
    memberships: Sequence[MembershipView]


def hashed(secret: str) -> str:
    """How a secret lies in the database."""
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
            state_hash=hashed(begun.state),
            browser_hash=hashed(browser),
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
    attempt = session.get(SignInAttempt, hashed(state), with_for_update=True)
    if attempt is None:
        raise SignInRefused("state_unknown")
    session.delete(attempt)
    session.flush()
    if attempt.begun_at < now - ATTEMPT_LIMIT:
        raise SignInRefused("state_expired")
    if not secrets.compare_digest(attempt.browser_hash, hashed(browser)):
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
    that says whom to ask. Raises ``Forbidden`` (``account_deactivated``), and ``SignInRefused``
    when the person was signed out after the token was made: the two crossed on their way.
    """
    user = user_of(session, identity, now=now)
    if is_outdated(user, identity, same_second=False):
        raise SignInRefused("signed_out_meanwhile")
    session.exec(delete(SignIn).where(col(SignIn.token_hash) == hashed(replacing)))
    apply_claims(session, user, identity, rules, now=now)
    memberships = held_now(session, user.id, now=now)
    token = secrets.token_urlsafe(32)
    first = memberships[0] if memberships else None
    session.add(
        SignIn(
            token_hash=hashed(token),
            user_id=user.id,
            membership_id=first[0].id if first else None,
            id_token=identity.id_token,
            provider_sid=identity.sid,
            issued_at=identity.issued_at,
            begun_at=now,
            used_at=now,
        )
    )
    audit.record(
        session,
        actor_as(user, first),
        Happening.SIGN_IN_SUCCEEDED,
        now=now,
        memberships=len(memberships),
    )
    return token


def actor_of_sign_in(session: Session, token: str, *, now: datetime) -> SignedIn | None:
    """Who holds this session token now; ``None`` when it is unknown, idle too long or ended.

    Memberships are read afresh each time: what ended a second ago no longer counts. With the
    membership it acts under a session ends too: moved on to another agency of the person, it
    would take there what was filled in for the first. Only a session that never acted for any
    takes up a membership that came later.
    """
    row = session.get(SignIn, hashed(token))
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
    held = held_now(session, user.id, now=now)
    chosen = next((h for h in held if h[0].id == row.membership_id), None)
    if chosen is None and row.membership_id is not None:
        session.exec(delete(SignIn).where(this))
        return None
    if chosen is None and held:
        chosen = held[0]
        session.exec(update(SignIn).where(this).values(membership_id=chosen[0].id))
    return SignedIn(
        actor=actor_as(user, chosen),
        user=user,
        membership_id=chosen[0].id if chosen else None,
        memberships=[
            MembershipView(
                m.id, m.role, a.name if a else "", town.name, agency_slug=a.slug if a else ""
            )
            for m, a, town in held
        ],
    )


def switch_agency(session: Session, token: str, membership_id: UUID, *, now: datetime) -> Actor:
    """Act under another of one's own memberships; raises ``NotFound`` when it is not one's own."""
    row = session.get(SignIn, hashed(token))
    if row is None:
        raise NotFound
    user = session.get_one(User, row.user_id)
    chosen = next(
        (h for h in held_now(session, user.id, now=now) if h[0].id == membership_id), None
    )
    if chosen is None:
        raise NotFound
    row.membership_id = membership_id
    session.add(row)
    actor = actor_as(user, chosen)
    audit.record(session, actor, Happening.AGENCY_SWITCHED, now=now)
    return actor


def sign_out(session: Session, actor: Actor, token: str, *, now: datetime) -> str:
    """End the session and return the provider's id token, needed to sign out there too."""
    ended = delete(SignIn).where(col(SignIn.token_hash) == hashed(token))
    id_token = session.execute(ended.returning(col(SignIn.id_token))).scalar()
    if id_token is None:
        return ""
    audit.record(session, actor, Happening.SIGN_IN_ENDED, now=now)
    return str(id_token)
