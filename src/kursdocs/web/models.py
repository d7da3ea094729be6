"""What the API takes and gives: the models from which OpenAPI is made and answers are built.

Field names are part of the contract. A recipient is never told of other recipients, so what a
document carries depends on who asks.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from kursdocs.catalogue import AgencyKind, FollowUpClock, Need, Side, Unit
from kursdocs.core.access import Role
from kursdocs.core.documents.inbox import InboxState
from kursdocs.core.documents.tables import DeliveryState, DocumentState, ReleaseForm


def _utc(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    PlainSerializer(_utc, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Model(BaseModel):
    """Base: no field that is not declared."""

    model_config = ConfigDict(extra="forbid", from_attributes=True, hide_input_in_errors=True)


class DeliveryOut(Model):
    """One recipient's delivery.

    ``forwarded_by`` is the agency that handed it on, or empty. ``acknowledge_since``: the paper was
    withdrawn or replaced, or malware was found in it, and the recipient must say that it knows.
    """

    id: UUID
    recipient: str
    state: DeliveryState
    ground: str
    due_on: date
    delivered_at: Moment | None
    opened_at: Moment | None
    taken_over_at: Moment | None
    returned_at: Moment | None
    return_reason: str
    forwarded_by: str
    acknowledge_since: Moment | None
    acknowledged_at: Moment | None


class LinkedOut(Model):
    """The document that this one replaces, or by which it is replaced."""

    id: UUID
    kind: str
    state: DocumentState
    stored_at: Moment | None


class DocumentOut(Model):
    """A document as the acting agency may see it: all deliveries for its sender, else the own.

    Whoever handed it on sees those deliveries after its own.

    From ``delete_on`` on, its content is gone; an erased one no longer names the person.
    """

    id: UUID
    kind: str
    state: DocumentState
    sender: str
    family_name: str
    given_names: str
    birth_date: date | None
    fields: dict[str, str]
    release_given_on: date | None
    release_form: ReleaseForm | None
    is_copy: bool
    original_at: str
    sha256: str
    received_sha256: str
    byte_size: int
    page_count: int
    stored_at: Moment | None
    withdrawn_at: Moment | None
    end_reason: str
    approval_needed: bool
    approved_at: Moment | None
    delete_on: date | None
    delete_reason: str
    erased_at: Moment | None
    correction_reason: str
    replaces: LinkedOut | None
    replaced_by: LinkedOut | None
    deliveries: Sequence[DeliveryOut]
    # Told when it was sent, and when it is looked at.
    answers: Sequence[UUID] = Field(default=(), description="The requests that it answers.")


class InboxDocumentOut(Model):
    """What a list says about a document; a withdrawn, blocked or erased one names nobody."""

    id: UUID
    kind: str
    family_name: str
    given_names: str
    birth_date: date | None
    byte_size: int
    page_count: int


class InboxItemOut(Model):
    """One delivery of the acting agency."""

    id: UUID
    document: InboxDocumentOut
    sender: str
    state: InboxState
    due_on: date
    delivered_at: Moment
    opened_at: Moment | None
    taken_over_at: Moment | None
    returned_at: Moment | None
    delete_on: date | None
    erased_at: Moment | None


class InboxOut(Model):
    """A page of the inbox; ``next`` goes into ``after`` for the following one."""

    items: Sequence[InboxItemOut]
    next: str | None


class SentItemOut(Model):
    """One document that the acting agency sent."""

    id: UUID
    kind: str
    state: DocumentState
    family_name: str
    given_names: str
    stored_at: Moment | None
    delete_on: date | None
    is_awaiting_approval: bool
    deliveries: Sequence[DeliveryOut]


class SentOut(Model):
    """A page of sent documents."""

    items: Sequence[SentItemOut]
    next: UUID | None


class EventOut(Model):
    """One thing that happened to one delivery."""

    event: str
    at: Moment
    agency: str
    recipient: str
    reason: str


class EventsOut(Model):
    """The timeline, oldest first."""

    items: Sequence[EventOut]


class ReasonIn(Model):
    """A reason of the catalogue's closed list."""

    reason: str = Field(min_length=1, max_length=60)


class TakeOverIn(Model):
    """Nothing is needed. ``despite_claim``: also while a colleague works on it."""

    despite_claim: bool = False


class ReturnIn(ReasonIn):
    """A reason of the catalogue's closed list; ``despite_claim`` as for taking over."""

    despite_claim: bool = False


class ClaimIn(Model):
    """Nothing is needed. ``take``: also while a colleague works on it."""

    take: bool = False


class ClaimOut(Model):
    """Who says to be on a delivery, and until when; both empty when nobody does."""

    delivery: UUID
    working: str
    working_until: Moment | None


class BundleIn(Model):
    """The deliveries whose documents are wanted."""

    deliveries: Sequence[UUID] = Field(json_schema_extra={"minItems": 1, "maxItems": 200})


class ForwardIn(Model):
    """To whom a received document goes on, and how the person released it for that.

    ``released`` alone means today and in person.
    """

    recipient: str = Field(min_length=1, max_length=60)
    released: bool = False
    release_given_on: str = Field(default="", max_length=20)
    release_form: str = Field(default="", max_length=20)


class EmptyIn(Model):
    """Nothing: an empty body, or an empty object."""


class AgencyOut(Model):
    """An agency that can be written to."""

    slug: str
    name: str
    kind: AgencyKind


class AgenciesOut(Model):
    """The agencies of the municipality, without the acting one."""

    items: Sequence[AgencyOut]


class MeOut(Model):
    """Who the token stands for."""

    display_name: str
    role: Role | None
    agency: AgencyOut | None
    permissions: Sequence[str]


class CheckpointOut(Model):
    """What the log was when it was signed last (C2SP tlog-checkpoint): worth keeping elsewhere.

    ``size`` is the number of rows, ``note`` the signed note, ``key`` the public key to check it by.
    """

    size: int
    signed_at: Moment
    note: str
    key: str


class TextOut(Model):
    """A text in both languages."""

    de: str
    en: str


class FieldOut(Model):
    """A field of a kind, and how its values are written."""

    name: str
    label: TextOut
    required: bool
    format: dict[str, Any]


class RouteOut(Model):
    """From whom to whom a kind may go, on which ground, and what that needs.

    ``need`` or one of the ``alternatives`` is enough. ``forward``: who received such a paper may
    hand it on this way.
    """

    sender: AgencyKind
    recipients: Sequence[AgencyKind]
    ground: str
    need: Need
    alternatives: Sequence[Need]
    forward: bool


class GroupOut(Model):
    """A heading under which kinds are listed."""

    code: str
    name: TextOut


class KindOut(Model):
    """A kind of paper; ``group`` is the code of its heading."""

    code: str
    name: TextOut
    hint: TextOut
    group: str
    fields: Sequence[FieldOut]
    routes: Sequence[RouteOut]
    retention: str
    four_eyes: bool
    due_working_days: int
    on_request: bool
    request_fields: Sequence[str]


class ExcludedOut(Model):
    """A paper that must not travel here, and why."""

    code: str
    name: TextOut
    reason: TextOut


class ReasonOut(Model):
    """An entry of a closed list of reasons."""

    code: str
    text: TextOut


class FollowUpRuleOut(Model):
    """What should follow papers of these kinds at the agency on that side, and when it is told.

    ``days`` (and ``due``, by when it should have been done) are in ``unit`` from ``counted_from``
    on: the day of taking over, or a date field of the paper; negative ones lie before it.
    """

    code: str
    clock: FollowUpClock
    name: TextOut
    hint: TextOut
    kinds: Sequence[str]
    side: Side
    agency_kinds: Sequence[AgencyKind]
    counted_from: str
    unit: Unit
    days: Sequence[int]
    due: int
    fulfilled_by: Sequence[str]


class CatalogueOut(Model):
    """The rules as data; nobody can choose one of the ``automatic_reasons``."""

    version: str
    groups: Sequence[GroupOut]
    kinds: Sequence[KindOut]
    excluded: Sequence[ExcludedOut]
    return_reasons: Sequence[ReasonOut]
    withdrawal_reasons: Sequence[ReasonOut]
    correction_reasons: Sequence[ReasonOut]
    decline_reasons: Sequence[ReasonOut]
    request_decline_reasons: Sequence[ReasonOut]
    automatic_reasons: Sequence[ReasonOut]
    follow_ups: Sequence[FollowUpRuleOut]
    settle_reasons: Sequence[ReasonOut]


class FieldProblem(Model):
    """What is wrong with one field."""

    field: str
    detail: str


class Problem(BaseModel):
    """An error (RFC 9457); ``code`` is stable, ``detail`` is a sentence in the asked language."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: Sequence[FieldProblem] = ()
    at: str = ""
    by: str = ""
    until: str = ""
    reference: str = ""
