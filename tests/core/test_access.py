"""Who may do what, against a table written by hand."""

import pytest

from kursdocs.core.access import ROLE_PERMISSIONS, Actor, ActorKind, Permission, Role
from kursdocs.core.errors import Forbidden

#                                clerk  head   coord. auditor
TABLE = {
    "catalogue.read": ("yes", "yes", "yes", "yes"),
    "agencies.read": ("yes", "yes", "yes", "no"),
    "document.send": ("yes", "yes", "no", "no"),
    "document.read": ("yes", "yes", "no", "no"),
    "document.withdraw": ("yes", "yes", "no", "no"),
    "inbox.read": ("yes", "yes", "no", "no"),
    "sent.read": ("yes", "yes", "no", "no"),
    "delivery.settle": ("yes", "yes", "no", "no"),
    "request.read": ("yes", "yes", "no", "no"),
    "request.make": ("yes", "yes", "no", "no"),
    "agency_log.read": ("no", "yes", "no", "no"),
    "municipality_log.read": ("no", "no", "no", "yes"),
    "municipality_numbers.read": ("no", "no", "yes", "no"),
    "municipality.manage": ("no", "no", "yes", "no"),
    "agency.settings": ("no", "yes", "yes", "no"),
    "document.approve": ("yes", "yes", "no", "no"),
    "members.manage": ("no", "yes", "yes", "no"),
    "follow_ups": ("yes", "yes", "no", "no"),
    "agency_numbers.read": ("yes", "yes", "no", "no"),
    "reminders.read": ("no", "yes", "yes", "no"),
    "mail.watch": ("no", "yes", "yes", "no"),
    "paces.set": ("no", "yes", "yes", "no"),
    "integrity.read": ("no", "no", "yes", "yes"),
}
COLUMNS = ("clerk", "head", "coordinator", "auditor")
CELLS = [
    (permission, role, answer == "yes")
    for permission, row in TABLE.items()
    for role, answer in zip(COLUMNS, row, strict=True)
]


def person(role: Role | None) -> Actor:
    return Actor(kind=ActorKind.PERSON, role=role)


@pytest.mark.parametrize(("permission", "role", "allowed"), CELLS)
def test_a_role_may_do_what_the_table_says(permission: str, role: str, allowed: bool) -> None:
    assert person(Role(role)).may(Permission(permission)) is allowed


def test_the_table_knows_every_role_and_permission() -> None:
    assert {permission.value for permission in Permission} == set(TABLE)
    assert {role.value for role in Role} == set(COLUMNS) == {r.value for r in ROLE_PERMISSIONS}


@pytest.mark.parametrize("permission", Permission)
def test_whoever_has_no_role_may_do_nothing(permission: Permission) -> None:
    for nobody in (person(None), Actor.system("sweeper")):
        assert not nobody.may(permission)
        with pytest.raises(Forbidden) as refused:
            nobody.require(permission)
        assert refused.value.code == "no_role"


def test_a_refused_role_is_told_so() -> None:
    with pytest.raises(Forbidden) as refused:
        person(Role.COORDINATOR).require(Permission.DOCUMENT_READ)

    assert refused.value.code == "not_permitted"


def test_what_is_permitted_passes() -> None:
    person(Role.CLERK).require(Permission.DOCUMENT_READ)


def test_without_agency_or_municipality_nothing_can_be_addressed() -> None:
    with pytest.raises(Forbidden) as no_agency:
        _ = person(Role.COORDINATOR).acting
    with pytest.raises(Forbidden) as no_municipality:
        _ = person(None).municipality

    assert no_agency.value.code == "no_agency"
    assert no_municipality.value.code == "no_role"


@pytest.mark.parametrize(
    ("role", "is_of_agency"),
    [("clerk", True), ("head", True), ("coordinator", False), ("auditor", False)],
)
def test_clerk_and_head_belong_to_an_agency(role: str, is_of_agency: bool) -> None:
    assert Role(role).is_of_agency is is_of_agency
