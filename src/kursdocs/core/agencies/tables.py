"""The tables of municipalities and agencies."""

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from kursdocs.catalogue import AgencyKind
from kursdocs.core.tables import new_id, one_of, stored_as_value

NAME_LENGTH_MAX = 120
MAILBOX_LENGTH_MAX = 254
PATTERN_LENGTH_MAX = 120
FIRST_HOUR, LAST_HOUR = 5, 18


class Municipality(SQLModel, table=True):
    """A town, city or Kreis. ``mailbox`` is its coordinator's, ``land`` what new agencies get."""

    __tablename__ = "municipality"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    slug: str = Field(max_length=60, unique=True)
    name: str = Field(max_length=NAME_LENGTH_MAX)
    created_at: datetime
    land: str = Field(default="", max_length=2, sa_column_kwargs={"server_default": ""})
    mailbox: str = Field(
        default="", max_length=MAILBOX_LENGTH_MAX, sa_column_kwargs={"server_default": ""}
    )


class Agency(SQLModel, table=True):
    """A body that sends and receives.

    ``mailbox`` is its functional address for reminders, ``deputy_mailbox`` and ``head_mailbox``
    are told when papers stay untouched. ``land`` says whose holidays it keeps; empty means those
    of all of Germany only. ``digest_hour`` is local time. ``looked_in_at`` is when anybody of it
    last listed its inbox.
    """

    __tablename__ = "agency"
    __table_args__ = (
        one_of("kind", AgencyKind),
        sa.CheckConstraint(
            f"digest_hour BETWEEN {FIRST_HOUR} AND {LAST_HOUR}", name="digest_hour_by_day"
        ),
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


class AgencyPause(SQLModel, table=True):
    """Days on which an agency does not work: no mails, and no deadline counts them."""

    __tablename__ = "agency_pause"
    __table_args__ = (sa.CheckConstraint("last_day >= first_day", name="in_order"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    agency_id: UUID = Field(foreign_key="agency.id", ondelete="CASCADE", index=True)
    first_day: date
    last_day: date
