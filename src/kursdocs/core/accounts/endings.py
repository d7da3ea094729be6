"""Signing out elsewhere: at the provider, on all devices; and what must not outlive a role.

Back-channel logout needs no memory of tokens seen: what a logout token ends are sessions made up to
its own time, so that one sent twice ends nothing that began later.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, delete, select

from kursdocs.core import audit
from kursdocs.core.access import Actor, ActorKind
from kursdocs.core.accounts.people import actor_as, held_now, is_outdated
from kursdocs.core.accounts.sessions import hashed
from kursdocs.core.accounts.tables import ServiceAccount, SignIn, User
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Forbidden
from kursdocs.core.ports import Identity, ProviderSignOut

# The provider may be several machines whose clocks do not quite agree.
_LEEWAY = timedelta(seconds=60)


def sign_out_by_provider(session: Session, told: ProviderSignOut, *, now: datetime) -> None:
    """End what hangs on a session at the provider, or all sessions of a person; once or often.

    Access tokens of that person made until then are refused from now on, whichever session they
    come from: they do not say, and a program whose session lives on gets a new one by itself.
    Unknown sessions and persons are none of our business.
    """
    user = _user(session, told)
    if user is None:
        return
    ended = session.exec(delete(SignIn).where(*_meant(user, told))).rowcount
    is_news = user.signed_out_at is None or user.signed_out_at < told.issued_at
    if is_news:
        user.signed_out_at = told.issued_at
        session.add(user)
    if is_news or ended:
        _record(session, user, Happening.SIGN_IN_ENDED_BY_PROVIDER, ended, now=now)


def _user(session: Session, told: ProviderSignOut) -> User | None:
    """Locked: who is signing in just now comes after, and is then seen to be outdated."""
    query = select(User).where(User.issuer == told.issuer)
    if told.subject:
        query = query.where(User.subject == told.subject)
    else:
        held = select(SignIn.user_id).where(SignIn.provider_sid == told.sid)
        query = query.where(col(User.id).in_(held))
    return session.exec(query.with_for_update(key_share=True)).first()


def _meant(user: User, told: ProviderSignOut) -> list[sa.ColumnElement[bool]]:
    made = col(SignIn.issued_at)
    meant = [col(SignIn.user_id) == user.id]
    if told.sid:
        # One that came without a name may be the very session meant.
        meant.append(col(SignIn.provider_sid).in_([told.sid, ""]))
    else:
        meant.append(sa.or_(made.is_(None), made <= told.issued_at + _LEEWAY))
    return meant


def sign_out_everywhere(session: Session, token: str, *, now: datetime) -> str:
    """End all sessions of whoever holds this one, and their access tokens; returns the id token."""
    query = (
        select(User, SignIn.id_token)
        .join(SignIn, col(SignIn.user_id) == User.id)
        .where(SignIn.token_hash == hashed(token))
        .with_for_update(of=User, key_share=True)
    )
    found = session.exec(query).first()
    if found is None:
        return ""
    user, id_token = found
    ended = session.exec(delete(SignIn).where(col(SignIn.user_id) == user.id)).rowcount
    user.signed_out_at = now.replace(microsecond=0)
    session.add(user)
    _record(session, user, Happening.SIGN_IN_ENDED_EVERYWHERE, ended, now=now)
    return id_token


def _record(
    session: Session, user: User, happening: Happening, sessions: int, *, now: datetime
) -> None:
    held = held_now(session, user.id, now=now)
    actor = actor_as(user, held[0] if held else None)
    audit.record(session, actor, happening, now=now, sessions=sessions)


def require_standing(
    session: Session, actor: Actor, identity: Identity | None = None, *, now: datetime
) -> None:
    """Raise ``Forbidden`` (``standing_ended``) when the actor is no longer what it was admitted as.

    For work that outlasts its admission, such as an upload: called in the transaction that makes
    it count. ``identity`` is that of the access token, if one was brought.
    """
    is_service = actor.kind is ActorKind.SERVICE
    stands = (
        _service_stands(session, actor)
        if is_service
        else _person_stands(session, actor, identity, now=now)
    )
    if not stands:
        raise Forbidden("standing_ended")


def _person_stands(
    session: Session, actor: Actor, identity: Identity | None, *, now: datetime
) -> bool:
    user = session.get(User, actor.user_id) if actor.user_id else None
    if user is None or user.deactivated_at is not None:
        return False
    if identity is not None and is_outdated(user, identity, same_second=True):
        return False
    acting = actor.agency.id if actor.agency else None
    return any(
        membership.role is actor.role
        and membership.municipality_id == actor.municipality_id
        and membership.agency_id == acting
        for membership, _, _ in held_now(session, user.id, now=now)
    )


def _service_stands(session: Session, actor: Actor) -> bool:
    query = (
        select(ServiceAccount.id)
        .join(Agency, col(Agency.id) == ServiceAccount.agency_id)
        .where(
            ServiceAccount.id == actor.service_account_id,
            col(ServiceAccount.ended_at).is_(None),
            col(Agency.closed_at).is_(None),
        )
    )
    return session.exec(query).first() is not None
