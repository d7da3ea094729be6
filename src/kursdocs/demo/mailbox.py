"""The demo's mailbox: shows the mails that were caught in a folder instead of being sent.

Whoever reaches it can read them all, therefore it belongs on loopback, beside the demo's sign-in
provider. Knows files with mails in them, not who wrote them or why. Entry point:
:func:`demo_mailbox`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, Template
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

MAILS_SHOWN = 100
# A mail is foreign content: it may load nothing, run nothing, and counts as another origin. The
# styles of its own that every mail program obeys are all it has.
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"
# The page that frames it may frame nothing else.
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:;"
    " frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_LOCAL = ZoneInfo("Europe/Berlin")
_NO_STORE = {"Cache-Control": "no-store"}
_PAGE_HEADERS = {**_NO_STORE, "Content-Security-Policy": PAGE_POLICY}


def demo_mailbox(folder: Path, *, stylesheet_href: Callable[[], str]) -> Starlette:
    """The mailbox as an application, to be mounted in the demo only.

    ``folder`` holds one ``.eml`` file a mail, whose names sort by time; it need not exist yet.
    ``stylesheet_href`` is asked for the address of the stylesheet at every page.
    """
    environment = Environment(loader=PackageLoader("kursdocs.demo", ""), autoescape=True)
    mailbox = _Mailbox(folder, stylesheet_href, environment.get_template("mailbox.html"))
    return Starlette(
        routes=[
            Route("/", mailbox.index),
            Route("/{name}", mailbox.show),
            Route("/{name}/html", mailbox.html),
        ]
    )


@dataclass(frozen=True)
class _Mail:
    """One mail as the page shows it."""

    name: str
    subject: str
    to: str
    sender: str
    sent_at: str
    paragraphs: Sequence[Sequence[str]]
    has_html: bool


@dataclass(frozen=True)
class _Mailbox:
    folder: Path
    stylesheet_href: Callable[[], str]
    page: Template

    def index(self, request: Request) -> Response:
        """All mails, newest first."""
        files = sorted(self.folder.glob("*.eml"), reverse=True)
        mails = [_shown(file.stem, _read(file)) for file in files[:MAILS_SHOWN]]
        return self._render(request, mails=mails, is_cut=len(files) > MAILS_SHOWN)

    def show(self, request: Request) -> Response:
        """One mail: subject, addresses, how it looks, and its text as text."""
        name = request.path_params["name"]
        return self._render(request, mail=_shown(name, self._mail(name)))

    def html(self, request: Request) -> Response:
        """The mail's HTML as its reader would see it, locked up."""
        part = self._mail(request.path_params["name"]).get_body(("html",))
        if part is None:
            raise HTTPException(404)
        headers = {**_NO_STORE, "Content-Security-Policy": MAIL_POLICY}
        return HTMLResponse(part.get_content(), headers=headers)

    def _mail(self, name: str) -> EmailMessage:
        file = self.folder / f"{name}.eml"
        # Looked up among what lies there, so that no name can lead out of the folder.
        if file not in self.folder.glob("*.eml"):
            raise HTTPException(404)
        return _read(file)

    def _render(self, request: Request, **values: object) -> Response:
        root = str(request.scope.get("root_path", ""))
        html = self.page.render(root=root, stylesheet=self.stylesheet_href(), **values)
        return HTMLResponse(html, headers=_PAGE_HEADERS)


def _read(file: Path) -> EmailMessage:
    return message_from_bytes(file.read_bytes(), policy=default)


def _shown(name: str, message: EmailMessage) -> _Mail:
    text = message.get_body(("plain",))
    content = str(text.get_content()) if text else ""
    blocks = re.split(r"\n\s*\n", content.replace("\r\n", "\n").strip())
    return _Mail(
        name=name,
        subject=str(message["Subject"] or "Ohne Betreff"),
        to=str(message["To"] or ""),
        sender=str(message["From"] or ""),
        sent_at=_moment(message),
        paragraphs=[block.split("\n") for block in blocks],
        has_html=message.get_body(("html",)) is not None,
    )


def _moment(message: EmailMessage) -> str:
    sent: datetime | None = getattr(message["Date"], "datetime", None)
    return f"{sent.astimezone(_LOCAL):%d.%m.%Y, %H:%M:%S} Uhr" if sent else "unbekannt"
