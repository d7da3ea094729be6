"""Requests over the JSON API: the same core calls as the pages."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from kursdocs.core.audit import Happening
from kursdocs.core.requests import answering, asking, reading
from kursdocs.core.requests.asking import RequestForm
from kursdocs.core.requests.reading import Fallen, RequestView, Side
from kursdocs.core.requests.tables import RequestState
from kursdocs.core.workdays import local_date
from kursdocs.web.call import Call
from kursdocs.web.models import Model, Moment
from kursdocs.web.requests import RequestsList, usual_side


class RequestsPage(RequestsList):
    """Which requests, how many, and where the list goes on."""

    limit: int = Field(default=50, ge=1, le=100)


class RequestIn(Model):
    """What is asked for. An empty ``due_on`` means the usual number of the provider's working days.

    ``person_asked_on`` must be given where a route needs a prior request: it is the day on which
    the person was asked for the paper. ``fields`` are those of the kind's ``request_fields``.
    """

    kind: str = Field(min_length=1, max_length=60)
    provider: str = Field(min_length=1, max_length=60)
    family_name: str = Field(max_length=500)
    given_names: str = Field(max_length=500)
    birth_date: str = Field(max_length=20)
    due_on: str = Field(default="", max_length=20)
    person_asked_on: str = Field(default="", max_length=20)
    fields: dict[str, str] = Field(default_factory=dict)


class RequestOut(Model):
    """A request as requester or asked agency sees it; a forgotten one no longer names the person.

    ``fallen`` says why it is open although it was answered.
    """

    id: UUID
    kind: str
    state: RequestState
    side: Side
    requester: str
    provider: str
    family_name: str
    given_names: str
    birth_date: date | None
    fields: dict[str, str]
    ground: str
    person_asked_on: date | None
    due_on: date
    created_at: Moment
    opened_at: Moment | None
    document_id: UUID | None
    fallen: Fallen | None
    ended_at: Moment | None
    end_reason: str
    forget_on: date | None
    forgotten_at: Moment | None


class RequestsOut(Model):
    """A page of requests; ``next`` goes into ``after`` for the following one."""

    items: Sequence[RequestOut]
    next: UUID | None


def _json(model: Model, status: int = 200) -> Response:
    return Response(model.model_dump_json(), status, media_type="application/json")


def _request(request: RequestView) -> RequestOut:
    values: dict[str, Any] = {name: getattr(request, name) for name in RequestOut.model_fields}
    return RequestOut.model_validate(values)


def index(call: Call) -> Response:
    """The requests of the acting agency, most urgent first."""
    query: RequestsPage = call.query()
    found = reading.rows(
        call.session,
        call.actor,
        query.side or usual_side(call),
        query.state,
        today=local_date(call.now),
        after=query.after,
        limit=query.limit + 1,
    )
    shown = found[: query.limit]
    call.record(Happening.PAPER_REQUESTS_LISTED, count=len(shown))
    goes_on = len(found) > len(shown)
    items = [_request(request) for request in shown]
    return _json(RequestsOut(items=items, next=shown[-1].id if goes_on else None))


def create(call: Call) -> Response:
    """Ask another agency for a paper."""
    values: dict[str, Any] = dict(call.form)
    typed = RequestForm(**values)
    request_id = asking.ask(call.session, call.actor, call.services.catalogue, typed, now=call.now)
    return _answer(call, request_id, 201)


def show(call: Call) -> Response:
    """One request."""
    request_id = call.id_in_path("request_id")
    reading.view(call.session, call.actor, request_id)
    answering.mark_opened(call.session, call.actor, request_id, now=call.now)
    call.record(Happening.PAPER_REQUEST_VIEWED, paper_request=str(request_id))
    return _answer(call, request_id)


def decline(call: Call) -> Response:
    """Say that the paper does not come, with a reason of the list."""
    request_id = call.id_in_path("request_id")
    answering.decline(
        call.session,
        call.actor,
        request_id,
        reason=call.form["reason"],
        catalogue=call.services.catalogue,
        now=call.now,
    )
    return _answer(call, request_id)


def cancel(call: Call) -> Response:
    """Take an own request back."""
    request_id = call.id_in_path("request_id")
    asking.cancel(call.session, call.actor, request_id, now=call.now)
    return _answer(call, request_id)


def _answer(call: Call, request_id: UUID, status: int = 200) -> Response:
    return _json(_request(reading.view(call.session, call.actor, request_id)), status)
