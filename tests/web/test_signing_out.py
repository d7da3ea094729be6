"""Signed out everywhere: by the provider, on all devices, and when a role or an agency ends.

What ends must end within a second, also for what is under way at that moment.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from sqlmodel import select
from tests.servers import PostgresServer
from tests.web.house import OFFICE, VHS, Answer, House, Visitor, open_house, paper, sending_fields
from tests.web.lint import Outline
from tests.web.test_accounts import choices
from tests.web.test_bad_input import api_problem

from kursdocs.core import accounts, agencies, memberships
from kursdocs.core.access import Actor, Role
from kursdocs.core.accounts import SignIn, User
from kursdocs.core.agencies import Agency
from kursdocs.core.documents.tables import Document, DocumentState

KIM = "kim.muster"
CLI = Actor.system("tests")


@pytest.fixture(scope="module")
def own(quick_folder: Path) -> Iterator[House]:
    """A house of its own: here agencies close and people are locked out."""
    with open_house(quick_folder / "signing-out") as house:
        yield house


def back_channel(house: House, token: str, **more: object) -> Answer:
    """The provider's call, which no browser makes."""
    return house.client({}).post(
        "/sign-out/back-channel",
        **{"data": {"logout_token": token}, **more},  # type: ignore[arg-type]  # httpx2's own words
    )


def is_in(visitor: Visitor) -> bool:
    return visitor.get("/catalogue").status_code == 200


def sid_of(house: House, subject: str) -> str:
    with house.services.transaction() as session:
        query = select(SignIn).join(User).where(User.subject == subject)
        return session.exec(query).one().provider_sid


# ── The provider says so ─────────────────────────────────────────────────────────────────────


def test_the_provider_ends_a_persons_sessions_and_tokens(own: House) -> None:
    # Nobody whom another test signs out: a token of the same second would be refused with the old.
    here, there = own.newly("elif.muster"), own.newly("elif.muster")
    somebody, token = own.newly("lin.probe"), own.person_token("elif.muster")
    assert own.program(token).get("/api/v1/me").status_code == 200
    seq = own.log_end()

    answer = back_channel(own, own.logout_token(sub="elif.muster"))

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert [is_in(visitor) for visitor in (here, there, somebody)] == [False, False, True]
    api_problem(own.program(token).get("/api/v1/me"), 401, "token_invalid")
    assert own.log_since(seq).count("sign_in.ended_by_provider") == 1


def test_the_head_reads_in_the_log_that_somebody_was_signed_out(own: House) -> None:
    own.newly("omar.beispiel")
    back_channel(own, own.logout_token(sub="omar.beispiel"))

    page = own.newly("vera.probe").get("/log")

    assert "wurde vom Anmeldedienst abgemeldet" in Outline(page.text).said()


WRONG: dict[str, Callable[[House], dict[str, object]]] = {
    "no body": lambda h: {"data": {}},
    "no token": lambda h: {"data": {"token": "x"}},
    "an empty token": lambda h: {"data": {"logout_token": ""}},
    "two tokens": lambda h: {"data": {"logout_token": [h.logout_token(sub="lin.probe")] * 2}},
    "a made-up token": lambda h: {"data": {"logout_token": "a.b.c"}},
    "an access token": lambda h: {"data": {"logout_token": h.person_token("lin.probe")}},
    "of another client": lambda h: {"data": {"logout_token": h.logout_token(sub="x", aud="y")}},
    "of nobody": lambda h: {"data": {"logout_token": h.logout_token()}},
    "JSON": lambda h: {"data": None, "json": {"logout_token": h.logout_token(sub="lin.probe")}},
    "no ASCII": lambda h: {
        "data": None,
        "content": b"logout_token=\xff",
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    },
    "a body too large": lambda h: {"data": {"logout_token": "x" * 70_000}},
    "many fields": lambda h: {"data": {f"f{n}": "x" for n in range(50)}},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_what_the_provider_did_not_say_is_refused_by_the_standards_words(
    house: House, wrong: Callable[[House], dict[str, object]]
) -> None:
    visitor, seq = house.person("lin.probe"), house.log_end()

    answer = back_channel(house, "", **wrong(house))

    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
    assert answer.headers["cache-control"] == "no-store"
    assert house.log_since(seq) == []
    assert is_in(visitor)


def test_a_logout_token_is_of_no_use_to_pages_of_other_sites(house: House) -> None:
    visitor = house.newly("lin.probe")
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}

    answer = back_channel(house, house.logout_token(sub="lin.probe"), headers=headers)

    assert answer.status_code == 403
    assert is_in(visitor)


def test_a_database_that_is_away_for_a_moment_does_not_keep_a_session_open(
    quick_folder: Path, postgres: PostgresServer
) -> None:
    url = postgres.new_database()
    with open_house(quick_folder / "away", database_url=url) as house:
        visitor = house.newly("lin.probe")
        token = house.logout_token(sub="lin.probe")
        back_channel(house, token, data={})  # opens what a first call opens
        postgres.stop()
        with pytest.raises(httpx2.ReadTimeout):
            back_channel(house, token, timeout=0.3)  # a provider that does not wait
        postgres.start()

        assert settled(lambda: not is_in(visitor))
    postgres.drop_database(url)


def settled(is_so: Callable[[], bool]) -> bool:
    """Whether it comes to be so within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.2)
    return False


# ── On all devices ───────────────────────────────────────────────────────────────────────────


def test_every_page_of_somebody_signed_in_offers_to_leave_all_devices(house: House) -> None:
    for visitor, offers in ((house.person("amina.muster"), 1), (house.visitor(), 0)):
        page = Outline(visitor.get("/signed-out").text)
        forms = [form for form in page.all("form") if form["action"] == "/sign-out/everywhere"]

        assert len(forms) == offers


def test_somebody_leaves_all_devices_at_once(own: House) -> None:
    here, there = own.newly("nora.probe"), own.newly("nora.probe")
    token = own.person_token("nora.probe")

    answer = here.post("/sign-out/everywhere")

    assert answer.headers["location"].startswith(own.url + "/demo/oidc/end-session?")
    assert answer.headers["clear-site-data"] == '"cache"'
    assert [is_in(visitor) for visitor in (here, there)] == [False, False]
    api_problem(own.program(token).get("/api/v1/me"), 401, "token_invalid")
    ended = here.get(answer.headers["location"])
    assert ended.headers["location"] == own.url + "/signed-out"


# ── What ends a role ─────────────────────────────────────────────────────────────────────────


def give_role(house: House) -> None:
    """By hand: what comes from claims comes again with the next token."""
    with house.services.transaction() as session:
        agency = agencies.by_slug(session, VHS)
        post = memberships.Post(Role.CLERK, agency.municipality_id, agency)
        issuer = house.services.settings.oidc_issuer
        memberships.add(
            session, CLI, issuer=issuer, subject=KIM, post=post, now=house.services.clock()
        )


def end_role(house: House) -> None:
    with house.services.transaction() as session:
        agency = agencies.by_slug(session, VHS)
        post = memberships.Post(Role.CLERK, agency.municipality_id, agency)
        issuer = house.services.settings.oidc_issuer
        memberships.end(
            session, CLI, issuer=issuer, subject=KIM, post=post, now=house.services.clock()
        )


def lock_out(house: House) -> None:
    with house.services.transaction() as session:
        user = session.exec(select(User).where(User.subject == KIM)).one()
        user.deactivated_at = house.services.clock()


def close(house: House) -> None:
    with house.services.transaction() as session:
        agencies.by_slug(session, VHS).closed_at = house.services.clock()


def sign_out_there(house: House) -> None:
    assert back_channel(house, house.logout_token(sub=KIM)).status_code == 200


def end_program(house: House) -> None:
    with house.services.transaction() as session:
        issuer = house.services.settings.oidc_issuer
        now = house.services.clock()
        assert memberships.end_service_account(session, CLI, issuer=issuer, client_id=VHS, now=now)


@contextmanager
def ended(house: House, end: Callable[[House], None]) -> Iterator[None]:
    """Something ends; afterwards all is as before."""
    end(house)
    try:
        yield
    finally:
        restore(house)


def restore(house: House) -> None:
    with house.services.transaction() as session:
        for agency in session.exec(select(Agency)):
            agency.closed_at = None
        for user in session.exec(select(User).where(User.subject == KIM)):
            user.deactivated_at = user.signed_out_at = None
        for account in session.exec(select(accounts.ServiceAccount)):
            account.ended_at = None


PERSONS_ENDS = {
    "the role": end_role,
    "the agency": close,
    "the account": lock_out,
    "the session at the provider": sign_out_there,
}
PROGRAMS_ENDS = {"the account": end_program, "the agency": close}


@pytest.mark.parametrize("end", PERSONS_ENDS.values(), ids=PERSONS_ENDS.keys())
def test_pages_close_at_once(own: House, end: Callable[[House], None]) -> None:
    give_role(own)
    visitor = own.newly(KIM)
    assert visitor.get("/inbox").status_code == 200

    with ended(own, end):
        looked, acted = visitor.get("/inbox"), visitor.send()

        assert looked.headers["location"].startswith("/sign-in?next=")
        assert acted.status_code == 401


@pytest.mark.parametrize("end", PERSONS_ENDS.values(), ids=PERSONS_ENDS.keys())
def test_a_persons_token_is_worth_nothing_at_once(own: House, end: Callable[[House], None]) -> None:
    give_role(own)
    client = own.program(own.person_token(KIM))
    assert client.get("/api/v1/inbox").status_code == 200

    with ended(own, end):
        answer = client.get("/api/v1/inbox")

        codes = {"no_role": 403, "account_deactivated": 403, "token_invalid": 401}
        api_problem(answer, codes[answer.json()["code"]], answer.json()["code"])


@pytest.mark.parametrize("end", PROGRAMS_ENDS.values(), ids=PROGRAMS_ENDS.keys())
def test_a_programs_token_is_worth_nothing_at_once(
    own: House, end: Callable[[House], None]
) -> None:
    client = own.service(VHS)
    assert client.get("/api/v1/inbox").status_code == 200

    with ended(own, end):
        api_problem(client.get("/api/v1/inbox"), 403, "service_unknown")


# ── What is under way ────────────────────────────────────────────────────────────────────────


def upload(client: httpx2.Client, path: str, between: Callable[[], None]) -> Answer:
    """Send a document; ``between`` happens when half of the file has left."""
    asked = client.build_request(
        "POST", path, data=sending_fields(), files=[("file", ("z.pdf", paper(), "application/pdf"))]
    )
    body = asked.read()
    half = len(body) - len(paper()) // 2

    def chunks() -> Iterator[bytes]:
        yield body[:half]
        time.sleep(0.3)  # so that the half has been taken in when it happens
        between()
        yield body[half:]

    headers = {"Content-Type": asked.headers["content-type"]}
    return client.post(path, content=chunks(), headers=headers)


def live(house: House) -> int:
    with house.services.transaction() as session:
        states = [DocumentState.LIVE, DocumentState.HELD, DocumentState.PENDING]
        return len([d for d in session.exec(select(Document)) if d.state in states])


@pytest.mark.parametrize("end", PERSONS_ENDS.values(), ids=PERSONS_ENDS.keys())
@pytest.mark.parametrize("way", ["page", "token"])
def test_a_persons_upload_under_way_is_not_stored(
    own: House, end: Callable[[House], None], way: str
) -> None:
    give_role(own)
    if way == "page":
        client, path = own.newly(KIM).client, "/documents"
    else:
        client, path = own.program(own.person_token(KIM)), "/api/v1/documents"
    before, kept = live(own), own.objects()
    assert upload(client, path, lambda: None).status_code in (201, 303)
    assert live(own) == before + 1
    kept = own.objects()
    try:
        answer = upload(client, path, lambda: end(own))
    finally:
        restore(own)

    assert answer.status_code == (401 if way == "page" else 403), answer.text
    if way == "token":
        api_problem(answer, 403, "standing_ended")
    assert live(own) == before + 1
    assert own.objects() == kept


@pytest.mark.parametrize("end", PROGRAMS_ENDS.values(), ids=PROGRAMS_ENDS.keys())
def test_a_programs_upload_under_way_is_not_stored(
    own: House, end: Callable[[House], None]
) -> None:
    before, kept = live(own), own.objects()
    try:
        answer = upload(own.service(VHS), "/api/v1/documents", lambda: end(own))
    finally:
        restore(own)

    api_problem(answer, 403, "standing_ended")
    assert (live(own), own.objects()) == (before, kept)


def test_an_upload_outlives_a_change_of_agency_in_another_tab(own: House) -> None:
    visitor = own.newly("mira.beispiel")
    other = choices(visitor)["VHS Musterstadt"]
    before = live(own)

    def change() -> None:
        visitor.post("/acting-agency", {"membership": other})

    visitor.post("/acting-agency", {"membership": choices(visitor)["Sprachwerk"]})
    answer = upload(visitor.client, "/documents", change)

    assert answer.status_code == 303, answer.text
    assert live(own) == before + 1
    assert visitor.get(answer.headers["location"]).status_code == 404  # it is the other agency's


def test_a_download_under_way_is_finished_and_the_next_one_refused(own: House) -> None:
    give_role(own)
    sent, visitor = own.sent(OFFICE, VHS), own.newly(KIM)
    path = f"/documents/{sent.document_id}/content"
    with visitor.client.stream("GET", path) as answer:
        end_role(own)  # what it was admitted to is in the log already
        assert answer.read() == paper()

    assert visitor.get(path).headers["location"].startswith("/sign-in")
