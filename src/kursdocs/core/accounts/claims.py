"""The mapping from the sign-in provider's claims to memberships."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from kursdocs.core.access import Actor, Role
from kursdocs.core.accounts.people import end_membership, grant
from kursdocs.core.accounts.tables import Membership, MembershipSource, User
from kursdocs.core.agencies import Agency, Municipality
from kursdocs.core.ports import Identity


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
