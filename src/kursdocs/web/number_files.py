"""The numbers as a file: one line for each agency and week, and one for its whole period."""

from collections.abc import Iterator, Sequence

from starlette.responses import Response

from kursdocs.core.adoption import Count
from kursdocs.core.adoption.numbers import AgencyLine, Exchange
from kursdocs.core.audit import Happening
from kursdocs.core.reminders.effect import Effect
from kursdocs.web import csv_files, number_charts, numbers
from kursdocs.web.call import Call
from kursdocs.web.numbers import Shown
from kursdocs.web.pages import N_, plain_moment, plain_number

_HEADER: Sequence[str] = (
    N_("Stelle"),
    N_("Art der Stelle"),
    N_("Zeitraum von"),
    N_("Zeitraum bis"),
    N_("Kalenderwoche"),
    N_("läuft noch"),
    N_("Gesendet"),
    N_("Empfangen"),
    N_("Übernommen"),
    N_("Arbeitsstunden bis zur Übernahme (Median)"),
    N_("Arbeitsstunden bis zur Übernahme (9 von 10)"),
    N_("Wartet jetzt"),
)
_HEADER_END: Sequence[str] = (
    N_("Zuletzt aktiv"),
    N_("Erinnerungen"),
    N_("davon binnen 2 Arbeitstagen erledigt"),
    N_("Arbeitsstunden von der Erinnerung bis zur Erledigung (Median)"),
    N_("Erwartete Papiere"),
    N_("Anteil digital in Prozent"),
)
_OF_AGE = N_("Wartet seit %(days)s Arbeitstagen")


def table(call: Call) -> Response:
    """All of it, with the same counts taken out as on the page."""
    shown = numbers.read(call)
    written = _File(call)
    rows = [row for line in shown.numbers.agencies for row in written.rows(line, shown)]
    call.record(Happening.NUMBERS_EXPORTED, rows=len(rows))
    name = f"kursdocs-{shown.municipality.slug}-{shown.period.last_day.isoformat()}"
    return csv_files.answer(name, written.header(), rows)


class _File:
    """Writes counts, hours and moments in the language of the call."""

    def __init__(self, call: Call) -> None:
        self._call, self._ages = call, number_charts.age_names(call)
        self._few, self._hidden = self._text(N_("weniger als 5")), self._text(N_("nicht gezeigt"))

    def _text(self, sentence: str, **values: object) -> str:
        return self._call.kit.pages.text(self._call.language, sentence, **values)

    def header(self) -> Sequence[str]:
        """What stands in which column."""
        ages = [self._text(_OF_AGE, days=name) for name in self._ages]
        return [
            *(self._text(one) for one in _HEADER),
            *ages,
            *(self._text(one) for one in _HEADER_END),
        ]

    def rows(self, line: AgencyLine, shown: Shown) -> Iterator[Sequence[str]]:
        """The whole period first, then its weeks."""
        kind = self._call.services.catalogue.agency_kind_names[line.agency.kind]
        who = [line.agency.name, kind.get(self._call.language)]
        period = shown.period
        days = [period.first_day.isoformat(), period.last_day.isoformat(), "", ""]
        effect = shown.effects[line.agency.id]
        yield [*who, *days, *self._exchange(line.whole), *self._now(line, effect)]
        for week in line.weeks:
            days = [
                week.week.first_day.isoformat(),
                week.week.last_day.isoformat(),
                str(week.week.number),
                self._text(N_("ja")) if week.week.is_running else "",
            ]
            nothing = [""] * (len(self.header()) - len(_HEADER) + 1)
            yield [*who, *days, *self._exchange(week), *nothing]

    def _exchange(self, one: Exchange) -> Sequence[str]:
        counts = (self._count(count) for count in (one.sent, one.received, one.taken_over))
        return [*counts, self._hours(one.speed.median), self._hours(one.speed.percentile)]

    def _now(self, line: AgencyLine, effect: Effect) -> Sequence[str]:
        at, share = line.last_active_at, line.share
        return [
            self._count(line.waiting.count),
            *(self._count(count) for count in line.waiting.by_age),
            plain_moment(at, self._call.language) if at else "",
            self._count(effect.reminders),
            self._count(effect.followed),
            self._hours(effect.median_hours),
            str(share.expected) if share else "",
            "" if share is None or share.value is None else str(round(share.value * 100)),
        ]

    def _count(self, count: Count) -> str:
        if count.value is None:
            return self._few if count.is_few else self._hidden
        return str(count.value)

    def _hours(self, hours: float | None) -> str:
        return "" if hours is None else plain_number(round(hours, 1), self._call.language)
