"""The invented people of the municipality ``musterstadt``, and the programs of its agencies.

Every name says that it is invented. Knows no provider, no page and no database: plain data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class DemoPerson:
    """Somebody who can be signed in as with one click.

    ``groups`` become the claim of that name: ``<agency or municipality slug>:<role>``.
    """

    subject: str
    name: str
    agency_label: str
    role_label: str
    groups: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The text of this person's button."""
        return f"{self.name} – {', '.join(filter(None, (self.role_label, self.agency_label)))}"


_CLERK, _HEAD = "Sachbearbeitung", "Leitung"
_VHS, _SPRACHWERK = "VHS Musterstadt", "Sprachwerk"
_ABH, _JOBCENTER, _TOWN = "Ausländerbehörde", "Jobcenter", "Stadt Musterstadt"

PEOPLE: Sequence[DemoPerson] = (
    DemoPerson("amina.muster", "Amina Muster", _VHS, _CLERK, ("vhs-musterstadt:clerk",)),
    DemoPerson("omar.beispiel", "Omar Beispiel", _VHS, _CLERK, ("vhs-musterstadt:clerk",)),
    DemoPerson("vera.probe", "Vera Probe", _VHS, _HEAD, ("vhs-musterstadt:head",)),
    DemoPerson("lin.probe", "Lin Probe", _SPRACHWERK, _CLERK, ("sprachwerk:clerk",)),
    DemoPerson("pavlo.muster", "Pavlo Muster", _SPRACHWERK, _CLERK, ("sprachwerk:clerk",)),
    DemoPerson("selin.beispiel", "Selin Beispiel", _SPRACHWERK, _HEAD, ("sprachwerk:head",)),
    DemoPerson("jonas.muster", "Jonas Muster", _ABH, _CLERK, ("auslaenderbehoerde:clerk",)),
    DemoPerson("nora.probe", "Nora Probe", _ABH, _CLERK, ("auslaenderbehoerde:clerk",)),
    DemoPerson("karin.beispiel", "Karin Beispiel", _ABH, _HEAD, ("auslaenderbehoerde:head",)),
    DemoPerson("david.beispiel", "David Beispiel", _JOBCENTER, _CLERK, ("jobcenter:clerk",)),
    DemoPerson("elif.muster", "Elif Muster", _JOBCENTER, _CLERK, ("jobcenter:clerk",)),
    DemoPerson("thomas.probe", "Thomas Probe", _JOBCENTER, _HEAD, ("jobcenter:head",)),
    DemoPerson("ines.muster", "Ines Muster", _TOWN, "Koordination", ("musterstadt:coordinator",)),
    DemoPerson("paul.probe", "Paul Probe", _TOWN, "Datenschutz", ("musterstadt:auditor",)),
    DemoPerson(
        "mira.beispiel",
        "Mira Beispiel",
        f"{_VHS} und {_SPRACHWERK}",
        _CLERK,
        ("vhs-musterstadt:clerk", "sprachwerk:clerk"),
    ),
    DemoPerson("kim.muster", "Kim Muster", "", "Ohne Rolle"),
)

SERVICES: Mapping[str, str] = {
    "vhs-musterstadt": "demo",
    "sprachwerk": "demo",
    "auslaenderbehoerde": "demo",
    "jobcenter": "demo",
}
"""The agencies' programs: client id (the agency's slug) to secret."""
