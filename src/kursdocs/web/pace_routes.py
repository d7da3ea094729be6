"""The part of the table of routes that is about paces of reminders, and days off of a town."""

from collections.abc import Sequence

from kursdocs.core.access import Permission
from kursdocs.core.audit import Happening
from kursdocs.web import municipality, paces
from kursdocs.web.call import Body, Row

PACES: Sequence[Row] = (
    Row(
        "GET",
        "/municipality/paces",
        paces.of_municipality,
        Permission.MUNICIPALITY_MANAGE,
        "municipality.paces",
        query=paces.PacesQuery,
    ),
    Row(
        "POST",
        "/municipality/paces",
        paces.change_of_municipality,
        Permission.MUNICIPALITY_MANAGE,
        "municipality.paces.change",
        happening=Happening.PACES_CHANGED,
        body=Body.FORM,
    ),
    Row(
        "GET",
        "/settings/paces",
        paces.own,
        Permission.PACES_SET,
        "settings.paces",
        query=paces.PacesQuery,
    ),
    Row(
        "GET",
        "/agencies/{slug}/paces",
        paces.of_agency,
        Permission.PACES_SET,
        "agencies.paces",
        query=paces.PacesQuery,
    ),
    Row(
        "POST",
        "/agencies/{slug}/paces",
        paces.change_of_agency,
        Permission.PACES_SET,
        "agencies.paces.change",
        happening=Happening.PACES_CHANGED,
        body=Body.FORM,
    ),
    Row(
        "POST",
        "/municipality/closings",
        municipality.add_closing,
        Permission.MUNICIPALITY_MANAGE,
        "municipality.closings.create",
        happening=Happening.MUNICIPALITY_CLOSING_ADDED,
        body=Body.FORM,
    ),
    Row(
        "POST",
        "/municipality/closings/{closing_id}/removal",
        municipality.remove_closing,
        Permission.MUNICIPALITY_MANAGE,
        "municipality.closings.remove",
        happening=Happening.MUNICIPALITY_CLOSING_REMOVED,
        body=Body.FORM,
    ),
)
