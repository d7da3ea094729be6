"""What a catalogue holds: kinds of papers, their routes, how long they are kept, closed lists.

All of it is frozen: a catalogue is read once, at the start, and never changes while the program
runs. This module does not know the file it came from (see ``checker``) and none of our own nouns
(agencies, documents, deliveries): those look things up here by code.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from kursdocs.catalogue.clocks import (
    Clocks,
    FollowUpRule,
    Pace,
    SettleReason,
    ladder_paces,
    request_paces,
    silence_pace,
)
from kursdocs.catalogue.fields import Field, KindField
from kursdocs.catalogue.instruction import InstructionText
from kursdocs.catalogue.wording import Addressee, AgencyKind, Need, StartEvent, Text


@dataclass(frozen=True)
class Route:
    """A kind of paper may go from this kind of agency to those, on this legal ground.

    ``ground`` cites the law in its own language, German. One need is enough: ``need`` or, where
    the law knows several ways, one of the ``alternatives``. ``forward``: who received such a paper
    may hand it on along this route.
    """

    sender: AgencyKind
    recipients: tuple[AgencyKind, ...]
    ground: str
    need: Need
    alternatives: tuple[Need, ...] = ()
    forward: bool = False

    @property
    def needs(self) -> tuple[Need, ...]:
        """All needs of which one must be met, the usual one first."""
        return (self.need, *self.alternatives)

    @property
    def is_two_step(self) -> bool:
        """Whether the agency may ask for the paper itself once the person did not hand it in."""
        return Need.PRIOR_REQUEST in self.needs


@dataclass(frozen=True)
class Retention:
    """How long a paper is kept: a period after a start event, but never beyond the maximum.

    Either ``days`` or ``months`` is given, the other is 0. ``max_months`` counts from the day
    of storing and ends everything, also when the start event never comes.
    """

    code: str
    start: StartEvent
    days: int
    months: int
    max_months: int
    text: Text


@dataclass(frozen=True)
class Ladder:
    """Who is told of a delivery that nobody takes over, and when; all in working days.

    ``steps`` are ascending. At each of them its addressee is told for the first time, and whoever
    was told before is told again. What lies longer than ``return_after`` goes back to the sender.
    """

    code: str
    steps: tuple[tuple[int, Addressee], ...]
    return_after: int

    def step(self, addressee: Addressee, waited: int) -> int | None:
        """The highest step reached after so many working days that concerns this addressee.

        0 is the announcement, for the desk alone; ``None`` when it does not concern them yet.
        """
        first = next((after for after, who in self.steps if who is addressee), None)
        reached = [after for after, _ in self.steps if first is not None and first <= after]
        passed = [after for after in reached if after <= waited]
        return max(passed, default=0 if addressee is Addressee.DESK else None)


@dataclass(frozen=True)
class Group:
    """A heading under which kinds are listed."""

    code: str
    name: Text


@dataclass(frozen=True)
class Kind:
    """A kind of paper.

    ``kept_from`` names the date field from which the retention period runs when its start is a
    date of the paper, else it is empty; when an optional date was left open, the maximum counts.
    ``due_working_days`` is the time in which a recipient should have taken the paper over.
    ``on_request``: an agency that may receive it may also ask for it; ``request_fields`` are those
    of ``fields`` that say which paper is meant, and may be given when asking.
    """

    code: str
    name: Text
    hint: Text
    group: Group
    fields: tuple[KindField, ...]
    retention: Retention
    routes: tuple[Route, ...]
    ladder: Ladder
    kept_from: str = ""
    four_eyes: bool = False
    due_working_days: int = 5
    on_request: bool = True
    request_fields: tuple[KindField, ...] = ()

    def route(self, sender: AgencyKind, recipient: AgencyKind) -> Route | None:
        """The route from one kind of agency to another, or None: then it may not go there."""
        for route in self.routes:
            if route.sender == sender and recipient in route.recipients:
                return route
        return None

    def recipient_kinds(self, sender: AgencyKind) -> tuple[AgencyKind, ...]:
        """To which kinds of agencies this sender may address the paper, in catalogue order."""
        return tuple(
            recipient
            for route in self.routes
            if route.sender == sender
            for recipient in route.recipients
        )


@dataclass(frozen=True)
class ExcludedPaper:
    """A paper that must not travel here at all, and the sentence that says why."""

    code: str
    name: Text
    reason: Text


@dataclass(frozen=True)
class ReturnReason:
    """Why a recipient gives a paper back."""

    code: str
    text: Text


@dataclass(frozen=True)
class WithdrawalReason:
    """Why a sender takes a paper back."""

    code: str
    text: Text


@dataclass(frozen=True)
class CorrectionReason:
    """Why a sender replaces a paper that is out by a corrected one."""

    code: str
    text: Text


@dataclass(frozen=True)
class RequestDeclineReason:
    """Why an agency that was asked for a paper does not send it."""

    code: str
    text: Text


@dataclass(frozen=True)
class NeedText:
    """How a need is called, and what it asks of the clerk who sends."""

    name: Text
    hint: Text


@dataclass(frozen=True)
class Catalogue:
    """The rules of one municipality, as its catalogue file states them.

    ``person_has_days`` is how long a person who was asked for a paper has time before an agency
    may ask for it elsewhere (§ 14 Abs. 6 Satz 4 bis 7 IntV names no number). Whoever is asked for a
    paper has ``answer_working_days``, unless the request names a day. A row of the log is kept for
    ``log_kept_months``.

    ``kinds`` are those that may be sent. ``ended`` ones were switched off: they have no routes,
    but papers that came before keep name, fields and retention, so :meth:`kind` finds them.
    """

    version: str
    groups: tuple[Group, ...]
    kinds: tuple[Kind, ...]
    ended: tuple[Kind, ...]
    retentions: tuple[Retention, ...]
    ladders: tuple[Ladder, ...]
    silent_after_days: int
    person_has_days: int
    answer_working_days: int
    log_kept_months: int
    excluded: tuple[ExcludedPaper, ...]
    return_reasons: tuple[ReturnReason, ...]
    withdrawal_reasons: tuple[WithdrawalReason, ...]
    request_decline_reasons: tuple[RequestDeclineReason, ...]
    correction_reasons: tuple[CorrectionReason, ...]
    fields: Mapping[str, Field] = field(repr=False)
    agency_kind_names: Mapping[AgencyKind, Text] = field(repr=False)
    need_texts: Mapping[Need, NeedText] = field(repr=False)
    instruction: InstructionText
    clocks: Clocks = field(default_factory=Clocks)
    follow_ups: tuple[FollowUpRule, ...] = ()
    settle_reasons: tuple[SettleReason, ...] = ()

    @cached_property
    def paces(self) -> Mapping[str, Pace]:
        """Every number of days that a municipality or an agency may set otherwise, by its code."""
        ladders = (
            pace
            for ladder in self.ladders
            for pace in ladder_paces(ladder.code, ladder.steps, ladder.return_after)
        )
        more = (*request_paces(self.clocks.request), silence_pace(self.silent_after_days))
        return {pace.code: pace for pace in (*ladders, *more)}

    def follow_up(self, code: str) -> FollowUpRule | None:
        """The rule of that code about what should follow a paper, or None."""
        return next((rule for rule in self.follow_ups if rule.code == code), None)

    def settle_reason(self, code: str) -> SettleReason | None:
        """The reason of that code for settling a follow-up, or None."""
        return next((reason for reason in self.settle_reasons if reason.code == code), None)

    @cached_property
    def _kinds_by_code(self) -> dict[str, Kind]:
        return {kind.code: kind for kind in (*self.kinds, *self.ended)}

    def kind(self, code: str) -> Kind | None:
        """The kind of that code, also an ended one, or None."""
        return self._kinds_by_code.get(code)

    def by_group(self, kinds: Iterable[Kind]) -> tuple[tuple[Group, tuple[Kind, ...]], ...]:
        """These kinds under their headings, in the order of the file; no heading stands empty."""
        found: dict[str, list[Kind]] = {group.code: [] for group in self.groups}
        for kind in kinds:
            found[kind.group.code].append(kind)
        return tuple(
            (group, tuple(found[group.code])) for group in self.groups if found[group.code]
        )

    def route(
        self, kind: Kind | str, sender_kind: AgencyKind, recipient_kind: AgencyKind
    ) -> Route | None:
        """The one route for this kind between these agencies; None means: not allowed."""
        found = self._find(kind)
        return found.route(sender_kind, recipient_kind) if found else None

    def recipient_kinds(self, kind: Kind | str, sender_kind: AgencyKind) -> tuple[AgencyKind, ...]:
        """Kinds of agencies to which this sender may address the paper; empty when none."""
        found = self._find(kind)
        return found.recipient_kinds(sender_kind) if found else ()

    def sendable_by(self, sender_kind: AgencyKind) -> tuple[Kind, ...]:
        """What this kind of agency may send, in the order of the file."""
        return tuple(kind for kind in self.kinds if kind.recipient_kinds(sender_kind))

    def receivable_by(self, recipient_kind: AgencyKind) -> tuple[Kind, ...]:
        """What this kind of agency may be sent by anybody, in the order of the file."""
        return tuple(
            kind
            for kind in self.kinds
            if any(recipient_kind in route.recipients for route in kind.routes)
        )

    def requestable_by(self, recipient_kind: AgencyKind) -> tuple[Kind, ...]:
        """What this kind of agency may ask others for, in the order of the file."""
        return tuple(kind for kind in self.receivable_by(recipient_kind) if kind.on_request)

    def askable_of(self, sender_kind: AgencyKind) -> tuple[Kind, ...]:
        """What this kind of agency may be asked for, in the order of the file."""
        return tuple(kind for kind in self.sendable_by(sender_kind) if kind.on_request)

    def excluded_paper(self, code: str) -> ExcludedPaper | None:
        """The excluded paper of that code, or None."""
        return next((paper for paper in self.excluded if paper.code == code), None)

    def return_reason(self, code: str) -> ReturnReason | None:
        """The return reason of that code, or None."""
        return next((reason for reason in self.return_reasons if reason.code == code), None)

    def withdrawal_reason(self, code: str) -> WithdrawalReason | None:
        """The withdrawal reason of that code, or None."""
        return next((reason for reason in self.withdrawal_reasons if reason.code == code), None)

    def correction_reason(self, code: str) -> CorrectionReason | None:
        """The correction reason of that code, or None."""
        return next((reason for reason in self.correction_reasons if reason.code == code), None)

    def forward_route(
        self, kind: Kind | str, holder_kind: AgencyKind, recipient_kind: AgencyKind
    ) -> Route | None:
        """The route on which who received such a paper may hand it on; None: not allowed."""
        route = self.route(kind, holder_kind, recipient_kind)
        return route if route is not None and route.forward else None

    def request_decline_reason(self, code: str) -> RequestDeclineReason | None:
        """The reason of that code for not answering a request, or None."""
        return next((one for one in self.request_decline_reasons if one.code == code), None)

    def _find(self, kind: Kind | str) -> Kind | None:
        return kind if isinstance(kind, Kind) else self.kind(kind)
