"""Access tokens: the person or the program behind one, and which programs are let in.

A token is a program's only when the provider's ``sub`` says so, which nobody can choose and which
is never given twice (OpenID Connect Core 5.7): it is the client id (RFC 9068), or just what the
operator wrote down for this client. A client id alone proves nothing, because people's tokens
carry that of the program they use; neither do names, which people can choose.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from kursdocs.core import audit
from kursdocs.core.access import Actor, ActorKind, Role
from kursdocs.core.accounts.claims import ClaimRule, apply_claims
from kursdocs.core.accounts.people import acting, actor_as, held_now, is_outdated, known, user_of
from kursdocs.core.accounts.tables import Membership, ServiceAccount, User
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Conflict, Forbidden
from kursdocs.core.ports import Identity, SignInRefused

_KEYCLOAK_PREFIX = "service-account-"


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
    ``agency_not_yours``. Raises ``SignInRefused`` when the person was signed out since.
    """
    if _is_program(session, identity):
        return _service(session, identity, agency=agency)
    user = user_of(session, identity, now=now)
    if is_outdated(user, identity, same_second=True):
        raise SignInRefused("signed_out")
    apply_claims(session, user, identity, rules, now=now)
    held = held_now(session, user.id, now=now)
    if agency:
        held = [h for h in held if h[1] is not None and h[1].slug == agency]
        if not held:
            raise Forbidden("agency_not_yours")
    if len({(h[0].municipality_id, h[0].agency_id) for h in held}) > 1:
        raise Forbidden("agency_ambiguous")
    return actor_as(user, held[0] if held else None)


def _is_program(session: Session, identity: Identity) -> bool:
    """Whether no person can be behind the token; which program it is, and if it may, comes next.

    Names only ever keep out: Keycloak calls the user behind a client ``service-account-…``, and a
    program that nobody let in must not become a person with memberships by its groups.
    """
    if identity.is_service:
        return True
    named = identity.claims.get("preferred_username")
    if identity.client_id and named == _KEYCLOAK_PREFIX + identity.client_id.lower():
        return True
    written_down = select(ServiceAccount.id).where(
        ServiceAccount.issuer == identity.issuer, ServiceAccount.subject == identity.subject
    )
    return session.exec(written_down).first() is not None


def _service(session: Session, identity: Identity, *, agency: str) -> Actor:
    query = (
        select(ServiceAccount, Agency)
        .join(Agency, col(Agency.id) == ServiceAccount.agency_id)
        .where(
            ServiceAccount.issuer == identity.issuer,
            ServiceAccount.client_id == identity.client_id,
            ServiceAccount.subject == ("" if identity.is_service else identity.subject),
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
        agency=acting(own),
        role=Role.CLERK,
    )


def create_service_account(
    session: Session,
    actor: Actor,
    *,
    issuer: str,
    client_id: str,
    subject: str = "",
    agency: Agency,
    now: datetime,
) -> ServiceAccount:
    """Let a program of the agency in.

    ``subject`` is the ``sub`` of its tokens where that is not the client id, as with Keycloak.
    Raises ``Conflict``: ``client_id_taken``, ``service_subject_taken``.
    """
    known = select(ServiceAccount.id).where(
        ServiceAccount.issuer == issuer, ServiceAccount.client_id == client_id
    )
    if session.exec(known).first():
        raise Conflict("client_id_taken", client_id=client_id)
    subject = "" if subject == client_id else subject
    if subject and _is_taken(session, issuer, subject):
        raise Conflict("service_subject_taken", client_id=client_id)
    account = ServiceAccount(
        issuer=issuer, client_id=client_id, subject=subject, agency_id=agency.id, created_at=now
    )
    session.add(account)
    audit.record(session, actor, Happening.SERVICE_ACCOUNT_CREATED, now=now)
    return account


def _is_taken(session: Session, issuer: str, subject: str) -> bool:
    """Another program, or a person who has ever held a role, is known by that subject."""
    program = select(ServiceAccount.id).where(
        ServiceAccount.issuer == issuer, ServiceAccount.subject == subject
    )
    person = select(Membership.id).join(User, col(User.id) == Membership.user_id)
    person = person.where(User.issuer == issuer, User.subject == subject)
    return any(session.exec(query).first() is not None for query in (program, person))


def services_of(session: Session, ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Client ids of service accounts by id."""
    query = select(ServiceAccount.id, ServiceAccount.client_id).where(
        col(ServiceAccount.id).in_(known(ids))
    )
    return dict(session.exec(query).all())
