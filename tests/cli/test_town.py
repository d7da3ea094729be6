"""Setting up a town and its agencies by commands."""

import json
from datetime import UTC, datetime

from sqlmodel import select
from tests.cli.commands import Run, set_up_town
from tests.factories import OFFICE, PROVIDER, make_document, make_person_actor, make_town

from kursdocs.adapters.database import Database
from kursdocs.core import audit, invitations
from kursdocs.core.accounts import Membership, ServiceAccount, User
from kursdocs.core.agencies import Agency


def test_a_town_is_set_up_by_commands_and_each_leaves_its_trace(
    run: Run, settings: dict[str, object], inside: Database
) -> None:
    commands = (
        "migrate",
        "municipality create musterstadt Musterstadt",
        "agency open vhs VHS --kind course_provider --municipality musterstadt"
        " --mailbox kurse@vhs.example --client-id vhs-program",
        "member add sub-1 --role coordinator --municipality musterstadt",
        "member add sub-1 --role head --agency vhs",
    )
    for command in commands:
        done = run(*command.split(), **settings)
        assert (done.code, done.err) == (0, ""), command

    with inside.transaction() as session:
        agency = session.exec(select(Agency)).one()
        assert (agency.slug, agency.mailbox) == ("vhs", "kurse@vhs.example")
        assert session.exec(select(ServiceAccount)).one().client_id == "vhs-program"
        user = session.exec(select(User)).one()
        assert (user.issuer, user.subject) == (settings["OIDC_ISSUER"], "sub-1")
        roles = {m.role.value: m.agency_id for m in session.exec(select(Membership))}
        assert roles == {"coordinator": None, "head": agency.id}
        log = [event.happening for event in session.exec(select(audit.AuditEvent))]
        assert len(log) == 5
        assert audit.verify(session) is None


def events_of(database: Database) -> list[tuple[str, str]]:
    """What the log holds, with the town it belongs to being known or not."""
    with database.transaction() as session:
        log = session.exec(select(audit.AuditEvent).order_by("seq")).all()
        return [(one.happening.value, "town" if one.municipality_id else "") for one in log]


def test_a_role_is_given_once_listed_and_taken_away(
    run: Run, settings: dict[str, object], inside: Database
) -> None:
    set_up_town(run, settings)
    clerk = ("sub-1", "--role", "clerk", "--agency", "vhs")
    auditor = ("sub-2", "--role", "auditor", "--municipality", "musterstadt")

    first, again = (run("member", "add", *clerk, **settings) for _ in range(2))
    run("member", "add", *auditor, **settings)
    everybody = json.loads(run("member", "list", "--json", **settings).out)
    of_agency = run("member", "list", "--agency", "vhs", **settings)
    ended = run("member", "end", *clerk, **settings)
    gone = run("member", "end", *clerk, **settings)
    after = run("member", "list", "--municipality", "musterstadt", **settings)

    assert (first.code, first.out) == (0, "sub-1 is clerk of vhs from now on.\n")
    assert (again.code, again.out) == (0, "sub-1 is already clerk of vhs.\n")
    assert [(m["subject"], m["role"], m["agency"], m["source"]) for m in everybody] == [
        ("sub-2", "auditor", "", "manual"),
        ("sub-1", "clerk", "vhs", "manual"),
    ]
    head, row = (line.split() for line in of_agency.out.splitlines())
    assert head == ["subject", "name", "role", "municipality", "agency", "source", "since"]
    assert row[:6] == ["sub-1", "-", "clerk", "musterstadt", "vhs", "manual"]
    assert (ended.code, ended.out) == (0, "sub-1 is no longer clerk of vhs.\n")
    assert (gone.code, gone.err) == (1, "sub-1 is not clerk of vhs: nothing was changed.\n")
    assert [line.split()[0] for line in after.out.splitlines()] == ["subject", "sub-2"]
    assert events_of(inside)[3:] == [
        ("membership.granted", "town"),
        ("membership.granted", "town"),
        ("membership.ended", "town"),
    ]


def test_an_agency_is_closed_and_its_program_let_in_no_more(
    run: Run, settings: dict[str, object], inside: Database
) -> None:
    set_up_town(run, settings)

    ended, gone = (run("service", "end", "vhs-program", **settings) for _ in range(2))
    closed, again = (run("agency", "close", "vhs", **settings) for _ in range(2))
    listed = json.loads(run("agency", "list", "--json", **settings).out)

    assert (ended.code, ended.out) == (0, "vhs-program is no longer let in.\n")
    assert (gone.code, gone.err) == (1, "vhs-program is not let in: nothing was changed.\n")
    assert (closed.code, again.code, again.err) == (
        0,
        1,
        "agency: There is no such agency here. [agency_unknown]\n",
    )
    assert [(one["slug"], bool(one["closed"])) for one in listed] == [("vhs", True)]
    assert events_of(inside)[3:] == [("service_account.ended", "town"), ("agency.closed", "town")]


def test_an_agency_with_untouched_papers_is_closed_only_on_demand(
    run: Run, settings: dict[str, object], inside: Database
) -> None:
    run("migrate", **settings)
    with inside.transaction() as session:
        town = make_town(session)
        make_document(session, make_person_actor(session, town[PROVIDER]))

    asked = run("agency", "close", OFFICE, **settings)
    still_open = run("member", "list", "--agency", OFFICE, **settings)
    closed = run("agency", "close", OFFICE, "--yes", **settings)

    assert (asked.code, asked.err.startswith(f"Untouched deliveries to {OFFICE}: 1.")) == (
        1,
        True,
    )
    assert (still_open.code, still_open.out) == (0, "There are none.\n")
    assert (closed.code, "stay recorded: 1." in closed.out) == (0, True)


def test_what_a_command_refuses_is_said_with_field_sentence_and_code(
    run: Run, settings: dict[str, object]
) -> None:
    run("migrate", **settings)
    run("municipality", "create", "musterstadt", "Musterstadt", **settings)
    agency = ("agency", "open", "vhs", "VHS", "--kind", "course_provider")
    second_agency = ("agency", "open", "jc", "Jobcenter", "--kind", "jobcenter")

    for arguments, code, message in (
        (("municipality", "create", "Muster Stadt", "X"), 1, "[slug_invalid]"),
        (
            ("municipality", "create", "musterstadt", "X"),
            1,
            "is taken. Please choose another one. [slug_taken]",
        ),
        (
            (*agency, "--municipality", "nirgendwo"),
            1,
            "municipality: There is no such",
        ),
        (("member", "add", "s", "--role", "head", "--agency", "x"), 1, "[agency_unknown]"),
        (("member", "add", "s", "--role", "head"), 2, "clerk and head need --agency"),
        (
            ("member", "add", "s", "--role", "auditor", "--agency", "vhs"),
            2,
            "clerk and head need --agency",
        ),
        (("member", "add", "s", "--role", "boss"), 2, "boss"),
        (
            ("member", "add", " ", "--role", "auditor", "--municipality", "musterstadt"),
            2,
            "the subject is empty",
        ),
        ((*agency, "--municipality", "musterstadt", "--client-id", "p"), 0, ""),
        (
            (*second_agency, "--municipality", "musterstadt", "--client-id", "p"),
            1,
            "[client_id_taken]",
        ),
    ):
        done = run(*arguments, **settings)
        assert done.code == code, done
        assert message in " ".join(done.err.replace("│", " ").split()), done
        assert "Traceback" not in done.err


def test_several_mistakes_are_told_at_once(run: Run, settings: dict[str, object]) -> None:
    run("migrate", **settings)

    done = run("municipality", "create", "Muster Stadt", " ", "--land", "XX", **settings)

    assert (done.code, done.out) == (1, "")
    assert [line.partition(":")[0] for line in done.err.splitlines()] == ["slug", "name", "land"]
    assert [line[line.index("[") :] for line in done.err.splitlines()] == [
        "[slug_invalid]",
        "[name_invalid]",
        "[land_unknown]",
    ]


def test_another_program_is_let_in(run: Run, settings: dict[str, object], inside: Database) -> None:
    set_up_town(run, settings)

    done = run("service", "add", "scanner", "--agency", "vhs", **settings)
    again = run("service", "add", "scanner", "--agency", "vhs", **settings)

    assert (done.code, done.out) == (0, "scanner acts for vhs from now on.\n")
    assert (again.code, "[client_id_taken]" in again.err) == (1, True)
    with inside.transaction() as session:
        known = session.exec(select(ServiceAccount.client_id)).all()
        assert sorted(known) == ["scanner", "vhs-program"]


def test_a_program_may_have_a_subject_of_its_own(
    run: Run, settings: dict[str, object], inside: Database
) -> None:
    set_up_town(run, settings)
    at_vhs = ("--agency", "vhs", "--subject", "0b6f3c1e-erfunden")

    first = run("service", "add", "scanner", *at_vhs, **settings)
    other = run("service", "add", "second", *at_vhs, **settings)

    assert (first.code, other.code) == (0, 1)
    assert "[service_subject_taken]" in other.err
    with inside.transaction() as session:
        of_scanner = select(ServiceAccount.subject).where(ServiceAccount.client_id == "scanner")
        assert session.exec(of_scanner).one() == "0b6f3c1e-erfunden"


def test_the_first_coordinator_can_be_invited_by_a_link(
    run: Run, settings: dict[str, object], inside: Database
) -> None:
    set_up_town(run, settings)
    role = ("--role", "coordinator", "--municipality", "musterstadt")

    made = run("member", "invite", *role, "--days", "3", "--note", "Koordination", **settings)
    told = json.loads(run("member", "invite", *role, "--json", **settings).out)
    refused = run("member", "invite", *role, "--days", "31", **settings)
    homeless = run("member", "invite", "--role", "head", **settings)

    address, secret = made.out.strip().rsplit("/", 1)
    assert (made.code, made.err, address) == (0, "", f"{settings['PUBLIC_URL']}/join")
    assert (told["role"], told["place"], told["days"]) == ("coordinator", "musterstadt", 7)
    assert [refused.code, homeless.code] == [2, 2]
    with inside.transaction() as session:
        found = invitations.find(session, secret, now=datetime.now(UTC))
        assert found is not None
        assert (found.role.value, found.inviter) == ("coordinator", "")


def test_every_command_answers_programs_in_json(run: Run, settings: dict[str, object]) -> None:
    run("migrate", **settings)
    agency = "agency open vhs VHS --kind course_provider --municipality musterstadt"
    clerk = ("sub-1", "--role", "clerk", "--agency", "vhs")
    told = {"subject": "sub-1", "role": "clerk", "place": "vhs"}

    for arguments, expected in (
        (("municipality", "create", "musterstadt", "Muster"), {"municipality": "musterstadt"}),
        ((*agency.split(), "--client-id", "p"), {"agency": "vhs", "client_id": "p"}),
        (("service", "add", "q", "--agency", "vhs"), {"client_id": "q", "agency": "vhs"}),
        (("service", "end", "q"), {"client_id": "q"}),
        (("member", "add", *clerk), {**told, "added": True}),
        (("member", "end", *clerk), {**told, "came_from_claims": False}),
        (("agency", "close", "vhs"), {"agency": "vhs", "untouched": 0}),
    ):
        done = run(*arguments, "--json", **settings)
        assert (done.code, done.err) == (0, ""), arguments
        assert json.loads(done.out) == expected, arguments
