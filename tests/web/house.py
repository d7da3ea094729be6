"""The whole demo application on a free port, and people and programs who use it for real.

:func:`open_house` serves what ``kursdocs demo`` serves, without the worker, so that nothing moves
behind a test's back. :class:`House` signs people in through the real code flow, gives programs
their tokens, and looks into database and folder from the side.
"""

import json
import re
import sqlite3
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from html import unescape
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx2
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlmodel import SQLModel, select
from starlette.types import ASGIApp
from tests import factories
from tests.adapters.paper_corpus import certificate
from tests.asgi import served
from tests.web.lint import lint

from kursdocs import bootstrap
from kursdocs.adapters.log_key import LogKey
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.catalogue import FollowUpClock
from kursdocs.core import accounts, instructions
from kursdocs.core.access import Actor, ActorKind, Role
from kursdocs.core.accounts import User
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.sending import SendingForm
from kursdocs.core.documents.tables import Delivery
from kursdocs.core.drafts.tables import Draft, DraftState
from kursdocs.core.follow_ups.tables import FollowUp, FollowUpState
from kursdocs.core.ports import SignInProvider
from kursdocs.core.requests import asking
from kursdocs.core.requests.asking import RequestForm
from kursdocs.core.workdays import local_date
from kursdocs.demo import town
from kursdocs.operations import checkpointing, intake
from kursdocs.services import Services
from kursdocs.settings import Settings

VHS, SPRACHWERK, OFFICE, JOBCENTER = (
    "vhs-musterstadt",
    "sprachwerk",
    "auslaenderbehoerde",
    "jobcenter",
)
METRICS_TOKEN = "dasZaehltNurDerBetrieb"
UNKNOWN = UUID("01890000-0000-7000-8000-000000000000")
# What looking may change: when an agency looked in, a recipient first opened, a session was used.
_MAY_CHANGE = {
    "agency": {"looked_in_at"},
    "delivery": {"opened_at"},
    "paper_request": {"opened_at"},
    "sign_in": {"used_at"},
}
_LOG = {"audit_event", "audit_head"}


def _lasting_columns() -> Iterator[tuple[str, list[str]]]:
    """Every table but the log's, with the columns that looking may not change."""
    for table in SQLModel.metadata.sorted_tables:
        if table.name not in _LOG:
            passing = _MAY_CHANGE.get(table.name, set())
            yield table.name, [c.name for c in table.c if c.name not in passing]


def _watching() -> Iterator[str]:
    """What makes the database note each row that is written, in its own transaction."""
    yield "CREATE TABLE written (number INTEGER PRIMARY KEY, what TEXT);"
    for table, columns in _lasting_columns():
        differs = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in columns)
        for deed, when in (("INSERT", ""), ("DELETE", ""), ("UPDATE", f"WHEN {differs}")):
            yield f"CREATE TRIGGER watch_{deed}_{table} AFTER {deed} ON {table} {when} BEGIN "
            yield f"INSERT INTO written (what) VALUES ('{deed} {table}'); END;"  # noqa: S608 - ours


# Certificate authorities are not needed on the loopback, and loading them takes 40 ms.
_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

Answer = httpx2.Response
FormFields = Mapping[str, str | list[str]]
FileParts = Sequence[tuple[str, tuple[str, bytes, str]]]


@cache
def paper() -> bytes:
    """A PDF that everybody accepts."""
    return certificate()


def the_file(data: bytes | None = None, name: str = "zulassung.pdf") -> FileParts:
    """The file part of a sending."""
    return [("file", (name, paper() if data is None else data, "application/pdf"))]


def sending_fields(**changes: str | list[str]) -> dict[str, str | list[str]]:
    """The fields of a sending without mistakes, from a course provider, as the page sends them."""
    fields: dict[str, str | list[str]] = {
        "kind": "admission_ik_jc",
        "recipient": [OFFICE, JOBCENTER],
        "family_name": "Mustermann-Öztürk",
        "given_names": "Probefried",
        "birth_date": "05.06.1987",
        "bamf_person_no": "4711081",
        "issued_on": "12.10.2026",
        "expires_on": "12.10.2027",
        "release_given_on": "13.10.2026",
        "release_form": "in_writing",
        "original_at": "Probeordner Nord",
    }
    return {**fields, **changes}


@dataclass
class Clock:
    """The clock of the application; ``ahead`` moves it without waiting."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        """The time now."""
        return datetime.now(UTC) + self.ahead


class Visitor:
    """A browser: keeps cookies, follows nothing by itself, and lints every answer."""

    def __init__(self, house: "House", language: str = "de") -> None:
        self.house = house
        self.client = house.client({"Accept-Language": language, "Accept": "text/html"})

    def get(self, path: str, **more: object) -> Answer:
        """GET, as a link does it."""
        return self.request("GET", path, **more)

    def post(self, path: str, data: FormFields | None = None, **more: object) -> Answer:
        """POST, as a form of our own page does it."""
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": self.house.url}
        return self.request("POST", path, data=data or {}, headers=headers, **more)

    def request(self, method: str, path: str, **more: object) -> Answer:
        """One request; the answer has passed :func:`tests.web.lint.lint`."""
        answer = self.client.request(method, path, **more)  # type: ignore[arg-type]  # httpx2's own words
        lint(answer, secrets=self.secrets(answer))
        return answer

    def secrets(self, answer: Answer) -> list[str]:
        """Values of cookies that nobody but the browser may see."""
        held = [*self.client.cookies.jar, *answer.cookies.jar]
        return [c.value for c in held if c.value and len(c.value) > 20]

    def is_signed_in(self) -> bool:
        """Whether the session in this browser's cookie has not ended since."""
        tokens = self.secrets(Answer(200))
        with self.house.services.transaction() as session:
            now = self.house.clock()
            return any(accounts.actor_of_sign_in(session, token, now=now) for token in tokens)

    def sign_in(self, subject: str, start: str = "/sign-in/start") -> Answer:
        """The authorization code flow, click by click; the answer of the callback."""
        return self.get(self.to_callback(subject, start))

    def to_callback(self, subject: str, start: str = "/sign-in/start") -> str:
        """The same, up to the address that leads back from the provider."""
        away = self.get(start)
        assert away.status_code == 303, away.text
        picker = self.get(away.headers["location"])
        action = re.search(r'<form[^>]*action="([^"]+)"', picker.text)
        assert action is not None
        back = self.post(unescape(action.group(1)), {"person": subject})
        assert back.status_code == 303, back.text
        return str(back.headers["location"])

    def send(self, fields: FormFields | None = None, files: FileParts | None = None) -> Answer:
        """Send the form of a document."""
        return self.post(
            "/documents",
            sending_fields() if fields is None else fields,
            files=the_file() if files is None else files,
        )


@dataclass
class House:
    """One running application. ``url`` is where it is, ``var`` holds all its data."""

    url: str
    var: Path
    services: Services
    clock: Clock
    _signed_in: dict[str, Visitor] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)
    _programs: dict[tuple[object, ...], httpx2.Client] = field(default_factory=dict)
    _clients: list[httpx2.Client] = field(default_factory=list)

    def visitor(self, language: str = "de") -> Visitor:
        """A fresh browser that nobody is signed in with."""
        return Visitor(self, language)

    def person(self, subject: str) -> Visitor:
        """The browser of somebody who signed in; the same one each time, while it is signed in."""
        if subject not in self._signed_in or not self._signed_in[subject].is_signed_in():
            self._signed_in[subject] = self.newly(subject)
        return self._signed_in[subject]

    def newly(self, subject: str, language: str = "de") -> Visitor:
        """A browser in which somebody signed in just now, who was instructed before."""
        visitor = self.visitor(language)
        assert visitor.sign_in(subject).status_code == 303
        self.instruct(subject)
        return visitor

    def instruct(self, subject: str) -> None:
        """Confirm the instruction wherever the person must, as one click on its page does."""
        catalogue, now = self.services.catalogue, self.clock()
        with self.services.transaction() as session:
            user = session.exec(select(User).where(User.subject == subject)).one()
            for membership, agency, _ in accounts.held_now(session, user.id, now=now):
                actor = Actor(
                    kind=ActorKind.PERSON,
                    user_id=user.id,
                    municipality_id=membership.municipality_id,
                    agency=factories.acting(agency) if agency else None,
                    role=membership.role,
                )
                if instructions.is_missing(session, actor, catalogue):
                    version = catalogue.instruction.version
                    instructions.confirm(session, actor, catalogue, version=version, now=now)

    def program(self, token: str, **headers: str) -> httpx2.Client:
        """A client of the API with a bearer token; the same one each time, but without cookies."""
        key = (token, *sorted(headers.items()))
        if key not in self._programs:
            self._programs[key] = self.client({"Authorization": f"Bearer {token}", **headers})
        self._programs[key].cookies.clear()
        return self._programs[key]

    def client(self, headers: Mapping[str, str]) -> httpx2.Client:
        """A client that knows where the application is; closed with the house."""
        made = httpx2.Client(
            base_url=self.url, headers=headers, timeout=30, trust_env=False, verify=_NOBODY
        )
        self._clients.append(made)
        return made

    def service(self, slug: str, **headers: str) -> httpx2.Client:
        """The program of an agency."""
        return self.program(self.service_token(slug), **headers)

    def service_token(self, slug: str) -> str:
        """An access token by client credentials, as the README shows it."""
        if slug not in self._tokens:
            self._tokens[slug] = self._token((slug, "demo"), {"grant_type": "client_credentials"})
        return self._tokens[slug]

    def person_token(self, subject: str) -> str:
        """An access token on behalf of a person; the same one each time, while it is accepted."""
        while not self._is_accepted(subject):
            self.person(subject)
            code, verifier = self._code(subject)
            self._tokens[subject] = self._token(
                ("kursdocs", "demo"),
                {
                    "grant_type": "authorization_code",
                    "code": code,
                    "redirect_uri": self.url + "/sign-in/callback",
                    "code_verifier": verifier,
                },
            )
        return self._tokens[subject]

    def _is_accepted(self, subject: str) -> bool:
        """Whether the token kept for the person still counts; signing out everywhere ends it."""
        if subject not in self._tokens:
            return False
        return self.program(self._tokens[subject]).get("/api/v1/me").status_code != 401

    def logout_token(self, **claims: object) -> str:
        """What the provider would send when a session there ends; a claim of ``None`` is left out.

        Signed with the provider's own key, so that a test can say anything in its name.
        """
        now = int(time.time())
        said: dict[str, object] = {
            "iss": self.url + "/demo/oidc",
            "aud": "kursdocs",
            "iat": now,
            "exp": now + 120,
            "jti": str(now),
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
            **claims,
        }
        file = self.services.settings.master_key_file.with_name("sign-in.key")
        key = ECKey.import_key(json.loads(file.read_text()))
        header = {"alg": "ES256", "typ": "logout+jwt", "kid": key.kid}
        return jwt.encode(header, {n: v for n, v in said.items() if v is not None}, key, ["ES256"])

    def let_in_again(self, subject: str) -> None:
        """After somebody signed out everywhere: tokens from before count again, as for others."""
        self._signed_in.pop(subject, None)
        with self.services.transaction() as session:
            user = session.exec(select(User).where(User.subject == subject)).one()
            user.signed_out_at = None
            session.add(user)

    def _code(self, subject: str) -> tuple[str, str]:
        verifier = "v" * 64
        asked = {
            "response_type": "code",
            "client_id": "kursdocs",
            "redirect_uri": self.url + "/sign-in/callback",
            "scope": "openid groups",
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        back = self.client({}).post("/demo/oidc/authorize", params=asked, data={"person": subject})
        return parse_qs(urlsplit(back.headers["location"]).query)["code"][0], verifier

    def _token(self, credentials: tuple[str, str], form: Mapping[str, str]) -> str:
        answer = self.client({}).post("/demo/oidc/token", data=form, auth=credentials)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def close(self) -> None:
        """Close every connection."""
        self._beside.close()
        for client in self._clients:
            client.close()

    # ── Looking inside ───────────────────────────────────────────────────────────────────────

    @cached_property
    def _beside(self) -> sqlite3.Connection:
        """Kept, as each new one reads all tables and triggers first. A read leaves nothing open."""
        return sqlite3.connect(self.var / "kursdocs.sqlite", isolation_level=None)

    def _read(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """What the database file says to a second pair of eyes beside the program's."""
        return self._beside.execute(statement, values).fetchall()

    def log_end(self) -> int:
        """The number of the last row of the log."""
        return int(str(self._read("SELECT coalesce(max(seq), 0) FROM audit_event")[0][0]))

    def log_since(self, seq: int) -> list[str]:
        """What was written to the log after that row."""
        rows = self._read("SELECT happening FROM audit_event WHERE seq > ? ORDER BY seq", seq)
        return [str(row[0]) for row in rows]

    def contents(self) -> dict[str, list[tuple[object, ...]]]:
        """Every row of every table but the log's, without what looking may change."""
        found = {}
        with closing(sqlite3.connect(self.var / "kursdocs.sqlite")) as connection:
            for table, columns in _lasting_columns():
                statement = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 - our own names
                found[table] = sorted(connection.execute(statement).fetchall(), key=repr)
        return found

    def watch(self) -> None:
        """From now on note each row that is written, as :meth:`written_since` tells.

        For whom :meth:`contents` takes too long: thousands of calls, each with both ends compared.
        """
        file = self.var / "kursdocs.sqlite"
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.executescript("".join(_watching()))

    def written_end(self) -> int:
        """The number of the last row that was written since :meth:`watch`."""
        return int(str(self._read("SELECT coalesce(max(number), 0) FROM written")[0][0]))

    def written_since(self, number: int) -> list[str]:
        """The tables but the log's of which a row was written since, and how.

        Not what looking may change, nor a row that was written as it stood before.
        """
        rows = self._read("SELECT DISTINCT what FROM written WHERE number > ?", number)
        return sorted(str(row[0]) for row in rows)

    def objects(self) -> set[str]:
        """Every file in the object store."""
        folder = self.var / "objects"
        return {str(path) for path in folder.rglob("*") if path.is_file()}

    # ── Papers to start from ─────────────────────────────────────────────────────────────────

    def actor(self, slug: str) -> Actor:
        """A clerk of the agency, for what a test needs done beforehand."""
        with self.services.transaction() as session:
            agency = session.exec(select(Agency).where(Agency.slug == slug)).one()
            return Actor(
                kind=ActorKind.PERSON,
                display_name="Vorher Probe",
                municipality_id=agency.municipality_id,
                agency=factories.acting(agency),
                role=Role.CLERK,
            )

    def sent(self, sender: str, recipient: str) -> "Sent":
        """A document with its bytes, really stored."""
        actor, form = self.actor(sender), _form(sender, recipient)
        view = intake.store(
            self.services, actor, intake.prepare(self.services, actor, form), [paper()], ""
        )
        return Sent(view.id, view.deliveries[0].id)

    def noted(self, sender: str, recipient: str) -> "Sent":
        """A document without bytes: quicker, where only its state counts."""
        actor, form = self.actor(sender), _form(sender, recipient)
        changes = {n: getattr(form, n) for n in ("kind", "released", "fields")}
        with self.services.transaction() as session:
            document_id = factories.make_document(
                session, actor, recipient, now=self.services.clock(), **changes
            )
            delivery = session.exec(
                select(Delivery.id).where(Delivery.document_id == document_id)
            ).one()
        return Sent(document_id, delivery)

    def waiting(self, sender: str, recipient: str) -> "Sent":
        """A report without bytes that a second person of its sender must approve."""
        actor = self.actor(sender)
        with self.services.transaction() as session:
            document_id = factories.make_document(
                session,
                actor,
                recipient,
                now=self.services.clock(),
                **factories.REPORT,
            )
            delivery = session.exec(
                select(Delivery.id).where(Delivery.document_id == document_id)
            ).one()
        return Sent(document_id, delivery)


def draft_of(house: House, subject: str, slug: str, data: bytes | None = None) -> str:
    """The id of a paper that this person has just put on their desk."""
    visitor = house.person(subject)
    answer = visitor.post("/desk/files", {"acting_agency": slug}, files=the_file(data))
    assert answer.status_code == 303, answer.text
    with house.services.transaction() as session:
        ready = select(Draft.id).where(Draft.state == DraftState.READY)
        return str(max(session.exec(ready)))


def request_form(requester: str, provider: str) -> dict[str, str]:
    """A request without mistakes, for somebody new each time."""
    kinds = {VHS: "obligation_ik_abh", SPRACHWERK: "admission_ik_jc"}
    kind = kinds.get(requester, "registration_confirmation_ik")
    person = {"family_name": f"Probe{token_hex(6)}", "given_names": "Lin"}
    return {"kind": kind, "provider": provider, "birth_date": "1990-01-02", **person}


def requested(house: House, requester: str, provider: str) -> UUID:
    """An open request of one agency to another."""
    typed: dict[str, Any] = {**request_form(requester, provider)}
    form = RequestForm(**typed)
    actor, now = house.actor(requester), house.services.clock()
    with house.services.transaction() as session:
        return asking.ask(session, actor, house.services.catalogue, form, now=now)


def followed(house: House, slug: str, *, is_settled: bool = False) -> UUID:
    """Something that should have followed a paper of that agency, open or settled today."""
    sender, recipient, rule, clock = {
        VHS: (OFFICE, VHS, "proof_ik", FollowUpClock.PROOF),
        OFFICE: (OFFICE, VHS, "lapsing_ik", FollowUpClock.LAPSING),
    }.get(slug, (SPRACHWERK, slug, "lapsing_ik", FollowUpClock.LAPSING))
    sent, actor, now = house.noted(sender, recipient), house.actor(slug), house.services.clock()
    follow_up = FollowUp(
        municipality_id=actor.municipality,
        agency_id=actor.acting.id,
        document_id=sent.document_id,
        delivery_id=sent.delivery_id,
        clock=clock,
        rule=rule,
        state=FollowUpState.SETTLED if is_settled else FollowUpState.OPEN,
        opens_on=local_date(now),
        due_on=local_date(now),
        created_at=now,
        ended_at=now if is_settled else None,
        reason="on_paper" if is_settled else "",
    )
    with house.services.transaction() as session:
        session.add(follow_up)
        return follow_up.id


@dataclass(frozen=True)
class Sent:
    """The ids of a document with one recipient."""

    document_id: UUID
    delivery_id: UUID


def _form(sender: str, recipient: str) -> SendingForm:
    kind = "obligation_ik_abh" if sender == OFFICE else "admission_ik_jc"
    return factories.make_form(recipient, kind=kind)


@contextmanager
def open_house(
    var: Path,
    *,
    provider: Callable[[SignInProvider], SignInProvider] = lambda real: real,
    **changes: object,
) -> Iterator[House]:
    """Serve the demo from a fresh folder; ``changes`` are settings other than the demo's."""
    with ExitStack() as stack:
        built: list[tuple[Services, Clock]] = []

        def build(url: str) -> ASGIApp:
            var.mkdir(exist_ok=True)
            LogKey.create(town.log_key_of(var), "musterstadt.example/log")
            defaults = town.settings_for(var, urlsplit(url).port or 0)
            settings = Settings(**{**defaults, **changes})
            MasterKeys.create(settings.master_key_file)
            bootstrap.migrate(settings)
            opened = stack.enter_context(bootstrap.open_services(settings))
            clock = Clock()
            services = replace(opened, clock=clock, provider=provider(opened.provider))
            town.set_up(services)
            checkpointing.run(services)
            built.append((services, clock))
            return bootstrap.open_application(services, bind_host="127.0.0.1")

        url = stack.enter_context(served(build, lifespan=True))
        services, clock = built[0]
        house = House(url, var, services, clock)
        stack.callback(house.close)
        yield house
