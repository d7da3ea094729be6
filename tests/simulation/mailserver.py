"""A real SMTP server that fails one time in ten (or as it is told), and knows when it took what.

Which attempts fail follows from seed, address, day and attempt, so that the order in which mails
come changes nothing. It also has outages: hours in which it greets nobody.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

from tests.servers import CUT, LATER, Letter, SmtpServer, Stage
from tests.simulation.almanac import local, moment
from tests.simulation.people import dice

FAILS = 0.10
"""How many attempts fail in one of :data:`WAYS`, unless said otherwise."""
WAYS: Sequence[tuple[Stage, str]] = (
    ("rcpt", LATER),
    ("data", LATER),
    ("rcpt", CUT),
    ("data", CUT),
    ("after_data", CUT),
)
"""A reply of 4xx to the address or to the content; a cut line before, and after it was taken."""
DOWN = "421 4.3.2 not now"
NEVER = "550 5.1.1 no such mailbox"

Outage = tuple[datetime, datetime]
OUTAGES: Sequence[Outage] = (
    (moment(date(2025, 10, 22), 6, 30), moment(date(2025, 10, 22), 11)),
    (moment(date(2025, 11, 5), 0), moment(date(2025, 11, 6), 0)),
    (moment(date(2025, 12, 29), 5), moment(date(2025, 12, 29), 19, 30)),
    (moment(date(2026, 1, 20), 6), moment(date(2026, 1, 21), 23)),
    (moment(date(2026, 3, 30), 6, 50), moment(date(2026, 3, 30), 8, 10)),
)
"""A morning, a day, a day nearly to the night, two days, and the hour after the clocks changed."""


@dataclass(frozen=True)
class Accepted:
    """A letter that the server took, and when; ``is_answered``: it could still say so."""

    at: datetime
    letter: Letter
    is_answered: bool

    @property
    def address(self) -> str:
        """To whom."""
        return self.letter.recipients[0]

    @property
    def message_id(self) -> str:
        """The same in every copy."""
        return str(self.letter.message["Message-ID"])

    @property
    def day(self) -> date:
        """The local day."""
        return local(self.at).date()


class FailingServer(SmtpServer):
    """See the module. ``now`` is set by whoever moves the clock."""

    def __init__(self, seed: int, fails: float, outages: Sequence[Outage], refusing: str) -> None:
        super().__init__()
        self.now = datetime.min.replace(tzinfo=UTC)
        self.accepted: list[Accepted] = []
        self.troubles: list[tuple[datetime, str]] = []
        self.attempts = self.refused = 0
        self.refused_at: datetime | None = None
        self._seed, self._fails = seed, fails
        self._outages, self._refusing = outages, refusing
        self._tries: dict[tuple[str, date], int] = {}
        self._way: tuple[Stage, str] | None = None

    @property
    def is_down(self) -> bool:
        """Whether an outage is on."""
        return any(first <= self.now < last for first, last in self._outages)

    def refusal(self, stage: Stage, address: str = "") -> str | None:
        """What this stage is answered with: decided anew when the address is named."""
        if stage == "connect":
            return DOWN if self.is_down else None
        if stage == "rcpt":
            self.attempts += 1
            if address == self._refusing:
                self.refused += 1
                self.refused_at = self.refused_at or self.now
                return NEVER
            self._decide(address)
        if self._way is None or self._way[0] != stage:
            return None
        return self._way[1]

    def _decide(self, address: str) -> None:
        key = (address, local(self.now).date())
        number = self._tries[key] = self._tries.get(key, 0) + 1
        rolled = dice(self._seed, *key, number, "mail server")
        self._way = rolled.choice(WAYS) if rolled.random() < self._fails else None
        if self._way is not None:
            self.troubles.append((self.now, address))

    def accept(self, letter: Letter) -> None:
        """Keep it with the moment."""
        is_answered = self._way is None or self._way[0] != "after_data"
        self.accepted.append(Accepted(self.now, letter, is_answered))


@contextmanager
def running(
    seed: int, fails: float, outages: Sequence[Outage], refusing: str
) -> Iterator[FailingServer]:
    """Such a server, from start to end; ``refusing`` is an address it never takes anything for."""
    server = FailingServer(seed, fails, outages, refusing)
    try:
        server.start()
        yield server
    finally:
        server.stop()
