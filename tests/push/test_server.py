"""The client on the line: what a server, a proxy or a provider may answer, and what follows.

The application itself seldom answers so; a small server says what each test needs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from tests.asgi import self_signed, served
from tests.push.house import Desk

from kursdocs.push.papers import File, Paper
from kursdocs.push.server import Access, Refused, Unreachable, open_server

FILE = File(b"%PDF-1.7\nprobe", "application/pdf")
PAPER = Paper(
    Path("scan.pdf"), 0, {"kind": "k", "recipient": ["a", "b"]}, FILE.sha256, 14, "push-1"
)
STORED = {"id": "1", "state": "live", "received_sha256": FILE.sha256, "stored_at": "T"}


def problem(status: int, sentence: str, **more: object) -> Response:
    """An error as kursdocs words it."""
    headers = {"Retry-After": str(more["retry_after"])} if "retry_after" in more else {}
    body = {"status": status, "code": "some_code", "detail": sentence, **more}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


@dataclass
class Stub:
    """A server that gives these answers, one after the other; ``asked`` is what came in."""

    url: str = ""
    answers: list[Response] = field(default_factory=list)
    token_answers: list[Response] = field(default_factory=list)
    metadata: dict[str, object] = field(default_factory=dict)
    asked: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    tokens: int = 0

    async def discovery(self, _: Request) -> Response:
        """The provider's metadata."""
        usual = {"issuer": self.url, "token_endpoint": f"{self.url}/token"}
        return JSONResponse({**usual, **self.metadata})

    async def token(self, request: Request) -> Response:
        """A new token each time."""
        self.asked.append((request.headers, await request.body()))
        self.tokens += 1
        usual = JSONResponse({"access_token": f"token-{self.tokens}"})
        return self.token_answers.pop(0) if self.token_answers else usual

    async def documents(self, request: Request) -> Response:
        """The next answer."""
        self.asked.append((request.headers, await request.body()))
        return self.answers.pop(0)

    def application(self, url: str) -> Starlette:
        """The server."""
        self.url = url
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.discovery),
                Route("/token", self.token, methods=["POST"]),
                Route("/api/v1/documents", self.documents, methods=["POST"]),
            ]
        )


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A server that says what it is told to."""
    made = Stub()
    with served(made.application):
        yield made


@pytest.fixture
def desk(stub: Stub, tmp_path: Path) -> Desk:
    """A desk at the stub."""
    return Desk(Access(stub.url, stub.url, "vhs: käse", "ge heim+"), tmp_path / "l")


def send(desk: Desk) -> Mapping[str, object]:
    """Send one paper."""
    with open_server(desk.access, desk.waits) as server:
        return server.send(PAPER, FILE, desk.moved)


def answers(stub: Stub, *given: Response) -> None:
    stub.answers = list(given)


def test_fields_come_before_the_file_and_the_key_beside_them(desk: Desk, stub: Stub) -> None:
    answers(stub, JSONResponse(STORED, 201))

    assert send(desk) == STORED

    headers, body = stub.asked[-1]
    assert (headers["idempotency-key"], headers["authorization"]) == ("push-1", "Bearer token-1")
    places = [body.index(b'name="%s"' % name) for name in (b"kind", b"recipient", b"file")]
    assert places == sorted(places)
    assert body.count(b'name="recipient"') == 2
    # What a file is called may be a person's name; nobody there needs it.
    assert b'filename="paper.pdf"' in body
    assert b"scan" not in body


def test_the_secret_travels_as_the_standard_says(desk: Desk, stub: Stub) -> None:
    desk.access = replace(desk.access, scope="urn:kursdocs:api")
    answers(stub, JSONResponse(STORED, 201))

    send(desk)

    headers, body = stub.asked[0]
    # base64 of "vhs%3A+k%C3%A4se:ge+heim%2B" (RFC 6749, 2.3.1)
    assert headers["authorization"] == "Basic dmhzJTNBK2slQzMlQTRzZTpnZStoZWltJTJC"
    assert body == b"grant_type=client_credentials&scope=urn%3Akursdocs%3Aapi"


@pytest.mark.parametrize("status", [429, 503])
def test_it_waits_as_long_as_the_server_asks(desk: Desk, stub: Stub, status: int) -> None:
    busy = problem(status, "Very many are sending now.", retry_after=17)
    answers(stub, busy, busy, JSONResponse(STORED, 201))

    assert send(desk) == STORED

    assert desk.waited == [("Very many are sending now.", 17.0)] * 2
    assert len({headers.get("idempotency-key") for headers, _ in stub.asked[1:]}) == 1


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [("100000", 300, 300), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.7, 1.3), ("-1", 0.7, 1.3)],
)
def test_no_wait_is_endless_and_none_is_missing(
    desk: Desk, stub: Stub, said: str, least: float, most: float
) -> None:
    answers(stub, problem(503, "Busy.", retry_after=said), JSONResponse(STORED, 201))

    send(desk)

    ((_, seconds),) = desk.waited
    assert least <= seconds <= most


def test_the_same_sending_under_way_is_waited_for(desk: Desk, stub: Stub) -> None:
    answers(stub, problem(409, "Still running.", retry_after=2), JSONResponse(STORED, 201))

    assert send(desk) == STORED


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_what_is_refused_is_told_once_with_its_fields(desk: Desk, stub: Stub, status: int) -> None:
    errors = [{"field": "issued_on", "detail": "No such day."}]
    answers(stub, problem(status, "Some entries are wrong.", errors=errors))

    with pytest.raises(Refused) as refused:
        send(desk)

    assert (refused.value.problem_code, refused.value.sentence) == (
        "some_code",
        "Some entries are wrong.",
    )
    assert refused.value.fields == {"issued_on": "No such day."}
    assert desk.waited == []


def test_a_proxy_that_takes_no_large_bodies_is_told_as_it_is(desk: Desk, stub: Stub) -> None:
    answers(stub, PlainTextResponse("Request Entity Too Large", 413))

    with pytest.raises(Refused) as refused:
        send(desk)

    assert (refused.value.problem_code, refused.value.sentence) == (
        "http_413",
        "the server answers 413",
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (PlainTextResponse("<h1>Sign in</h1>", 200), "does not answer as kursdocs does"),
        (PlainTextResponse("", 302, {"Location": "/login"}), "(status 302)"),
        (problem(403, "You have no role here."), "You have no role here."),
        (JSONResponse({"hello": "world"}, 201), "not that of a kursdocs"),
        (PlainTextResponse("created", 201), "not that of a kursdocs"),
    ],
)
def test_after_what_no_kursdocs_says_it_stops(
    desk: Desk, stub: Stub, given: Response, words: str
) -> None:
    answers(stub, given)

    with pytest.raises(Unreachable) as stopped:
        send(desk)

    assert words in str(stopped.value)


def test_an_old_token_is_renewed_once_and_not_for_ever(desk: Desk, stub: Stub) -> None:
    old = problem(401, "The token is not valid.")
    answers(stub, old, JSONResponse(STORED, 201))
    assert send(desk) == STORED
    assert stub.tokens == 2

    answers(stub, old, old)
    with pytest.raises(Unreachable, match="The token is not valid"):
        send(desk)
    assert stub.tokens == 4


def test_a_server_in_trouble_gets_a_few_more_tries(desk: Desk, stub: Stub) -> None:
    trouble = problem(500, "Something went wrong.", reference="4f3a")
    answers(stub, *[trouble] * 3)

    with pytest.raises(Unreachable, match=r"Something went wrong. \(4f3a\)"):
        send(desk)

    assert len(desk.waited) == 2


def test_a_server_that_stays_busy_is_left_alone_in_the_end(desk: Desk, stub: Stub) -> None:
    answers(stub, *[PlainTextResponse("", 502)] * 8)

    with pytest.raises(Unreachable, match="status 502"):
        send(desk)

    assert [reason for reason, _ in desk.waited] == ["the server answers 502"] * 7


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"issuer": "http://127.0.0.1:1"}, "is no OpenID provider"),
        ({"token_endpoint": None}, "is no OpenID provider"),
        ({"token_endpoint": "http://sign-in.example/token"}, "takes secrets without https"),
    ],
)
def test_a_provider_that_is_not_what_it_should_be_gets_no_secret(
    desk: Desk, stub: Stub, metadata: dict[str, object], words: str
) -> None:
    stub.metadata = metadata

    with pytest.raises(Unreachable, match=words):
        send(desk)

    assert stub.asked == []


def test_a_provider_that_is_down_for_a_moment_is_waited_for(desk: Desk, stub: Stub) -> None:
    stub.token_answers = [PlainTextResponse("", 503)]
    answers(stub, JSONResponse(STORED, 201))

    assert send(desk) == STORED
    assert [reason for reason, _ in desk.waited] == [
        "the line broke (the sign-in provider answers 503)"
    ]


@pytest.mark.parametrize("body", [{}, {"access_token": ""}, {"access_token": 1}, [], "x"])
def test_a_provider_that_gives_no_token_is_named(desk: Desk, stub: Stub, body: object) -> None:
    stub.token_answers = [JSONResponse(body)]

    with pytest.raises(Unreachable, match="check client id and secret"):
        send(desk)


def test_an_unknown_certificate_is_said_at_once_with_what_to_do(tmp_path: Path) -> None:
    stub, key_and_certificate = Stub(), self_signed(tmp_path)
    with served(stub.application, tls=key_and_certificate):
        access = Access(stub.url, stub.url, "vhs", "x")
        desk = Desk(access, tmp_path / "l")
        with pytest.raises(Unreachable, match=r"is not trusted \(self.signed certificate\)") as no:
            send(desk)
        assert desk.waited == []
        assert "--ca-file" in str(no.value)

        answers(stub, JSONResponse(STORED, 201))
        desk.access = replace(access, ca_file=key_and_certificate)
        assert send(desk) == STORED


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_certificate_file_that_is_none_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content:
        file.write_bytes(content)
    access = Access("https://127.0.0.1:1", "https://127.0.0.1:1", "vhs", "x", ca_file=file)

    with pytest.raises(Unreachable, match=r"ca\.pem is no certificate file: "):
        send(Desk(access, tmp_path / "l"))
