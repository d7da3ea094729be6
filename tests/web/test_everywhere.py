"""What holds on every page, whoever adds it: one language, and nothing personal in an address.

Somebody of each role goes wherever a link or the table of routes leads, in English. A page of the
table that nobody comes past fails, unless :data:`NOT_PAGES` says why.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from babel.messages.pofile import read_po
from tests.web.house import OFFICE, SPRACHWERK, VHS, House, Visitor, sending_fields, the_file
from tests.web.lint import VOID
from tests.web.test_translations import ENGLISH, entries, texts

from kursdocs.web.call import Row
from kursdocs.web.routes import ROUTES

# Somebody of every role, of agencies that send most and of those that receive most.
PEOPLE = ("", "vera.probe", "karin.beispiel", "ines.muster", "paul.probe")
FAMILY_NAME, GIVEN_NAMES = "Geheimprobe-Öztürkmuster", "Unverkennbarina"
# Rows that answer with a file, with data for scripts, or by leading on.
NOT_PAGES = {
    "start",
    "sign_in.start",
    "sign_in.callback",
    "join.open",
    "lists",
    "numbers.csv",
    "reminders.csv",
    "log.checkpoint",
    "documents.content",
    "documents.receipt_pdf",
    "documents.page_image",
    "desk.page_image",
    "inbox.version",
    "inbox.refreshed",
    "health.alive",
    "health.ready",
    "metrics",
}
# Pages to which no link leads: they need a state of their own, and have tests of their own.
WITHOUT_A_LINK = {
    "desk.sent": "shown once after sending, by ids that only the answer knows",
    "instruction": "shown to staff of providers; its text is the catalogue's",
    "join": "needs an invitation in a cookie",
    "deliveries.forwarding": "few papers may be handed on, and none of those sent here",
}
VISITS_PER_ROW = 4
GERMAN_DATE = re.compile(r"\b\d{1,2}\.\d{1,2}\.\d{4}\b")
FORM_NUMBERS = re.compile(r"form \d{3}\.\d{3}")
GERMAN_NUMBER = re.compile(r"\d,\d+\N{NO-BREAK SPACE}?(?:KiB|MiB|%)|\b\d{1,3}(?:\.\d{3})+\b")
# People type days the German way in both languages; the examples of fields say so.
TYPED_DAYS = re.compile(r"(?:such as|for example|example)[^.]{0,20}\d{1,2}\.\d{1,2}\.\d{4}", re.I)


class Reading(HTMLParser):
    """The words of a page that are not marked as another language, and all its addresses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.foreign: list[bool] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.addresses: list[str] = []
        self.title = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        is_foreign = ("lang" in found and found["lang"] != "en") or any(self.foreign[-1:])
        for name, value in found.items():
            if name in ("href", "action", "src", "formaction"):
                self.addresses.append(value)
            elif name.startswith("data-") or name in ("aria-label", "alt", "title", "placeholder"):
                self.words += [] if is_foreign else [value.strip()]
        if tag not in VOID:
            self.open.append(tag)
            self.foreign.append(is_foreign)

    def handle_endtag(self, tag: str) -> None:
        self.open.pop()
        self.foreign.pop()

    def handle_data(self, data: str) -> None:
        if self.open[-2:] == ["head", "title"]:
            self.title += data
        if data.strip() and not any(self.foreign[-1:]):
            self.words.append(" ".join(data.split()))


@dataclass
class Seen:
    """The pages somebody came past: the row's name, the address, what stands there."""

    pages: list[tuple[str, str, Reading]] = field(default_factory=list)


def row_of(path: str) -> Row | None:
    """The row that answers at this path; rows without a parameter come first, as in the app."""
    rows = [row for row in ROUTES if row.method == "GET" and not row.is_api]
    for row in sorted(rows, key=lambda row: row.path.count("{")):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", row.path), path):
            return row
    return None


def walk(visitor: Visitor, *more: str) -> Iterator[tuple[str, str, Reading]]:
    """Every kind of page that links and the table lead to, and ``more`` that scripts open."""
    waiting = [r.path for r in ROUTES if r.method == "GET" and not r.is_api and "{" not in r.path]
    waiting += more
    visits: Counter[str] = Counter()
    while waiting:
        address = waiting.pop(0)
        row = row_of(urlsplit(address).path)
        if row is None or row.name in NOT_PAGES or visits[row.name] >= VISITS_PER_ROW:
            continue
        visits[row.name] += 1
        answer = visitor.get(address)
        assert answer.status_code < 500, address
        if answer.status_code != 200 or "text/html" not in answer.headers["content-type"]:
            visits[row.name] -= answer.status_code != 200
            continue
        reading = Reading(answer.text)
        yield row.name, address, reading
        links = [a for a in reading.addresses if a.startswith("/") and a not in waiting]
        waiting += [link for link in links if row_of(urlsplit(link).path)]


@pytest.fixture(scope="module")
def seen(house: House) -> Seen:
    """What somebody of each role comes past, with papers in every state and people in them."""
    name = {"family_name": FAMILY_NAME, "given_names": GIVEN_NAMES}
    provider = house.newly("vera.probe", "en")
    for _ in range(3):
        assert provider.send(sending_fields(**name)).status_code == 303
    provider.post("/desk/files", {"acting_agency": VHS}, files=the_file())
    office = house.service(OFFICE)
    asked = {"kind": "registration_confirmation_ik", "provider": VHS, "birth_date": "1990-01-02"}
    office.post("/api/v1/requests", json={**name, **asked})
    items = office.get("/api/v1/inbox").json()["items"]
    new = [item for item in items if item["document"]["family_name"] == FAMILY_NAME]
    office.post(f"/api/v1/deliveries/{new[0]['id']}/take-over")
    office.post(f"/api/v1/deliveries/{new[1]['id']}/return", json={"reason": "illegible"})
    house.waiting(VHS, OFFICE)
    house.sent(OFFICE, SPRACHWERK)
    found = Seen()
    for subject in PEOPLE:
        visitor = house.newly(subject, "en") if subject else house.visitor("en")
        found.pages += walk(visitor, f"/deliveries/{new[2]['id']}/preview")
    return found


@pytest.fixture(scope="module")
def german() -> set[str]:
    """German sentences whose English one differs, as they stand on a page."""
    with ENGLISH.open("rb") as lines:
        messages = entries(read_po(lines, locale="en"))
    return {
        source
        for message in messages
        for source, text in zip(texts(message.id), texts(message.string), strict=False)
        if source != text and len(source) > 2
    }


def test_somebody_comes_past_every_page_of_the_table(seen: Seen) -> None:
    pages = {row.name for row in ROUTES if row.method == "GET" and not row.is_api} - NOT_PAGES

    unseen = pages - {name for name, _, _ in seen.pages} - set(WITHOUT_A_LINK)

    assert unseen - {"api.openapi"} == set()


def test_an_english_page_holds_no_german_sentence(seen: Seen, german: set[str]) -> None:
    english = {text for _, _, page in seen.pages for text in page.words}

    assert sorted(english & german) == []


def test_an_english_page_writes_days_and_numbers_the_english_way(seen: Seen) -> None:
    found = []
    for name, address, page in seen.pages:
        for text in page.words:
            left = FORM_NUMBERS.sub("", TYPED_DAYS.sub("", text))
            if GERMAN_DATE.search(left) or GERMAN_NUMBER.search(left) or "Uhr" in left.split():
                found.append(f"{name} {address}: {text[:120]}")

    assert found == []


def test_nothing_personal_stands_in_a_title_or_an_address(seen: Seen) -> None:
    names = re.compile("geheimprobe|öztürk|oeztuerk|ozturk|unverkennbarina", re.IGNORECASE)
    shown = [page for _, _, page in seen.pages if any(FAMILY_NAME in text for text in page.words)]
    assert len(shown) > 5, "the walk has to come past the person's papers"

    for _, address, page in seen.pages:
        assert not names.search(page.title), address
        for each in (address, *page.addresses):
            assert not names.search(unquote(each)), each


def test_every_page_has_a_title_of_its_own_that_says_where_one_is(seen: Seen) -> None:
    for name, address, page in seen.pages:
        assert page.title.endswith(" – kursdocs"), (name, address)
        assert len(page.title) > len(" – kursdocs"), (name, address)
