"""Whether kursdocs is used: for the coordinator by agency and week, for each agency its own.

Counts only, what is too small taken out; never a document, a name or an employee (rule 9).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from pydantic import Field, field_validator
from starlette.responses import Response

from kursdocs.core import adoption, agencies
from kursdocs.core.access import Permission
from kursdocs.core.adoption import Count, Period, Silent, TownNumbers
from kursdocs.core.adoption.numbers import AgencyLine
from kursdocs.core.agencies import Municipality
from kursdocs.core.audit import Happening
from kursdocs.core.errors import NotFound
from kursdocs.core.reminders import effect
from kursdocs.core.reminders.effect import Effect
from kursdocs.core.workdays import local_date
from kursdocs.web import number_charts
from kursdocs.web.call import Call, Query
from kursdocs.web.pages import N_, plain_date

_WEEKS_BACK = 52
"""So many weeks one can go back in the form."""


class PeriodQuery(Query):
    """A day in the last week that is shown; none means up to now."""

    end: str = Field(default="", max_length=10)

    @field_validator("end")
    @classmethod
    def _is_day(cls, value: str) -> str:
        day = date.fromisoformat(value) if value else date(2026, 1, 1)
        # Years in which nobody has counted anything yet are typed, not chosen.
        if not date(2020, 1, 1) <= day <= date(2100, 1, 1):
            raise ValueError
        return value

    @property
    def last(self) -> date | None:
        """That day."""
        return date.fromisoformat(self.end) if self.end else None


class NumbersQuery(PeriodQuery):
    """The same, of one agency."""

    agency: str = Field(default="", max_length=60)


def index(call: Call) -> Response:
    """The numbers of the municipality, of one agency in it, or one's own."""
    if call.actor.agency is not None:
        return _own(call)
    call.actor.require(Permission.MUNICIPALITY_NUMBERS_READ)
    shown = read(call)
    call.record(Happening.NUMBERS_LISTED, count=len(shown.numbers.agencies))
    if call.query().agency:
        return _of_agency(call, shown, call.query().agency)
    return call.render(
        "numbers/index.html",
        **_frame(call, shown.period),
        numbers=shown.numbers,
        effects=shown.effects,
        effect=shown.effect,
        silent=[_call_sheet(call, shown.municipality, one) for one in shown.silent],
        silent_after_days=call.services.catalogue.silent_after_days,
        charts=number_charts.of_town(call, shown.numbers),
        unset=[one for one in shown.numbers.agencies if one.share is None],
    )


def sheet(call: Call) -> Response:
    """One page for the round table of the offices: what went well first, and nobody blamed."""
    shown = read(call)
    call.record(Happening.NUMBERS_LISTED, count=len(shown.numbers.agencies))
    named, others = _named(shown.numbers)
    return call.render(
        "numbers/sheet.html",
        **_frame(call, shown.period),
        municipality=shown.municipality.name,
        numbers=shown.numbers,
        effect=shown.effect,
        named=named,
        others=others,
        prompt=[one for one in named if _is_prompt(one)],
        clear=[one for one in named if _has_nothing_old(one)],
        charts=number_charts.of_town(call, shown.numbers),
    )


PROMPT_HOURS = 16.0
"""Two working days: whoever needs less at the median is named on the sheet as prompt."""


def _named(numbers: TownNumbers) -> tuple[Sequence[AgencyLine], int]:
    """Agencies that can be named with what they did, and how many cannot."""
    named = [one for one in numbers.agencies if _is_shown(one)]
    return named, len(numbers.agencies) - len(named)


def _is_shown(line: AgencyLine) -> bool:
    counts = (line.whole.sent.value, line.whole.received.value)
    return None not in counts and any(counts)


def _is_prompt(line: AgencyLine) -> bool:
    return line.whole.speed.median is not None and line.whole.speed.median <= PROMPT_HOURS


def _has_nothing_old(line: AgencyLine) -> bool:
    return bool(line.whole.received.value) and line.waiting.by_age[-1].value == 0


# ── Reading ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Shown:
    """Everything the coordinator's pages and files are made of."""

    municipality: Municipality
    numbers: TownNumbers
    effects: Mapping[UUID, Effect]
    effect: Effect
    silent: Sequence[Silent]

    @property
    def period(self) -> Period:
        """The weeks."""
        return self.numbers.period


def read(call: Call) -> Shown:
    """The numbers of the municipality for the period that was asked for."""
    catalogue, session = call.services.catalogue, call.session
    municipality = agencies.municipality_of(session, call.actor)
    weeks = adoption.period(call.now, last=call.query().last)
    numbers = adoption.town(
        session,
        municipality.id,
        weeks,
        paper_reasons=[one.code for one in catalogue.settle_reasons if one.on_paper],
        now=call.now,
    )
    workdays = agencies.workdays_of(session, [one.agency.id for one in numbers.agencies])
    effects, whole = effect.of_town(session, workdays, weeks, now=call.now)
    after_days = catalogue.silent_after_days
    silent = adoption.silent(session, municipality.id, after_days=after_days, now=call.now)
    return Shown(municipality, numbers, effects, whole, silent)


def _frame(call: Call, period: Period) -> dict[str, Any]:
    """What all pages of numbers know: the period, and which others there are."""
    running = adoption.period(call.now).last_day
    ends = [running - timedelta(days=7 * n) for n in range(_WEEKS_BACK)]
    latest = ends[0]
    return {
        "period": period,
        "ends": [(end.isoformat(), _week_name(call, end)) for end in ends[1:]],
        "end": "" if period.last_day == latest else period.last_day.isoformat(),
        "ages": number_charts.age_names(call),
        "now": call.now,
    }


def _week_name(call: Call, sunday: date) -> str:
    return call.kit.pages.text(
        call.language,
        N_("bis Kalenderwoche %(number)s (%(day)s)"),
        number=sunday.isocalendar().week,
        day=plain_date(sunday, call.language),
    )


# ── One agency ───────────────────────────────────────────────────────────────────────────────


def _of_agency(call: Call, shown: Shown, slug: str) -> Response:
    """Week by week, for the coordinator; ``NotFound`` for an agency of elsewhere."""
    line = next((one for one in shown.numbers.agencies if one.agency.slug == slug), None)
    if line is None:
        raise NotFound
    return call.render(
        "numbers/agency.html",
        **_frame(call, shown.period),
        line=line,
        effect=shown.effects[line.agency.id],
        charts=number_charts.of_line(call, line, shown.numbers.total),
    )


def _own(call: Call) -> Response:
    """What the agency acted for did itself."""
    call.actor.require(Permission.AGENCY_NUMBERS_READ)
    if call.query().agency:
        raise NotFound
    agency_id, weeks = call.actor.acting.id, adoption.period(call.now, last=call.query().last)
    numbers = adoption.own(call.session, agency_id, weeks, now=call.now)
    workdays = agencies.workdays_of(call.session, [agency_id])[agency_id]
    call.record(Happening.NUMBERS_LISTED, count=1)
    return call.render(
        "numbers/own.html",
        **_frame(call, weeks),
        numbers=numbers,
        own_ages=[Count(one) for one in numbers.by_age],
        effect=effect.of_agency(call.session, agency_id, workdays, weeks, now=call.now),
        charts=number_charts.of_own(call, numbers),
        may_set=call.actor.may(Permission.AGENCY_SETTINGS),
    )


# ── The telephone ────────────────────────────────────────────────────────────────────────────

_HELLO = N_(
    "Guten Tag, hier ist %(caller)s, Koordination %(town)s. Ich rufe wegen kursdocs an: Darüber"
    " gehen Papiere zwischen Sprachkursen und Ämtern, ohne dass sie jemand tragen muss."
)
_WAITING = N_(
    "Bei Ihnen (%(agency)s) liegen dort zurzeit %(count)s Papiere, das älteste seit dem %(oldest)s."
)
_FEW_WAIT = N_("Bei Ihnen (%(agency)s) liegen dort zurzeit einige Papiere.")
_NONE_WAITS = N_(
    "Von Ihnen (%(agency)s) kamen zuletzt Papiere, auf die bald etwas folgen müsste; zurzeit liegt"
    " dort nichts Neues."
)
_SINCE = N_(
    "Seit dem %(since)s hat bei Ihnen niemand in den Eingang gesehen. Sicher ist viel zu tun."
)
_NEVER = N_("Bisher hat bei Ihnen noch niemand in den Eingang gesehen. Sicher ist viel zu tun.")
_PLEASE = N_(
    "Könnten Sie heute oder morgen einmal hineinsehen? Es sind drei Schritte: anmelden, „Eingang“"
    " öffnen, und bei jedem Papier „Übernehmen“ wählen. Dann hören auch die Erinnerungen auf."
)
_HELP = N_("Wenn die Anmeldung nicht klappt oder jemand fehlt, helfe ich gern, auch gleich jetzt.")
_REACH = N_("Sie erreichen mich unter %(mailbox)s. Vielen Dank!")
_THANKS = N_("Vielen Dank!")


def _call_sheet(call: Call, town: Municipality, one: Silent) -> dict[str, Any]:
    """A silent agency, and what can be read out to it on the telephone."""
    values = {
        "caller": call.actor.display_name,
        "town": town.name,
        "agency": one.agency.name,
        "count": one.waiting.value,
        "oldest": plain_date(one.oldest_on, call.language) if one.oldest_on else "",
        "since": plain_date(one.since, call.language),
        "mailbox": town.mailbox,
    }
    sentences = [
        _HELLO,
        _what_waits(one.waiting),
        _NEVER if one.is_new else _SINCE,
        _PLEASE,
        _HELP,
        _REACH if town.mailbox else _THANKS,
    ]
    said = [call.kit.pages.text(call.language, sentence, **values) for sentence in sentences]
    return {
        "agency": one.agency,
        "since": one.since,
        "waiting": one.waiting,
        "days": (local_date(call.now) - one.since).days,
        "text": "\n\n".join(said),
    }


def _what_waits(count: Count) -> str:
    if count.value is None:
        return _FEW_WAIT
    return _WAITING if count.value else _NONE_WAITS
