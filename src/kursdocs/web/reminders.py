"""Who is reminded next and why, and what earlier reminders brought: for coordinator and head.

The coordinator sees counts by agency, the head also which kinds, of the own agency. Never a single
paper, never a person (rule 9).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Literal
from urllib.parse import urlencode
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from kursdocs.core import agencies
from kursdocs.core.access import Permission
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.reminders import ledger_reading
from kursdocs.core.reminders.digest import Decision, Why
from kursdocs.core.reminders.groups import FOLLOW_UPS
from kursdocs.core.reminders.ledger_reading import Entry, Wanted
from kursdocs.core.reminders.tables import Clock, Outcome
from kursdocs.core.workdays import local_date, local_moment
from kursdocs.operations import reminding
from kursdocs.operations.letters import Language, decided
from kursdocs.web import csv_files
from kursdocs.web.call import Call, Query
from kursdocs.web.pages import N_, plain_number
from kursdocs.web.reminder_words import ADDRESSEES, CLOCKS, OUTCOMES

MAILS_SHOWN = 15
"""So many mails a page of the ledger speaks of."""
WEEKS = (4, 12, 26, 52)


class LedgerQuery(Query):
    """Which part of the ledger."""

    agency: str = Field(default="", max_length=60)
    clock: Clock | Literal[""] = ""
    outcome: Outcome | Literal[""] = ""
    weeks: Literal["4", "12", "26", "52"] = "4"

    def written(self, **changes: object) -> str:
        """The same as the query of an address."""
        values = {
            "agency": self.agency,
            "clock": self.clock,
            "outcome": self.outcome,
            "weeks": "" if self.weeks == "4" else self.weeks,
        } | changes
        return urlencode({name: str(value) for name, value in values.items() if value})

    @property
    def is_narrowed(self) -> bool:
        """Whether it leaves out anything but old mails."""
        return bool(self.agency or self.clock or self.outcome)


class RemindersQuery(LedgerQuery):
    """The same, and where the ledger goes on."""

    after: UUID | None = None


def _wanted(call: Call, query: LedgerQuery) -> Wanted:
    first = local_date(call.now) - timedelta(weeks=int(query.weeks))
    since = local_moment(first, 0)
    return Wanted(since, query.agency, query.clock or None, query.outcome or None)


# ── The page ─────────────────────────────────────────────────────────────────────────────────


def index(call: Call) -> Response:
    """The next mails with their reasons, and the ledger below them."""
    planned = reminding.decisions(call.services)
    with call.services.transaction() as session:
        return _page(call.inside(session), planned)


def _page(call: Call, planned: Sequence[Decision]) -> Response:
    query: RemindersQuery = call.query()
    own, of_town = _agencies(call), call.actor.agency is None
    page = ledger_reading.page(
        call.session, call.actor, _wanted(call, query), after=query.after, mails=MAILS_SHOWN
    )
    call.record(Happening.REMINDERS_LISTED, count=len(page.entries))
    mine = {agency.id for agency in own}
    rows = [_planned(call, one) for one in planned if one.agency_id in mine]
    return call.render(
        "reminders/index.html",
        of_town=of_town,
        planned=sorted((one for one in rows if one.group != "quiet"), key=_soonest),
        quiet=[one for one in rows if one.group == "quiet"],
        entries=[_entry(call, entry) for entry in page.entries],
        query=query,
        written=query.written(),
        agencies=[(agency.slug, agency.name) for agency in own],
        clocks=[(code.value, _text(call, name)) for code, name in CLOCKS.items()],
        outcomes=[(code.value, _text(call, name)) for code, name in OUTCOMES.items()],
        weeks=WEEKS,
        next_href=f"/reminders?{query.written(after=page.following)}" if page.following else "",
    )


def _agencies(call: Call) -> Sequence[Agency]:
    """Those whose reminders the caller may see, by name."""
    if call.actor.agency is not None:
        return [agencies.get(call.session, call.actor.agency.id)]
    call.actor.require(Permission.MUNICIPALITY_NUMBERS_READ)
    found = agencies.of_municipality(call.session, call.actor)
    return sorted(found, key=lambda agency: agency.name.casefold())


_GROUPS = {
    Why.DUE: "due",
    Why.BEFORE_ITS_HOUR: "due",
    Why.NO_MAILBOX: "unreached",
    Why.REFUSED: "unreached",
    Why.NOTHING_NEW: "quiet",
    Why.CLOSED: "quiet",
}
_ORDER = ("unreached", "due", "later")


def _planned(call: Call, decision: Decision) -> SimpleNamespace:
    return SimpleNamespace(
        agency_slug=decision.agency_slug,
        agency_name=decision.agency_name,
        addressee=_text(call, ADDRESSEES[decision.addressee]),
        sentence=decided(decision, Language(call.language)),
        group=_GROUPS.get(decision.why, "later"),
        at=decision.at,
    )


def _soonest(row: SimpleNamespace) -> tuple[int, float, str]:
    """Whom no mail reaches first: there somebody must act."""
    at: datetime | None = row.at
    moment = at.timestamp() if at else float("inf")
    return _ORDER.index(row.group), moment, row.agency_name.casefold()


def _entry(call: Call, entry: Entry) -> SimpleNamespace:
    values = {name: getattr(entry, name) for name in entry.__dataclass_fields__}
    return SimpleNamespace(
        **values,
        clock_name=_reason(call, entry),
        kind_name=_kind(call, entry.kind) if entry.clock not in FOLLOW_UPS else "",
        addressee_name=_text(call, ADDRESSEES[entry.addressee]),
        outcome_name=_text(call, OUTCOMES[entry.outcome]),
    )


def _reason(call: Call, entry: Entry) -> str:
    """The clock; where it is known, the rule of what should follow a paper says the same better."""
    if entry.clock in FOLLOW_UPS and entry.kind:
        return _kind(call, entry.kind)
    return _text(call, CLOCKS[entry.clock])


def _kind(call: Call, code: str) -> str:
    """The kind of paper, or the rule of what should follow one."""
    catalogue = call.services.catalogue
    named = catalogue.follow_up(code) or catalogue.kind(code)
    return named.name.get(call.language) if named else code


def _text(call: Call, sentence: str) -> str:
    return call.kit.pages.text(call.language, sentence)


# ── The file ─────────────────────────────────────────────────────────────────────────────────

_HEADER: Sequence[str] = (
    N_("Tag"),
    N_("Stelle"),
    N_("Grund"),
    N_("Papierart"),
    N_("Stufe (Tage)"),
    N_("An"),
    N_("Was daraus wurde"),
    N_("Anzahl"),
    N_("Arbeitsstunden bis dahin (Durchschnitt)"),
)
_KIND_COLUMN = 3


def table(call: Call) -> Response:
    """The ledger as a file: the same lines, and all of them."""
    entries = ledger_reading.whole(call.session, call.actor, _wanted(call, call.query()))
    has_kinds = call.actor.agency is not None
    rows = [_without(line, has_kinds) for line in (_line(call, entry) for entry in entries)]
    call.record(Happening.REMINDERS_EXPORTED, rows=len(rows))
    header = _without([_text(call, name) for name in _HEADER], has_kinds)
    return csv_files.answer(f"kursdocs-{local_date(call.now).isoformat()}", header, rows)


def _without(line: Sequence[str], has_kinds: bool) -> Sequence[str]:
    return line if has_kinds else [*line[:_KIND_COLUMN], *line[_KIND_COLUMN + 1 :]]


def _line(call: Call, entry: Entry) -> Sequence[str]:
    hours = "" if entry.minutes is None else plain_number(entry.minutes / 60, call.language)
    return [
        entry.day.isoformat(),
        entry.agency_name,
        _text(call, CLOCKS[entry.clock]),
        _kind(call, entry.kind),
        str(entry.step),
        _text(call, ADDRESSEES[entry.addressee]),
        _text(call, OUTCOMES[entry.outcome]),
        str(entry.count),
        hours,
    ]
