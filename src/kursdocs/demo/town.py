"""The demo's municipality: what stands in its database, and its settings where none are given."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlmodel import select

from kursdocs.catalogue import AgencyKind
from kursdocs.core import accounts, agencies
from kursdocs.core.access import ActingAgency, Actor, ActorKind, Role
from kursdocs.core.accounts import ClaimRule
from kursdocs.core.errors import Invalid
from kursdocs.core.requests import asking
from kursdocs.core.requests.asking import RequestForm
from kursdocs.core.requests.tables import PaperRequest
from kursdocs.core.workdays import local_date
from kursdocs.demo.cast import PEOPLE, SERVICES
from kursdocs.demo.papers import sample_paper, sample_photo
from kursdocs.services import Services

MUNICIPALITY = "musterstadt"
LAND = "NW"
DOMAIN = "musterstadt.example"

AGENCIES: Sequence[tuple[str, str, AgencyKind]] = (
    ("vhs-musterstadt", "VHS Musterstadt", AgencyKind.COURSE_PROVIDER),
    ("sprachwerk", "Sprachwerk", AgencyKind.COURSE_PROVIDER),
    ("auslaenderbehoerde", "Ausländerbehörde Musterstadt", AgencyKind.IMMIGRATION_OFFICE),
    ("jobcenter", "Jobcenter Musterstadt", AgencyKind.JOBCENTER),
)

_REQUESTS: Sequence[tuple[str, int, RequestForm]] = (
    (
        "jobcenter",
        25,
        RequestForm(
            kind="attendance_certificate_ik",
            provider="vhs-musterstadt",
            family_name="Musterfrau",
            given_names="Selam",
            birth_date="1991-03-08",
        ),
    ),
    (
        "auslaenderbehoerde",
        1,
        RequestForm(
            kind="registration_confirmation_ik",
            provider="vhs-musterstadt",
            family_name="Probemann",
            given_names="Ilir",
            birth_date="1986-11-30",
        ),
    ),
    (
        "jobcenter",
        2,
        RequestForm(
            kind="certificate_ik_copy",
            provider="vhs-musterstadt",
            family_name="Beispiel",
            given_names="Nadia",
            birth_date="1995-07-19",
        ),
    ),
)
"""Who asks for what, and how many days ago; the first one is overdue by now."""

__all__ = [
    "PEOPLE",
    "SERVICES",
    "ask_samples",
    "claim_rules",
    "log_key_of",
    "set_up",
    "settings_for",
    "write_samples",
]


def settings_for(var: Path, port: int) -> dict[str, Any]:
    """Settings of an embedded demo below ``var``, for where the environment is silent."""
    public_url = f"http://127.0.0.1:{port}"
    log_key = log_key_of(var)
    return {
        **({"log_key_file": log_key} if log_key.exists() else {}),
        "database_url": f"sqlite:///{var}/kursdocs.sqlite",
        "keys_url": f"sqlite:///{var}/keys.sqlite",
        "store_url": f"folder:{var}/objects",
        "master_key_file": var / "master.keys",
        "public_url": public_url,
        "oidc_issuer": f"{public_url}/demo/oidc",
        "oidc_client_id": "kursdocs",
        # The demo's provider is in the same process and on this machine only.
        "oidc_client_secret": "demo",
        "smtp_url": f"folder:{var}/mail",
        "mail_from": "kursdocs@musterstadt.example",
        "clamd": "off",
        "demo": True,
    }


def log_key_of(var: Path) -> Path:
    """Where a demo has the key that signs its log; it does without when there is none."""
    return var / "log.key"


def claim_rules() -> list[ClaimRule]:
    """What the groups of the demo's provider mean here."""
    of_agencies = [
        ClaimRule(claim="groups", value=f"{slug}:{role}", role=role, agency=slug)
        for slug, _, _ in AGENCIES
        for role in (Role.CLERK, Role.HEAD)
    ]
    of_town = [
        ClaimRule(
            claim="groups", value=f"{MUNICIPALITY}:{role}", role=role, municipality=MUNICIPALITY
        )
        for role in (Role.COORDINATOR, Role.AUDITOR)
    ]
    return [*of_agencies, *of_town]


def set_up(services: Services) -> None:
    """Make the municipality, its agencies and their programs, unless they are there already."""
    actor = Actor.system("demo")
    now = services.clock()
    with services.transaction() as session:
        try:
            agencies.municipality_by_slug(session, MUNICIPALITY)
        except Invalid:
            agencies.create_municipality(
                session,
                actor,
                slug=MUNICIPALITY,
                name="Stadt Musterstadt",
                land=LAND,
                mailbox=f"koordination@{DOMAIN}",
                now=now,
            )
        else:
            return
        for slug, name, kind in AGENCIES:
            agency = agencies.open_agency(
                session,
                actor,
                municipality=MUNICIPALITY,
                slug=slug,
                name=name,
                kind=kind,
                mailbox=f"{slug}@{DOMAIN}",
                now=now,
            )
            others = {
                "deputy_mailbox": f"{slug}-vertretung@{DOMAIN}",
                "head_mailbox": f"{slug}-leitung@{DOMAIN}",
            }
            agencies.change_agency(session, actor, agency, others, now=now)
            accounts.create_service_account(
                session,
                actor,
                issuer=services.settings.oidc_issuer,
                client_id=slug,
                agency=agency,
                now=now,
            )


def ask_samples(services: Services) -> None:
    """Requests for papers of invented people, one of them overdue, unless there are any."""
    with services.transaction() as session:
        if session.exec(select(PaperRequest.id)).first() is not None:
            return
        for slug, days_ago, form in _REQUESTS:
            agency = agencies.by_slug(session, slug)
            actor = Actor(
                kind=ActorKind.SYSTEM,
                display_name="demo",
                municipality_id=agency.municipality_id,
                agency=ActingAgency(agency.id, agency.slug, agency.name, agency.kind),
            )
            now = services.clock() - timedelta(days=days_ago)
            asked_on = (local_date(now) - timedelta(days=14)).isoformat()
            is_two_step = form.kind == "attendance_certificate_ik"
            asked = replace(form, person_asked_on=asked_on if is_two_step else "")
            asking.ask(session, actor, services.catalogue, asked, now=now)


_COURSE = (
    ("Beispiel", "Oleksandr"),
    ("Mustermann-Öztürk", "Elif"),
    ("Probe", "Mohammed"),
    ("Musterova", "Daryna"),
    ("Beispiel-Muster", "Selin"),
    ("Probst", "Karim"),
    ("Muster", "Fatuma"),
    ("von Beispielen", "José"),
)


def write_samples(folder: Path) -> None:
    """Invented papers to try things out with, unless they lie there.

    A PDF, two photographs, and in ``kurs`` those of a whole course, to be dropped at once.
    """
    (folder / "kurs").mkdir(parents=True, exist_ok=True)
    name = "Zulassung zum Integrationskurs (Jobcenter)"
    for number, (family_name, given_names) in enumerate(_COURSE, start=1):
        scan = folder / "kurs" / f"scan-{number:02d}.pdf"
        if not scan.exists():
            scan.write_bytes(sample_paper(name, family_name, given_names, 10 + number))
    paper = folder / "zulassung-muster.pdf"
    if not paper.exists():
        paper.write_bytes(sample_paper(name, "Muster", "Lin", 1))
    for number in (1, 2):
        photo = folder / f"foto-{number}.jpg"
        if not photo.exists():
            photo.write_bytes(sample_photo(name, "Beispiel", "Omar", number))
