"""The simulated town: its agencies, where each is reached, and when it is closed. All invented.

:data:`AGENCIES` is in such an order that the first eight already have one of everything: several
Länder, a shared mailbox, none at all, one that refuses, deputies, holidays with and without an
entered pause, and an office in which nobody ever does anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tests.simulation.almanac import Calendar, Span

from kursdocs.catalogue import AgencyKind

LAND = "NW"
COORDINATOR = "koordination@post.example"
OPERATOR = "betrieb@post.example"
"""Is told what is wrong with the installation, which is no reminder."""
COORDINATOR_HOUR = 7
SHARED, SHARED_HOUR = "posteingang@post.example", 8
"""One mailbox of two agencies; what comes after the earlier one's hour may stand in the next."""
REFUSING = "jobcenter-nord@post.example"
"""Its mail server says 550 to everything."""

CLOSING: Span = (date(2026, 2, 16), date(2026, 2, 16))
"""The town's own closing day: Monday of the carnival."""

_PROVIDER, _OFFICE = AgencyKind.COURSE_PROVIDER, AgencyKind.IMMIGRATION_OFFICE
_JOBCENTER, _BENEFITS = AgencyKind.JOBCENTER, AgencyKind.ASYLUM_BENEFIT_OFFICE
_CHRISTMAS: Span = (date(2025, 12, 22), date(2026, 1, 2))


@dataclass(frozen=True)
class Place:
    """One agency. ``pauses`` are entered in kursdocs, ``holidays`` are not: people are just away.

    ``habit`` names one of ``people.HABITS``. An empty address means that there is none.
    """

    slug: str
    kind: AgencyKind
    land: str = LAND
    hour: int = 7
    habit: str = "average"
    mailbox: str | None = None
    deputy: bool = False
    deputy_until: date | None = None
    head: bool = False
    pauses: tuple[Span, ...] = ()
    holidays: tuple[Span, ...] = ()

    @property
    def desk_address(self) -> str:
        """Its functional mailbox."""
        return f"{self.slug}@post.example" if self.mailbox is None else self.mailbox

    @property
    def deputy_address(self) -> str:
        """The deputy's, if any."""
        return f"vertretung.{self.slug}@post.example" if self.deputy else ""

    @property
    def head_address(self) -> str:
        """The head's, if any."""
        return f"leitung.{self.slug}@post.example" if self.head else ""

    @property
    def cut_off(self) -> int:
        """What comes before this hour of a working day is announced on that day."""
        return SHARED_HOUR if self.mailbox == SHARED else self.hour

    @property
    def calendar(self) -> Calendar:
        """When it works, by the almanac."""
        return Calendar(self.land, (*self.pauses, CLOSING))


AGENCIES: Sequence[Place] = (
    Place("vhs", _PROVIDER, habit="diligent", head=True),
    Place(
        "auslaenderbehoerde",
        _OFFICE,
        deputy=True,
        head=True,
        holidays=((date(2025, 10, 13), date(2025, 10, 24)), (date(2026, 3, 16), date(2026, 4, 2))),
    ),
    Place(
        "jobcenter",
        _JOBCENTER,
        land="SN",
        hour=8,
        habit="forgetful",
        mailbox=SHARED,
        deputy=True,
        deputy_until=date(2025, 12, 31),
        head=True,
        pauses=((date(2025, 10, 6), date(2025, 10, 10)), (date(2026, 2, 9), date(2026, 2, 13))),
    ),
    Place("sprachwerk", _PROVIDER, land="BY", hour=6, pauses=(_CHRISTMAS,)),
    Place("sozialamt", _BENEFITS, habit="asleep", deputy=True, head=True),
    Place("auslaenderbehoerde-nord", _OFFICE, land="NI", mailbox=""),
    Place("jobcenter-nord", _JOBCENTER, land="NI", mailbox=REFUSING, head=True),
    Place("sozialamt-nord", _BENEFITS, land="NI", hour=10, habit="diligent", mailbox=SHARED),
    Place("lernhaus", _PROVIDER, land="BE", hour=14, habit="forgetful", head=True),
    Place("deutschkolleg", _PROVIDER, land="ST", hour=8, holidays=(_CHRISTMAS,)),
    Place("auslaenderbehoerde-kreis", _OFFICE, land="BW", habit="diligent", pauses=(_CHRISTMAS,)),
    Place(
        "jobcenter-kreis",
        _JOBCENTER,
        land="ST",
        hour=6,
        deputy=True,
        head=True,
        holidays=((date(2025, 11, 10), date(2025, 11, 28)),),
    ),
    Place("bildungswerk", _PROVIDER, habit="forgetful", deputy=True, head=True),
    Place("auslaenderbehoerde-sued", _OFFICE, land="BY", hour=8, habit="forgetful", head=True),
    Place("jobcenter-sued", _JOBCENTER, land="BY", pauses=((date(2026, 1, 7), date(2026, 1, 16)),)),
    Place("sprachforum", _PROVIDER, land="NI", hour=10, holidays=(_CHRISTMAS,)),
    Place("auslaenderbehoerde-ost", _OFFICE, land="SN", hour=14, deputy=True, head=True),
    Place("jobcenter-ost", _JOBCENTER, land="SN", habit="diligent", head=True),
    Place("sozialamt-kreis", _BENEFITS, land="BW", habit="forgetful", deputy=True, head=True),
    Place("abendschule", _PROVIDER, land="BE", habit="diligent", hour=8),
)
