"""Makes what tests of the domain start from: a town, its agencies, people, a sent document.

Each function does one thing through the domain's own doors; nothing here opens a database.
Everybody in it is invented: Muster, Beispiel, Probe.
"""

import contextvars
import functools
import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlmodel import Session

from kursdocs import catalogue as rules
from kursdocs.catalogue import AgencyKind, Catalogue
from kursdocs.core import accounts, agencies, scopes
from kursdocs.core.access import ActingAgency, Actor, ActorKind, Role
from kursdocs.core.accounts import ServiceAccount
from kursdocs.core.agencies import Agency, Municipality
from kursdocs.core.documents import lifecycle, sending
from kursdocs.core.documents.lifecycle import Stored
from kursdocs.core.documents.sending import Sending, SendingForm
from kursdocs.core.scopes import Scope
from kursdocs.core.tables import new_id

_T = TypeVar("_T")

# A Monday morning without a holiday near.
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
TODAY = date(2026, 11, 23)
ISSUER = "https://sign-in.example"
TESTS = Actor.system("tests")
PROVIDER, OFFICE, JOBCENTER = "vhs-musterstadt", "auslaenderbehoerde", "jobcenter"
REPORT: dict[str, Any] = {
    "kind": "nonattendance_report_ik",
    "obliging_bodies": (OFFICE,),
    "released": False,
    "fields": {
        "period_from": "2026-10-01",
        "period_to": "2026-10-31",
        "missed_lesson_units": "24",
    },
}
"""What makes a form a report that a second person must approve."""

KINDS = {
    PROVIDER: AgencyKind.COURSE_PROVIDER,
    "sprachwerk": AgencyKind.COURSE_PROVIDER,
    OFFICE: AgencyKind.IMMIGRATION_OFFICE,
    JOBCENTER: AgencyKind.JOBCENTER,
}


@functools.cache
def make_catalogue() -> Catalogue:
    """The shipped catalogue; it is frozen, so that all tests can share it."""
    return rules.load()


def make_municipality(
    session: Session, slug: str = "musterstadt", *, now: datetime = NOW
) -> Municipality:
    """A town."""
    return agencies.create_municipality(session, TESTS, slug=slug, name=slug.title(), now=now)


def make_agency(
    session: Session,
    slug: str,
    kind: AgencyKind | None = None,
    *,
    municipality: str = "musterstadt",
    mailbox: str | None = None,
    now: datetime = NOW,
) -> Agency:
    """An agency; kind and mailbox follow from the demo's slugs unless given."""
    return agencies.open_agency(
        session,
        TESTS,
        municipality=municipality,
        slug=slug,
        name=slug.title(),
        kind=kind or KINDS[slug],
        mailbox=f"{slug}@post.example" if mailbox is None else mailbox,
        now=now,
    )


def make_town(session: Session, *, now: datetime = NOW) -> dict[str, Agency]:
    """The demo's town with its four agencies, by slug."""
    make_municipality(session, now=now)
    made = {slug: make_agency(session, slug, now=now) for slug in KINDS}
    session.flush()
    return made


def make_person_actor(
    session: Session,
    agency: Agency,
    role: Role = Role.CLERK,
    *,
    subject: str = "amina.muster",
    now: datetime = NOW,
) -> Actor:
    """A person with a role in the agency, acting for it."""
    user = accounts.grant_by_subject(
        session,
        TESTS,
        issuer=ISSUER,
        subject=subject,
        role=role,
        municipality_id=agency.municipality_id,
        agency=agency if role.is_of_agency else None,
        now=now,
    )
    return Actor(
        kind=ActorKind.PERSON,
        display_name=subject,
        user_id=user.id,
        municipality_id=agency.municipality_id,
        agency=acting(agency) if role.is_of_agency else None,
        role=role,
    )


def make_service_account(
    session: Session, agency: Agency, *, now: datetime = NOW
) -> ServiceAccount:
    """The agency's program."""
    return accounts.create_service_account(
        session, TESTS, issuer=ISSUER, client_id=agency.slug, agency=agency, now=now
    )


def acting(agency: Agency) -> ActingAgency:
    """The agency as an actor carries it."""
    return ActingAgency(id=agency.id, slug=agency.slug, name=agency.name, kind=agency.kind)


def make_form(*recipients: str, **changes: object) -> SendingForm:
    """A sending form without mistakes: an admission that an invented person released."""
    values: dict[str, object] = {
        "kind": "admission_ik_jc",
        "recipients": recipients or (OFFICE,),
        "family_name": "Mustermann-Öztürk",
        "given_names": "Probefried",
        "birth_date": "1987-06-05",
        "original_at": "Probeordner Nord",
        "released": True,
        "fields": {
            "bamf_person_no": "4711081",
            "issued_on": "2026-10-12",
            "expires_on": "2027-10-12",
        },
    }
    return SendingForm(**{**values, **changes})  # type: ignore[arg-type]  # as in a form


def make_sending(
    session: Session,
    actor: Actor,
    *recipients: str,
    today: date = TODAY,
    **changes: object,
) -> Sending:
    """The same, checked."""
    form = make_form(*recipients, **changes)
    return sending.check(session, actor, make_catalogue(), form, today=today)


def make_stored() -> Stored:
    """What the object store would have kept of a document."""
    name = new_id().hex
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Stored(
        object_name=name, received_sha256=digest, sha256=digest, byte_size=2048, page_count=1
    )


def make_document(
    session: Session,
    actor: Actor,
    *recipients: str,
    scanned: bool = True,
    now: datetime = NOW,
    **changes: object,
) -> UUID:
    """A document that was sent (``scanned=False``: is held); its id. No bytes lie anywhere."""
    document_id, stored = new_id(), make_stored()
    checked = make_sending(session, actor, *recipients, today=now.date(), **changes)
    lifecycle.reserve(session, actor, checked, stored, document_id=document_id, key="", now=now)
    lifecycle.finish(
        session,
        actor,
        checked,
        document_id=document_id,
        stored_sha256=stored.sha256,
        scanned=scanned,
        catalogue=make_catalogue(),
        now=now,
    )
    return document_id


def within(scope: Scope, work: Callable[[], _T]) -> _T:
    """Do it as a request does that reaches so far: PostgreSQL keeps it there."""

    def narrowed() -> _T:
        scopes.enter(scope)
        return work()

    return contextvars.copy_context().run(narrowed)
