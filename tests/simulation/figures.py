"""What a simulation found, in figures: mails, how soon papers were taken over, and what broke."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta

from tests.simulation.almanac import days
from tests.simulation.letters import Read
from tests.simulation.mailserver import Accepted
from tests.simulation.papers import Paper
from tests.simulation.people import assumptions
from tests.simulation.running import Record
from tests.simulation.town import COORDINATOR

SETTLES = timedelta(days=28)
"""Papers of so many last days are not measured: many of them still have time."""


def report(with_reminders: Record, without: Record) -> Iterator[str]:
    """The lines to print of one run."""
    yield from mails(with_reminders)
    yield from speeds(with_reminders, without)
    yield from breakages(with_reminders)


def mails(record: Record) -> Iterator[str]:
    """How many mails an address gets."""
    by_day = Counter((mail.address, mail.day) for mail, _ in _without_copies(record))
    by_address = Counter(address for address, _ in by_day.elements())
    working = sum(
        record.plan.town_calendar.works(day) for day in days(record.plan.first, record.plan.last)
    )
    places = record.plan.places
    all_addresses = {
        address
        for place in places
        for address in (place.desk_address, place.deputy_address, place.head_address)
    } - {""} | {COORDINATOR}
    address, most = by_address.most_common(1)[0] if by_address else ("nobody", 0)
    total = sum(by_day.values())
    yield f"mails: {total} to {len(all_addresses)} addresses in {working} working days"
    yield (
        f"mails per address and working day: mean {total / working / len(all_addresses):.2f},"
        f" most {most / working:.2f} ({address}), never more than {max(by_day.values(), default=0)}"
    )


def _without_copies(record: Record) -> list[tuple[Accepted, Read]]:
    return list({mail.message_id: (mail, said) for mail, said in record.mails}.values())


def speeds(with_reminders: Record, without: Record) -> Iterator[str]:
    """How soon papers are taken over, with reminders and without."""
    yield "working hours until a paper is taken over (what nobody ever took over counts as never):"
    for name, record in (("with", with_reminders), ("without", without)):
        measured = [
            paper
            for paper in record.papers
            if paper.arrived is not None
            and paper.arrived < record.plan.end - SETTLES
            and paper.how != "withdrawn"
        ]
        hours = sorted(_hours(record, paper) for paper in measured)
        how = Counter(paper.how or "waiting still" for paper in measured)
        fates = ", ".join(f"{count} {fate}" for fate, count in how.most_common())
        yield (
            f"  {name:<8} reminders: median {_percentile(hours, 50)},"
            f" 90th percentile {_percentile(hours, 90)}; of {len(measured)}: {fates}"
        )


def _hours(record: Record, paper: Paper) -> float:
    if paper.how != "taken over" or paper.arrived is None or paper.settled is None:
        return math.inf
    place = next(one for one in record.plan.places if one.slug == paper.recipient)
    return place.calendar.hours(paper.arrived, paper.settled)


def _percentile(values: Sequence[float], percent: int) -> str:
    """The smallest value that so many percent do not exceed."""
    if not values:
        return "unknown"
    value = values[math.ceil(len(values) * percent / 100) - 1]
    return "never" if math.isinf(value) else f"{value:.1f}"


def breakages(record: Record) -> Iterator[str]:
    """What was broken on purpose, and what came of it."""
    copies = len(record.mails) - len(_without_copies(record))
    crashes = sum(record.crashed.values())
    lost = sum(not mail.is_answered for mail, _ in record.mails)
    share = len(record.troubles) / max(record.attempts - record.refused, 1)
    yield (
        f"mail server: {record.attempts} attempts, {len(record.troubles)} failed ({share:.0%}),"
        f" {record.refused} refused for good, {len(record.plan.outages)} outages"
    )
    yield f"workers killed: {len(record.kills)}, between acceptance and commit: {crashes}"
    yield f"doubles: {copies}, at most {crashes + lost} ({crashes} crashes, {lost} lost answers)"
    yield f"papers: {len(record.papers)}, looked in {sum(map(len, record.looks.values()))} times"
    yield f"the worker was woken {record.ticks} times"


def assumed() -> Iterator[str]:
    """The people, openly."""
    yield "Assumed of people (guessed, the same with and without reminders):"
    yield from (f"  {line}" for line in assumptions())
