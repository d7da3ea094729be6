"""Signing out at the demo's provider: what it ends here, and what the application learns of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from sqlmodel import select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from tests.asgi import served
from tests.web.house import House, Visitor, open_house
from tests.web.lint import Outline

from kursdocs.core.accounts import SignIn, User
from kursdocs.demo import provider_sessions
from kursdocs.demo.cast import PEOPLE
from kursdocs.demo.provider import demo_provider
from kursdocs.demo.provider_sessions import COOKIE, Sessions

SIGN_OUT = "/demo/oidc/sign-out"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The demo with its provider in the same process, over real connections."""
    folder: Path = tmp_path_factory.mktemp("demo") / "var"
    with open_house(folder) as opened:
        yield opened


def is_in(visitor: Visitor) -> bool:
    return visitor.get("/catalogue").status_code == 200


def sids(house: House, subject: str) -> list[str]:
    with house.services.transaction() as session:
        query = select(SignIn).join(User).where(User.subject == subject)
        return [row.provider_sid for row in session.exec(query)]


def test_the_provider_says_that_it_tells_of_sign_outs(house: House) -> None:
    document = house.client({}).get("/demo/oidc/.well-known/openid-configuration").json()

    assert document["backchannel_logout_supported"] is True
    assert document["backchannel_logout_session_supported"] is True


def test_every_browser_has_a_session_of_its_own_there(house: House) -> None:
    for _ in range(2):
        house.newly("omar.beispiel")

    names = sids(house, "omar.beispiel")

    assert len(set(names)) == 2
    assert all(names)


def test_whoever_signs_out_there_is_signed_out_here_in_that_browser(house: House) -> None:
    here, elsewhere = house.newly("lin.probe"), house.newly("lin.probe")
    assert "Lin Probe" in Outline(here.get(SIGN_OUT).text).said()

    answer = here.post(SIGN_OUT)

    assert "dort sind Sie ebenfalls abgemeldet" in Outline(answer.text).said()
    assert [is_in(here), is_in(elsewhere)] == [False, True]
    assert "niemand angemeldet" in Outline(here.get(SIGN_OUT).text).said()


def test_looking_at_the_page_ends_nothing(house: House) -> None:
    visitor = house.newly("lin.probe")

    visitor.get(SIGN_OUT)

    assert is_in(visitor)


def test_the_page_of_people_leads_to_the_way_out(house: House) -> None:
    visitor = house.visitor()
    page = visitor.get(visitor.get("/sign-in/start").headers["location"])

    assert SIGN_OUT in [link["href"] for link in Outline(page.text).all("a")]


def test_signing_out_here_ends_the_session_there_and_no_other(house: House) -> None:
    visitor, elsewhere = house.newly("nora.probe"), house.newly("nora.probe")

    back = visitor.get(visitor.post("/sign-out").headers["location"])

    assert back.headers["location"] == house.url + "/signed-out"
    assert "niemand angemeldet" in Outline(visitor.get(SIGN_OUT).text).said()
    assert is_in(elsewhere)


def test_without_a_hint_all_sessions_of_the_browser_end(house: House) -> None:
    visitor, back = house.newly("nora.probe"), house.url + "/signed-out"
    asked = {"client_id": "kursdocs", "post_logout_redirect_uri": back}

    answer = visitor.client.get("/demo/oidc/end-session", params=asked)

    assert answer.headers["location"] == back
    assert not is_in(visitor)


def test_an_address_that_is_refused_ends_nothing(house: House) -> None:
    visitor = house.newly("nora.probe")
    asked = {"client_id": "kursdocs", "post_logout_redirect_uri": "https://evil.example"}

    answer = visitor.client.get("/demo/oidc/end-session", params=asked)

    assert answer.status_code == 400
    assert is_in(visitor)


def test_nobody_is_signed_out_by_another_site(house: House) -> None:
    visitor = house.newly("nora.probe")
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}

    assert visitor.client.post(SIGN_OUT, headers=headers).status_code == 403
    assert is_in(visitor)


# -- An application that does not listen ----------------------------------------------------------


@contextmanager
def at_provider(told: list[bytes], *, status: int) -> Iterator[httpx2.Client]:
    """A browser at a provider whose application answers logout tokens with this status."""

    async def listen(request: Request) -> Response:
        told.append(await request.body())
        return Response(status_code=status)

    def build(url: str) -> Starlette:
        provider = demo_provider(
            url + "/op",
            people=PEOPLE,
            services={},
            client_id="kursdocs",
            client_secret="secret",
            redirect_uris=["http://127.0.0.1/back"],
            audience="urn:api",
            bind_host="127.0.0.1",
            backchannel_logout_uri=url + "/told",
        )
        return Starlette(routes=[Route("/told", listen, methods=["POST"]), Mount("/op", provider)])

    with served(build) as url, httpx2.Client(base_url=url, trust_env=False) as browser:
        yield browser


def sign_in(browser: httpx2.Client, subject: str) -> None:
    asked = {
        "response_type": "code",
        "client_id": "kursdocs",
        "redirect_uri": "http://127.0.0.1/back",
        "scope": "openid",
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
    }
    answer = browser.post("/op/authorize", params=asked, data={"person": subject})
    assert "code" in parse_qs(urlsplit(answer.headers["location"]).query)


@pytest.mark.parametrize(("status", "said"), [(200, "ebenfalls"), (400, "nicht zu erreichen")])
def test_the_page_says_whether_the_application_knows(status: int, said: str) -> None:
    told: list[bytes] = []
    with at_provider(told, status=status) as browser:
        for subject in ("amina.muster", "vera.probe", "amina.muster"):
            sign_in(browser, subject)

        page = browser.post("/op/sign-out")

        assert said in page.text
        assert len(told) == 2  # signed in twice is one session
        assert all(body.startswith(b"logout_token=ey") for body in told)


def test_the_browsers_name_is_out_of_reach_for_scripts_and_other_sites() -> None:
    with at_provider([], status=200) as browser:
        sign_in(browser, "amina.muster")
        (cookie,) = browser.cookies.jar

        assert (cookie.name, cookie.path) == (COOKIE, "/op")
        assert cookie.has_nonstandard_attr("HttpOnly")


def test_browsers_that_never_come_back_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_sessions, "_BROWSERS_MAX", 2)
    sessions = Sessions()

    for browser in ("first", "second", "third"):
        sessions.begin(browser, "amina.muster")

    assert sessions.subjects("first") == []
    assert sessions.subjects("third") == ["amina.muster"]
