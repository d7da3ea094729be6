"""The mapping from the sign-in provider's claims to memberships, and trying it out.

:func:`apply_claims` is what every sign-in and bearer call does, :func:`dry_run` tells what it would
do. Both ask :func:`_wanted`, so that they cannot differ.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from kursdocs.core.access import Actor, Role
from kursdocs.core.accounts.people import end_membership, grant
from kursdocs.core.accounts.tables import Membership, MembershipSource, User
from kursdocs.core.agencies import Agency, Municipality
from kursdocs.core.errors import Invalid
from kursdocs.core.ports import Identity

_JWT = re.compile(r"[\w-]+\.([\w-]+)\.[\w-]*", re.ASCII)


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


def apply_claims(
    session: Session,
    user: User,
    identity: Identity,
    rules: Sequence[ClaimRule],
    *,
    now: datetime,
) -> None:
    """Grant what the claims say and end what they no longer say; manual rows stay untouched."""
    wanted = _wanted(session, identity.claims, rules)
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


_Key = tuple[UUID, UUID | None, Role]


def _wanted(
    session: Session, claims: Mapping[str, object], rules: Sequence[ClaimRule]
) -> set[_Key]:
    matching = [rule for rule in rules if rule.matches(claims)]
    agencies = {a.slug: a for a in session.exec(_named(Agency, [r.agency for r in matching]))}
    towns = {
        m.slug: m for m in session.exec(_named(Municipality, [r.municipality for r in matching]))
    }
    wanted: set[_Key] = set()
    for rule in matching:
        if rule.agency in agencies:
            agency = agencies[rule.agency]
            wanted.add((agency.municipality_id, agency.id, rule.role))
        elif rule.municipality in towns:
            wanted.add((towns[rule.municipality].id, None, rule.role))
    return wanted


def _named(table: type[Agency] | type[Municipality], slugs: list[str]):  # type: ignore[no-untyped-def]  # the statement type differs per table
    return select(table).where(col(table.slug).in_([s for s in slugs if s]))


# ── Trying it out ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class NumberedRule:
    """A rule with its number in the mapping file, from 1, and what is behind its slug.

    ``place`` is the name of the agency or municipality, empty when nothing has that slug.
    """

    number: int
    rule: ClaimRule
    place: str
    is_closed: bool = False


@dataclass(frozen=True)
class Post:
    """A role at a place, by its name. At a closed agency it lets nobody in."""

    role: Role
    place: str
    is_closed: bool = False


@dataclass(frozen=True)
class Trial:
    """What a token with these claims would do to the memberships that come from claims.

    ``is_known``: whether this person has been here; ``is_foreign``: whether the token is of
    another provider, whose tokens count for nothing here.
    """

    matching: Sequence[NumberedRule]
    granted: Sequence[Post]
    kept: Sequence[Post]
    ended: Sequence[Post]
    is_known: bool
    is_foreign: bool


def rules_in_reach(
    session: Session, rules: Sequence[ClaimRule], *, municipality_id: UUID | None = None
) -> Sequence[NumberedRule]:
    """The rules about one municipality and its agencies; about all when none is named.

    A rule whose slug nothing has may be meant for any municipality: it is shown where there is
    only one.
    """
    agencies = {a.slug: a for a in session.exec(select(Agency))}
    towns = {m.slug: m for m in session.exec(select(Municipality))}
    found = []
    for number, rule in enumerate(rules, start=1):
        agency, town = agencies.get(rule.agency), towns.get(rule.municipality)
        owner = agency.municipality_id if agency else town.id if town else None
        if municipality_id is None or owner == municipality_id or (not owner and len(towns) == 1):
            place = agency or town
            is_closed = agency is not None and agency.closed_at is not None
            found.append(NumberedRule(number, rule, place.name if place else "", is_closed))
    return found


def read_claims(text: str) -> Mapping[str, object]:
    """The claims of pasted text: a JSON object, or the payload of a JWT, which is not verified.

    Raises ``Invalid`` (``claims_unreadable``), which does not carry the text.
    """
    text = text.strip().removeprefix("Bearer ").strip()
    if parts := _JWT.fullmatch(text):
        payload = parts[1]
        text = _decoded(payload + "=" * (-len(payload) % 4))
    try:
        claims = json.loads(text)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise Invalid("claims_unreadable", field="claims")
    return claims


def _decoded(payload: str) -> str:
    try:
        return base64.urlsafe_b64decode(payload).decode()
    except ValueError:
        return ""


def dry_run(
    session: Session,
    rules: Sequence[NumberedRule],
    claims: Mapping[str, object],
    *,
    issuer: str,
    municipality_id: UUID | None = None,
    now: datetime,
) -> Trial:
    """What :func:`apply_claims` would do with these claims; nothing is changed.

    With ``municipality_id`` only memberships there are told of.
    """
    matching = [numbered for numbered in rules if numbered.rule.matches(claims)]
    wanted = _wanted(session, claims, [numbered.rule for numbered in matching])
    user_id = _user_id(session, claims, issuer)
    held = _held(session, user_id, municipality_id, now=now) if user_id else set()
    said = claims.get("iss")
    return Trial(
        matching=matching,
        granted=_posts(session, wanted - held),
        kept=_posts(session, wanted & held),
        ended=_posts(session, held - wanted),
        is_known=user_id is not None,
        is_foreign=isinstance(said, str) and said.rstrip("/") != issuer.rstrip("/"),
    )


def _user_id(session: Session, claims: Mapping[str, object], issuer: str) -> UUID | None:
    subject = claims.get("sub")
    # A NUL or half of a character would be an error of the database.
    if not isinstance(subject, str) or not subject.isprintable():
        return None
    query = select(User.id).where(User.issuer == issuer, User.subject == subject)
    return session.exec(query).first()


def _held(
    session: Session, user_id: UUID, municipality_id: UUID | None, *, now: datetime
) -> set[_Key]:
    """What the person holds from claims, and would lose without them."""
    conditions = [
        col(Membership.user_id) == user_id,
        col(Membership.source) == MembershipSource.CLAIM,
        col(Membership.valid_until).is_(None),
        col(Membership.valid_from) <= now,
    ]
    if municipality_id is not None:
        conditions.append(col(Membership.municipality_id) == municipality_id)
    query = select(Membership.municipality_id, Membership.agency_id, Membership.role)
    found = session.exec(query.where(*conditions))
    return {(town, agency, Role(role)) for town, agency, role in found}


def _posts(session: Session, keys: set[_Key]) -> Sequence[Post]:
    """The same as people call them, in a stable order."""
    agencies = {a.id: a for a in session.exec(_identified(Agency, [k[1] for k in keys]))}
    towns = {m.id: m for m in session.exec(_identified(Municipality, [k[0] for k in keys]))}
    posts = [
        Post(role, agencies[agency_id].name, agencies[agency_id].closed_at is not None)
        if agency_id
        else Post(role, towns[municipality_id].name)
        for municipality_id, agency_id, role in keys
    ]
    return sorted(posts, key=lambda post: (post.place, post.role))


def _identified(table: type[Agency] | type[Municipality], ids: Sequence[UUID | None]):  # type: ignore[no-untyped-def]  # the statement type differs per table
    return select(table).where(col(table.id).in_([one for one in ids if one is not None]))
