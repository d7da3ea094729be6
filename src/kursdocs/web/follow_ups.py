"""The page of follow-ups: what should have followed a paper, most urgent first, and settling it."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Literal
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from kursdocs.catalogue import AgencyKind, FollowUpClock
from kursdocs.core import accounts
from kursdocs.core.access import Permission
from kursdocs.core.audit import Happening
from kursdocs.core.errors import Conflict, Invalid, KursdocsError, NotFound
from kursdocs.core.follow_ups import reading, settling
from kursdocs.core.follow_ups.reading import FollowUpView
from kursdocs.core.workdays import local_date
from kursdocs.web import errors
from kursdocs.web.call import COUNT_MAX, PAGE_SIZE, Call, Query, redirect
from kursdocs.web.documents import conflict_of
from kursdocs.web.pages import N_

_REOPENED = N_("Wieder offen. Es steht wieder in der Liste.")


class FollowUpsList(Query):
    """Which follow-ups, and where the list goes on."""

    clock: FollowUpClock | None = Field(
        default=None,
        description="Only those: `proof` of registration, `start` of the course, `lapsing` papers.",
    )
    after: UUID | None = Field(
        default=None, description="The `next` of the page before; empty for the first page."
    )


class FollowUpsQuery(FollowUpsList):
    """The same for the page: whether all is ticked, and what was just done."""

    tick: Literal["", "all"] = ""
    done: str = Field(default="", max_length=20)

    def written(self, **changes: str) -> str:
        """The address of the list."""
        values = {"clock": self.clock.value if self.clock else "", **changes}
        query = "&".join(f"{name}={value}" for name, value in values.items() if value)
        return f"/follow-ups?{query}" if query else "/follow-ups"


def index(call: Call) -> Response:
    """What of the acting agency is open, and what was settled today."""
    query: FollowUpsQuery = call.query()
    return _index(call, query)


def _index(call: Call, query: FollowUpsQuery, told: errors.Told | None = None) -> Response:
    session, actor, today = call.session, call.actor, local_date(call.now)
    found = reading.listing(
        session, actor, clock=query.clock, after=query.after, limit=PAGE_SIZE + 1
    )
    shown = found[:PAGE_SIZE]
    settled = reading.settled_today(session, actor, now=call.now)
    if told is None:
        call.record(Happening.FOLLOW_UPS_LISTED, count=len(shown))
    names = accounts.names_of(session, [one.ended_by_user_id for one in settled])
    last = settled and query.done == "settled" and settled[0].ended_by_user_id == actor.user_id
    just_now = [one for one in settled if one.ended_at == settled[0].ended_at] if last else []
    return call.render(
        "follow_ups/index.html",
        status=told.status if told else 200,
        flash=_REOPENED if query.done == "reopened" and not told else "",
        clock=query.clock.value if query.clock else "",
        clocks=[one.value for one in reading.clocks_of(call.services.catalogue, actor.acting.kind)],
        counts=_counts(call),
        count_max=COUNT_MAX,
        groups=_groups(call, shown),
        is_ticked=query.tick == "all",
        tick_href=query.written(tick="all"),
        next_href=query.written(after=str(shown[-1].id)) if len(found) > PAGE_SIZE else "",
        just_settled=[one.id for one in just_now],
        just_reason=just_now[0].reason if just_now else "",
        settled=[_settled(one, names) for one in settled],
        reasons=call.services.catalogue.settle_reasons,
        errors=told.fields if told else {},
        conflict=conflict_of(told) if told and not told.fields else None,
        today=today,
    )


def _counts(call: Call) -> Mapping[str, int]:
    found = reading.waiting(call.session, call.actor.acting.id)
    return {"": sum(found.values()), **{clock.value: count for clock, count in found.items()}}


def _groups(call: Call, found: Sequence[FollowUpView]) -> list[SimpleNamespace]:
    """One group for each rule, the most urgent first; what a rule that is no more left has none."""
    rules = {one.rule: call.services.catalogue.follow_up(one.rule) for one in found}
    return [
        SimpleNamespace(rule=rule, rows=[line(call, one) for one in found if one.rule == rule.code])
        for rule in rules.values()
        if rule is not None
    ]


def line(call: Call, one: FollowUpView) -> SimpleNamespace:
    """A follow-up with what the page says of it: how long it has, and which form would end it."""
    values = {name: getattr(one, name) for name in one.__dataclass_fields__}
    days_left = one.days_left(local_date(call.now))
    rule = call.services.catalogue.follow_up(one.rule)
    return SimpleNamespace(
        **values,
        days_left=days_left,
        name=rule.name if rule else None,
        ways=_ways(call, one.rule, one.other_kind),
    )


def _ways(call: Call, rule_code: str, other: AgencyKind) -> list[str]:
    """The kinds of paper that would end it and that the acting agency may send to the other one."""
    catalogue, kind = call.services.catalogue, call.actor.acting.kind
    rule = catalogue.follow_up(rule_code)
    if rule is None or not call.actor.may(Permission.DOCUMENT_SEND):
        return []
    return [code for code in rule.fulfilled_by if catalogue.route(code, kind, other) is not None]


def _settled(one: FollowUpView, names: Mapping[UUID, str]) -> SimpleNamespace:
    values = {name: getattr(one, name) for name in one.__dataclass_fields__}
    by = names.get(one.ended_by_user_id, "") if one.ended_by_user_id else ""
    return SimpleNamespace(**values, by=by)


# ── Settling ─────────────────────────────────────────────────────────────────────────────────


def settle(call: Call) -> Response:
    """Settle one or many with a reason; what nobody had chosen comes back with the mistake."""
    try:
        settling.settle(
            call.session,
            call.actor,
            _ids(call),
            reason=call.form.get("reason", ""),
            catalogue=call.services.catalogue,
            now=call.now,
        )
    except (Conflict, Invalid) as error:
        return _refused(call, error)
    return redirect(_list(call).written(done="settled"))


def reopen(call: Call) -> Response:
    """Take the settling of today back."""
    try:
        settling.reopen(call.session, call.actor, _ids(call), now=call.now)
    except (Conflict, Invalid) as error:
        return _refused(call, error)
    return redirect(_list(call).written(done="reopened"))


def _ids(call: Call) -> list[UUID]:
    try:
        return [UUID(text) for text in call.chosen.get("follow_up", ())]
    except ValueError:
        raise NotFound from None


def _list(call: Call) -> FollowUpsQuery:
    """The list that the form came from."""
    clock = call.form.get("clock", "")
    known = {one.value: one for one in FollowUpClock}
    return FollowUpsQuery(clock=known.get(clock))


def _refused(call: Call, error: KursdocsError) -> Response:
    call.refused(error)
    return _index(call, _list(call), errors.tell(call.kit.pages, call.language, error))
