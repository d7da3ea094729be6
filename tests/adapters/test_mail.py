"""Mail: handed over whole, refused or tried again by what the server says, never leaked."""

import contextlib
import datetime as dt
import socket
import stat
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from email.utils import parsedate_to_datetime
from pathlib import Path
from ssl import SSLContext
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from tests.certificates import certificate_for, server_context
from tests.servers import SmtpServer, Stage, free_port

from kursdocs.adapters.mail import FolderMailer, SmtpMailer, open_mailer
from kursdocs.adapters.mail_servers import Tls
from kursdocs.core.ports import Letter, MailRefused, MailUnavailable

SENDER = "kursdocs@musterstadt.example"
LETTER = Letter(
    to="posteingang@jobcenter.example",
    subject="Zwei neue Dokumente für Sie in kursdocs",
    text="Guten Tag,\n\nzwei Dokumente warten – bitte übernehmen.\n.\nhttp://127.0.0.1/inbox\n",
    html='<!doctype html><p>Zwei Dokumente warten – <a href="http://127.0.0.1/inbox">hier</a>.</p>',
    message_id="<0190e5c5-1234-7000-8000-000000000000@musterstadt.example>",
    written_at=dt.datetime(2026, 3, 4, 7, 0, tzinfo=dt.UTC),
)
CRLF = "\r\n"


def mailer(url: str, password: str = "", timeout_seconds: float = 5) -> SmtpMailer:
    opened = open_mailer(url, SENDER, password)
    assert isinstance(opened, SmtpMailer)
    return replace(opened, timeout_seconds=timeout_seconds)


def plain(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace(CRLF, "\n")


# -- over the wire -------------------------------------------------------------------------


def test_a_mail_arrives_with_both_texts_and_fixed_headers(smtp: SmtpServer) -> None:
    mailer(smtp.url).send(LETTER)

    (received,) = smtp.letters
    message = received.message
    assert received.sender == SENDER
    assert received.recipients == (LETTER.to,)
    assert message["From"] == SENDER
    assert message["To"] == LETTER.to
    assert message["Subject"] == LETTER.subject
    assert message["Message-ID"] == LETTER.message_id
    assert message["Auto-Submitted"] == "auto-generated"
    assert parsedate_to_datetime(message["Date"]) == LETTER.written_at
    assert plain(message) == LETTER.text
    assert plain(message, "html").strip() == LETTER.html


@pytest.mark.parametrize("length", [1, 3000])
def test_every_line_of_a_mail_is_short_ascii(smtp: SmtpServer, length: int) -> None:
    letter = replace(LETTER, text="ü" * length + "\n", html=f"<p>{'ß' * length}</p>")

    mailer(smtp.url).send(letter)

    (received,) = smtp.letters
    raw = received.message.as_bytes()
    assert raw.isascii()
    assert max(len(line) for line in raw.splitlines()) <= 998
    assert plain(received.message) == letter.text


def test_a_retry_carries_the_same_message_id(smtp: SmtpServer) -> None:
    smtp.refuse("after_data")
    with pytest.raises(MailUnavailable):
        mailer(smtp.url).send(LETTER)
    smtp.behave()

    mailer(smtp.url).send(LETTER)

    assert [letter.message["Message-ID"] for letter in smtp.letters] == [LETTER.message_id] * 2


@pytest.mark.parametrize("stage", ["rcpt", "data"])
@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("550 5.1.1 no such box", "5.1.1"),
        ("554 5.7.1 not wanted", "5.7.1"),
        ("550 no such box 5.1.1", "550"),
    ],
)
def test_a_final_no_to_recipient_or_content_is_final_and_says_why(
    smtp: SmtpServer, stage: Stage, reply: str, code: str
) -> None:
    smtp.refuse(stage, reply)

    with pytest.raises(MailRefused) as refused:
        mailer(smtp.url).send(LETTER)

    assert smtp.letters == []
    assert refused.value.code == code


def test_what_a_recipient_refuses_for_now_says_why_and_the_servers_own_trouble_does_not(
    smtp: SmtpServer,
) -> None:
    codes = []
    for stage, reply in _PASSING:
        smtp.refuse(stage, reply)
        with pytest.raises(MailUnavailable) as failed:
            mailer(smtp.url).send(LETTER)
        codes.append(failed.value.code)
        smtp.behave()

    assert codes == ["4.2.2", "450", "", "", "", ""]


_PASSING: tuple[tuple[Stage, str], ...] = (
    ("rcpt", "452 4.2.2 box is full"),
    ("data", "450 later"),
    ("rcpt", "421 4.3.2 shutting down"),
    ("rcpt", "530 5.7.0 sign in first"),
    ("mail", "550 5.7.1 not from you"),
    ("connect", "554 5.3.2 no service here"),
)


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        ("connect", "421 4.3.2 shutting down"),
        ("connect", "554 5.3.2 no service here"),
        ("mail", "421 4.3.2 shutting down"),
        ("mail", "450 4.2.1 try again later"),
        ("mail", "550 5.7.1 not from you"),
        ("mail", "530 5.7.0 authentication required"),
        ("rcpt", "421 4.3.2 shutting down"),
        ("rcpt", "450 4.7.1 greylisted"),
        ("data", "451 4.3.0 try again later"),
        ("data", "421 4.3.2 shutting down"),
        ("after_data", ""),
    ],
)
def test_whatever_may_pass_is_tried_again(smtp: SmtpServer, stage: Stage, reply: str) -> None:
    smtp.refuse(stage, reply)

    with pytest.raises(MailUnavailable):
        mailer(smtp.url).send(LETTER)

    smtp.behave()
    smtp.letters.clear()
    mailer(smtp.url).send(LETTER)
    assert len(smtp.letters) == 1


def test_a_server_that_is_down_is_unavailable(smtp: SmtpServer) -> None:
    smtp.stop()

    with pytest.raises(MailUnavailable):
        mailer(smtp.url).send(LETTER)
    with pytest.raises(MailUnavailable):
        mailer(smtp.url).check()


def test_the_check_greets_and_sends_nothing(smtp: SmtpServer) -> None:
    mailer(smtp.url).check()

    assert smtp.letters == []


def test_an_error_never_quotes_addresses_or_the_servers_words(smtp: SmtpServer) -> None:
    smtp.refuse("rcpt", f"550 5.1.1 <{LETTER.to}> Geheimes")

    with pytest.raises(MailRefused) as refused:
        mailer(smtp.url).send(LETTER)

    assert str(refused.value) == "recipient refused with 550"
    report = "".join(traceback.format_exception(refused.value))
    assert LETTER.to not in report
    assert "Geheimes" not in report


def test_the_password_is_not_shown() -> None:
    shown = repr(mailer("smtp://kursdocs@mail.example:587", password="geheim"))

    assert "geheim" not in shown


# -- headers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example\r\nBcc: x@y.example",
        "a@b.example\nBcc: x@y.example",
        "a@b.example\r",
        "a@b.example\n",
        "a@b.example, x@y.example",
        "a@b.example x@y.example",
        "Amina <a@b.example>",
        "amína@b.example",
        "a@bücher.example",
        '"a b"@b.example',
        "a@b.example> SIZE=1",
        "a@b@c.example",
        "a",
        "",
    ],
)
def test_anything_but_one_plain_address_is_refused(smtp: SmtpServer, address: str) -> None:
    with pytest.raises(MailRefused):
        mailer(smtp.url).send(replace(LETTER, to=address))

    assert smtp.letters == []


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "Neues\r\nBcc: x@y.example"},
        {"subject": "Neues\n\n<p>Text"},
        {"message_id": "<a@b.example>\r\nBcc: x@y.example"},
        {"message_id": "<a b@c.example>"},
        {"message_id": "ohne-klammern@b.example"},
    ],
)
def test_a_header_cannot_bring_another(smtp: SmtpServer, change: Mapping[str, Any]) -> None:
    with pytest.raises(MailRefused):
        mailer(smtp.url).send(replace(LETTER, **change))

    assert smtp.letters == []


def test_a_text_cannot_end_the_mail_early(smtp: SmtpServer) -> None:
    text = "Anfang\n.\nMAIL FROM:<x@y.example>\nRCPT TO:<z@y.example>\n..\nEnde\n"

    mailer(smtp.url).send(replace(LETTER, text=text))

    (received,) = smtp.letters
    assert plain(received.message) == text
    assert received.recipients == (LETTER.to,)


# -- a server that keeps to a script -------------------------------------------------------


@dataclass
class Script:
    """A server of canned replies by command; ``None`` is silence for as long as it is asked."""

    replies: dict[str, bytes | None]
    port: int = field(default_factory=free_port)
    heard: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def running(self) -> Iterator["Script"]:
        with socket.create_server(("127.0.0.1", self.port)) as listener:
            thread = threading.Thread(target=self._serve_one, args=(listener,))
            thread.start()
            try:
                yield self
            finally:
                thread.join()

    def _serve_one(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        # Suppressed: the client may hang up at any time.
        with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
            self._say(connection, "greeting")
            for line in lines:
                command = line.decode("latin-1").upper().split(" ")[0].strip()
                self.heard.append(command)
                self._say(connection, command)

    def _say(self, connection: socket.socket, command: str) -> None:
        reply = self.replies.get(command, b"")
        if reply:
            connection.sendall(reply + b"\r\n")

    def mailer(self, tls: Tls = Tls.OFF, timeout_seconds: float = 0.3) -> SmtpMailer:
        return mailer(f"smtp://127.0.0.1:{self.port}?tls={tls}", timeout_seconds=timeout_seconds)


OBLIGING: Mapping[str, bytes | None] = {
    "greeting": b"220 mail.example",
    "EHLO": b"250 mail.example",
    "MAIL": b"250 ok",
    "RCPT": b"250 ok",
    "DATA": b"354 go on",
    ".": b"250 accepted",
    "RSET": b"250 ok",
    "QUIT": b"221 bye",
}


@pytest.mark.parametrize("silent_at", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "."])
def test_a_server_that_falls_silent_is_not_waited_for(silent_at: str) -> None:
    script = Script({**OBLIGING, silent_at: None})
    with script.running():
        begun = time.monotonic()
        with pytest.raises(MailUnavailable):
            script.mailer().send(LETTER)

    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("farewell", [None, b"421 too slow", b"nonsense"])
def test_a_failing_farewell_does_not_undo_an_accepted_mail(farewell: bytes | None) -> None:
    script = Script({**OBLIGING, "QUIT": farewell})
    with script.running():
        script.mailer().send(LETTER)

    assert script.heard[-1] == "QUIT"


def test_without_starttls_on_offer_nothing_is_sent() -> None:
    script = Script(dict(OBLIGING))
    with script.running(), pytest.raises(MailUnavailable):
        script.mailer(Tls.STARTTLS).send(LETTER)

    assert set(script.heard) <= {"EHLO", "HELO", "QUIT"}


def test_a_starttls_that_is_not_kept_to_sends_nothing() -> None:
    offer = {"EHLO": b"250-mail.example\r\n250 STARTTLS", "STARTTLS": b"454 not now"}
    script = Script({**OBLIGING, **offer})
    with script.running(), pytest.raises(MailUnavailable):
        script.mailer(Tls.STARTTLS).send(LETTER)

    assert set(script.heard) <= {"EHLO", "HELO", "STARTTLS", "QUIT"}


def test_implicit_tls_to_a_server_without_any_sends_nothing() -> None:
    script = Script(dict(OBLIGING))
    with script.running(), pytest.raises(MailUnavailable):
        script.mailer(Tls.IMPLICIT).send(LETTER)

    assert not {"MAIL", "RCPT", "DATA"} & set(script.heard)


# -- TLS -----------------------------------------------------------------------------------


@dataclass
class Postbox:
    """Keeps what comes in, and who signed in."""

    contents: list[bytes] = field(default_factory=list)
    users: list[str] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Envelope
    ) -> str:
        self.contents.append(envelope.original_content or b"")
        return "250 OK"

    def authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any
    ) -> AuthResult:
        is_right = isinstance(data, LoginPassword) and data.password == b"richtig"
        if is_right:
            self.users.append(data.login.decode())
        return AuthResult(success=is_right, handled=False)


@dataclass(frozen=True)
class TlsServer:
    """A server whose certificate is for 127.0.0.1."""

    port: int
    postbox: Postbox


@contextlib.contextmanager
def tls_server(context: SSLContext, *, implicit: bool) -> Iterator[TlsServer]:
    postbox, port = Postbox(), free_port()
    common: dict[str, Any] = {
        "hostname": "127.0.0.1",
        "port": port,
        "authenticator": postbox.authenticate,
    }
    if implicit:
        # aiosmtpd sees no STARTTLS here and has to be told that the line is safe.
        controller = Controller(postbox, ssl_context=context, auth_require_tls=False, **common)
    else:
        controller = Controller(postbox, tls_context=context, require_starttls=True, **common)
    controller.start()
    try:
        yield TlsServer(port, postbox)
    finally:
        controller.stop()


@pytest.fixture(params=["starttls", "implicit"])
def tls(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SSLContext:
    """A server context for localhost whose certificate this machine trusts."""
    pem = certificate_for("localhost", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    return server_context(tmp_path)


def test_a_mail_goes_over_tls_after_signing_in(trusted: SSLContext, tls: str) -> None:
    with tls_server(trusted, implicit=tls == "implicit") as server:
        url = f"smtp://kurs%40docs@localhost:{server.port}?tls={tls}"
        sending = mailer(url, password="richtig")
        sending.check()
        sending.send(LETTER)

    (content,) = server.postbox.contents
    assert message_from_bytes(content, policy=modern)["Message-ID"] == LETTER.message_id
    assert set(server.postbox.users) == {"kurs@docs"}


def test_a_wrong_password_is_tried_again_and_found_by_the_check(
    trusted: SSLContext, tls: str
) -> None:
    with tls_server(trusted, implicit=tls == "implicit") as server:
        sending = mailer(f"smtp://kursdocs@localhost:{server.port}?tls={tls}", password="falsch")
        with pytest.raises(MailUnavailable, match="SMTPAuthenticationError 535"):
            sending.check()
        with pytest.raises(MailUnavailable):
            sending.send(LETTER)

    assert server.postbox.contents == []


def test_a_certificate_nobody_vouches_for_stops_the_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: str
) -> None:
    certificate_for("localhost", tmp_path)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with (
        tls_server(server_context(tmp_path), implicit=tls == "implicit") as server,
        pytest.raises(MailUnavailable, match="SSLCertVerificationError"),
    ):
        mailer(f"smtp://localhost:{server.port}?tls={tls}").send(LETTER)

    assert server.postbox.contents == []


def test_a_certificate_for_another_name_stops_the_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: str
) -> None:
    pem = certificate_for("another.example", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with (
        tls_server(server_context(tmp_path), implicit=tls == "implicit") as server,
        pytest.raises(MailUnavailable, match="SSLCertVerificationError"),
    ):
        mailer(f"smtp://localhost:{server.port}?tls={tls}").send(LETTER)

    assert server.postbox.contents == []


# -- the folder ----------------------------------------------------------------------------


def test_the_folder_gets_one_readable_file_a_mail_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "mail"
    into_folder = open_mailer(f"folder:{folder}", SENDER, "")

    for number in range(5):
        into_folder.send(replace(LETTER, subject=f"Nummer {number}"))

    files = sorted(folder.iterdir())
    assert [file.suffix for file in files] == [".eml"] * 5
    messages = [message_from_bytes(file.read_bytes(), policy=modern) for file in files]
    assert [message["Subject"] for message in messages] == [f"Nummer {n}" for n in range(5)]
    assert plain(messages[0]) == LETTER.text
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_the_folder_keeps_a_repeated_mail_twice(tmp_path: Path) -> None:
    into_folder = FolderMailer(tmp_path, SENDER)

    into_folder.send(LETTER)
    into_folder.send(LETTER)

    assert len(list(tmp_path.glob("*.eml"))) == 2


def test_the_folder_refuses_what_the_server_would_refuse(tmp_path: Path) -> None:
    with pytest.raises(MailRefused):
        FolderMailer(tmp_path, SENDER).send(replace(LETTER, to="a@b.example\r\nBcc: x@y.example"))

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    into_folder = FolderMailer(tmp_path / "file" / "mail", SENDER)

    with pytest.raises(MailUnavailable):
        into_folder.send(LETTER)
    with pytest.raises(MailUnavailable):
        into_folder.check()


def test_the_check_makes_no_folder(tmp_path: Path) -> None:
    FolderMailer(tmp_path / "var" / "mail", SENDER).check()

    assert list(tmp_path.iterdir()) == []


# -- the setting ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example:587", Tls.STARTTLS),
        ("smtp://mail.example:587?tls=on", Tls.STARTTLS),
        ("smtp://mail.example:465?tls=on", Tls.IMPLICIT),
        ("smtp://mail.example:465?tls=starttls", Tls.STARTTLS),
        ("smtp://mail.example:2465?tls=implicit", Tls.IMPLICIT),
        ("smtp://127.0.0.1:25?tls=off", Tls.OFF),
        ("smtp://[::1]:25?tls=off", Tls.OFF),
        ("smtp://localhost:25?tls=off", Tls.OFF),
    ],
)
def test_the_address_says_how_the_line_is_protected(url: str, expected: Tls) -> None:
    assert mailer(url).server.tls is expected


@pytest.mark.parametrize(
    ("url", "password", "says"),
    [
        ("smtp://mail.example:25?tls=off", "", "runs on this machine"),
        ("smtp://127.0.0.1.mail.example:25?tls=off", "", "runs on this machine"),
        ("smtp://mail.example:25?tls=maybe", "", "on, starttls, implicit or off"),
        ("smtp://mail.example:25?tls=", "", "on, starttls, implicit or off"),
        ("smtp://mail.example:25?timeout=5", "", "no option but tls"),
        ("smtp://mail.example", "", "HOST:PORT"),
        ("smtp://:25", "", "HOST:PORT"),
        ("smtp://mail.example:99999", "", "host name or port"),
        ("smtp://mail..example:25", "", "host name or port"),
        ("smtp://mail.example:25/inbox", "", "nothing after the port"),
        ("smtp://user:secret@mail.example:25", "", "own setting"),
        ("smtp://user@mail.example:25", "", "needs a password"),
        ("smtp://mail.example:25", "secret", "needs a user name"),
        ("smtp://user@mail.example:25", "größer", "ASCII"),
        ("smtps://mail.example:465", "", "smtp://"),
        ("https://mail.example", "", "smtp://"),
        ("folder:", "", "folder:PATH"),
        ("", "", "smtp://"),
    ],
)
def test_a_wrong_address_is_refused_with_a_sentence(url: str, password: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        open_mailer(url, SENDER, password)

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("sender", ["", "kursdocs", "Kursdocs <a@b.example>", "a@b.example\nX: y"])
def test_a_wrong_sender_is_refused(sender: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one plain address"):
        open_mailer(f"folder:{tmp_path}", sender, "")
