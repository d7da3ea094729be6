"""The page of reminders in its states, with invented content."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace

from kursdocs.core.reminders.ledger_reading import Reminded
from kursdocs.core.reminders.tables import Clock, Outcome
from kursdocs.core.tables import new_id
from kursdocs.web.reminder_words import ADDRESSEES, CLOCKS, OUTCOMES
from kursdocs.web.reminders import WEEKS, RemindersQuery

Found = tuple[str, str, dict[str, object]]


def reminder_pages(hostile: str, now: datetime) -> Iterator[Found]:
    """Name, template and context of each."""
    planned = [
        _planned(hostile, "unreached", "Die Stelle kann nicht erinnert werden, weil …"),
        _planned("Jobcenter Musterstadt", "due", "Die Stelle wird erinnert: …"),
        _planned("Jobcenter Musterstadt", "later", "Die Leitung wird heute nicht erinnert, …"),
    ]
    base: dict[str, object] = {
        "of_town": True,
        "planned": planned,
        "quiet": [_planned(hostile, "quiet", "Die Leitung wird nicht erinnert, weil …")],
        "entries": list(_entries(hostile, now)),
        "query": RemindersQuery(),
        "written": "",
        "agencies": [("auslaenderbehoerde", hostile)],
        "clocks": [(code.value, name) for code, name in CLOCKS.items()],
        "outcomes": [(code.value, name) for code, name in OUTCOMES.items()],
        "weeks": WEEKS,
        "next_href": "/reminders?weeks=12&after=x",
    }
    narrowed = RemindersQuery(clock=Clock.REQUEST, outcome=Outcome.OPEN, weeks="12", after=new_id())
    nothing = {"planned": [], "quiet": [], "entries": [], "next_href": ""}
    page = "reminders/index.html"
    yield "reminders", page, base
    yield "reminders-of-agency", page, base | {"of_town": False}
    yield "reminders-narrowed", page, base | {"query": narrowed, "written": narrowed.written()}
    yield "reminders-unmatched", page, base | {"query": narrowed, "entries": [], "next_href": ""}
    yield "reminders-empty", page, base | nothing


def reminded_deliveries(page: dict[str, object], now: datetime) -> Iterator[dict[str, object]]:
    """The same page of a document of which somebody was reminded, once and more often."""
    deliveries = page["deliveries"]
    assert isinstance(deliveries, list)
    last = now.date()
    yield {"reminded": {one.id: Reminded(number, last) for number, one in enumerate(deliveries, 1)}}


def _planned(agency: str, group: str, sentence: str) -> SimpleNamespace:
    return SimpleNamespace(
        agency_slug="auslaenderbehoerde",
        agency_name=agency,
        addressee="Stelle",
        sentence=sentence,
        group=group,
    )


def _entries(hostile: str, now: datetime) -> Iterator[SimpleNamespace]:
    """Every clock with each of these steps, and every outcome, some after a while."""
    names = list(ADDRESSEES.values())
    outcomes = list(Outcome)
    steps = [(clock, step) for clock in Clock for step in (-1, 0, 1, 5)]
    for number, (clock, step) in enumerate(steps):
        outcome = outcomes[number % len(outcomes)]
        yield SimpleNamespace(
            day=(now - timedelta(days=number)).date(),
            agency_name=hostile,
            clock=clock,
            clock_name=CLOCKS[clock],
            kind_name=hostile if number % 2 else "",
            step=step,
            addressee_name=names[number % len(names)],
            outcome=outcome,
            outcome_name=OUTCOMES[outcome],
            count=1 + number % 3,
            minutes=(None, 20, 300, 4000)[number % 4],
        )
