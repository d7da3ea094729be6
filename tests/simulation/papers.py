"""The papers of the simulated months, and what the people themselves know of each.

This is the truth that mails are measured against: it is written by what people do, and by nothing
that the program says of itself, but for one thing: that it gave a paper back.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from tests.factories import make_form
from tests.simulation.almanac import days, local, moment
from tests.simulation.people import CLOSES, OPENS, dice
from tests.simulation.town import Place

from kursdocs.catalogue import AgencyKind
from kursdocs.core.documents.sending import SendingForm

PAPERS_A_DAY = (0, 0, 0, 1, 1, 2)
"""How many an agency sends on a working day, each as likely."""
BY_PROGRAM = 0.10
"""How many are sent by a program, at any minute of any day."""
APPROVED_HOURS = (0.5, 30.0)
"""After how many hours a second person lets a report out."""

LADDERS: Mapping[str, Mapping[str, Sequence[int]]] = {
    "standard": {
        "desk": (0, 2, 5, 10, 15),
        "deputy": (5, 10, 15),
        "head": (10, 15),
        "coordinator": (15,),
    },
    "prompt": {
        "desk": (0, 1, 2, 5, 10),
        "deputy": (2, 5, 10),
        "head": (5, 10),
        "coordinator": (10,),
    },
}
"""Who is told after how many working days; 0 is the announcement."""
RETURN_AFTER = 15
"""What lay longer goes back to its sender."""

_PROVIDER = AgencyKind.COURSE_PROVIDER
_FROM_OFFICES = {
    AgencyKind.IMMIGRATION_OFFICE: "entitlement_ik",
    AgencyKind.JOBCENTER: "admission_ik_jc",
    AgencyKind.ASYLUM_BENEFIT_OFFICE: "obligation_ik_asylblg",
}
_REPORT, _REGISTRATION = "nonattendance_report_ik", "registration_confirmation_ik"
_REPORTS = 0.15
"""How many of a provider's papers are reports with consequences: prompt, and with four eyes."""


@dataclass
class Paper:
    """One paper on its way. ``arrived`` is empty while a second person has not approved it."""

    number: int
    kind: str
    sender: str
    recipient: str
    sent: datetime
    ladder: str = "standard"
    arrived: datetime | None = None
    settled: datetime | None = None
    how: str = ""
    ids: tuple[UUID, UUID] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """As a finding names it."""
        arrived = f"{local(self.arrived):%d.%m. %H:%M}" if self.arrived else "never"
        settled = f", {self.how} {local(self.settled):%d.%m. %H:%M}" if self.settled else ""
        return f"{self.ladder} paper {self.number} ({self.recipient}, arrived {arrived}{settled})"

    @property
    def is_report(self) -> bool:
        """Whether it goes out only when a second person has approved it."""
        return self.kind == _REPORT

    def waits(self, at: datetime) -> bool:
        """Whether it lay untouched at its recipient then."""
        if self.arrived is None or self.arrived > at:
            return False
        return self.settled is None or self.settled > at

    def waits_since(self, cut_off: datetime) -> bool:
        """Whether it came before that moment."""
        return self.arrived is not None and self.arrived < cut_off

    def awaits_approval(self, at: datetime) -> bool:
        """Whether it was sent, and nobody had approved it then."""
        is_over = any(end is not None and end <= at for end in (self.arrived, self.settled))
        return self.is_report and self.sent <= at and not is_over

    def form(self) -> SendingForm:
        """What the sender types."""
        day = local(self.sent).date()
        fields = {"issued_on": f"{day}", "expires_on": f"{day + timedelta(days=365)}"}
        if self.kind == _REGISTRATION:
            fields = {"issued_on": f"{day}", "planned_start_on": f"{day + timedelta(days=14)}"}
        if self.is_report:
            begin = day - timedelta(days=30)
            fields = {
                "period_from": f"{begin}",
                "period_to": f"{day}",
                "missed_lesson_units": "24",
            }
        return make_form(
            self.recipient,
            kind=self.kind,
            family_name=f"Muster{self.number}",
            released=not self.is_report,
            obliging_bodies=(self.recipient,) if self.is_report else (),
            fields=fields,
        )


def drawn(seed: int, places: Sequence[Place], first: date, last: date) -> list[Paper]:
    """All papers that will be sent, in the order of time."""
    found = [
        paper
        for day in days(first, last)
        for place in places
        for paper in _of_day(seed, places, place, day)
    ]
    found.sort(key=lambda paper: (paper.sent, paper.sender))
    for number, paper in enumerate(found):
        paper.number = number
    return found


def _of_day(seed: int, places: Sequence[Place], place: Place, day: date) -> Iterator[Paper]:
    rolled = dice(seed, place.slug, day, "papers")
    others = [one for one in places if (one.kind is _PROVIDER) != (place.kind is _PROVIDER)]
    for _ in range(rolled.choice(PAPERS_A_DAY)):
        recipient = rolled.choice(others)
        by_program = rolled.random() < BY_PROGRAM
        if not (by_program or place.calendar.works(day)):
            continue
        minutes = (
            rolled.randrange(24 * 60) if by_program else rolled.randrange(60 * OPENS, 60 * CLOSES)
        )
        is_report = place.kind is _PROVIDER and rolled.random() < _REPORTS
        kind = _FROM_OFFICES.get(place.kind, _REPORT if is_report else _REGISTRATION)
        yield Paper(
            number=0,
            kind=kind,
            sender=place.slug,
            recipient=recipient.slug,
            sent=moment(day, 0) + timedelta(minutes=minutes),
            ladder="prompt" if is_report else "standard",
        )
