"""The tables of municipalities and agencies."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from kursdocs.catalogue import AgencyKind
from kursdocs.core.tables import new_id, one_of, stored_as_value

NAME_LENGTH_MAX = 120
MAILBOX_LENGTH_MAX = 254
PATTERN_LENGTH_MAX = 120
CLOSING_NAME_LENGTH_MAX = 60
FIRST_HOUR, LAST_HOUR = 5, 18


class PlanTime(StrEnum):
    """When on its days an agency means to look in: part of the plan that mails quote back."""

    MORNING = "morning"
    BEFORE_COUNTER_HOURS = "before_counter_hours"
    AFTER_COUNTER_HOURS = "after_counter_hours"
    AFTERNOON = "afternoon"


class Municipality(SQLModel, table=True):
    """A town, city or Kreis. ``mailbox`` is its coordinator's, ``land`` what new agencies get.

    ``keeps_eves``: nobody in it works on 24 and 31 December.
    """

    __tablename__ = "municipality"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    slug: str = Field(max_length=60, unique=True)
    name: str = Field(max_length=NAME_LENGTH_MAX)
    created_at: datetime
    land: str = Field(default="", max_length=2, sa_column_kwargs={"server_default": ""})
    mailbox: str = Field(
        default="", max_length=MAILBOX_LENGTH_MAX, sa_column_kwargs={"server_default": ""}
    )
    keeps_eves: bool = Field(default=True, sa_column_kwargs={"server_default": sa.true()})


class MunicipalityClosing(SQLModel, table=True):
    """Days on which no agency of a municipality works: local holidays, closing days."""

    __tablename__ = "municipality_closing"
    __table_args__ = (sa.CheckConstraint("last_day >= first_day", name="in_order"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    municipality_id: UUID = Field(foreign_key="municipality.id", ondelete="CASCADE", index=True)
    first_day: date
    last_day: date
    name: str = Field(max_length=CLOSING_NAME_LENGTH_MAX)


class MunicipalityPace(SQLModel, table=True):
    """What a municipality sets of one rule of the catalogue, and how far its agencies may go.

    ``days`` is empty where the catalogue's value holds, the limits where the usual ones hold.
    """

    __tablename__ = "municipality_pace"
    __table_args__ = (sa.CheckConstraint("agency_min <= agency_max", name="in_order"),)

    municipality_id: UUID = Field(
        primary_key=True, foreign_key="municipality.id", ondelete="CASCADE"
    )
    rule: str = Field(primary_key=True, max_length=80)
    days: int | None = None
    agency_min: int | None = None
    agency_max: int | None = None


class Agency(SQLModel, table=True):
    """A body that sends and receives.

    ``mailbox`` is its functional address for reminders, ``deputy_mailbox`` and ``head_mailbox``
    are told when papers stay untouched. ``land`` says whose holidays it keeps; empty means those
    of all of Germany only. ``digest_hour`` is local time. ``looked_in_at`` is when anybody of it
    last listed its inbox. ``plan_days`` are the weekdays (ISO numbers, ``"24"`` is Tuesday and
    Thursday) on which it means to look in, ``plan_time`` when; with ``announces_on_plan_days`` what
    is merely new is told on those days only. ``expected_per_month`` is how many papers it should
    send, as the coordinator expects.
    """

    __tablename__ = "agency"
    __table_args__ = (
        one_of("kind", AgencyKind),
        sa.CheckConstraint(
            f"digest_hour BETWEEN {FIRST_HOUR} AND {LAST_HOUR}", name="digest_hour_by_day"
        ),
        sa.CheckConstraint("expected_per_month >= 0", name="expected_not_negative"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    municipality_id: UUID = Field(foreign_key="municipality.id", ondelete="RESTRICT", index=True)
    slug: str = Field(max_length=60, unique=True)
    name: str = Field(max_length=NAME_LENGTH_MAX)
    kind: AgencyKind = Field(sa_type=stored_as_value(AgencyKind))
    mailbox: str = Field(default="", max_length=MAILBOX_LENGTH_MAX)
    created_at: datetime
    closed_at: datetime | None = None
    land: str = Field(default="", max_length=2, sa_column_kwargs={"server_default": ""})
    digest_hour: int = Field(default=7, sa_column_kwargs={"server_default": "7"})
    deputy_mailbox: str = Field(
        default="", max_length=MAILBOX_LENGTH_MAX, sa_column_kwargs={"server_default": ""}
    )
    deputy_until: date | None = None
    head_mailbox: str = Field(
        default="", max_length=MAILBOX_LENGTH_MAX, sa_column_kwargs={"server_default": ""}
    )
    file_name_pattern: str = Field(
        default="", max_length=PATTERN_LENGTH_MAX, sa_column_kwargs={"server_default": ""}
    )
    looked_in_at: datetime | None = None
    plan_days: str = Field(default="", max_length=7, sa_column_kwargs={"server_default": ""})
    plan_time: str = Field(default="", max_length=40, sa_column_kwargs={"server_default": ""})
    announces_on_plan_days: bool = Field(
        default=False, sa_column_kwargs={"server_default": sa.false()}
    )
    monthly_note: bool = Field(default=True, sa_column_kwargs={"server_default": sa.true()})
    expected_per_month: int | None = None


class AgencyPace(SQLModel, table=True):
    """What an agency sets of one rule, within the limits of its municipality."""

    __tablename__ = "agency_pace"

    agency_id: UUID = Field(primary_key=True, foreign_key="agency.id", ondelete="CASCADE")
    rule: str = Field(primary_key=True, max_length=80)
    days: int


class AgencyPause(SQLModel, table=True):
    """Days on which an agency does not work: no mails, and no deadline counts them."""

    __tablename__ = "agency_pause"
    __table_args__ = (sa.CheckConstraint("last_day >= first_day", name="in_order"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    agency_id: UUID = Field(foreign_key="agency.id", ondelete="CASCADE", index=True)
    first_day: date
    last_day: date
