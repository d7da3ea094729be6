"""Follow-ups over the JSON API: the same core calls as the page."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from kursdocs.catalogue import FollowUpClock
from kursdocs.core.audit import Happening
from kursdocs.core.follow_ups import reading, settling
from kursdocs.core.follow_ups.reading import FollowUpView
from kursdocs.core.follow_ups.tables import FollowUpState
from kursdocs.web.call import Call
from kursdocs.web.follow_ups import FollowUpsList
from kursdocs.web.models import Model, Moment


class FollowUpsPage(FollowUpsList):
    """Which follow-ups, how many, and where the list goes on."""

    limit: int = Field(default=50, ge=1, le=100)


class FollowUpOut(Model):
    """What should follow a paper. ``rule`` and ``reason`` are codes of the catalogue.

    ``other`` is the other agency of the paper. ``due_on`` is by when it should have been done; the
    person is named as on the paper.
    """

    id: UUID
    clock: FollowUpClock
    rule: str
    state: FollowUpState
    opens_on: date
    due_on: date
    document_id: UUID
    kind: str
    family_name: str
    given_names: str
    birth_date: date | None
    other: str
    reason: str
    ended_at: Moment | None
    fulfilled_by_document_id: UUID | None


class FollowUpsOut(Model):
    """A page of follow-ups; ``next`` goes into ``after`` for the following one."""

    items: Sequence[FollowUpOut]
    next: UUID | None


def _json(model: Model) -> Response:
    return Response(model.model_dump_json(), media_type="application/json")


def _follow_up(one: FollowUpView) -> FollowUpOut:
    values: dict[str, Any] = {name: getattr(one, name) for name in FollowUpOut.model_fields}
    return FollowUpOut.model_validate(values)


def index(call: Call) -> Response:
    """What is open at the acting agency, most urgent first."""
    query: FollowUpsPage = call.query()
    found = reading.listing(
        call.session, call.actor, clock=query.clock, after=query.after, limit=query.limit + 1
    )
    shown = found[: query.limit]
    call.record(Happening.FOLLOW_UPS_LISTED, count=len(shown))
    goes_on = len(found) > len(shown)
    items = [_follow_up(one) for one in shown]
    return _json(FollowUpsOut(items=items, next=shown[-1].id if goes_on else None))


def settle(call: Call) -> Response:
    """Settle one with a reason of the list."""
    follow_up_id = call.id_in_path("follow_up_id")
    settling.settle(
        call.session,
        call.actor,
        [follow_up_id],
        reason=call.form["reason"],
        catalogue=call.services.catalogue,
        now=call.now,
    )
    return _json(_follow_up(reading.view(call.session, call.actor, follow_up_id)))
