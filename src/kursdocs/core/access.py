"""Who may do what: the one place that decides, for pages, API and command line alike.

The role gate is here (:meth:`Actor.may`, :meth:`Actor.require`); the object gate is in the
queries of the nouns, which start at the actor, so that what is foreign cannot be found.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from kursdocs.catalogue import AgencyKind
from kursdocs.core import scopes
from kursdocs.core.errors import Forbidden
from kursdocs.core.scopes import Reach, Scope


class Role(StrEnum):
    """Clerk and head belong to an agency, coordinator and auditor to the municipality."""

    CLERK = "clerk"
    HEAD = "head"
    COORDINATOR = "coordinator"
    AUDITOR = "auditor"

    @property
    def is_of_agency(self) -> bool:
        """Whether the role is held in an agency (and not in the municipality)."""
        return self in (Role.CLERK, Role.HEAD)


class Permission(StrEnum):
    """What a route asks for. A permission without a role that grants it fails a test."""

    CATALOGUE_READ = "catalogue.read"
    AGENCIES_READ = "agencies.read"
    DOCUMENT_SEND = "document.send"
    DOCUMENT_READ = "document.read"
    DOCUMENT_WITHDRAW = "document.withdraw"
    DOCUMENT_APPROVE = "document.approve"
    INBOX_READ = "inbox.read"
    SENT_READ = "sent.read"
    DELIVERY_SETTLE = "delivery.settle"
    REQUEST_READ = "request.read"
    REQUEST_MAKE = "request.make"
    AGENCY_LOG_READ = "agency_log.read"
    MUNICIPALITY_LOG_READ = "municipality_log.read"
    MUNICIPALITY_NUMBERS_READ = "municipality_numbers.read"
    MUNICIPALITY_MANAGE = "municipality.manage"
    AGENCY_SETTINGS = "agency.settings"
    MEMBERS_MANAGE = "members.manage"
    FOLLOW_UPS = "follow_ups"
    AGENCY_NUMBERS_READ = "agency_numbers.read"
    REMINDERS_READ = "reminders.read"
    MAIL_WATCH = "mail.watch"
    PACES_SET = "paces.set"
    INTEGRITY_READ = "integrity.read"


_CLERK = frozenset(
    {
        Permission.CATALOGUE_READ,
        Permission.AGENCIES_READ,
        Permission.DOCUMENT_SEND,
        Permission.DOCUMENT_READ,
        Permission.DOCUMENT_WITHDRAW,
        Permission.DOCUMENT_APPROVE,
        Permission.INBOX_READ,
        Permission.SENT_READ,
        Permission.DELIVERY_SETTLE,
        Permission.REQUEST_READ,
        Permission.REQUEST_MAKE,
        Permission.FOLLOW_UPS,
        Permission.AGENCY_NUMBERS_READ,
    }
)
_WATCH = frozenset({Permission.REMINDERS_READ, Permission.MAIL_WATCH, Permission.PACES_SET})

ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.CLERK: _CLERK,
    Role.HEAD: _CLERK
    | {Permission.AGENCY_LOG_READ, Permission.AGENCY_SETTINGS, Permission.MEMBERS_MANAGE}
    | _WATCH,
    # The coordinator sees counts, never a document or the name in one (rule 9).
    Role.COORDINATOR: frozenset(
        {
            Permission.MUNICIPALITY_MANAGE,
            Permission.AGENCY_SETTINGS,
            Permission.CATALOGUE_READ,
            Permission.AGENCIES_READ,
            Permission.MUNICIPALITY_NUMBERS_READ,
            Permission.MEMBERS_MANAGE,
            Permission.INTEGRITY_READ,
        }
    )
    | _WATCH,
    Role.AUDITOR: frozenset(
        {
            Permission.CATALOGUE_READ,
            Permission.MUNICIPALITY_LOG_READ,
            Permission.INTEGRITY_READ,
        }
    ),
}


class ActorKind(StrEnum):
    """A person at a browser or with a token, a program, or kursdocs itself."""

    PERSON = "person"
    SERVICE = "service"
    SYSTEM = "system"


@dataclass(frozen=True)
class ActingAgency:
    """The agency for which an actor acts just now."""

    id: UUID
    slug: str
    name: str
    kind: AgencyKind


@dataclass(frozen=True)
class Actor:
    """Who acts, in which role and for which agency.

    A signed-in person without a membership has neither role nor municipality and may do nothing.
    """

    kind: ActorKind
    display_name: str = ""
    user_id: UUID | None = None
    service_account_id: UUID | None = None
    municipality_id: UUID | None = None
    agency: ActingAgency | None = None
    role: Role | None = None

    @classmethod
    def system(cls, duty: str) -> "Actor":
        """kursdocs itself, doing a recurring duty."""
        return cls(kind=ActorKind.SYSTEM, display_name=duty)

    def may(self, permission: Permission) -> bool:
        """Whether the actor's role grants the permission."""
        return self.role is not None and permission in ROLE_PERMISSIONS[self.role]

    def require(self, permission: Permission) -> None:
        """Raise ``Forbidden`` unless the role grants it: ``no_role`` without any role."""
        if self.role is None:
            raise Forbidden("no_role")
        if not self.may(permission):
            raise Forbidden("not_permitted")

    @property
    def acting(self) -> ActingAgency:
        """The acting agency; raises ``Forbidden`` (``no_agency``) when there is none."""
        if self.agency is None:
            raise Forbidden("no_agency")
        return self.agency

    @property
    def municipality(self) -> UUID:
        """The municipality acted in; raises ``Forbidden`` (``no_role``) when there is none."""
        if self.municipality_id is None:
            raise Forbidden("no_role")
        return self.municipality_id

    @property
    def scope(self) -> Scope:
        """How far a request of this actor reaches at most, however its queries are written."""
        if self.role is None:
            return scopes.NOBODY
        if self.agency is not None:
            return Scope(Reach.AGENCY, self.agency.id)
        return Scope(Reach.TOWN, self.municipality)
