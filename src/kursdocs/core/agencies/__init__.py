"""Municipalities and their agencies: who can be written to, when, and how they are set up.

An agency has one kind and belongs to one municipality; a body with two functions is two agencies.

``opening`` makes, opens, closes and reopens, ``settings`` changes what they have set, ``pauses``
are days on which an agency does not work, ``finding`` looks them up, ``checks`` judges what was
typed, ``lands`` knows the Länder, ``file_names`` how an agency wants its downloads to be called,
``paces`` after how many days reminders come here, by the rules of ``cascade``, ``closings`` are
the days off of a whole municipality, ``tables`` is what lies in the database. Others use the names
below.
"""

from kursdocs.core.agencies.cascade import Effective, Paces, Source
from kursdocs.core.agencies.checks import pattern as pattern_mistake
from kursdocs.core.agencies.closings import add_closing, closings_of, remove_closing
from kursdocs.core.agencies.finding import (
    by_slug,
    get,
    in_charge,
    listing,
    municipality_by_slug,
    municipality_of,
    municipality_of_agency,
    names_of,
    note_look,
    of_municipality,
    recipients,
    town_of,
    without_mailbox,
)
from kursdocs.core.agencies.opening import (
    close_agency,
    create_municipality,
    open_agency,
    opening_mistakes,
    reopen_agency,
    slug_from,
)
from kursdocs.core.agencies.paces import (
    change_agency_paces,
    change_municipality_paces,
    paces_of,
    town_paces,
)
from kursdocs.core.agencies.pauses import (
    add_pause,
    pauses_of,
    remove_pause,
    town_workdays,
    workdays_of,
)
from kursdocs.core.agencies.settings import (
    AGENCY_FIELDS,
    MUNICIPALITY_FIELDS,
    as_typed,
    change_agency,
    change_municipality,
)
from kursdocs.core.agencies.tables import (
    NAME_LENGTH_MAX,
    Agency,
    AgencyPause,
    Municipality,
    MunicipalityClosing,
    PlanTime,
)

__all__ = [
    "AGENCY_FIELDS",
    "MUNICIPALITY_FIELDS",
    "NAME_LENGTH_MAX",
    "Agency",
    "AgencyPause",
    "Effective",
    "Municipality",
    "MunicipalityClosing",
    "Paces",
    "PlanTime",
    "Source",
    "add_closing",
    "add_pause",
    "as_typed",
    "by_slug",
    "change_agency",
    "change_agency_paces",
    "change_municipality",
    "change_municipality_paces",
    "close_agency",
    "closings_of",
    "create_municipality",
    "get",
    "in_charge",
    "listing",
    "municipality_by_slug",
    "municipality_of",
    "municipality_of_agency",
    "names_of",
    "note_look",
    "of_municipality",
    "open_agency",
    "opening_mistakes",
    "paces_of",
    "pattern_mistake",
    "pauses_of",
    "recipients",
    "remove_closing",
    "remove_pause",
    "reopen_agency",
    "slug_from",
    "town_of",
    "town_paces",
    "town_workdays",
    "without_mailbox",
    "workdays_of",
]
