"""The demo's mailbox: what it lists, how it shows a mail, and what it does not let out."""

from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from kursdocs.adapters.mail import FolderMailer
from kursdocs.core.ports import Letter
from kursdocs.demo.mailbox import MAILS_SHOWN, demo_mailbox

ROOT = "/demo/mailbox"
LETTER = Letter(
    to="jobcenter@post.example",
    subject="Ein neues Dokument – kursdocs",
    text="Guten Tag,\n\nes wartet <b>eines</b>.\nHier: http://127.0.0.1:8000/inbox?state=new\n",
    html="<!doctype html><title>x</title><p>Es wartet eines.</p><script>alert(1)</script>",
    message_id="<1@musterstadt.example>",
    written_at=datetime(2026, 3, 4, 7, 0, tzinfo=UTC),
)


class Page(HTMLParser):
    """The text and the links of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if tag == "a" and name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mail"


@pytest.fixture
def browser(folder: Path) -> Iterator[TestClient]:
    mailbox = demo_mailbox(folder, stylesheet_href=lambda: "/static/assets/app.css")
    with TestClient(Starlette(routes=[Mount(ROOT, mailbox)])) as client:
        yield client


def send(folder: Path, **changes: str) -> None:
    values = {name: getattr(LETTER, name) for name in LETTER.__dataclass_fields__}
    FolderMailer(folder, "kursdocs@musterstadt.example").send(Letter(**{**values, **changes}))


def page(browser: TestClient, path: str) -> Page:
    answer = browser.get(path)
    assert answer.status_code == 200
    return Page(answer.text)


def test_an_empty_mailbox_says_so_even_without_its_folder(browser: TestClient) -> None:
    assert "Noch keine E-Mail" in page(browser, f"{ROOT}/").text


def test_mails_are_listed_newest_first(browser: TestClient, folder: Path) -> None:
    for number in range(3):
        send(folder, subject=f"Nummer {number}")

    text = page(browser, f"{ROOT}/").text

    assert text.index("Nummer 2") < text.index("Nummer 1") < text.index("Nummer 0")
    assert LETTER.to in text


def test_a_long_list_is_cut_and_says_so(browser: TestClient, folder: Path) -> None:
    send(folder)
    (first,) = folder.glob("*.eml")
    for number in range(MAILS_SHOWN):
        (folder / f"9{number:019d}-0.eml").write_bytes(first.read_bytes())

    shown = page(browser, f"{ROOT}/")

    assert len(shown.links) == MAILS_SHOWN + 1
    assert "Ältere E-Mails werden hier nicht gezeigt" in shown.text


def test_a_mail_is_shown_as_it_was_written(browser: TestClient, folder: Path) -> None:
    send(folder)
    link = page(browser, f"{ROOT}/").links[-1]

    shown = page(browser, link)

    assert LETTER.subject in shown.text
    assert LETTER.to in shown.text
    assert "es wartet <b>eines</b>." in shown.text
    assert "b" not in shown.tags
    assert "http://127.0.0.1:8000/inbox?state=new" in shown.links


def test_the_html_of_a_mail_is_locked_up(browser: TestClient, folder: Path) -> None:
    send(folder)
    link = page(browser, f"{ROOT}/").links[-1]
    assert f"{link}/html" in page(browser, link).links

    answer = browser.get(f"{link}/html")

    assert "Es wartet eines." in answer.text
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    # Shown inside the mailbox, and nowhere else; the mailbox frames nothing but its own mails.
    assert "frame-ancestors 'self'" in policy
    page_policy = browser.get(link).headers["Content-Security-Policy"].split("; ")
    assert {"frame-src 'self'", "default-src 'none'", "frame-ancestors 'none'"} <= set(page_policy)
    assert f'src="{link}/html"' in browser.get(link).text


def test_a_subject_cannot_become_a_tag(browser: TestClient, folder: Path) -> None:
    send(folder, subject="<script>alert(1)</script>")

    listed = page(browser, f"{ROOT}/")

    assert "<script>alert(1)</script>" in listed.text
    assert "script" not in listed.tags
    assert "script" not in page(browser, listed.links[-1]).tags


@pytest.mark.parametrize(
    "name", ["unknown", "..%2Fsecret", "..%2f..%2fsecret", "%2e%2e%2fsecret", "secret%00", "A"]
)
def test_nothing_outside_the_folder_is_shown(browser: TestClient, folder: Path, name: str) -> None:
    send(folder)
    (folder.parent / "secret.eml").write_text("Subject: geheim\n\ngeheim")

    for path in (f"{ROOT}/{name}", f"{ROOT}/{name}/html"):
        answer = browser.get(path)
        assert answer.status_code == 404
        assert "geheim" not in answer.text


def test_a_mail_without_html_has_no_html_page(browser: TestClient, folder: Path) -> None:
    folder.mkdir()
    (folder / "1.eml").write_bytes("Subject: nur Text\n\nGrüße".encode("latin-1"))

    assert f"{ROOT}/1/html" not in page(browser, f"{ROOT}/1").links
    assert browser.get(f"{ROOT}/1/html").status_code == 404


def test_the_pages_carry_the_one_stylesheet_and_are_german(browser: TestClient) -> None:
    html = browser.get(f"{ROOT}/").text

    assert '<html lang="de">' in html
    assert html.count('rel="stylesheet"') == 1
    assert 'href="/static/assets/app.css"' in html
    assert "<style" not in html
    assert "style=" not in html
