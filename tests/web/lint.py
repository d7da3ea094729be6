"""What holds for every answer of the application, whatever it is about.

:func:`lint` is called for every answer a test's browser gets: headers of all, and for HTML that it
is one well-made page whose forms and links lead somewhere.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from html.parser import HTMLParser
from urllib.parse import urlsplit

import httpx2

from kursdocs.web.routes import ROUTES

VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr"})
_FRAME = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_UNLABELLED = {"hidden", "submit", "button"}


class Outline(HTMLParser):
    """Reads a page strictly: what is open must be closed, and everything is noted."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.title = ""
        self.headings = 0
        self.text: list[str] = []
        self.code: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice in <{tag}>"
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        where = self.open[-1] if self.open else ""
        if where == "title":
            self.title += data
        elif where in ("script", "style"):
            self.code.append(data)
        else:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every such element."""
        return [attributes for name, attributes in self.elements if name == tag]

    def said(self) -> str:
        """The text of the page, white space folded."""
        return " ".join(" ".join(self.text).split())


def lint(answer: httpx2.Response, *, secrets: Sequence[str] = ()) -> None:
    """Raise ``AssertionError`` with what is wrong with this answer."""
    lint_headers(answer)
    body = answer.text if _is_text(answer) else ""
    for secret in secrets:
        assert secret not in body, "a secret cookie is in the body"
    if not answer.request.url.path.startswith("/demo/oidc/token"):
        assert not re.search(r"eyJ[\w-]{10,}\.[\w-]{10,}\.", body), "a token is in the body"
    if answer.headers.get("content-type", "").startswith("text/html"):
        lint_page(Outline(body))


def lint_headers(answer: httpx2.Response) -> None:
    """The headers that every answer carries."""
    for name, value in _FRAME.items():
        assert answer.headers.get(name) == value, f"{name}: {answer.headers.get(name)}"
    policy = answer.headers.get("content-security-policy", "")
    assert "default-src 'none'" in policy, policy
    assert "frame-ancestors 'none'" in policy, policy
    assert "unsafe" not in policy, policy
    assert "server" not in answer.headers
    if answer.request.url.path.startswith("/static/assets/") and answer.status_code == 200:
        assert "immutable" in answer.headers["cache-control"]
    elif not answer.request.url.path.startswith("/static/"):
        assert answer.headers.get("cache-control") == "no-store"
    if answer.content and answer.status_code != 303:
        assert answer.headers.get("content-type"), "a body without a type"


def _is_text(answer: httpx2.Response) -> bool:
    kind = answer.headers.get("content-type", "")
    return kind.startswith("text/") or "json" in kind


def lint_page(page: Outline) -> None:
    """One well-made page."""
    assert len(page.all("h1")) == 1, "not exactly one h1"
    assert page.title.strip(), "no title"
    assert page.all("html")[0].get("lang"), "no language"
    _lint_code(page)
    _lint_labels(page)
    for form in page.all("form"):
        method, action = form.get("method", "get").upper(), form.get("action", "")
        assert leads_somewhere(method, action), f"form {method} {action!r} leads nowhere"
    for tag, name in (("a", "href"), ("img", "src"), ("link", "href"), ("script", "src")):
        for attributes in page.all(tag):
            _lint_address(attributes.get(name, ""), page)


def _lint_code(page: Outline) -> None:
    assert not "".join(page.code).strip(), "script or style inside the page"
    for tag, attributes in page.elements:
        assert "style" not in attributes, f"style attribute in <{tag}>"
        assert not [n for n in attributes if n.startswith("on")], f"handler in <{tag}>"


def _lint_labels(page: Outline) -> None:
    ids = Counter(a["id"] for _, a in page.elements if "id" in a)
    assert not [i for i, count in ids.items() if count > 1], "an id twice"
    labels = {label.get("for") for label in page.all("label")}
    for tag in ("input", "select", "textarea"):
        for field in page.all(tag):
            if field.get("type") not in _UNLABELLED:
                assert field.get("id") in labels, f"no label for {field}"
    for _, attributes in page.elements:
        for name in ("aria-describedby", "aria-labelledby", "for"):
            for target in attributes.get(name, "").split():
                assert target in ids, f"{name} points to {target}, which is not there"


def _lint_address(address: str, page: Outline) -> None:
    if address.startswith("#"):
        assert address[1:] in {a.get("id") for _, a in page.elements}, f"{address} leads nowhere"
        return
    if address == "data:,":  # an empty icon: the demo's provider has none of its own
        return
    parts = urlsplit(address)
    assert parts.scheme + parts.netloc == "", f"leads away: {address}"
    assert leads_somewhere("GET", address), f"link {address!r} leads nowhere"


def leads_somewhere(method: str, address: str) -> bool:
    """Whether there is a row for it, or a file, or a part of the demo."""
    path = urlsplit(address).path
    if path.startswith(("/static/", "/demo/")):
        return True
    return any(pattern.fullmatch(path) for pattern in _patterns(method))


@cache
def _patterns(method: str) -> list[re.Pattern[str]]:
    paths = [row.path for row in ROUTES if row.method == method]
    return [re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in paths]
