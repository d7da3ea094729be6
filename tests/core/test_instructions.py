"""Instruction before first use: once a person, agency and version, and only where it is due."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select
from tests.factories import (
    ISSUER,
    NOW,
    OFFICE,
    PROVIDER,
    acting,
    make_catalogue,
    make_person_actor,
    make_service_account,
)

from kursdocs.adapters.database import Database
from kursdocs.catalogue import Catalogue
from kursdocs.core import accounts, instructions
from kursdocs.core.access import Actor, Role
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import AuditEvent, Happening
from kursdocs.core.errors import Conflict, NotFound
from kursdocs.core.ports import Identity

Town = dict[str, Agency]
RULES = make_catalogue()
VERSION = RULES.instruction.version


def person(database: Database, agency: Agency, subject: str = "amina") -> Actor:
    with database.transaction() as session:
        return make_person_actor(session, agency, subject=subject)


def is_missing(database: Database, actor: Actor, rules: Catalogue = RULES) -> bool:
    with database.transaction() as session:
        return instructions.is_missing(session, actor, rules)


def confirm(
    database: Database, actor: Actor, rules: Catalogue = RULES, *, version: str = VERSION
) -> None:
    with database.transaction() as session:
        instructions.confirm(session, actor, rules, version=version, now=NOW)


def in_version(version: str) -> Catalogue:
    return replace(RULES, instruction=replace(RULES.instruction, version=version))


def test_staff_of_a_provider_confirm_once_for_each_agency(database: Database, town: Town) -> None:
    clerk = person(database, town[PROVIDER])
    elsewhere = replace(clerk, agency=acting(town["sprachwerk"]))
    assert is_missing(database, clerk)

    confirm(database, clerk)

    assert not is_missing(database, clerk)
    assert is_missing(database, elsewhere)


def test_nobody_else_has_to(database: Database, town: Town) -> None:
    office = person(database, town[OFFICE])
    coordinator = replace(office, agency=None, role=Role.COORDINATOR)
    with database.transaction() as session:
        make_service_account(session, town[PROVIDER])
    identity = Identity(ISSUER, PROVIDER, client_id=PROVIDER)
    with database.transaction() as session:
        program = accounts.actor_of_bearer(session, identity, (), agency="", now=NOW)

    for actor in (office, coordinator, program, Actor.system("sweeper")):
        assert not is_missing(database, actor)
        with pytest.raises(NotFound):
            confirm(database, actor)


def test_a_new_version_is_asked_for_again(database: Database, town: Town) -> None:
    clerk, newer = person(database, town[PROVIDER]), in_version("2027-01")
    confirm(database, clerk)

    assert is_missing(database, clerk, newer)
    with pytest.raises(Conflict):
        confirm(database, clerk, newer, version=VERSION)
    confirm(database, clerk, newer, version="2027-01")

    assert not is_missing(database, clerk, newer)


def test_the_first_confirmation_counts_and_is_in_the_log_once(
    database: Database, town: Town
) -> None:
    clerk = person(database, town[PROVIDER])
    other = person(database, town[PROVIDER], "omar")
    confirm(database, clerk)
    with database.transaction() as session:
        later = NOW + timedelta(days=1)
        instructions.confirm(session, clerk, RULES, version=VERSION, now=later)

    with database.transaction() as session:
        found = instructions.confirmed_at(session, town[PROVIDER].id, RULES)
        query = select(AuditEvent).where(AuditEvent.happening == Happening.INSTRUCTION_CONFIRMED)
        events = session.exec(query).all()
    assert found == {clerk.user_id: NOW}
    assert other.user_id not in found
    assert [event.detail for event in events] == [{"version": VERSION}]
