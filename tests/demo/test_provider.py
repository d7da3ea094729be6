"""The demo's sign-in provider: what it gives, what it refuses, and that it stays on loopback."""

import asyncio
import re
import stat
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jws
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient
from starlette.types import ASGIApp
from tests.asgi import served

from kursdocs.adapters.identity import OidcProvider
from kursdocs.core.ports import Identity, SignInRefused
from kursdocs.demo.cast import PEOPLE, SERVICES, DemoPerson
from kursdocs.demo.provider import demo_provider, require_loopback

ISSUER = "http://127.0.0.1:8000/demo/oidc"
CLIENT_ID, CLIENT_SECRET, AUDIENCE = "kursdocs", "demo-secret", "urn:kursdocs:api"
CALLBACK = "http://127.0.0.1:8000/sign-in/callback"
SIGNED_OUT = "http://127.0.0.1:8000/signed-out"
VERIFIER = "v" * 64
AMINA = "amina.muster"


@dataclass
class Clock:
    """A clock that the test moves."""

    seconds: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Demo:
    """The mounted provider, and a client that goes no further than the first answer."""

    clock: Clock = field(default_factory=Clock)
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        app = application(ISSUER, now=self.clock, **self.settings)
        self.http = TestClient(app, base_url="http://127.0.0.1:8000", follow_redirects=False)

    def authorize(self, **changes: str | None) -> httpx2.Response:
        return self.http.get(authorize_path(**changes))

    def code(self, subject: str = AMINA, **changes: str | None) -> str:
        answer = self.http.post(authorize_path(**changes), data={"person": subject})
        return query_of(answer)["code"]

    def token(
        self, form: Mapping[str, str], client: tuple[str, str] = (CLIENT_ID, CLIENT_SECRET)
    ) -> httpx2.Response:
        return self.http.post("/demo/oidc/token", data=form, auth=client)

    def redeem(self, code: str, **changes: str) -> httpx2.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        return self.token(form | changes)


@pytest.fixture
def demo() -> Demo:
    return Demo()


def application(issuer: str, **settings: Any) -> Starlette:
    """The application as the demo mounts it."""
    origin = issuer.removesuffix("/demo/oidc")
    provider = demo_provider(
        issuer,
        **{
            "people": PEOPLE,
            "services": SERVICES,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uris": [f"{origin}/sign-in/callback"],
            "post_logout_redirect_uris": [f"{origin}/signed-out"],
            "audience": AUDIENCE,
            "bind_host": "127.0.0.1",
            **settings,
        },
    )
    return Starlette(routes=[Mount("/demo/oidc", provider)])


def authorize_path(**changes: str | None) -> str:
    asked: dict[str, str | None] = {
        "client_id": CLIENT_ID,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid profile groups",
        "state": "state-1",
        "nonce": "nonce-1",
        "code_challenge": create_s256_code_challenge(VERIFIER),
        "code_challenge_method": "S256",
    }
    values = {name: value for name, value in (asked | changes).items() if value is not None}
    return f"/demo/oidc/authorize?{urlencode(values)}"


def query_of(answer: httpx2.Response) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def header_of(token: str) -> Mapping[str, object]:
    return jws.extract_compact(token.encode()).headers()


# -- the way in, with the real adapter -----------------------------------------------------


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """The provider on a real port."""

    def build(url: str) -> ASGIApp:
        return application(f"{url}/demo/oidc")

    with served(build) as url:
        yield f"{url}/demo/oidc"


def sign_in(client: OidcProvider, issuer: str, click: Mapping[str, str]) -> Identity:
    """Sign in as the application and its user do."""
    redirect_uri = issuer.replace("/demo/oidc", "/sign-in/callback")

    async def work() -> Identity:
        begun = await client.begin(redirect_uri)
        async with httpx2.AsyncClient(verify=False) as browser:
            assert (await browser.get(begun.url)).status_code == 200
            answer = await browser.post(begun.url, data=click)
        assert answer.status_code == 303
        return await client.finish(query_of(answer), begun, redirect_uri)

    return asyncio.run(work())


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.subject)
def test_everybody_of_the_cast_can_sign_in(issuer: str, person: DemoPerson) -> None:
    client = OidcProvider(issuer, CLIENT_ID, CLIENT_SECRET, AUDIENCE)

    identity = sign_in(client, issuer, {"person": person.subject})

    assert (identity.issuer, identity.subject) == (issuer, person.subject)
    assert identity.claims["groups"] == list(person.groups)
    assert identity.claims["name"] == person.name
    assert not identity.is_service


def test_whoever_cancels_is_not_signed_in(issuer: str) -> None:
    client = OidcProvider(issuer, CLIENT_ID, CLIENT_SECRET, AUDIENCE)

    with pytest.raises(SignInRefused, match="access_denied"):
        sign_in(client, issuer, {"cancel": "yes"})


@pytest.mark.parametrize("slug", SERVICES)
def test_every_agency_has_a_program_that_gets_a_token(issuer: str, slug: str) -> None:
    answer = httpx2.post(
        f"{issuer}/token",
        data={"grant_type": "client_credentials"},
        auth=(slug, "demo"),
        verify=False,
    )

    token = answer.json()["access_token"]
    client = OidcProvider(issuer, CLIENT_ID, CLIENT_SECRET, AUDIENCE)
    identity = asyncio.run(client.bearer(token))
    assert (identity.subject, identity.client_id) == (slug, slug)
    assert identity.is_service
    assert answer.headers["cache-control"] == "no-store"


def test_a_person_can_use_the_api_too(issuer: str) -> None:
    redirect_uri = issuer.replace("/demo/oidc", "/sign-in/callback")
    url = issuer.removesuffix("/demo/oidc") + authorize_path(redirect_uri=redirect_uri)
    answer = httpx2.post(url, data={"person": AMINA}, verify=False)
    form = {
        "grant_type": "authorization_code",
        "code": query_of(answer)["code"],
        "redirect_uri": redirect_uri,
        "code_verifier": VERIFIER,
    }
    tokens = httpx2.post(
        f"{issuer}/token", data=form, auth=(CLIENT_ID, CLIENT_SECRET), verify=False
    ).json()
    client = OidcProvider(issuer, CLIENT_ID, CLIENT_SECRET, AUDIENCE)

    identity = asyncio.run(client.bearer(tokens["access_token"]))

    assert identity.subject == AMINA
    assert identity.claims["groups"] == ["vhs-musterstadt:clerk"]
    assert not identity.is_service
    with pytest.raises(SignInRefused):
        asyncio.run(client.bearer(tokens["id_token"]))


# -- the page ------------------------------------------------------------------------------


class Page(HTMLParser):
    """Collects what a test wants to know of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link"}:
            self._open.append(tag)
        if tag in {"h1", "h2", "button"}:
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in {"h1", "h2", "button"} & set(self._open):
            self.texts[tag][-1] += data

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_page_offers_one_button_per_person_by_agency(demo: Demo) -> None:
    page = Page(demo.authorize().text)

    assert page.texts["h2"] == [
        "VHS Musterstadt",
        "Sprachwerk",
        "Ausländerbehörde",
        "Jobcenter",
        "Stadt Musterstadt",
        "VHS Musterstadt und Sprachwerk",
        "Ohne Stelle",
    ]
    assert "Amina Muster – Sachbearbeitung, VHS Musterstadt" in page.texts["button"]
    assert "Kim Muster – Ohne Rolle" in page.texts["button"]
    assert len(page.texts["button"]) == len(PEOPLE) + 1  # and "Abbrechen"


def test_the_page_is_sound_and_says_that_it_is_a_demo(demo: Demo) -> None:
    answer = demo.authorize()
    page = Page(answer.text)

    assert page.attributes("html") == [{"lang": "de"}]
    assert len(page.texts["h1"]) == 1
    assert "Vorführung: erfundene Personen, keine echte Anmeldung" in answer.text
    assert not page.attributes("script")
    assert not page.attributes("style")
    assert not any("style" in attributes for _, attributes in page.tags)
    assert answer.headers["cache-control"] == "no-store"


def test_the_page_links_the_stylesheet_it_was_given() -> None:
    demo = Demo(settings={"stylesheet_href": lambda: "/static/main.css"})

    links = Page(demo.authorize().text).attributes("link")

    assert {"rel": "stylesheet", "href": "/static/main.css"} in links


def test_what_was_asked_survives_the_click_and_is_escaped(demo: Demo) -> None:
    answer = demo.authorize(state='"><script>alert(1)</script>')
    (form,) = Page(answer.text).attributes("form")

    back = demo.http.post(form["action"] or "", data={"person": AMINA})

    assert "<script" not in answer.text
    assert query_of(back)["state"] == '"><script>alert(1)</script>'


def test_names_are_shown_as_text() -> None:
    person = DemoPerson("lin.probe", "Lin <script>Probe</script>", "", "Ohne Rolle")

    page = Demo(settings={"people": [person]}).authorize().text

    assert "Lin &lt;script&gt;Probe" in page


def test_an_unknown_person_is_asked_again(demo: Demo) -> None:
    answer = demo.http.post(authorize_path(), data={"person": "niemand"})

    assert answer.status_code == 400
    assert "Amina Muster" in answer.text


# -- what it refuses -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": CALLBACK + "?next=1"},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": None},
        {"client_id": "vhs-musterstadt"},
        {"client_id": None},
    ],
    ids=str,
)
def test_nobody_is_sent_to_an_unregistered_address(
    demo: Demo, changes: dict[str, str | None]
) -> None:
    shown = demo.authorize(**changes)
    clicked = demo.http.post(authorize_path(**changes), data={"person": AMINA})

    for answer in (shown, clicked):
        assert answer.status_code == 400
        assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
    ids=str,
)
def test_a_wrong_request_goes_back_with_the_reason(
    demo: Demo, changes: dict[str, str | None], error: str
) -> None:
    back = query_of(demo.authorize(**changes))

    assert back == {"error": error, "iss": ISSUER, "state": "state-1"}


def test_a_code_is_good_for_the_right_verifier(demo: Demo) -> None:
    tokens = demo.redeem(demo.code()).json()

    assert header_of(tokens["access_token"])["typ"] == "at+jwt"
    assert header_of(tokens["id_token"])["typ"] == "JWT"


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 64},
        {"code_verifier": ""},
        {"code_verifier": create_s256_code_challenge(VERIFIER)},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": ""},
    ],
    ids=str,
)
def test_a_code_with_anything_else_is_refused(demo: Demo, changes: dict[str, str]) -> None:
    answer = demo.redeem(demo.code(), **changes)

    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})


def test_an_unknown_code_is_refused(demo: Demo) -> None:
    assert demo.redeem("another").json() == {"error": "invalid_grant"}


def test_a_code_is_good_once(demo: Demo) -> None:
    code = demo.code()

    assert demo.redeem(code).status_code == 200
    assert demo.redeem(code).json() == {"error": "invalid_grant"}


def test_a_failed_attempt_uses_the_code_up(demo: Demo) -> None:
    code = demo.code()

    assert demo.redeem(code, code_verifier="w" * 64).status_code == 400
    assert demo.redeem(code).json() == {"error": "invalid_grant"}


def test_a_code_is_good_for_a_minute(demo: Demo) -> None:
    early, late = demo.code(), demo.code()

    demo.clock.seconds += 59
    assert demo.redeem(early).status_code == 200
    demo.clock.seconds += 1
    assert demo.redeem(late).json() == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer demo",
        "Basic !!!",
        "Basic " + b64encode(b"\xff:\xff").decode(),
        "Basic " + b64encode(b"kursdocs").decode(),
        "Basic " + b64encode(b"kursdocs:wrong").decode(),
        "Basic " + b64encode(b"nobody:demo").decode(),
        "Basic " + b64encode("kursdocs:gehälter".encode()).decode(),
    ],
)
def test_a_program_must_prove_who_it_is(demo: Demo, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    form = {"grant_type": "client_credentials", "client_id": "jobcenter", "client_secret": "demo"}

    answer = demo.http.post("/demo/oidc/token", data=form, headers=headers)

    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_a_secret_may_arrive_percent_encoded() -> None:
    demo = Demo(settings={"services": {"jobcenter": "a:b %"}})

    answer = demo.token({"grant_type": "client_credentials"}, ("jobcenter", "a%3Ab%20%25"))

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("client", "grant_type", "error"),
    [
        (("jobcenter", "demo"), "authorization_code", "unauthorized_client"),
        ((CLIENT_ID, CLIENT_SECRET), "client_credentials", "unauthorized_client"),
        (("jobcenter", "demo"), "password", "unsupported_grant_type"),
        (("jobcenter", "demo"), "", "unsupported_grant_type"),
    ],
)
def test_each_client_has_its_own_grant(
    demo: Demo, client: tuple[str, str], grant_type: str, error: str
) -> None:
    answer = demo.token({"grant_type": grant_type}, client)

    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_a_code_of_the_application_is_worthless_to_others(demo: Demo) -> None:
    form = {
        "grant_type": "authorization_code",
        "code": demo.code(),
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }

    assert demo.token(form, ("jobcenter", "demo")).json() == {"error": "unauthorized_client"}


# -- user info, sign-out, key --------------------------------------------------------------


def test_user_info_tells_who_signed_in(demo: Demo) -> None:
    tokens = demo.redeem(demo.code()).json()

    answer = demo.http.get(
        "/demo/oidc/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )

    assert answer.json() == {
        "sub": AMINA,
        "name": "Amina Muster",
        "groups": ["vhs-musterstadt:clerk"],
    }


def test_user_info_wants_a_valid_access_token_of_a_person(demo: Demo) -> None:
    tokens = demo.redeem(demo.code()).json()
    elsewhere = Demo()
    foreign = elsewhere.redeem(elsewhere.code()).json()
    service = demo.token({"grant_type": "client_credentials"}, ("jobcenter", "demo")).json()
    wrong = [
        "",
        "Bearer junk",
        f"Basic {tokens['access_token']}",
        f"Bearer {tokens['id_token']}",
        f"Bearer {service['access_token']}",
        f"Bearer {foreign['access_token']}",
    ]
    answers = [
        demo.http.get("/demo/oidc/userinfo", headers={"Authorization": value}) for value in wrong
    ]
    demo.clock.seconds += 3600
    expired = {"Authorization": f"Bearer {tokens['access_token']}"}
    answers.append(demo.http.get("/demo/oidc/userinfo", headers=expired))

    assert [answer.status_code for answer in answers] == [401] * 7


def test_signing_out_leads_back_with_the_state(demo: Demo) -> None:
    id_token = demo.redeem(demo.code()).json()["id_token"]
    demo.clock.seconds += 86_400  # an expired hint is still a hint
    asked = {
        "id_token_hint": id_token,
        "post_logout_redirect_uri": SIGNED_OUT,
        "state": "state-2",
    }

    answers = [
        demo.http.get("/demo/oidc/end-session", params=asked),
        demo.http.post("/demo/oidc/end-session", data=asked),
    ]

    for answer in answers:
        assert answer.status_code == 303
        assert answer.headers["location"] == f"{SIGNED_OUT}?state=state-2"


@pytest.mark.parametrize(
    "asked",
    [
        {"client_id": CLIENT_ID, "post_logout_redirect_uri": "https://evil.example"},
        {"client_id": CLIENT_ID, "post_logout_redirect_uri": SIGNED_OUT + "?x"},
        {"client_id": "jobcenter", "post_logout_redirect_uri": SIGNED_OUT},
        {"post_logout_redirect_uri": SIGNED_OUT},
        {"id_token_hint": "junk", "post_logout_redirect_uri": SIGNED_OUT},
    ],
    ids=str,
)
def test_signing_out_leads_nowhere_else(demo: Demo, asked: dict[str, str]) -> None:
    answer = demo.http.get("/demo/oidc/end-session", params=asked)

    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_signing_out_without_an_address_says_so(demo: Demo) -> None:
    assert demo.http.get("/demo/oidc/end-session").text == "Sie sind abgemeldet."


def test_tokens_survive_a_restart_when_the_key_is_kept(tmp_path: Path) -> None:
    key_file = tmp_path / "oidc-key.json"
    before, after = (Demo(settings={"key_file": key_file}) for _ in range(2))
    token = before.redeem(before.code()).json()["access_token"]

    answer = after.http.get("/demo/oidc/userinfo", headers={"Authorization": f"Bearer {token}"})

    assert answer.json()["sub"] == AMINA
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


def test_only_the_public_half_of_the_key_is_published(demo: Demo) -> None:
    (key,) = demo.http.get("/demo/oidc/jwks").json()["keys"]

    assert "d" not in key
    assert (key["alg"], key["use"]) == ("ES256", "sig")


# -- loopback only -------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_the_demo_exists_on_this_machine(host: str) -> None:
    address = f"[{host}]" if ":" in host else host

    require_loopback(f"http://{address}:8000", host)


@pytest.mark.parametrize(
    ("public_url", "bind_host"),
    [
        ("http://127.0.0.1:8000", "0.0.0.0"),  # noqa: S104 - which must be refused
        ("http://127.0.0.1:8000", "::"),
        ("http://127.0.0.1:8000", ""),
        ("http://127.0.0.1:8000", "192.168.1.5"),
        ("https://kursdocs.musterstadt.example", "127.0.0.1"),
        ("http://127.0.0.1@kursdocs.musterstadt.example", "127.0.0.1"),
        ("http://localhost.musterstadt.example", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_the_demo_refuses_to_exist_elsewhere(public_url: str, bind_host: str) -> None:
    with pytest.raises(ValueError, match="runs on this machine only"):
        require_loopback(public_url, bind_host)
    with pytest.raises(ValueError, match="runs on this machine only"):
        application(f"{public_url}/demo/oidc", bind_host=bind_host)


def test_the_application_may_not_share_its_name_with_a_service() -> None:
    with pytest.raises(ValueError, match="jobcenter"):
        application(ISSUER, client_id="jobcenter")


def test_the_cast_is_recognisable_as_invented() -> None:
    assert all(re.search(r"Muster|Beispiel|Probe", person.name) for person in PEOPLE)
    assert len({person.subject for person in PEOPLE}) == len(PEOPLE)
    assert len({person.label for person in PEOPLE}) == len(PEOPLE)
