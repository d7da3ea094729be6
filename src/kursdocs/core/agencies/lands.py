"""The sixteen Länder, whose holidays differ, and the days off that come next."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType

import holidays

from kursdocs.core.workdays import Workdays

LANDS: Mapping[str, str] = MappingProxyType(
    {
        "BW": "Baden-Württemberg",
        "BY": "Bayern",
        "BE": "Berlin",
        "BB": "Brandenburg",
        "HB": "Bremen",
        "HH": "Hamburg",
        "HE": "Hessen",
        "MV": "Mecklenburg-Vorpommern",
        "NI": "Niedersachsen",
        "NW": "Nordrhein-Westfalen",
        "RP": "Rheinland-Pfalz",
        "SL": "Saarland",
        "SN": "Sachsen",
        "ST": "Sachsen-Anhalt",
        "SH": "Schleswig-Holstein",
        "TH": "Thüringen",
    }
)
"""Code to name, as the library ``holidays`` codes them."""

# Wherever one starts, a year has at least this many days off that are no weekend.
_LOOK_AHEAD = timedelta(days=366)


def next_free_days(land: str, start: date, count: int) -> Sequence[tuple[date, str]]:
    """The next holidays from ``start`` on that would else be working days, with their names.

    An empty ``land`` means those of all of Germany only.
    """
    days = list(Workdays(land).free_days(start, start + _LOOK_AHEAD))[:count]
    named = holidays.country_holidays(
        "DE", subdiv=land or None, years={day.year for day in days}, language="de"
    )
    return [(day, named[day]) for day in days]
