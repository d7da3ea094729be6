"""What protects every answer and every session: headers, cookies, the cross-site guard."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from tests.web.house import (
    OFFICE,
    VHS,
    Answer,
    House,
    Visitor,
    open_house,
    sending_fields,
    the_file,
)
from tests.web.lint import lint_headers

from kursdocs import bootstrap
from kursdocs.settings import SettingsError
from kursdocs.web.call import Row
from kursdocs.web.routes import ROUTES
from kursdocs.web.security import page_policy

UNKNOWN = "01890000-0000-7000-8000-000000000000"
POSTS = [row for row in ROUTES if row.method == "POST"]


def address(path: str) -> str:
    """A row's path with ids that nothing has."""
    return re.sub(r"\{number\}", "1", re.sub(r"\{\w+_id\}", UNKNOWN, path))


# ── Headers ──────────────────────────────────────────────────────────────────────────────────


def test_every_answer_carries_the_headers(house: House) -> None:
    program = house.client({"Authorization": f"Bearer {house.service_token(VHS)}"})
    people = [house.client({}), house.person("vera.probe").client, program]
    paths = {address(row.path) for row in ROUTES} - {"/sign-out", "/sign-out/everywhere"}
    paths |= {"/nirgendwo", "/api/v1/nirgendwo", "/static/nichts.js", "/static/favicon.svg"}
    paths |= {"/demo/mailbox/", "/demo/oidc/jwks", "/demo/oidc/nichts", "/demo/oidc/authorize"}
    for client in people:
        for path in sorted(paths):
            for method in ("GET", "HEAD", "POST", "DELETE"):
                lint_headers(client.request(method, path))


def test_the_policy_of_pages_allows_nothing_from_elsewhere() -> None:
    parts = page_policy("https://id.example").split(";")
    policy = dict(part.strip().split(" ", 1) for part in parts)

    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "object-src": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "form-action": "'self' https://id.example",
    }


def test_documents_are_never_shown_as_part_of_our_pages(house: House) -> None:
    sent = house.sent(VHS, OFFICE)
    visitor, program = house.person("jonas.muster"), house.service(OFFICE)
    for answer in (
        visitor.get(f"/documents/{sent.document_id}/content"),
        program.get(f"/api/v1/documents/{sent.document_id}/content"),
        visitor.get(f"/documents/{sent.document_id}/pages/1"),
    ):
        assert answer.status_code == 200
        assert "sandbox" in answer.headers["content-security-policy"]
        assert "script" not in answer.headers["content-security-policy"]
    named = visitor.get(f"/documents/{sent.document_id}/content").headers["content-disposition"]
    assert re.fullmatch(r'attachment; filename="[a-z0-9_-]+\.pdf"', named)


def test_built_files_are_kept_for_ever_and_nothing_else_is_kept(house: House) -> None:
    page = house.visitor().get("/sign-in")
    (script,) = re.findall(r'<script[^>]*src="([^"]+)"', page.text)

    kept = house.client({}).get(script)

    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert page.headers["cache-control"] == "no-store"
    assert house.client({}).get("/static/assets/nichts.js").headers["cache-control"] == "no-store"


def test_there_is_no_hsts_without_tls(house: House) -> None:
    assert "strict-transport-security" not in house.client({}).get("/sign-in").headers


# ── A failure nobody foresaw ─────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def broken(quick_folder: Path) -> Iterator[tuple[House, str]]:
    """A house with a row that no code of ours would have written."""
    with open_house(quick_folder / "broken") as house:
        sent = house.noted(VHS, OFFICE)
        with closing(sqlite3.connect(house.var / "kursdocs.sqlite")) as connection:
            connection.execute("UPDATE document SET fields = '{\"Muster'")
            connection.commit()
        yield house, str(sent.document_id)


def test_a_failure_is_told_with_a_number_and_without_anything_inside(
    broken: tuple[House, str],
) -> None:
    house, document_id = broken
    visitor, program = house.newly("amina.muster"), house.service(VHS)

    page = visitor.get(f"/documents/{document_id}")
    answer = program.get(f"/api/v1/documents/{document_id}")

    assert page.status_code == answer.status_code == 500
    lint_headers(answer)
    shown = re.sub(r"<[^>]+>", "", page.text)
    assert re.search(r"\b[0-9a-f]{16}\b", shown)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "internal"
    for text in (page.text, answer.text):
        assert not re.search(r"Traceback|sqlite|JSONDecode|\.py\b|kursdocs\.(web|core)", text)
    assert visitor.get("/inbox").status_code == 200


# ── Requests that another site made ──────────────────────────────────────────────────────────

FROM_ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "cross-site", "Origin": "own"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "own.evil.example"},
    {"Origin": ""},
]


@pytest.mark.parametrize("row", POSTS, ids=[row.name for row in POSTS])
def test_no_post_is_taken_from_another_site(house: House, row: Row) -> None:
    path = address(row.path)
    visitor = house.person("vera.probe")
    known = house.contents()
    for headers in FROM_ELSEWHERE:
        own = {k: v.replace("own", house.url) for k, v in headers.items()}
        answer = visitor.client.post(path, headers=own, data={"theme": "dark"})

        assert answer.status_code == 403, headers
        assert "set-cookie" not in answer.headers
        lint_headers(answer)
    assert house.contents() == known


def test_a_token_does_not_open_the_guard_for_cookies(house: House) -> None:
    visitor = house.person("vera.probe")
    headers = {"Authorization": "Bearer x", "Origin": "https://evil.example"}

    assert visitor.client.post("/sign-out", headers=headers).status_code == 403
    assert visitor.get("/inbox").status_code == 200


def test_programs_send_from_anywhere(house: House) -> None:
    answer = house.service(VHS).post(
        "/api/v1/documents",
        data=sending_fields(),
        files=the_file(),
        headers={"Origin": "https://fachverfahren.example", "Sec-Fetch-Site": "cross-site"},
    )

    assert answer.status_code == 201, answer.text


# ── Cookies ──────────────────────────────────────────────────────────────────────────────────


def set_cookies(answer: Answer) -> dict[str, list[str]]:
    """The cookies an answer sets: name → attributes in lower case."""
    found = {}
    for line in answer.headers.get_list("set-cookie"):
        name, *attributes = line.split(";")
        found[name.split("=")[0]] = [each.strip().lower() for each in attributes]
    return found


def test_cookies_on_the_loopback_are_out_of_reach_for_scripts_and_other_sites(
    house: House,
) -> None:
    visitor = house.visitor()
    away = visitor.get("/sign-in/start")
    back = visitor.sign_in("vera.probe")
    chosen = visitor.post("/preferences", {"language": "en", "theme": "dark"})

    for answer, names in (
        (away, {"kursdocs_login"}),
        (back, {"kursdocs"}),
        (chosen, {"kursdocs_language", "kursdocs_theme"}),
    ):
        cookies = set_cookies(answer)
        assert set(cookies) == names
        for attributes in cookies.values():
            assert {"httponly", "samesite=lax", "path=/"} <= set(attributes)
            assert not [each for each in attributes if each.startswith("domain")]
    assert not [a for a in set_cookies(back)["kursdocs"] if a.startswith(("max-age", "expires"))]


@pytest.fixture(scope="module")
def behind_tls(quick_folder: Path) -> Iterator[House]:
    """A house that people reach by https, through a proxy that ends TLS."""
    with open_house(quick_folder / "tls", public_url="https://127.0.0.1:8443") as house:
        yield house


def test_over_tls_cookies_are_bound_to_host_and_tls(behind_tls: House) -> None:
    client = behind_tls.client({})

    answer = client.get("/sign-in/start")

    cookies = set_cookies(answer)
    assert set(cookies) == {"__Host-kursdocs_login"}
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= set(cookies["__Host-kursdocs_login"])
    sent = client.post("/preferences", data={"theme": "dark"})
    assert "secure" in set_cookies(sent)["kursdocs_theme"]


def test_over_tls_browsers_are_told_to_insist_on_it(behind_tls: House) -> None:
    for path in ("/sign-in", "/nirgendwo", "/api/v1/me", "/static/favicon.svg", "/healthz"):
        header = behind_tls.client({}).get(path).headers["strict-transport-security"]

        assert header == "max-age=31536000; includeSubDomains"


def test_what_a_proxy_would_say_does_not_count_from_strangers(house: House) -> None:
    spoofed = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-For": "1.2.3.4",
        "Forwarded": "host=evil.example;proto=https",
    }
    answer = house.client(spoofed).get("/sign-in/start")

    assert "evil.example" not in str(answer.headers)
    assert "secure" not in set_cookies(answer)["kursdocs_login"]
    hosted = house.client({"Host": "evil.example"}).get("/sign-in/start")
    assert "evil.example" not in str(hosted.headers)


# ── Sessions ─────────────────────────────────────────────────────────────────────────────────


def session_of(visitor: Visitor) -> str:
    return next(c.value or "" for c in visitor.client.cookies.jar if c.name == "kursdocs")


def with_session(house: House, token: str) -> httpx2.Client:
    return house.client({"Cookie": f"kursdocs={token}"})


def test_a_session_that_was_planted_before_is_not_taken_over(house: House) -> None:
    planted = "x" * 43
    visitor = house.visitor()
    visitor.client.cookies.set("kursdocs", planted, domain="127.0.0.1", path="/")
    back = visitor.to_callback("vera.probe")
    answer = house.client({"Cookie": f"kursdocs={planted}; kursdocs_login={_login(visitor)}"}).get(
        back
    )

    assert answer.status_code == 303
    fresh = answer.headers["set-cookie"].split("=", 1)[1].split(";")[0]
    assert fresh != planted
    assert len(fresh) == 43
    assert with_session(house, planted).get("/inbox").status_code == 303
    assert with_session(house, fresh).get("/inbox").status_code == 200


def _login(visitor: Visitor) -> str:
    return next(c.value or "" for c in visitor.client.cookies.jar if c.name == "kursdocs_login")


def test_signing_in_again_ends_the_session_before(house: House) -> None:
    visitor = house.newly("vera.probe")
    before = session_of(visitor)

    visitor.sign_in("karin.beispiel")

    assert with_session(house, before).get("/inbox").status_code == 303
    assert "Karin Beispiel" in visitor.get("/inbox").text


def test_after_signing_out_the_cookie_is_worth_nothing(house: House) -> None:
    visitor = house.newly("vera.probe")
    token = session_of(visitor)

    answer = visitor.post("/sign-out")

    assert answer.headers["location"].startswith(house.url + "/demo/oidc/end-session?")
    assert "kursdocs" in set_cookies(answer)
    assert answer.headers["clear-site-data"] == '"cache"'
    assert with_session(house, token).get("/inbox").status_code == 303
    ended = visitor.get(answer.headers["location"])
    assert ended.headers["location"] == house.url + "/signed-out"


def test_whose_session_is_over_still_leaves_the_provider(house: House) -> None:
    visitor = house.newly("vera.probe")
    token = session_of(visitor)
    visitor.post("/sign-out")

    again = with_session(house, token).post("/sign-out")

    assert again.status_code == 303
    assert "/demo/oidc/end-session?" in again.headers["location"]
    assert "id_token_hint" not in again.headers["location"]


def test_a_session_is_kept_as_a_hash_only(house: House) -> None:
    visitor = house.newly("vera.probe")
    raw = b"".join(path.read_bytes() for path in house.var.glob("kursdocs.sqlite*"))

    assert session_of(visitor).encode() not in raw
    assert len(session_of(visitor)) == 43  # 256 bits


def test_a_session_ends_when_it_is_idle_and_when_the_day_is_over(house: House) -> None:
    visitor = house.newly("vera.probe")
    try:
        for minutes in range(29, 600, 29):
            house.clock.ahead = timedelta(minutes=minutes)
            assert visitor.get("/catalogue").status_code == 200, minutes
        house.clock.ahead = timedelta(minutes=601)
        assert visitor.get("/catalogue").status_code == 303
    finally:
        house.clock.ahead = timedelta()
    idle = house.newly("vera.probe")
    try:
        house.clock.ahead = timedelta(minutes=31)
        assert idle.get("/catalogue").status_code == 303
    finally:
        house.clock.ahead = timedelta()


def test_the_demo_refuses_to_be_reached_from_outside(house: House) -> None:
    with pytest.raises(SettingsError, match="this machine only"):
        bootstrap.open_application(house.services, bind_host="0.0.0.0")  # noqa: S104 - refused
