"""The sign-in adapter against a provider that others wrote: npm's certified ``oidc-provider``.

The pages that ask for name, password and consent are the provider's own; the test fills them in
as a browser would.
"""

import asyncio
import fcntl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from pydantic import SecretStr
from tests.servers import free_port, start_process, stop_process, wait_until_ready
from tests.web.house import open_house

from kursdocs.adapters.identity import OidcProvider
from kursdocs.core.ports import Identity, SignInRefused, SignInStart

HERE = Path(__file__).parent / "oidc-provider"
REDIRECT_URI = "http://127.0.0.1:8000/sign-in/callback"
SIGNED_OUT = "http://127.0.0.1:8000/signed-out"
BACK_CHANNEL = "http://127.0.0.1:8000/sign-out/back-channel"
STEPS_MAX = 20


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The provider, listening."""
    log = tmp_path_factory.mktemp("oidc-provider") / "log"
    with provider_at(free_port(), log, REDIRECT_URI, SIGNED_OUT, BACK_CHANNEL) as url:
        yield url


@contextmanager
def provider_at(port: int, log: Path, *addresses: str) -> Iterator[str]:
    """The provider on this port, for an application with these addresses."""
    _install()
    process = start_process(["node", HERE / "provider.mjs", str(port), *addresses], log=log)
    try:
        wait_until_ready(process, lambda: "ready" in log.read_text().split(), log=log)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop_process(process)


def _install() -> None:
    """Install what the lock file names, unless it is there; one test process at a time."""
    with (HERE / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (HERE / "node_modules" / "oidc-provider").is_dir():
            subprocess.run(["npm", "ci"], cwd=HERE, check=True, capture_output=True, timeout=100)


def client_of(issuer: str) -> OidcProvider:
    return OidcProvider(issuer, "kursdocs", "secret-of-the-test", "urn:kursdocs:api")


class Form(HTMLParser):
    """The first form of a page, with the values it starts with."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.values: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form" and not self.action:
            self.action = given.get("action") or ""
        if tag == "input" and (name := given.get("name")):
            self.values[name] = given.get("value") or ""


async def browse(url: str) -> dict[str, str]:
    """Follow redirects and fill in pages until the provider leads back; what it brings back."""
    async with httpx2.AsyncClient(verify=False) as browser:
        answer = await browser.get(url)
        for _ in range(STEPS_MAX):
            if answer.is_redirect:
                target = answer.url.join(answer.headers["location"])
                if str(target).startswith(REDIRECT_URI):
                    return dict(parse_qsl(urlsplit(str(target)).query))
                answer = await browser.get(target)
                continue
            assert answer.status_code == 200, answer.text
            form = Form(answer.text)
            typed = {"login": "amina.muster", "password": "any"}
            filled = {name: typed.get(name, value) for name, value in form.values.items()}
            answer = await browser.post(answer.url.join(form.action), data=filled)
    raise AssertionError("the provider never led back")


def walk(browser: httpx2.Client, url: str, typed: Mapping[str, str], end: str) -> httpx2.Response:
    """Follow redirects and fill in pages, as a browser does; the answer at ``end``."""
    answer = browser.get(url)
    for _ in range(STEPS_MAX):
        if str(answer.url).startswith(end):
            return answer
        if answer.is_redirect:
            answer = browser.get(answer.url.join(answer.headers["location"]))
            continue
        assert answer.status_code == 200, answer.text
        form = Form(answer.text)
        filled = {name: typed.get(name, value) for name, value in form.values.items()}
        answer = browser.post(answer.url.join(form.action), data={**filled, **_confirmed(form)})
    raise AssertionError(f"never came to {end}")


def _confirmed(form: Form) -> dict[str, str]:
    """The button "yes, sign me out" is a value of the form as well."""
    return {"logout": "yes"} if "xsrf" in form.values else {}


def test_signing_out_at_the_certified_provider_ends_the_session_here(tmp_path: Path) -> None:
    port, typed = free_port(), {"login": "amina.muster", "password": "any"}
    with open_house(
        tmp_path / "var",
        oidc_issuer=f"http://127.0.0.1:{port}",
        oidc_client_secret=SecretStr("secret-of-the-test"),
    ) as house:
        ways = ("/sign-in/callback", "/signed-out", "/sign-out/back-channel")
        addresses = [house.url + way for way in ways]
        with (
            provider_at(port, tmp_path / "log", *addresses) as issuer,
            httpx2.Client(trust_env=False) as here,
            httpx2.Client(trust_env=False) as there,
        ):
            for browser in (here, there):
                walk(browser, house.url + "/sign-in/start", typed, house.url + "/sign-in/callback")
                house.instruct("amina.muster")
                assert browser.get(house.url + "/catalogue").status_code == 200

            walk(here, issuer + "/session/end", typed, issuer + "/session/end/success")

            assert here.get(house.url + "/catalogue").status_code == 303
            assert there.get(house.url + "/catalogue").status_code == 200
        assert house.log_since(0).count("sign_in.ended_by_provider") == 1


def test_a_person_signs_in_at_the_certified_provider(issuer: str) -> None:
    async def work() -> tuple[Identity, str]:
        client = client_of(issuer)
        begun = await client.begin(REDIRECT_URI)
        identity = await client.finish(await browse(begun.url), begun, REDIRECT_URI)
        return identity, await client.sign_out_url(identity.id_token, SIGNED_OUT)

    identity, sign_out = asyncio.run(work())

    assert (identity.issuer, identity.subject) == (issuer, "amina.muster")
    assert identity.claims["groups"] == ["vhs-musterstadt:clerk"]
    assert not identity.is_service
    answer = httpx2.get(sign_out, verify=False)
    assert answer.status_code == 200  # the provider asks whether one really wants to leave
    assert Form(answer.text).action.startswith(issuer)


def test_a_stolen_code_is_worthless_without_the_verifier(issuer: str) -> None:
    async def work() -> None:
        client = client_of(issuer)
        begun = await client.begin(REDIRECT_URI)
        other = SignInStart(begun.url, begun.state, begun.nonce, "w" * 64)
        await client.finish(await browse(begun.url), other, REDIRECT_URI)

    with pytest.raises(SignInRefused, match="token_endpoint_invalid_grant"):
        asyncio.run(work())


def test_a_program_gets_a_token_that_the_api_accepts(issuer: str) -> None:
    token = httpx2.post(
        f"{issuer}/token",
        data={"grant_type": "client_credentials"},
        auth=("vhs-musterstadt", "secret-of-the-program"),
        verify=False,
    ).json()["access_token"]

    identity = asyncio.run(client_of(issuer).bearer(token))

    assert identity.subject == "vhs-musterstadt"
    assert identity.is_service
