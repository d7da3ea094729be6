"""The mailbox for returned mail, on a real IMAP server: nothing lost, nothing of people touched."""

import contextlib
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from imaplib import IMAP4
from typing import Any

import pytest
from tests.returned_mail import ADDRESS, OTHERS, OURS, delayed, exim, human, out_of_office, postfix
from tests.servers import free_port
from tests.servers_dovecot import PASSWORD, DovecotServer, Mailbox

from kursdocs.adapters.bounces import LOOKED_AT_MAX, ImapMailbox, NoMailbox, open_bounces
from kursdocs.adapters.mail_servers import Tls
from kursdocs.core.ports import Bounce, BouncesUnavailable

SENDER = "kursdocs@musterstadt.example"


def reader(url: str, password: str = PASSWORD, timeout_seconds: float = 5) -> ImapMailbox:
    opened = open_bounces(url, password, SENDER)
    assert isinstance(opened, ImapMailbox)
    return replace(opened, timeout_seconds=timeout_seconds)


def ours(number: int) -> str:
    return OURS.replace("000000000000", f"{number:012}")


@pytest.fixture
def mailbox(dovecot: DovecotServer) -> Mailbox:
    return dovecot.new_mailbox()


# -- what is read, and what becomes of it ----------------------------------------------------


def test_an_empty_mailbox_has_nothing_to_say(mailbox: Mailbox) -> None:
    bounces = reader(mailbox.url)
    bounces.check()

    assert bounces.fetch() == []
    bounces.done([])


def test_what_came_back_is_handed_out_until_it_is_done_with(mailbox: Mailbox) -> None:
    mailbox.put(postfix(ours(1)), exim(ours(2)), delayed(ours(3)), out_of_office(ours(4)))

    found = reader(mailbox.url).fetch()

    assert {(b.message_id, b.status, b.is_final) for b in found} == {
        (ours(1), "5.1.1", True),
        (ours(2), "550", True),
        (ours(3), "", False),
        (ours(4), "", False),
    }
    # As after a crash between reading and writing down: all is handed out again, and again.
    bounces = reader(mailbox.url)
    assert [bounces.fetch(), bounces.fetch()] == [found, found]

    bounces.done(found)

    assert bounces.fetch() == reader(mailbox.url).fetch() == []
    assert mailbox.flags() == []
    bounces.done(found)


def test_only_what_is_done_with_is_removed(mailbox: Mailbox) -> None:
    mailbox.put(postfix(ours(1)), postfix(ours(2)))
    bounces = reader(mailbox.url)
    found = {bounce.message_id: bounce for bounce in bounces.fetch()}

    bounces.done([found[ours(1)]])

    assert [bounce.message_id for bounce in bounces.fetch()] == [ours(2)]


def test_what_is_for_people_stays_untouched_and_unread(mailbox: Mailbox) -> None:
    mailbox.put(human(OURS), b"Subject: Werbung\r\n\r\nKaufen!", postfix(OTHERS), postfix(OURS))
    bounces = reader(mailbox.url)

    bounces.done(bounces.fetch())

    assert len(flags := mailbox.flags()) == 3
    assert not any("Seen" in flag or "Deleted" in flag for flag in flags)


def test_a_report_that_somebody_has_read_counts_all_the_same(mailbox: Mailbox) -> None:
    mailbox.put(postfix(OURS))
    mailbox.mark("\\Seen")

    assert [bounce.message_id for bounce in reader(mailbox.url).fetch()] == [OURS]


def test_what_somebody_deletes_by_hand_is_not_read(mailbox: Mailbox) -> None:
    mailbox.put(postfix(OURS))
    mailbox.mark("\\Deleted")
    mailbox.put(exim(ours(2)))
    bounces = reader(mailbox.url)

    found = bounces.fetch()
    bounces.done(found)

    assert [bounce.message_id for bounce in found] == [ours(2)]
    assert mailbox.flags() == ["\\Deleted"]


def test_what_is_not_ours_is_fetched_only_once(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox.put(human(OURS), postfix(OTHERS))
    bounces = reader(mailbox.url)
    assert bounces.fetch() == []
    fetched: list[str] = []

    def beginning(_mailbox: object, number: str) -> bytes:
        fetched.append(number)
        return postfix(ours(9))

    monkeypatch.setattr("kursdocs.adapters.bounces._beginning", beginning)

    assert bounces.fetch() == []
    assert fetched == []
    mailbox.put(b"Subject: neu\r\n\r\n")
    assert [bounce.message_id for bounce in bounces.fetch()] == [ours(9)]


def test_broken_and_huge_messages_do_not_keep_a_report_from_being_read(mailbox: Mailbox) -> None:
    mailbox.put(
        b"\x01\xff\r\n\r\n",
        b"Content-Type: multipart/report; boundary=x\r\n\r\n" + b"--x\r\n" * 1000,
        postfix(OURS).replace(b"Guten Tag.", b"Guten Tag. " * 1_000_000),
        b"Content-Type: message/delivery-status\r\n\r\n\r\n\r\nAction: failed\r\n",
    )

    assert [bounce.message_id for bounce in reader(mailbox.url).fetch()] == [OURS]


def test_a_message_that_the_server_does_not_hand_out_stops_no_other(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox.put(*(postfix(ours(number)) for number in range(3)))
    ask, broken = IMAP4.uid, ["2"]

    def uid(self: IMAP4, command: str, *args: str) -> tuple[str, list[Any]]:
        if command == "FETCH" and args[0] in broken:
            return "NO", [b"[SERVERBUG] Internal error occurred."]
        return ask(self, command, *args)

    monkeypatch.setattr(IMAP4, "uid", uid)
    bounces = reader(mailbox.url)

    assert [bounce.message_id for bounce in bounces.fetch()] == [ours(2), ours(0)]
    broken[:] = ["1", "2", "3"]
    with pytest.raises(BouncesUnavailable, match="fetch refused"):
        bounces.fetch()
    broken.clear()
    assert len(bounces.fetch()) == 3


def test_a_flood_is_read_bit_by_bit_the_newest_first(mailbox: Mailbox) -> None:
    mailbox.put(*(postfix(ours(number)) for number in range(LOOKED_AT_MAX + 5)))
    bounces = reader(mailbox.url)

    first = bounces.fetch()
    bounces.done(first)

    assert first[0].message_id == ours(LOOKED_AT_MAX + 4)
    assert len(first) == LOOKED_AT_MAX
    assert {bounce.message_id for bounce in bounces.fetch()} == {
        ours(number) for number in range(5)
    }


def test_in_a_folder_made_anew_the_old_numbers_remove_nothing(mailbox: Mailbox) -> None:
    mailbox.make_anew("Zurueck")
    mailbox.put(postfix(ours(1)), folder="Zurueck")
    bounces = reader(mailbox.url.replace("INBOX", "Zurueck"))
    found = bounces.fetch()
    mailbox.make_anew("Zurueck")
    mailbox.put(postfix(ours(2)), folder="Zurueck")

    bounces.done(found)

    assert [bounce.message_id for bounce in bounces.fetch()] == [ours(2)]


def test_several_workers_read_the_same_mailbox_without_harm(mailbox: Mailbox) -> None:
    mailbox.put(*(postfix(ours(number)) for number in range(20)))
    seen: list[Bounce] = []

    def work() -> None:
        bounces = reader(mailbox.url)
        found = bounces.fetch()
        seen.extend(found)
        bounces.done(found)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {bounce.message_id for bounce in seen} == {ours(number) for number in range(20)}
    assert mailbox.flags() == []


# -- the line ----------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_it_is_read_over_tls(
    dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch, tls: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(dovecot.certificate))
    mailbox = dovecot.new_mailbox()
    mailbox.put(postfix(OURS))
    bounces = reader(dovecot.url(mailbox.user, tls=tls, host="localhost"))
    bounces.check()

    bounces.done(bounces.fetch())

    assert mailbox.flags() == []


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize(("host", "is_trusted"), [("localhost", False), ("127.0.0.1", True)])
def test_a_certificate_that_does_not_fit_ends_it(
    dovecot: DovecotServer,
    monkeypatch: pytest.MonkeyPatch,
    tls: str,
    host: str,
    is_trusted: bool,
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(dovecot.certificate))

    with pytest.raises(BouncesUnavailable, match="SSLCertVerificationError"):
        reader(dovecot.url("wer", tls=tls, host=host)).check()


@contextlib.contextmanager
def saying(*lines: bytes | None) -> Iterator[tuple[int, list[bytes]]]:
    """A server that answers line after line; ``None`` is silence. Its port, and what it heard."""
    heard: list[bytes] = []
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as said, contextlib.suppress(OSError):
                for line in lines:
                    if line is not None:
                        connection.sendall(line)
                    heard.append(said.readline())

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield port, heard
        finally:
            thread.join()


OFFER = b"* CAPABILITY IMAP4rev1\r\n"


def test_without_starttls_on_offer_no_password_is_sent() -> None:
    answer = OFFER + b"AAAA0 OK\r\n"
    with (
        saying(b"* OK ready\r\n", answer, b"* BYE\r\n") as (port, heard),
        pytest.raises(BouncesUnavailable),
    ):
        reader(f"imap://wer@localhost:{port}/INBOX?tls=starttls").check()

    assert PASSWORD.encode() not in b"".join(heard)
    assert b"LOGIN" not in b"".join(heard)


def test_a_server_that_falls_silent_is_not_waited_for() -> None:
    begun = time.monotonic()
    with saying(None) as (port, _), pytest.raises(BouncesUnavailable):
        reader(f"imap://wer@127.0.0.1:{port}/INBOX?tls=off", timeout_seconds=0.3).check()

    assert time.monotonic() - begun < 3


def test_a_server_that_is_away_is_unavailable_until_it_is_back(dovecot: DovecotServer) -> None:
    mailbox = dovecot.new_mailbox()
    mailbox.put(postfix(OURS))
    bounces = reader(mailbox.url)
    dovecot.stop()
    try:
        for act in (
            bounces.check,
            bounces.fetch,
            lambda: bounces.done([Bounce("1:1", "", "", True)]),
        ):
            with pytest.raises(BouncesUnavailable):
                act()
    finally:
        dovecot.start()

    assert len(bounces.fetch()) == 1


# -- what goes wrong ---------------------------------------------------------------------------


def test_a_wrong_password_is_named_and_not_shown(mailbox: Mailbox) -> None:
    bounces = reader(mailbox.url, password="falsch-und-geheim")

    with pytest.raises(BouncesUnavailable, match="sign-in refused") as refused:
        bounces.check()

    report = "".join(traceback.format_exception(refused.value))
    assert "falsch-und-geheim" not in report + repr(bounces)
    assert mailbox.user not in report


def test_a_folder_that_is_not_there_is_named(mailbox: Mailbox) -> None:
    with pytest.raises(BouncesUnavailable, match="folder refused"):
        reader(mailbox.url.replace("INBOX", "Nirgends")).fetch()


def test_nothing_of_a_message_is_shown(mailbox: Mailbox, capfd: pytest.CaptureFixture[str]) -> None:
    mailbox.put(postfix(OURS), human(OURS))
    bounces = reader(mailbox.url)

    found = bounces.fetch()

    assert ADDRESS not in repr((bounces, found))
    assert capfd.readouterr() == ("", "")


# -- the setting -------------------------------------------------------------------------------


def test_without_an_address_there_is_nothing_to_read() -> None:
    none = open_bounces("", "", SENDER)
    none.check()
    none.done(none.fetch())

    assert isinstance(none, NoMailbox)


@pytest.mark.parametrize(
    ("url", "folder", "tls"),
    [
        ("imap://a@mail.example:993", "INBOX", Tls.IMPLICIT),
        ("imap://a@mail.example:993/?tls=on", "INBOX", Tls.IMPLICIT),
        ("imap://a@mail.example:143/INBOX", "INBOX", Tls.STARTTLS),
        ("imap://a@mail.example:143/INBOX?tls=implicit", "INBOX", Tls.IMPLICIT),
        (
            "imap://a%40town.example@mail.example:993/INBOX/Came%20back",
            "INBOX/Came back",
            Tls.IMPLICIT,
        ),
        ("imap://a@127.0.0.1:143/x?tls=off", "x", Tls.OFF),
    ],
)
def test_the_address_names_the_folder_and_the_line(url: str, folder: str, tls: Tls) -> None:
    opened = reader(url)

    assert (opened.folder, opened.server.tls) == (folder, tls)
    assert opened.domain == "musterstadt.example"


@pytest.mark.parametrize(
    ("url", "password", "says"),
    [
        ("imap://a@mail.example:143?tls=off", "x", "runs on this machine"),
        ("imap://mail.example:993/INBOX", "", "imap://USER@HOST:PORT"),
        ("imap://mail.example:993/INBOX", "x", "needs a user name"),
        ("imap://a@mail.example:993/INBOX", "", "needs a password"),
        ("imap://a:b@mail.example:993/INBOX", "x", "own setting"),
        ("imap://a@mail.example/INBOX", "x", "HOST:PORT"),
        ("pop3://a@mail.example:995", "x", "imap://USER@HOST:PORT"),
        ("imaps://a@mail.example:993", "x", "imap://USER@HOST:PORT"),
        ("imap://a@mail.example:993/%22%0d%0aA%20DELETE", "x", "letters, digits"),
        ("imap://a%0d%0ab@mail.example:993/INBOX", "x", "ASCII"),
        ("imap://a@mail.example:993/INBOX#x", "x", "?tls="),
        ("", "x", "no address of it"),
    ],
)
def test_an_address_that_does_not_fit_is_refused(url: str, password: str, says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("?", "\\?")):
        open_bounces(url, password, SENDER)
