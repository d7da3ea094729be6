"""What all tables share: ids, names of constraints, closed lists. Knows no noun."""

from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import SQLModel
from uuid_utils.compat import uuid7

# Named constraints are what migrations and error messages can refer to.
SQLModel.metadata.naming_convention = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

metadata = SQLModel.metadata


def new_id() -> UUID:
    """A fresh UUIDv7: unguessable enough to be unknown, ordered enough to be a good key."""
    return uuid7()


def stored_as_value(members: type[StrEnum]) -> sa.Enum:
    """A column type for a closed list: its values as plain text, no native database type."""
    return sa.Enum(
        members, native_enum=False, length=40, values_callable=lambda e: [m.value for m in e]
    )


def one_of(column: str, members: type[StrEnum]) -> sa.CheckConstraint:
    """The check that lets the database guard the same closed list."""
    values = ", ".join(f"'{m.value}'" for m in members)
    return sa.CheckConstraint(f"{column} IN ({values})", name=f"{column}_known")
