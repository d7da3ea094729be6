"""People, programs and sessions as they lie in the database."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from kursdocs.core.access import Role
from kursdocs.core.ports import SID_LENGTH_MAX
from kursdocs.core.tables import new_id, one_of, stored_as_value


class MembershipSource(StrEnum):
    """Where a membership comes from: the provider's claims, or a person here."""

    CLAIM = "claim"
    MANUAL = "manual"


class User(SQLModel, table=True):
    """A person who signed in once. Deleting the row never deletes a document.

    Tokens made at ``signed_out_at`` or before are not accepted: whole seconds of the clock by
    which tokens are dated, the provider's.
    """

    __tablename__ = "app_user"
    __table_args__ = (sa.UniqueConstraint("issuer", "subject"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    issuer: str = Field(max_length=300)
    subject: str = Field(max_length=255)
    display_name: str = Field(default="", max_length=200)
    created_at: datetime
    deactivated_at: datetime | None = None
    signed_out_at: datetime | None = None


class Membership(SQLModel, table=True):
    """What a user may be, where, from when until when."""

    __tablename__ = "membership"
    __table_args__ = (
        one_of("role", Role),
        one_of("source", MembershipSource),
        sa.CheckConstraint(
            "(role IN ('clerk', 'head')) = (agency_id IS NOT NULL)", name="agency_by_role"
        ),
        sa.CheckConstraint(
            "valid_until IS NULL OR valid_until >= valid_from", name="ends_after_start"
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    user_id: UUID = Field(foreign_key="app_user.id", ondelete="CASCADE", index=True)
    municipality_id: UUID = Field(foreign_key="municipality.id", ondelete="RESTRICT")
    agency_id: UUID | None = Field(
        default=None, foreign_key="agency.id", ondelete="RESTRICT", index=True
    )
    role: Role = Field(sa_type=stored_as_value(Role))
    source: MembershipSource = Field(sa_type=stored_as_value(MembershipSource))
    valid_from: datetime
    valid_until: datetime | None = None


class ServiceAccount(SQLModel, table=True):
    """A program of one agency: issuer and client id, with the permissions of a clerk.

    ``subject`` is what the provider calls the program in its tokens; empty where that is the
    client id, as RFC 9068 recommends.
    """

    __tablename__ = "service_account"
    __table_args__ = (sa.UniqueConstraint("issuer", "client_id"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    issuer: str = Field(max_length=300)
    client_id: str = Field(max_length=255)
    subject: str = Field(default="", max_length=255, sa_column_kwargs={"server_default": ""})
    agency_id: UUID = Field(foreign_key="agency.id", ondelete="RESTRICT", index=True)
    created_at: datetime
    ended_at: datetime | None = None


class SignIn(SQLModel, table=True):
    """A browser session: the hash of its token, and the membership it acts under.

    ``provider_sid`` is the session at the sign-in provider that it hangs on, ``issued_at`` when
    the provider made its id token, by the provider's clock.
    """

    __tablename__ = "sign_in"

    token_hash: str = Field(primary_key=True, max_length=64)
    user_id: UUID = Field(foreign_key="app_user.id", ondelete="CASCADE", index=True)
    membership_id: UUID | None = Field(
        default=None, foreign_key="membership.id", ondelete="SET NULL"
    )
    id_token: str = Field(default="", sa_type=sa.Text)
    provider_sid: str = Field(
        default="", max_length=SID_LENGTH_MAX, sa_column_kwargs={"server_default": ""}
    )
    issued_at: datetime | None = None
    begun_at: datetime
    used_at: datetime


class SignInAttempt(SQLModel, table=True):
    """What must be remembered between leaving for the provider and coming back.

    Bound to one browser, usable once; many may be under way, so that two tabs do not disturb
    each other.
    """

    __tablename__ = "sign_in_attempt"

    state_hash: str = Field(primary_key=True, max_length=64)
    browser_hash: str = Field(max_length=64)
    nonce: str = Field(max_length=200)
    code_verifier: str = Field(max_length=200)
    return_to: str = Field(max_length=500)
    begun_at: datetime = Field(index=True)
