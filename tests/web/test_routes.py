"""The walk: every row of the route table, called by everybody, on everything they may reach or not.

What is expected is written by hand in ``MATRIX``, one line for each row and ownership. A row that
is missing there fails, and so does a line for a row that is gone.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from secrets import token_hex
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx2
import pytest
from sqlmodel import col, delete, desc, select
from tests import factories
from tests.web.house import (
    JOBCENTER,
    METRICS_TOKEN,
    OFFICE,
    SPRACHWERK,
    UNKNOWN,
    VHS,
    Answer,
    House,
    Sent,
    Visitor,
    draft_of,
    followed,
    request_form,
    requested,
    sending_fields,
    the_file,
)

from kursdocs.catalogue import AgencyKind
from kursdocs.core import agencies, invitations
from kursdocs.core.access import ROLE_PERMISSIONS, Actor, Permission, Role
from kursdocs.core.accounts import Membership, User
from kursdocs.core.agencies import Agency, AgencyPause, MunicipalityClosing
from kursdocs.core.audit import Happening
from kursdocs.core.documents import lifecycle, reading
from kursdocs.core.errors import Invalid
from kursdocs.core.instructions import Instruction
from kursdocs.core.invitations import Invitation
from kursdocs.core.memberships import Place
from kursdocs.core.outbox import OutboxMail
from kursdocs.web.call import Gate, Row
from kursdocs.web.routes import ROUTES

# Who calls, by column. In the agencies of the first four lie the documents of "own" and
# "addressed"; for the rest these are some documents that exist.
PEOPLE: Mapping[str, tuple[str, str]] = {
    "clerk": ("amina.muster", VHS),
    "head": ("vera.probe", VHS),
    "office clerk": ("jonas.muster", OFFICE),
    "office head": ("karin.beispiel", OFFICE),
    "coordinator": ("ines.muster", VHS),
    "auditor": ("paul.probe", VHS),
    "no role": ("kim.muster", VHS),
}
CALLERS = (*PEOPLE, "program", "anonymous")


class Of(StrEnum):
    """Whose the object of a call is, seen from the caller."""

    NOTHING = "-"
    OWN = "own"
    ADDRESSED = "addressed"
    TOWN = "town"  # another agency of the caller's municipality
    FOREIGN = "foreign"
    UNKNOWN = "unknown"


# "in" is the way to the sign-in. Programs bring a token, which pages do not look at; for the
# metrics it is the operator's.
MATRIX = """
row                       of         clerk head office-c office-h coord aud none program anonymous

start                     -            303  303      303      303   303 303  403      in        in
sign_in                   -            303  303      303      303   303 303  303     200       200
sign_in.start             -            303  303      303      303   303 303  303     303       303
sign_in.callback          -            303  303      303      303   303 303  303     403       403
sign_out                  -            303  303      303      303   303 303  303     303       303
sign_out.everywhere       -            303  303      303      303   303 303  303     401       401
sign_out.back_channel     -            200  200      200      200   200 200  200     200       200
signed_out                -            200  200      200      200   200 200  200     200       200
help                      -            200  200      200      200   200 200  200     200       200
acting_agency             own          303  303      303      303   303 303  404     401       401
acting_agency             foreign      404  404      404      404   404 404  404     401       401
acting_agency             unknown      404  404      404      404   404 404  404     401       401
lists                     own          303  303      303      303   404 404  404      in        in
lists                     foreign      404  404      404      404   404 404  404      in        in
lists                     unknown      404  404      404      404   404 404  404      in        in
preferences               -            303  303      303      303   303 303  303     303       303
inbox                     -            200  200      200      200   403 403  403      in        in
inbox.version             -            200  200      200      200   403 403  403      in        in
inbox.bundle              own          404  404      404      404   403 403  403     401       401
inbox.bundle              addressed    200  200      200      200   403 403  403     401       401
inbox.bundle              foreign      404  404      404      404   403 403  403     401       401
inbox.bundle              unknown      404  404      404      404   403 403  403     401       401
inbox.refreshed           -            303  303      303      303   403 403  403      in        in
inbox.search              -            200  200      200      200   403 403  403     401       401
sent.search               -            200  200      200      200   403 403  403     401       401
sent                      -            200  200      200      200   403 403  403      in        in
desk                      -            200  200      200      200   403 403  403     in        in
desk.files                -            303  303      303      303   403 403  403     401       401
desk.sent                 -            200  200      200      200   403 403  403     in        in
desk.join                 own          303  303      303      303   403 403  403     401       401
desk.join                 foreign      404  404      404      404   403 403  403     401       401
desk.join                 unknown      404  404      404      404   403 403  403     401       401
desk.send                 own          303  303      303      303   403 403  403     401       401
desk.send                 foreign      422  422      422      422   403 403  403     401       401
desk.send                 unknown      422  422      422      422   403 403  403     401       401
desk.save                 own          303  303      303      303   403 403  403     401       401
desk.save                 foreign      404  404      404      404   403 403  403     401       401
desk.save                 unknown      404  404      404      404   403 403  403     401       401
desk.fill_down            own          303  303      303      303   403 403  403     401       401
desk.fill_down            foreign      404  404      404      404   403 403  403     401       401
desk.fill_down            unknown      404  404      404      404   403 403  403     401       401
desk.discard              own          303  303      303      303   403 403  403     401       401
desk.discard              foreign      404  404      404      404   403 403  403     401       401
desk.discard              unknown      404  404      404      404   403 403  403     401       401
desk.turn                 own          303  303      303      303   403 403  403     401       401
desk.turn                 foreign      404  404      404      404   403 403  403     401       401
desk.turn                 unknown      404  404      404      404   403 403  403     401       401
desk.arrange              own          303  303      303      303   403 403  403     401       401
desk.arrange              foreign      404  404      404      404   403 403  403     401       401
desk.arrange              unknown      404  404      404      404   403 403  403     401       401
desk.page_image           own          200  200      200      200   403 403  403     in        in
desk.page_image           foreign      404  404      404      404   403 403  403     in        in
desk.page_image           unknown      404  404      404      404   403 403  403     in        in
requests                  -            200  200      200      200   403 403  403      in        in
requests.new              -            200  200      200      200   403 403  403      in        in
requests.create           -            303  303      303      303   403 403  403     401       401
requests.show             own          200  200      200      200   403 403  403      in        in
requests.show             addressed    200  200      200      200   403 403  403      in        in
requests.show             foreign      404  404      404      404   403 403  403      in        in
requests.show             unknown      404  404      404      404   403 403  403      in        in
requests.decline          own          404  404      404      404   403 403  403     401       401
requests.decline          addressed    303  303      303      303   403 403  403     401       401
requests.decline          foreign      404  404      404      404   403 403  403     401       401
requests.decline          unknown      404  404      404      404   403 403  403     401       401
requests.cancel           own          303  303      303      303   403 403  403     401       401
requests.cancel           addressed    404  404      404      404   403 403  403     401       401
requests.cancel           foreign      404  404      404      404   403 403  403     401       401
requests.cancel           unknown      404  404      404      404   403 403  403     401       401
follow_ups                -            200  200      200      200   403 403  403      in        in
follow_ups.settle         own          303  303      303      303   403 403  403     401       401
follow_ups.settle         foreign      404  404      404      404   403 403  403     401       401
follow_ups.settle         unknown      404  404      404      404   403 403  403     401       401
follow_ups.reopen         own          303  303      303      303   403 403  403     401       401
follow_ups.reopen         foreign      404  404      404      404   403 403  403     401       401
follow_ups.reopen         unknown      404  404      404      404   403 403  403     401       401
documents.new             -            200  200      200      200   403 403  403      in        in
documents.create          -            303  303      303      303   403 403  403     401       401
documents.leaving         -            200  200      200      200   403 403  403      in        in
documents.show            own          200  200      200      200   403 403  403      in        in
documents.show            addressed    200  200      200      200   403 403  403      in        in
documents.show            foreign      404  404      404      404   403 403  403      in        in
documents.show            unknown      404  404      404      404   403 403  403      in        in
documents.receipt         own          200  200      200      200   403 403  403      in        in
documents.receipt         addressed    404  404      404      404   403 403  403      in        in
documents.receipt         foreign      404  404      404      404   403 403  403      in        in
documents.receipt         unknown      404  404      404      404   403 403  403      in        in
documents.receipt_pdf     own          200  200      200      200   403 403  403      in        in
documents.receipt_pdf     addressed    404  404      404      404   403 403  403      in        in
documents.receipt_pdf     foreign      404  404      404      404   403 403  403      in        in
documents.receipt_pdf     unknown      404  404      404      404   403 403  403      in        in
documents.correction      own          200  200      200      200   403 403  403      in        in
documents.correction      addressed    404  404      404      404   403 403  403      in        in
documents.correction      foreign      404  404      404      404   403 403  403      in        in
documents.correction      unknown      404  404      404      404   403 403  403      in        in
documents.correct         own          303  303      303      303   403 403  403     401       401
documents.correct         addressed    404  404      404      404   403 403  403     401       401
documents.correct         foreign      404  404      404      404   403 403  403     401       401
documents.correct         unknown      404  404      404      404   403 403  403     401       401
documents.resending       own          200  200      200      200   403 403  403      in        in
documents.resending       addressed    404  404      404      404   403 403  403      in        in
documents.resending       foreign      404  404      404      404   403 403  403      in        in
documents.resending       unknown      404  404      404      404   403 403  403      in        in
documents.resend          own          303  303      303      303   403 403  403     401       401
documents.resend          addressed    404  404      404      404   403 403  403     401       401
documents.resend          foreign      404  404      404      404   403 403  403     401       401
documents.resend          unknown      404  404      404      404   403 403  403     401       401
deliveries.forwarding     own          404  404      404      404   403 403  403      in        in
deliveries.forwarding     addressed    200  200      409      409   403 403  403      in        in
deliveries.forwarding     foreign      404  404      404      404   403 403  403      in        in
deliveries.forwarding     unknown      404  404      404      404   403 403  403      in        in
deliveries.forward        own          404  404      404      404   403 403  403     401       401
deliveries.forward        addressed    303  303      409      409   403 403  403     401       401
deliveries.forward        foreign      404  404      404      404   403 403  403     401       401
deliveries.forward        unknown      404  404      404      404   403 403  403     401       401
documents.content         own          200  200      200      200   403 403  403      in        in
documents.content         addressed    200  200      200      200   403 403  403      in        in
documents.content         foreign      404  404      404      404   403 403  403      in        in
documents.content         unknown      404  404      404      404   403 403  403      in        in
documents.page_image      own          200  200      200      200   403 403  403      in        in
documents.page_image      addressed    200  200      200      200   403 403  403      in        in
documents.page_image      foreign      404  404      404      404   403 403  403      in        in
documents.page_image      unknown      404  404      404      404   403 403  403      in        in
documents.withdraw        own          303  303      303      303   403 403  403     401       401
documents.withdraw        addressed    404  404      404      404   403 403  403     401       401
documents.withdraw        foreign      404  404      404      404   403 403  403     401       401
documents.withdraw        unknown      404  404      404      404   403 403  403     401       401
documents.approve         own          303  303      409      409   403 403  403     401       401
documents.approve         addressed    404  404      404      404   403 403  403     401       401
documents.approve         foreign      404  404      404      404   403 403  403     401       401
documents.approve         unknown      404  404      404      404   403 403  403     401       401
documents.decline         own          303  303      409      409   403 403  403     401       401
documents.decline         addressed    404  404      404      404   403 403  403     401       401
documents.decline         foreign      404  404      404      404   403 403  403     401       401
documents.decline         unknown      404  404      404      404   403 403  403     401       401
deliveries.take_over      own          404  404      404      404   403 403  403     401       401
deliveries.take_over      addressed    303  303      303      303   403 403  403     401       401
deliveries.take_over      foreign      404  404      404      404   403 403  403     401       401
deliveries.take_over      unknown      404  404      404      404   403 403  403     401       401
deliveries.return         own          404  404      404      404   403 403  403     401       401
deliveries.return         addressed    303  303      303      303   403 403  403     401       401
deliveries.return         foreign      404  404      404      404   403 403  403     401       401
deliveries.return         unknown      404  404      404      404   403 403  403     401       401
deliveries.settle         addressed    200  200      200      200   403 403  403     401       401
deliveries.preview        own          404  404      404      404   403 403  403      in        in
deliveries.preview        addressed    200  200      200      200   403 403  403      in        in
deliveries.preview        foreign      404  404      404      404   403 403  403      in        in
deliveries.preview        unknown      404  404      404      404   403 403  403      in        in
deliveries.undo           own          404  404      404      404   403 403  403     401       401
deliveries.undo           addressed    303  303      303      303   403 403  403     401       401
deliveries.undo           foreign      404  404      404      404   403 403  403     401       401
deliveries.undo           unknown      404  404      404      404   403 403  403     401       401
deliveries.claim          own          404  404      404      404   403 403  403     401       401
deliveries.claim          addressed    303  303      303      303   403 403  403     401       401
deliveries.claim          foreign      404  404      404      404   403 403  403     401       401
deliveries.claim          unknown      404  404      404      404   403 403  403     401       401
deliveries.unclaim        own          404  404      404      404   403 403  403     401       401
deliveries.unclaim        addressed    303  303      303      303   403 403  403     401       401
deliveries.unclaim        foreign      404  404      404      404   403 403  403     401       401
deliveries.unclaim        unknown      404  404      404      404   403 403  403     401       401
deliveries.acknowledge    own          404  404      404      404   403 403  403     401       401
deliveries.acknowledge    addressed    303  303      303      303   403 403  403     401       401
deliveries.acknowledge    foreign      404  404      404      404   403 403  403     401       401
deliveries.acknowledge    unknown      404  404      404      404   403 403  403     401       401
instruction               -            200  200      404      404   404 404  404      in        in
instruction.confirm       -            303  303      404      404   404 404  404     401       401
join.open                 -            303  303      303      303   303 303  303     303       303
join                      own          200  200      200      200   200 200  200     200       200
join                      unknown      404  404      404      404   404 404  404     404       404
join.accept               own          303  303      303      303   303 303  303     401       401
join.accept               unknown      404  404      404      404   404 404  404     401       401
members                   -            403  200      403      200   200 403  403      in        in
members.of_agency         own          403  200      403      200   200 403  403      in        in
members.of_agency         foreign      403  404      403      404   404 403  403      in        in
members.of_agency         unknown      403  404      403      404   404 403  403      in        in
members.show              own          403  200      403      200   200 403  403      in        in
members.show              foreign      403  404      403      404   404 403  403      in        in
members.show              unknown      403  404      403      404   404 403  403      in        in
members.role              own          403  303      403      303   303 403  403     401       401
members.role              foreign      403  404      403      404   404 403  403     401       401
members.role              unknown      403  404      403      404   404 403  403     401       401
members.end_date          own          403  303      403      303   303 403  403     401       401
members.end_date          foreign      403  404      403      404   404 403  403     401       401
members.end_date          unknown      403  404      403      404   404 403  403     401       401
members.ending            own          403  200      403      200   200 403  403      in        in
members.ending            foreign      403  404      403      404   404 403  403      in        in
members.ending            unknown      403  404      403      404   404 403  403      in        in
members.end               own          403  303      403      303   303 403  403     401       401
members.end               foreign      403  404      403      404   404 403  403     401       401
members.end               unknown      403  404      403      404   404 403  403     401       401
invitations.new           -            403  200      403      200   200 403  403      in        in
invitations.create        -            403  200      403      200   200 403  403     401       401
invitations.revoke        own          403  303      403      303   303 403  403     401       401
invitations.revoke        foreign      403  404      403      404   404 403  403     401       401
invitations.revoke        unknown      403  404      403      404   404 403  403     401       401
catalogue                 -            200  200      200      200   200 200  403      in        in
agencies                  -            403  403      403      403   200 403  403      in        in
agencies.new              -            403  403      403      403   200 403  403      in        in
agencies.create           -            403  403      403      403   303 403  403     401       401
agencies.settings         own          403  200      403      200   200 403  403      in        in
agencies.settings         town         403  404      403      404   200 403  403      in        in
agencies.settings         foreign      403  404      403      404   404 403  403      in        in
agencies.settings         unknown      403  404      403      404   404 403  403      in        in
agencies.change           own          403  303      403      303   303 403  403     401       401
agencies.change           town         403  404      403      404   303 403  403     401       401
agencies.change           foreign      403  404      403      404   404 403  403     401       401
agencies.change           unknown      403  404      403      404   404 403  403     401       401
agencies.pauses.create    own          403  303      403      303   303 403  403     401       401
agencies.pauses.create    town         403  404      403      404   303 403  403     401       401
agencies.pauses.create    foreign      403  404      403      404   404 403  403     401       401
agencies.pauses.create    unknown      403  404      403      404   404 403  403     401       401
agencies.pauses.remove    own          403  303      403      303   303 403  403     401       401
agencies.pauses.remove    town         403  404      403      404   303 403  403     401       401
agencies.pauses.remove    foreign      403  404      403      404   404 403  403     401       401
agencies.pauses.remove    unknown      403  404      403      404   404 403  403     401       401
agencies.closing          town         403  403      403      403   200 403  403      in        in
agencies.closing          foreign      403  403      403      403   404 403  403      in        in
agencies.closing          unknown      403  403      403      403   404 403  403      in        in
agencies.close            town         403  403      403      403   303 403  403     401       401
agencies.close            foreign      403  403      403      403   404 403  403     401       401
agencies.close            unknown      403  403      403      403   404 403  403     401       401
agencies.reopen           town         403  403      403      403   303 403  403     401       401
agencies.reopen           foreign      403  403      403      403   404 403  403     401       401
agencies.reopen           unknown      403  403      403      403   404 403  403     401       401
settings                  -            403  200      403      200   303 403  403      in        in
municipality              -            403  403      403      403   200 403  403      in        in
municipality.change       -            403  403      403      403   303 403  403     401       401
mail                      -            403  403      403      403   200 403  403      in        in
integrity                 -            403  403      403      403   200 200  403      in        in
mail.try                  own          403  303      403      303   303 403  403     401       401
mail.try                  unknown      403  404      403      404   404 403  403     401       401
mail.resend               own          403  303      403      303   303 403  403     401       401
mail.resend               foreign      403  404      403      404   404 403  403     401       401
mail.resend               unknown      403  404      403      404   404 403  403     401       401
municipality.paces        -            403  403      403      403   200 403  403      in        in
municipality.paces.change -            403  403      403      403   303 403  403     401       401
municipality.closings.create -         403  403      403      403   303 403  403     401       401
municipality.closings.remove own       403  403      403      403   303 403  403     401       401
municipality.closings.remove foreign   403  403      403      403   404 403  403     401       401
municipality.closings.remove unknown   403  403      403      403   404 403  403     401       401
settings.paces            -            403  200      403      200   303 403  403      in        in
agencies.paces            own          403  200      403      200   200 403  403      in        in
agencies.paces            town         403  404      403      404   200 403  403      in        in
agencies.paces            foreign      403  404      403      404   404 403  403      in        in
agencies.paces            unknown      403  404      403      404   404 403  403      in        in
agencies.paces.change     own          403  303      403      303   303 403  403     401       401
agencies.paces.change     town         403  404      403      404   303 403  403     401       401
agencies.paces.change     foreign      403  404      403      404   404 403  403     401       401
agencies.paces.change     unknown      403  404      403      404   404 403  403     401       401
municipality.claims       -            403  403      403      403   200 403  403      in        in
municipality.claims.try   -            403  403      403      403   200 403  403     401       401
log                       -            403  200      403      200   403 200  403      in        in
log.checkpoint            -            403  200      403      200   403 200  403      in        in
numbers                   -            200  200      200      200   200 403  403      in        in
numbers.sheet             -            403  403      403      403   200 403  403      in        in
numbers.csv               -            403  403      403      403   200 403  403      in        in
reminders                 -            403  200      403      200   200 403  403      in        in
reminders.csv             -            403  200      403      200   200 403  403      in        in

api.documents.create      -            201  201      201      201   403 403  403     201       401
api.inbox                 -            200  200      200      200   403 403  403     200       401
api.inbox.bundle          own          404  404      404      404   403 403  403     404       401
api.inbox.bundle          addressed    200  200      200      200   403 403  403     200       401
api.inbox.bundle          foreign      404  404      404      404   403 403  403     404       401
api.inbox.bundle          unknown      404  404      404      404   403 403  403     404       401
api.sent                  -            200  200      200      200   403 403  403     200       401
api.requests              -            200  200      200      200   403 403  403     200       401
api.requests.create       -            201  201      201      201   403 403  403     201       401
api.requests.show         own          200  200      200      200   403 403  403     200       401
api.requests.show         addressed    200  200      200      200   403 403  403     200       401
api.requests.show         foreign      404  404      404      404   403 403  403     404       401
api.requests.show         unknown      404  404      404      404   403 403  403     404       401
api.requests.decline      own          404  404      404      404   403 403  403     404       401
api.requests.decline      addressed    200  200      200      200   403 403  403     200       401
api.requests.decline      foreign      404  404      404      404   403 403  403     404       401
api.requests.decline      unknown      404  404      404      404   403 403  403     404       401
api.requests.cancel       own          200  200      200      200   403 403  403     200       401
api.requests.cancel       addressed    404  404      404      404   403 403  403     404       401
api.requests.cancel       foreign      404  404      404      404   403 403  403     404       401
api.requests.cancel       unknown      404  404      404      404   403 403  403     404       401
api.follow_ups            -            200  200      200      200   403 403  403     200       401
api.follow_ups.settle     own          200  200      200      200   403 403  403     200       401
api.follow_ups.settle     foreign      404  404      404      404   403 403  403     404       401
api.follow_ups.settle     unknown      404  404      404      404   403 403  403     404       401
api.documents.show        own          200  200      200      200   403 403  403     200       401
api.documents.show        addressed    200  200      200      200   403 403  403     200       401
api.documents.show        foreign      404  404      404      404   403 403  403     404       401
api.documents.show        unknown      404  404      404      404   403 403  403     404       401
api.documents.content     own          200  200      200      200   403 403  403     200       401
api.documents.content     addressed    200  200      200      200   403 403  403     200       401
api.documents.content     foreign      404  404      404      404   403 403  403     404       401
api.documents.content     unknown      404  404      404      404   403 403  403     404       401
api.documents.events      own          200  200      200      200   403 403  403     200       401
api.documents.events      addressed    200  200      200      200   403 403  403     200       401
api.documents.events      foreign      404  404      404      404   403 403  403     404       401
api.documents.events      unknown      404  404      404      404   403 403  403     404       401
api.documents.withdraw    own          200  200      200      200   403 403  403     200       401
api.documents.withdraw    addressed    404  404      404      404   403 403  403     404       401
api.documents.withdraw    foreign      404  404      404      404   403 403  403     404       401
api.documents.withdraw    unknown      404  404      404      404   403 403  403     404       401
api.documents.approve     own          200  200      409      409   403 403  403     403       401
api.documents.approve     addressed    404  404      404      404   403 403  403     404       401
api.documents.approve     foreign      404  404      404      404   403 403  403     404       401
api.documents.approve     unknown      404  404      404      404   403 403  403     404       401
api.documents.decline     own          200  200      409      409   403 403  403     403       401
api.documents.decline     addressed    404  404      404      404   403 403  403     404       401
api.documents.decline     foreign      404  404      404      404   403 403  403     404       401
api.documents.decline     unknown      404  404      404      404   403 403  403     404       401
api.deliveries.take_over  own          404  404      404      404   403 403  403     404       401
api.deliveries.take_over  addressed    200  200      200      200   403 403  403     200       401
api.deliveries.take_over  foreign      404  404      404      404   403 403  403     404       401
api.deliveries.take_over  unknown      404  404      404      404   403 403  403     404       401
api.deliveries.return     own          404  404      404      404   403 403  403     404       401
api.deliveries.return     addressed    200  200      200      200   403 403  403     200       401
api.deliveries.return     foreign      404  404      404      404   403 403  403     404       401
api.deliveries.return     unknown      404  404      404      404   403 403  403     404       401
api.deliveries.undo       own          404  404      404      404   403 403  403     404       401
api.deliveries.undo       addressed    200  200      200      200   403 403  403     200       401
api.deliveries.undo       foreign      404  404      404      404   403 403  403     404       401
api.deliveries.undo       unknown      404  404      404      404   403 403  403     404       401
api.deliveries.claim      own          404  404      404      404   403 403  403     404       401
api.deliveries.claim      addressed    200  200      200      200   403 403  403     403       401
api.deliveries.claim      foreign      404  404      404      404   403 403  403     404       401
api.deliveries.claim      unknown      404  404      404      404   403 403  403     404       401
api.deliveries.unclaim    own          404  404      404      404   403 403  403     404       401
api.deliveries.unclaim    addressed    200  200      200      200   403 403  403     403       401
api.deliveries.unclaim    foreign      404  404      404      404   403 403  403     404       401
api.deliveries.unclaim    unknown      404  404      404      404   403 403  403     404       401
api.documents.correct     own          201  201      201      201   403 403  403     201       401
api.documents.correct     addressed    404  404      404      404   403 403  403     404       401
api.documents.correct     foreign      404  404      404      404   403 403  403     404       401
api.documents.correct     unknown      404  404      404      404   403 403  403     404       401
api.documents.receipt_pdf own          200  200      200      200   403 403  403     200       401
api.documents.receipt_pdf addressed    404  404      404      404   403 403  403     404       401
api.documents.receipt_pdf foreign      404  404      404      404   403 403  403     404       401
api.documents.receipt_pdf unknown      404  404      404      404   403 403  403     404       401
api.deliveries.acknowledge own         404  404      404      404   403 403  403     404       401
api.deliveries.acknowledge addressed   200  200      200      200   403 403  403     200       401
api.deliveries.acknowledge foreign     404  404      404      404   403 403  403     404       401
api.deliveries.acknowledge unknown     404  404      404      404   403 403  403     404       401
api.deliveries.forward    own          404  404      404      404   403 403  403     404       401
api.deliveries.forward    addressed    201  201      409      409   403 403  403     201       401
api.deliveries.forward    foreign      404  404      404      404   403 403  403     404       401
api.deliveries.forward    unknown      404  404      404      404   403 403  403     404       401
api.me                    -            200  200      200      200   200 200  200     200       401
api.catalogue             -            200  200      200      200   200 200  403     200       401
api.agencies              -            200  200      200      200   200 403  403     200       401
api.log.checkpoint        -            200  200      200      200   200 200  200     200       401

api.openapi               -            200  200      200      200   200 200  200     200       200
health.alive              -            200  200      200      200   200 200  200     200       200
health.ready              -            200  200      200      200   200 200  200     200       200
metrics                   -            401  401      401      401   401 401  401     200       401
"""

# The provider's words about somebody, whoever brings them; those of the walk concern nobody here.
SPEAKS_FOR_OTHERS = {"sign_out.back_channel"}
# These end or change the session they come from.
ENDINGS = {"sign_out", "sign_out.everywhere", "join.accept"}
# Only these GETs change more than the log: a sign-in is an attempt first, then a session.
CHANGING_GETS = {"sign_in.start", "sign_in.callback"}
# What such a call leaves in the log before and after its own happening.
BESIDE: Mapping[str, tuple[list[Happening], list[Happening]]] = {
    "members.role": ([Happening.MEMBERSHIP_ENDED], []),
    "join.accept": ([Happening.MEMBERSHIP_GRANTED], [Happening.AGENCY_SWITCHED]),
    "documents.correct": ([Happening.DOCUMENT_WITHDRAWN, Happening.DOCUMENT_SENT], []),
    "api.documents.correct": ([Happening.DOCUMENT_WITHDRAWN, Happening.DOCUMENT_SENT], []),
    "deliveries.settle": ([Happening.DELIVERY_TAKEN_OVER], []),
}
# Asked for by a handler, because the row alone cannot know which of the two it is.
ASKED_BY_HANDLERS = {
    Permission.AGENCY_LOG_READ,
    Permission.MUNICIPALITY_LOG_READ,
    Permission.AGENCY_NUMBERS_READ,
}
FRESH = re.compile(r"stelle-[0-9a-f]{12}")  # slugs of agencies that the walk opens
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "COPY")


def expectations() -> dict[str, dict[Of, dict[str, str]]]:
    """The matrix: row → ownership → caller → status."""
    found: dict[str, dict[Of, dict[str, str]]] = {}
    for line in MATRIX.strip().splitlines()[1:]:
        if line.strip():
            name, of, *statuses = line.split()
            found.setdefault(name, {})[Of(of)] = dict(zip(CALLERS, statuses, strict=True))
    return found


EXPECTED = expectations()
BY_NAME = {row.name: row for row in ROUTES}


# What people type into the forms about members.
FORMS = {
    "members.role": {"role": "head"},
    "members.end_date": {"until": "31.12.2090"},
    "members.end": {},
    "invitations.create": {"role": "clerk", "days": "7", "note": "Zimmer 12"},
    "instruction.confirm": {"version": "2026-11", "next": "/sent"},
}


class Members:
    """A fresh member or link for every call; foreign ones belong to another municipality."""

    NEIGHBOUR = "nachbarstadt-jobcenter"

    def __init__(self, house: House) -> None:
        self.house = house
        self.number = 0
        with house.services.transaction() as session:
            factories.make_municipality(session, "nachbarstadt")
            self.neighbour = factories.make_agency(
                session, self.NEIGHBOUR, AgencyKind.JOBCENTER, municipality="nachbarstadt"
            ).id

    def filled(self, path: str, own: str, of: Of) -> str:
        """The address with what it asks for: a slug, a member, an invitation, a secret."""
        slug = {Of.OWN: own, Of.FOREIGN: self.NEIGHBOUR}.get(of, "none")
        path = path.replace("{slug}", slug).replace("{secret}", "none")
        for name, make in (("{membership_id}", self._member), ("{invitation_id}", self._link)):
            if name in path:
                path = path.replace(name, str(UNKNOWN if slug == "none" else make(slug)))
        return path

    def _member(self, slug: str) -> UUID:
        self.number += 1
        with self.house.services.transaction() as session:
            agency = agencies.by_slug(session, slug)
            subject, now = f"member-{self.number}", self.house.clock()
            factories.make_person_actor(session, agency, subject=subject, now=now)
            return session.exec(select(Membership.id).order_by(desc("id"))).first() or UNKNOWN

    def _link(self, slug: str) -> UUID:
        self._invite(slug)
        with self.house.services.transaction() as session:
            return session.exec(select(Invitation.id).order_by(desc("id"))).first() or UNKNOWN

    def _invite(self, slug: str) -> str:
        with self.house.services.transaction() as session:
            agency = agencies.by_slug(session, slug)
            at = Place(agency.municipality_id, "", agency)
            now = self.house.clock()
            return invitations.create(session, factories.TESTS, at, role=Role.CLERK, now=now)

    def secret(self, of: Of) -> str:
        """The secret of a link to the neighbours, where nobody has a role."""
        return self._invite(self.NEIGHBOUR) if of is Of.OWN else "none"

    def forget_instruction(self, subject: str) -> None:
        """The person has to confirm it again, which the call then does."""
        with self.house.services.transaction() as session:
            own = select(User.id).where(User.subject == subject)
            session.exec(delete(Instruction).where(col(Instruction.user_id).in_(own)))

    def out_again(self) -> None:
        """Past the domain: whoever joined the neighbours is as before."""
        with self.house.services.transaction() as session:
            session.exec(delete(Membership).where(col(Membership.agency_id) == self.neighbour))


@dataclass
class Walk:
    """The town as the walk finds it: one document in each direction, and a foreign one."""

    house: House
    papers: Mapping[tuple[str, str], Sent]
    days: int = 1
    saturdays: int = 0
    desks: dict[str, str] = field(default_factory=dict)

    def prepared(self, row: Row, caller: str, of: Of) -> Callable[[], Answer]:
        """This caller's request for this row and object, with all it needs in place."""
        client = self._client(row, caller)
        if row.name == "sign_in.callback":
            address = self._way_back(caller)
            return lambda: client.get(address)
        sent = self._sent(row, caller, of)
        path = address_of(row.path, sent).replace("{agency}", self._agency(caller, of))
        path = path.replace("{list}", "waiting")
        path = self._place(row, caller, of, path)
        path = self.members.filled(path, PEOPLE.get(caller, ("", VHS))[1], of)
        path = self._requested(caller, of, path)
        path, body = self._followed(row, caller, of, path, self._body(row, caller, of))
        body = self._about_deliveries(row, caller, of, sent) or body
        if row.name in ("join", "join.accept"):
            for left in [c for c in client.cookies.jar if c.name == "kursdocs_invitation"]:
                client.cookies.jar.clear(left.domain, left.path, left.name)
            client.cookies.set("kursdocs_invitation", self.members.secret(of))
        if row.name == "instruction.confirm":
            self.members.forget_instruction(PEOPLE.get(caller, ("", ""))[0])

        def request() -> Answer:
            answer = client.request(row.method, path, **body)
            if row.name == "sign_out.everywhere" and caller in PEOPLE:
                self.house.let_in_again(PEOPLE[caller][0])
            if row.name == "join.accept":
                self.members.out_again()
            return answer

        return request

    def _followed(
        self, row: Row, caller: str, of: Of, path: str, body: dict[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """Path and body, with a fresh follow-up if they are about one; settled to be undone."""
        if "follow_ups." not in row.name:
            return path, body
        whose = PEOPLE.get(caller, ("", VHS))[1] if of is Of.OWN else JOBCENTER
        is_settled, id_ = row.name == "follow_ups.reopen", UNKNOWN
        if of is not Of.UNKNOWN:
            id_ = followed(self.house, whose, is_settled=is_settled)
        if row.is_api:
            return path.replace("{follow_up_id}", str(id_)), {"json": {"reason": "on_paper"}}
        return path, {"data": {"follow_up": str(id_), "reason": "on_paper"}}

    def _about_deliveries(
        self, row: Row, caller: str, of: Of, sent: Sent
    ) -> dict[str, object] | None:
        """The body of a row that names deliveries in it; what must have happened to them before."""
        named = str(sent.delivery_id)
        if of is Of.ADDRESSED and row.name.endswith("deliveries.undo"):
            self._settle(caller, sent)
        if of is Of.ADDRESSED and row.name.endswith("deliveries.acknowledge"):
            self._withdraw(caller, sent)
        if row.name in ("inbox.bundle", "deliveries.settle"):
            return {"data": {"action": "take_over", "delivery": named}}
        return {"json": {"deliveries": [named]}} if row.name.endswith("inbox.bundle") else None

    @cached_property
    def members(self) -> "Members":
        """People and links that can be managed."""
        return Members(self.house)

    def _requested(self, caller: str, of: Of, path: str) -> str:
        """The address with a request that the caller's agency made, must answer, or never sees."""
        if "{request_id}" not in path:
            return path
        mine = PEOPLE.get(caller, ("", VHS))[1]
        other = OFFICE if mine == VHS else VHS
        ways = {
            Of.OWN: (mine, other),
            Of.ADDRESSED: (other, mine),
            Of.FOREIGN: (JOBCENTER, SPRACHWERK),
        }
        if of is Of.UNKNOWN:
            return path.replace("{request_id}", str(UNKNOWN))
        return path.replace("{request_id}", str(requested(self.house, *ways[of])))

    def _client(self, row: Row, caller: str) -> httpx2.Client:
        if caller == "anonymous":
            return self.house.client({})
        if caller == "program":
            own = self.house.program(METRICS_TOKEN) if row.name == "metrics" else None
            return own or self.house.service(VHS)
        subject, _ = PEOPLE[caller]
        if row.is_api:
            return self.house.program(self.house.person_token(subject))
        if row.name == "sign_in.callback":
            return self._arriving.client
        return (self.house.newly if row.name in ENDINGS else self.house.person)(subject).client

    @cached_property
    def _arriving(self) -> Visitor:
        """A browser in which people come back from the provider, one after the other."""
        return self.house.visitor()

    def _way_back(self, caller: str) -> str:
        if caller not in PEOPLE:
            return "/sign-in/callback?state=none&code=none"
        self._arriving.client.cookies.clear()
        return self._arriving.to_callback(PEOPLE[caller][0])

    def _sent(self, row: Row, caller: str, of: Of) -> Sent:
        mine = PEOPLE.get(caller, ("", VHS))[1]
        other = OFFICE if mine == VHS else VHS
        # Only course providers send what a second person must approve.
        if of is Of.OWN and mine == VHS and row.name.endswith(("approve", "decline")):
            return self.house.waiting(mine, other)
        if of in (Of.OWN, Of.ADDRESSED):
            way = (mine, other) if of is Of.OWN else (other, mine)
            if of is Of.OWN and row.name in ("documents.resend", "documents.resending"):
                return self._taken_back(self.house.noted(*way), mine)
            has_bytes = row.method == "GET" or row.name.endswith("inbox.bundle")
            return self.papers[way] if has_bytes else self.house.noted(*way)
        if of is Of.FOREIGN:
            return self.papers[SPRACHWERK, JOBCENTER]
        return Sent(UNKNOWN, UNKNOWN)

    def _taken_back(self, sent: Sent, sender: str) -> Sent:
        """The same after its sender withdrew it."""
        house, actor = self.house, self.house.actor(sender)
        with house.services.transaction() as session:
            lifecycle.withdraw(
                session,
                actor,
                sent.document_id,
                reason="wrong_recipient",
                catalogue=house.services.catalogue,
                now=house.services.clock(),
            )
        return sent

    def _withdraw(self, caller: str, sent: Sent) -> None:
        """Take back what the caller had looked at, and is about to acknowledge."""
        house, mine = self.house, PEOPLE.get(caller, ("", VHS))[1]
        actor, recipient = house.actor(OFFICE if mine == VHS else VHS), house.actor(mine)
        now, catalogue = house.services.clock(), house.services.catalogue
        with house.services.transaction() as session:
            reading.mark_opened(session, recipient, sent.document_id, now=now)
            lifecycle.withdraw(
                session,
                actor,
                sent.document_id,
                reason="wrong_recipient",
                catalogue=catalogue,
                now=now,
            )

    def _settle(self, caller: str, sent: Sent) -> None:
        """Take over what the caller is about to undo."""
        own = self.house.service(VHS) if caller == "program" else None
        if caller in PEOPLE:
            own = self.house.program(self.house.person_token(PEOPLE[caller][0]))
        if own is not None:
            own.post(f"/api/v1/deliveries/{sent.delivery_id}/take-over")

    def _draft(self, caller: str, of: Of) -> str:
        """A fresh paper on the caller's own desk, or on a colleague's, which is as foreign."""
        if of is Of.UNKNOWN or caller not in ("clerk", "head", "office clerk", "office head"):
            return str(UNKNOWN)
        whose = {"clerk": "head", "head": "clerk"}.get(caller, "clerk")
        if of is Of.FOREIGN:
            # One for all: nobody but its person can change it.
            if whose not in self.desks:
                self.desks[whose] = draft_of(self.house, *PEOPLE[whose])
            return self.desks[whose]
        return draft_of(self.house, *PEOPLE[caller])

    def _agency(self, caller: str, of: Of) -> str:
        """The slug of the caller's own agency, of a foreign one, or of none."""
        if of is Of.OWN:
            return PEOPLE.get(caller, ("", VHS))[1]
        return SPRACHWERK if of is Of.FOREIGN else "nirgends"

    def _place(self, row: Row, caller: str, of: Of, path: str) -> str:
        """The path with a draft, or with the agency and a pause of it that is there."""
        if "{mail_id}" in path:
            return path.replace("{mail_id}", str(self._failed_mail(caller, of)))
        if "{draft_id}" in path:
            return path.replace("{draft_id}", self._draft(caller, of))
        if "{closing_id}" in path:
            return path.replace("{closing_id}", str(self._closing(of)))
        if "{slug}" not in path:
            return path
        mine = PEOPLE.get(caller, ("", VHS))[1]
        slug = {Of.OWN: mine, Of.UNKNOWN: "nirgends"}.get(of) or self._opened(row, of)
        pause = self._pause(slug) if "{pause_id}" in path else UNKNOWN
        return path.replace("{slug}", slug).replace("{pause_id}", str(pause))

    def _failed_mail(self, caller: str, of: Of) -> UUID:
        """A mail to the caller's own agency or to nobody here, which nobody sent again yet."""
        if of is Of.UNKNOWN:
            return UNKNOWN
        now = self.house.clock()
        with self.house.services.transaction() as session:
            session.exec(delete(OutboxMail))
            agency = agencies.by_slug(session, PEOPLE.get(caller, ("", VHS))[1])
            mail = OutboxMail(
                dedupe=token_hex(8),
                address=agency.mailbox if of is Of.OWN else "weit@weg.example",
                created_at=now,
                due_at=now,
                lapses_at=now + timedelta(hours=1),
                dead_at=now,
            )
            session.add(mail)
            return mail.id

    def _opened(self, row: Row, of: Of) -> str:
        """A fresh agency of the town or a far one, closed where it is to be reopened."""
        town = "musterstadt" if of is Of.TOWN else "fernstadt"
        tests, now = Actor.system("tests"), self.house.services.clock()
        with self.house.services.transaction() as session:
            try:
                agencies.municipality_by_slug(session, town)
            except Invalid:
                agencies.create_municipality(session, tests, slug=town, name=town, now=now)
                session.flush()
            made = agencies.open_agency(
                session,
                tests,
                municipality=town,
                slug=f"stelle-{token_hex(6)}",
                name="Probestelle",
                kind=AgencyKind.JOBCENTER,
                mailbox="",
                now=now,
            )
            if row.name == "agencies.reopen":
                agencies.close_agency(session, tests, made, now=now)
            return made.slug

    def _closing(self, of: Of) -> UUID:
        """A closing of the town, or of the one that lies next to it."""
        if of is Of.UNKNOWN:
            return UNKNOWN
        day = self.house.services.clock().date()
        slug = VHS if of is Of.OWN else self.members.NEIGHBOUR
        with self.house.services.transaction() as session:
            place = agencies.by_slug(session, slug).municipality_id
            closing = MunicipalityClosing(
                municipality_id=place, first_day=day, last_day=day, name="Stadtfest"
            )
            session.add(closing)
            return closing.id

    def _pause(self, slug: str) -> UUID:
        """A pause of the agency, if there is one of that name."""
        day = self.house.services.clock().date()
        with self.house.services.transaction() as session:
            agency = session.exec(select(Agency).where(Agency.slug == slug)).first()
            if agency is None:
                return UNKNOWN
            pause = AgencyPause(agency_id=agency.id, first_day=day, last_day=day)
            session.add(pause)
            return pause.id

    def _typed(self, row: Row, caller: str) -> dict[str, str]:
        """What stands in the form of a row about agencies: new each time, so that it changes."""
        name = f"Probe {token_hex(4)}"
        typed = {
            "agencies.create": {
                "name": name,
                "kind": "jobcenter",
                "mailbox": "a@b.example",
                "digest_hour": "7",
            },
            "agencies.change": {"head_mailbox": f"{token_hex(4)}@stelle.example"},
            "municipality.change": {"mailbox": f"{token_hex(4)}@muster.example"},
            "municipality.claims.try": {"claims": "{}"},
        }
        if row.name in FORMS:
            return {**FORMS[row.name], "agency": PEOPLE.get(caller, ("", VHS))[1]}
        if row.name.endswith("paces.change"):
            # So many days ahead that no two calls type the same.
            self.days += 3
            if row.name == "municipality.paces.change":
                return {"silence.most": str(7 + self.days % 53)}
            return {"request.before": str(2 + self.days % 59)}
        if row.name == "municipality.closings.create":
            # A Saturday that no other call takes.
            self.saturdays += 1
            day = factories.TODAY + timedelta(days=5 + 7 * self.saturdays)
            return {"first_day": f"{day}", "last_day": f"{day}", "closing_name": "Stadtfest"}
        if row.name == "agencies.pauses.create":
            # Somewhere within two years, on a day where no other is.
            self.days += 3
            day = self.house.services.clock().date() + timedelta(days=self.days)
            return {"first_day": day.isoformat(), "last_day": day.isoformat()}
        return typed.get(row.name, {})

    def _body(self, row: Row, caller: str, of: Of) -> dict[str, Any]:
        mine = PEOPLE.get(caller, ("", VHS))[1]
        if typed := self._typed(row, caller):
            return {"data": typed}
        if row.name.endswith(("documents.correct", "documents.resend")):
            changes = {"kind": "obligation_ik_abh", "recipient": VHS} if mine == OFFICE else {}
            reason = {"reason": "false_date"} if row.name.endswith("correct") else {}
            return {"data": {**sending_fields(**changes), **reason}, "files": the_file()}
        if row.name.endswith("deliveries.forward"):
            typed = {"recipient": JOBCENTER, "release_given_on": "2026-11-20"}
            typed["release_form"] = "in_person"
            return {"json" if row.is_api else "data": typed}
        if row.name.startswith("desk."):
            return self._desk_body(row, caller, of, mine)
        if row.name.endswith("documents.create"):
            changes = {"kind": "obligation_ik_abh", "recipient": VHS} if mine == OFFICE else {}
            return {"data": sending_fields(**changes), "files": the_file()}
        if row.name == "mail.try":
            with self.house.services.transaction() as session:
                session.exec(delete(OutboxMail))
            place = mine if of is Of.OWN else "nirgends"
            return {"data": {"place": place, "addressee": "desk"}}
        return self._small_body(row, caller, of)

    def _small_body(self, row: Row, caller: str, of: Of) -> dict[str, Any]:
        if row.name == "sign_out.back_channel":
            return {"data": {"logout_token": self.house.logout_token(sid="nobody's")}}
        if row.name == "acting_agency":
            return {"data": {"membership": str(self._membership(caller, of))}}
        if row.name == "inbox.search":
            return {"data": {"state": "new", "name": "Mustermann"}}
        if row.name.endswith("requests.create"):
            own = PEOPLE.get(caller, ("", VHS))[1]
            form = request_form(own, OFFICE if own == VHS else VHS)
            return {"json" if row.is_api else "data": form}
        if row.name.endswith("requests.decline"):
            return {"json" if row.is_api else "data": {"reason": "no_release"}}
        if row.name.endswith("decline"):
            return {"json" if row.is_api else "data": {"reason": "not_approved_facts"}}
        if row.name.endswith(("withdraw", "return")):
            reason = "wrong_recipient" if row.name.endswith("withdraw") else "illegible"
            return {"json" if row.is_api else "data": {"reason": reason}}
        return {}

    def _desk_body(self, row: Row, caller: str, of: Of, mine: str) -> dict[str, Any]:
        """What the forms of the desk send; the papers named in them are ready to go."""
        if row.name == "desk.files":
            return {"data": {"acting_agency": mine}, "files": the_file()}
        if row.name in ("desk.save", "desk.fill_down"):
            return {"data": sending_fields(then="fields", column="recipient")}
        if row.name == "desk.turn":
            return {"data": {"page": "1", "degrees": "90"}}
        if row.name == "desk.arrange":
            return {"data": {"pages": "1"}}
        if row.name == "desk.join":
            return {"data": {"draft": [self._draft(caller, of), self._draft(caller, Of.OWN)]}}
        if row.name == "desk.send":
            draft = self._draft(caller, of)
            changes = {"kind": "obligation_ik_abh", "recipient": VHS} if mine == OFFICE else {}
            if of is Of.OWN and draft != str(UNKNOWN):
                desk = self.house.person(PEOPLE[caller][0])
                desk.post(f"/desk/{draft}", sending_fields(**changes))
            return {"data": {"draft": draft}}
        return {}

    def _membership(self, caller: str, of: Of) -> UUID:
        if of is Of.UNKNOWN:
            return UNKNOWN
        subject = PEOPLE.get(caller, ("", ""))[0] if of is Of.OWN else "thomas.probe"
        with self.house.services.transaction() as session:
            query = select(Membership.id).join(User).where(User.subject == subject)
            return session.exec(query).first() or UNKNOWN


@pytest.fixture(scope="session")
def walk(house: House) -> Walk:
    """Everybody has signed in once, so that no call is the first of its person."""
    ways = ((VHS, OFFICE), (OFFICE, VHS), (SPRACHWERK, JOBCENTER))
    for subject in (*(subject for subject, _ in PEOPLE.values()), "thomas.probe"):
        house.person(subject)
        house.person_token(subject)
    house.watch()
    return Walk(house, {way: house.sent(*way) for way in ways})


def address_of(path: str, sent: Sent) -> str:
    """The path of a row for this document or delivery."""
    path = path.replace("{document_id}", str(sent.document_id)).replace("{number}", "1")
    return path.replace("{delivery_id}", str(sent.delivery_id))


def status_of(row: Row, answer: Answer) -> str:
    """The answer's status as the matrix writes it."""
    to = answer.headers.get("location", "")
    leads_in = answer.status_code == 303 and to.split("?")[0] == "/sign-in"
    return "in" if leads_in else str(answer.status_code)


def is_refusal(status: str) -> bool:
    return status == "in" or status.startswith("4")


def left_in_log(row: Row, caller: str, status: str) -> list[str]:
    """What such a call leaves in the log; of nobody, or unasked, it could tell nothing."""
    is_known = caller in PEOPLE or (caller == "program" and row.is_api)
    is_known = is_known and row.gate is not Gate.OPEN
    if row.name in SPEAKS_FOR_OTHERS:
        return []
    if is_refusal(status) or not is_known:
        return [Happening.REQUEST_REFUSED.value] if is_known else []
    before, after = BESIDE.get(row.name, ([], []))
    own = [row.happening] if row.happening else []
    return [happening.value for happening in (*before, *own, *after)]


@pytest.mark.parametrize("name", sorted(set(BY_NAME) | set(EXPECTED)))
def test_everybody_gets_what_the_matrix_says_and_the_log_tells_exactly_that(
    walk: Walk, name: str
) -> None:
    assert name in BY_NAME, f"the row {name} is gone: take it out of MATRIX"
    assert name in EXPECTED, f"the row {name} is new: say in MATRIX who may call it"
    row, wanted = BY_NAME[name], EXPECTED[name]
    found: dict[Of, dict[str, str]] = {of: {} for of in wanted}
    for of in wanted:
        for caller, status in wanted[of].items():
            request = walk.prepared(row, caller, of)
            written, seq = walk.house.written_end(), walk.house.log_end()
            found[of][caller] = status_of(row, request())

            assert walk.house.log_since(seq) == left_in_log(row, caller, status), (of, caller)
            if is_refusal(status) or (row.method == "GET" and name not in CHANGING_GETS):
                assert walk.house.written_since(written) == [], (of, caller)

    assert found == wanted
    assert any(not is_refusal(status) for line in wanted.values() for status in line.values())


@pytest.mark.parametrize("name", [name for name in EXPECTED if Of.FOREIGN in EXPECTED[name]])
def test_foreign_and_unknown_look_alike_to_the_byte(walk: Walk, name: str) -> None:
    row = BY_NAME[name]
    for caller in CALLERS:
        foreign = walk.prepared(row, caller, Of.FOREIGN)()
        unknown = walk.prepared(row, caller, Of.UNKNOWN)()

        assert seen(foreign) == seen(unknown), caller


def seen(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """All that can be seen of an answer, but for date, number and the address one asked for."""
    asked = quote(answer.request.url.path, safe="")
    headers = [
        (name, value.replace(asked, "asked"))
        for name, value in answer.headers.multi_items()
        if name not in ("date", "x-request-id")
    ]
    headers = [(name, FRESH.sub("nirgends", value)) for name, value in headers]
    return answer.status_code, headers, answer.content


@pytest.mark.parametrize("path", sorted({row.path for row in ROUTES}))
def test_every_other_method_is_refused_by_name(walk: Walk, path: str) -> None:
    rows = {row.method: row for row in ROUTES if row.path == path}
    client = walk._client(next(iter(rows.values())), "head")
    address = address_of(path, Sent(UNKNOWN, UNKNOWN))
    is_public = any(row.gate in ("open", "public") for row in rows.values())
    for method in METHODS:
        if method in rows or (method == "HEAD" and "GET" in rows and is_public):
            continue
        answer = client.request(method, address)

        assert answer.status_code == 405, (method, answer.status_code)
        assert answer.headers["allow"] == ", ".join(sorted(rows)), method


def test_every_permission_is_granted_to_a_role_and_asked_for_by_a_row() -> None:
    granted = frozenset().union(*ROLE_PERMISSIONS.values())
    asked = {row.gate for row in ROUTES} | ASKED_BY_HANDLERS

    assert granted == set(Permission)
    assert set(Permission) <= asked


def test_names_and_addresses_of_rows_are_unique() -> None:
    assert len({row.name for row in ROUTES}) == len(ROUTES)
    assert len({(row.method, row.path) for row in ROUTES}) == len(ROUTES)
