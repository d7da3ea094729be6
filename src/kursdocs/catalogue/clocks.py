"""Clocks that run beside the ladders: requests, approvals, what should follow a paper; their paces.

A pace is one number of days of the rules that a municipality, and within its limits an agency, may
set otherwise. Every step of a ladder is one, every clock of requests, and the silence.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kursdocs.catalogue.fields import DateFormat, Field
from kursdocs.catalogue.files import OFF
from kursdocs.catalogue.tables import Table
from kursdocs.catalogue.wording import Addressee, AgencyKind, FollowUpClock, Text

TAKEN_OVER = "taken_over"
"""What a follow-up is counted from when it is not a date of the paper."""

_DAYS_MAX = 60
_OFFSET_MAX = 400
_REMINDERS_MAX = 4


class Side(StrEnum):
    """Which of a paper's two agencies is meant."""

    SENDER = "sender"
    RECIPIENT = "recipient"


class Unit(StrEnum):
    """What is counted: working days of the agency, or days of the calendar."""

    WORKING_DAYS = "working_days"
    DAYS = "days"


@dataclass(frozen=True)
class Steps:
    """Who is told from which day on; an addressee without a step is never told.

    ``before`` is how many working days ahead of the day the desk is told first; 0 means not ahead.
    """

    steps: tuple[tuple[int, Addressee], ...]
    before: int = 0

    def step(self, addressee: Addressee, passed: int) -> int | None:
        """The highest step reached so many working days after the day that concerns them."""
        first = next((after for after, who in self.steps if who is addressee), None)
        if first is None:
            return None
        return max((after for after, _ in self.steps if first <= after <= passed), default=None)


@dataclass(frozen=True)
class Clocks:
    """Who is told of a paper that was asked for, and of one that a second person must approve.

    Requests count working days from the day by which they should be answered, approvals from the
    day on which the paper was sent.
    """

    request: Steps = Steps(
        (
            (1, Addressee.DESK),
            (3, Addressee.DEPUTY),
            (5, Addressee.HEAD),
            (10, Addressee.COORDINATOR),
        ),
        before=2,
    )
    approval: Steps = Steps(((0, Addressee.DESK), (1, Addressee.HEAD)))


@dataclass(frozen=True)
class FollowUpRule:
    """Something that should follow a paper of these kinds, and who is told when it does not.

    Whose task it is: that of its ``side`` (sender or recipient), if its kind is one of
    ``agency_kinds``. It is counted from ``counted_from``: the day of taking over, or a date field
    of the paper. ``days`` ascend, negative ones lie before that day: at each of them the desk is
    told, at the first the task opens. ``due`` is by when it should have been done. A paper of
    ``fulfilled_by`` about the same person, sent or received by the agency, ends it.
    """

    code: str
    clock: FollowUpClock
    name: Text
    hint: Text
    kinds: tuple[str, ...]
    side: Side
    agency_kinds: tuple[AgencyKind, ...]
    counted_from: str
    unit: Unit
    days: tuple[int, ...]
    due: int
    fulfilled_by: tuple[str, ...]


@dataclass(frozen=True)
class SettleReason:
    """Why a follow-up is settled without a paper in here; ``on_paper``: it went another way."""

    code: str
    text: Text
    on_paper: bool


@dataclass(frozen=True)
class Pace:
    """One number of the rules that may be set otherwise, between ``least`` and ``most``."""

    code: str
    days: int
    least: int
    most: int
    unit: Unit


def read_clocks(top: Table) -> Clocks:
    """The tables ``[clocks.request]`` and ``[clocks.approval]``; the usual ones when left out."""
    found = {table.name: table for table in top.tables("clocks")} if top.has("clocks") else {}
    for name, table in found.items():
        if name not in ("request", "approval"):
            table.wrong("", f"{name!r} is no clock; known are request, approval")
    usual = Clocks()
    return Clocks(
        request=_steps(found["request"]) if "request" in found else usual.request,
        approval=_steps(found["approval"]) if "approval" in found else usual.approval,
    )


def _steps(table: Table) -> Steps:
    steps = tuple(
        (table.number(addressee, 0, _DAYS_MAX), addressee)
        for addressee in Addressee
        if table.has(addressee)
    )
    if [after for after, _ in steps] != sorted(after for after, _ in steps) or not steps:
        table.wrong("", f"the steps must follow each other: {', '.join(Addressee)}")
    before = table.number("before", 0, _DAYS_MAX, default=0)
    table.done()
    return Steps(steps, before)


def read_follow_ups(
    top: Table, kinds: Mapping[str, Collection[str]], fields: Mapping[str, Field]
) -> tuple[FollowUpRule, ...]:
    """The tables ``[follow_ups.…]``; a file may have none. ``kinds`` names the fields of each.

    One that is switched off is checked, too: it may be switched on again.
    """
    if not top.has("follow_ups"):
        return ()
    found = []
    for table in top.tables("follow_ups"):
        if table.names() == [OFF]:
            table.wrong("", f"there is no shipped follow-up {table.name!r} to switch on or off")
            continue
        is_off = table.flag(OFF, default=False)
        rule = _follow_up(table, kinds, fields)
        found += [] if is_off else [rule]
    return tuple(found)


def _follow_up(
    table: Table, kinds: Mapping[str, Collection[str]], fields: Mapping[str, Field]
) -> FollowUpRule:
    table.check_code()
    rule = FollowUpRule(
        code=table.name,
        clock=table.member("clock", FollowUpClock) or FollowUpClock.PROOF,
        name=table.text("name", 120),
        hint=table.text("hint"),
        kinds=_known(table, "kinds", kinds),
        side=table.member("side", Side) or Side.SENDER,
        agency_kinds=table.members("agency_kinds", AgencyKind),
        counted_from=table.string("counted_from", length_max=60),
        unit=table.member("unit", Unit) or Unit.DAYS,
        days=_offsets(table),
        due=table.number("due", -_OFFSET_MAX, _OFFSET_MAX),
        fulfilled_by=_known(table, "fulfilled_by", kinds),
    )
    _check_start(table, rule, kinds, fields)
    if rule.days and rule.due < rule.days[0]:
        table.wrong("due", "due lies before the first of days: nobody would be told in time")
    for code in sorted({*rule.kinds} & {*rule.fulfilled_by}):
        table.wrong("fulfilled_by", f"{code!r} would end what it opens itself")
    table.done()
    return rule


def _check_start(
    table: Table,
    rule: FollowUpRule,
    kinds: Mapping[str, Collection[str]],
    fields: Mapping[str, Field],
) -> None:
    start = rule.counted_from
    if start == TAKEN_OVER:
        if rule.days and rule.days[0] < 0:
            table.wrong("days", "nobody can be told before the paper was taken over")
        return
    field = fields.get(start)
    if field is None or not isinstance(field.format, DateFormat):
        if table.has("counted_from"):
            table.wrong("counted_from", f"counted_from must be {TAKEN_OVER!r} or a date field")
        return
    for code in rule.kinds:
        if start not in kinds.get(code, (start,)):
            table.wrong("counted_from", f"the kind {code!r} has no field {start!r}")


def _known(table: Table, key: str, kinds: Collection[str]) -> tuple[str, ...]:
    codes = table.strings(key)
    if not codes and table.has(key):
        table.wrong(key, f"{key} is empty")
    for code in codes:
        if code not in kinds:
            table.wrong(key, f"{key} names an unknown kind {code!r}")
    return tuple(codes)


def _offsets(table: Table) -> tuple[int, ...]:
    days = table.numbers("days", -_OFFSET_MAX, _OFFSET_MAX)
    if days and (sorted(set(days)) != days or len(days) > _REMINDERS_MAX):
        table.wrong("days", f"days must ascend, {_REMINDERS_MAX} at most")
    return tuple(days)


def read_settle_reasons(top: Table) -> tuple[SettleReason, ...]:
    """The tables ``[settle_reasons.…]``; a file without follow-ups needs none."""
    if not top.has("settle_reasons"):
        if top.has("follow_ups"):
            top.wrong("follow_ups", "settle_reasons are missing: why a follow-up may be settled")
        return ()
    found = []
    for table in top.tables("settle_reasons"):
        table.check_code()
        text, on_paper = table.text("text", 120), table.flag("on_paper", default=False)
        found.append(SettleReason(table.name, text, on_paper))
        table.done()
    return tuple(found)


def ladder_paces(
    code: str, steps: Sequence[tuple[int, Addressee]], return_after: int
) -> Iterator[Pace]:
    """The numbers of one ladder that may be set otherwise."""
    for days, addressee in steps:
        yield Pace(f"{code}.{addressee}", days, 1, _DAYS_MAX, Unit.WORKING_DAYS)
    yield Pace(f"{code}.return_after", return_after, 1, _DAYS_MAX, Unit.WORKING_DAYS)


def request_paces(request: Steps) -> Iterator[Pace]:
    """Those of the clock of requests."""
    yield Pace("request.before", request.before, 0, _DAYS_MAX, Unit.WORKING_DAYS)
    for days, addressee in request.steps:
        yield Pace(f"request.{addressee}", days, 1, _DAYS_MAX, Unit.WORKING_DAYS)


def silence_pace(days: int) -> Pace:
    """After how many days without a look into the inbox an agency is asked to."""
    return Pace("silence", days, 1, _DAYS_MAX, Unit.DAYS)
