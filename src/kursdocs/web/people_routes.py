"""The part of the table of routes that is about people: instruction, invitations, members."""

from collections.abc import Sequence

from kursdocs.core.access import Permission
from kursdocs.core.audit import Happening
from kursdocs.web import instruction, invitations, members
from kursdocs.web.call import INSTRUCTION_PATH, Body, Gate, Row

PEOPLE: Sequence[Row] = (
    Row(
        "GET",
        INSTRUCTION_PATH,
        instruction.show,
        Gate.SIGNED_IN,
        "instruction",
        before_instruction=True,
        query=instruction.InstructionQuery,
    ),
    Row(
        "POST",
        INSTRUCTION_PATH,
        instruction.confirm,
        Gate.SIGNED_IN,
        "instruction.confirm",
        happening=Happening.INSTRUCTION_CONFIRMED,
        body=Body.FORM,
        before_instruction=True,
    ),
    # The link of an invitation and where it leads; who comes with one has no role yet.
    Row("GET", "/join/{secret}", invitations.open_, Gate.PUBLIC, "join.open"),
    Row("GET", "/join", invitations.join, Gate.PUBLIC, "join"),
    Row(
        "POST",
        "/join",
        invitations.accept,
        Gate.SIGNED_IN,
        "join.accept",
        happening=Happening.INVITATION_ACCEPTED,
        body=Body.FORM,
        before_instruction=True,
    ),
    Row(
        "GET",
        "/members",
        members.index,
        Permission.MEMBERS_MANAGE,
        "members",
        happening=Happening.MEMBERS_LISTED,
        query=members.MembersQuery,
    ),
    Row(
        "GET",
        "/agencies/{slug}/members",
        members.of_agency,
        Permission.MEMBERS_MANAGE,
        "members.of_agency",
        happening=Happening.MEMBERS_LISTED,
        query=members.MembersQuery,
    ),
    Row("GET", "/members/{membership_id}", members.show, Permission.MEMBERS_MANAGE, "members.show"),
    Row(
        "POST",
        "/members/{membership_id}/role",
        members.change_role,
        Permission.MEMBERS_MANAGE,
        "members.role",
        happening=Happening.MEMBERSHIP_GRANTED,
        body=Body.FORM,
    ),
    Row(
        "POST",
        "/members/{membership_id}/end-date",
        members.change_end,
        Permission.MEMBERS_MANAGE,
        "members.end_date",
        happening=Happening.MEMBERSHIP_LIMITED,
        body=Body.FORM,
    ),
    Row(
        "GET",
        "/members/{membership_id}/ending",
        members.ending,
        Permission.MEMBERS_MANAGE,
        "members.ending",
    ),
    Row(
        "POST",
        "/members/{membership_id}/ending",
        members.end,
        Permission.MEMBERS_MANAGE,
        "members.end",
        happening=Happening.MEMBERSHIP_ENDED,
        body=Body.FORM,
    ),
    Row(
        "GET",
        "/invitations/new",
        invitations.new,
        Permission.MEMBERS_MANAGE,
        "invitations.new",
        query=invitations.PlaceQuery,
    ),
    Row(
        "POST",
        "/invitations",
        invitations.create,
        Permission.MEMBERS_MANAGE,
        "invitations.create",
        happening=Happening.INVITATION_CREATED,
        body=Body.FORM,
    ),
    Row(
        "POST",
        "/invitations/{invitation_id}/revocation",
        invitations.revoke,
        Permission.MEMBERS_MANAGE,
        "invitations.revoke",
        happening=Happening.INVITATION_REVOKED,
        body=Body.FORM,
    ),
)
