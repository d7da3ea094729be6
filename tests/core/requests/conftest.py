"""People of the town, and the requests between their agencies."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from tests.factories import (
    JOBCENTER,
    NOW,
    OFFICE,
    PROVIDER,
    acting,
    make_catalogue,
    make_form,
    make_person_actor,
    make_stored,
)

from kursdocs.adapters.database import Database
from kursdocs.core.access import Actor
from kursdocs.core.agencies import Agency
from kursdocs.core.documents import lifecycle, sending
from kursdocs.core.documents.sending import Sending
from kursdocs.core.requests import answering, asking, reading
from kursdocs.core.requests.asking import RequestForm
from kursdocs.core.requests.reading import RequestView
from kursdocs.core.tables import new_id
from kursdocs.core.workdays import local_date

CERTIFICATE: dict[str, Any] = {
    "kind": "attendance_certificate_ik",
    "released": False,
    "fields": {
        "issued_on": "2026-11-20",
        "period_from": "2026-06-01",
        "period_to": "2026-10-30",
        "proper_participation": "yes",
    },
}
"""What makes a form the paper for which the person is asked first."""


def make_request_form(**changes: object) -> RequestForm:
    """A request without mistakes: the certificate of an invented person, asked in two steps."""
    form = RequestForm(
        kind="attendance_certificate_ik",
        provider=PROVIDER,
        family_name="Mustermann-Öztürk",
        given_names="Probefried",
        birth_date="1987-06-05",
        person_asked_on="2026-11-02",
    )
    return replace(form, **changes)  # type: ignore[arg-type]  # as in a form


@dataclass
class Desks:
    """A clerk of each agency, and what they do with requests."""

    database: Database
    clerks: dict[str, Actor]

    def ask(self, of: str = JOBCENTER, *, now: datetime = NOW, **changes: Any) -> UUID:
        """An agency asks for a paper."""
        with self.database.transaction() as session:
            form = make_request_form(**changes)
            return asking.ask(session, self.clerks[of], make_catalogue(), form, now=now)

    def check(self, *recipients: str, request: str = "", **changes: Any) -> Sending:
        """The provider fills in the form that answers it."""
        with self.database.transaction() as session:
            values: dict[str, Any] = {**CERTIFICATE, **changes, "request": request}
            form = make_form(*(recipients or (JOBCENTER,)), **values)
            actor = self.clerks[PROVIDER]
            asked = answering.answerable(session, actor, form)
            today, rules = local_date(NOW), make_catalogue()
            checked = sending.check(session, actor, rules, form, today=today, requested=asked.of)
            return replace(checked, request_id=asked.request_id)

    def deliver(self, checked: Sending, *, scanned: bool = True, now: datetime = NOW) -> UUID:
        """The provider's paper goes out, as the intake does it."""
        document_id, stored, actor = new_id(), make_stored(), self.clerks[PROVIDER]
        with self.database.transaction() as session:
            lifecycle.reserve(
                session, actor, checked, stored, document_id=document_id, key="", now=now
            )
        with self.database.transaction() as session:
            held = answering.hold(session, actor, checked)
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
            answering.close(session, actor, held, document_id, now=now)
        return document_id

    def answer(self, *recipients: str, **changes: Any) -> UUID:
        """Both at once."""
        return self.deliver(self.check(*recipients, **changes))

    def see(self, who: str, request_id: UUID) -> RequestView:
        """The request as that agency sees it."""
        with self.database.transaction() as session:
            return reading.view(session, self.clerks[who], request_id)

    def do(self, act: Callable[..., Any], who: str, *arguments: Any, **values: Any) -> Any:
        """Something of the core, done by that agency's clerk in a transaction of its own."""
        with self.database.transaction() as session:
            return act(session, self.clerks[who], *arguments, **values)


@pytest.fixture
def desks(database: Database, town: dict[str, Agency]) -> Desks:
    with database.transaction() as session:
        clerks = {
            slug: make_person_actor(session, town[slug], subject=f"{slug}.probe")
            for slug in (PROVIDER, "sprachwerk", OFFICE, JOBCENTER)
        }
    assert clerks[PROVIDER].agency == acting(town[PROVIDER])
    return Desks(database, clerks)
