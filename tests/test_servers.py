"""The servers of the tests are themselves real: they start, answer, fail when told, and end."""

import smtplib
import socket
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path

import psycopg
import pytest
import urllib3
from minio import Minio
from tests.servers import (
    PostgresServer,
    S3Server,
    ServerFailed,
    SmtpServer,
    Stage,
    free_port,
    running_postgres,
    running_seaweedfs,
    running_smtp,
    start_process,
    stop_process,
    wait_until_ready,
)
from tests.servers_dovecot import running_dovecot


def processes_with(text: str) -> list[str]:
    """The command lines of living processes that contain ``text``."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # ended while we looked
            continue
        if text in command:
            found.append(command)
    return found


def listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(2)
        return client.connect_ex(("127.0.0.1", port)) == 0


def send_letter(server: SmtpServer, recipient: str = "postfach@jobcenter.example") -> None:
    letter = EmailMessage()
    letter["From"] = "kursdocs@musterstadt.example"
    letter["To"] = recipient
    letter["Subject"] = "Zwei neue Unterlagen für Sie"
    letter.set_content("Bitte melden Sie sich an.")
    with smtplib.SMTP("127.0.0.1", server.port, timeout=10) as client:
        client.send_message(letter)


def test_ports_are_given_out_once_and_can_be_listened_on() -> None:
    ports = [free_port() for _ in range(50)]

    assert len(set(ports)) == 50
    with socket.create_server(("127.0.0.1", ports[0])) as listener:
        assert listener.getsockname()[1] == ports[0]


def test_a_server_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    process = start_process(["sh", "-c", "echo no such folder; exit 3"], log=log)

    with pytest.raises(ServerFailed, match="no such folder"):
        wait_until_ready(process, lambda: False, log=log)


def test_a_server_that_ignores_the_request_to_end_is_killed_with_its_children(
    tmp_path: Path,
) -> None:
    marker = f"{tmp_path}/child"
    script = f"trap '' TERM; sh -c 'trap \"\" TERM; : {marker}; sleep 600 & wait' & wait; wait"
    process = start_process(["bash", "-c", script], log=tmp_path / "server.log")
    wait_until_ready(process, lambda: len(processes_with(marker)) > 1, log=tmp_path / "server.log")

    stop_process(process, seconds=0.2)

    assert processes_with(marker) == []


def test_postgresql_gives_fresh_databases_to_a_role_without_power(
    postgres: PostgresServer,
) -> None:
    first, second = postgres.new_database(), postgres.new_database()

    assert first != second
    with psycopg.connect(first.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE papers (id int)")
        row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert row.fetchone() == (False,)


def test_postgresql_copies_a_database_with_what_is_in_it(postgres: PostgresServer) -> None:
    original = postgres.new_database()
    with psycopg.connect(original.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE papers (id int)")
        connection.execute("INSERT INTO papers VALUES (7)")

    copy = postgres.new_database(like=original)

    with psycopg.connect(copy.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT id FROM papers").fetchall() == [(7,)]


def test_postgresql_dies_on_request_comes_back_and_leaves_no_process() -> None:
    with running_postgres() as server:
        url = server.new_database().replace("+psycopg", "")
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE papers (id int)")

        server.stop()
        assert not listens(server.port)

        server.start()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT * FROM papers").fetchall() == []
        port = server.port

    assert processes_with(f"--port={port}") == []
    assert not listens(port)


def test_seaweedfs_keeps_objects_over_a_restart_and_leaves_no_process(tmp_path: Path) -> None:
    with running_seaweedfs(tmp_path) as server:
        bucket = server.new_bucket()
        put_object(server, bucket, "ein/name", b"Inhalt")

        server.stop()
        assert not listens(server.port)

        server.start()
        assert server.object_names(bucket) == ["ein/name"]
        assert server.bucket_url(bucket) == f"s3://127.0.0.1:{server.port}/{bucket}?tls=off"

    assert processes_with(str(tmp_path)) == []
    assert list(Path("/tmp").glob(f"seaweedfs-*-{server.port}.sock")) == []  # noqa: S108


def put_object(server: S3Server, bucket: str, name: str, data: bytes) -> None:
    pool = urllib3.PoolManager(timeout=10, retries=False)
    headers = {"content-type": "application/octet-stream"}
    client = Minio(
        f"127.0.0.1:{server.port}",
        access_key=server.access_key,
        secret_key=server.secret_key,
        secure=False,
        region="us-east-1",
        http_client=pool,
    )
    url = client.presigned_put_object(bucket, name)
    answer = pool.request("PUT", url, body=data, headers=headers)
    pool.clear()
    assert answer.status == 200


def test_a_letter_arrives_with_its_envelope(smtp: SmtpServer) -> None:
    send_letter(smtp)

    [letter] = smtp.letters
    assert letter.sender == "kursdocs@musterstadt.example"
    assert letter.recipients == ("postfach@jobcenter.example",)
    assert letter.message["Subject"] == "Zwei neue Unterlagen für Sie"
    assert letter.message.get_content().strip() == "Bitte melden Sie sich an."


@pytest.mark.parametrize(
    ("stage", "reply", "error"),
    [
        ("connect", "554 5.3.2 closed today", smtplib.SMTPConnectError),
        ("mail", "450 4.7.1 too many", smtplib.SMTPSenderRefused),
        ("rcpt", "450 4.2.1 later", smtplib.SMTPRecipientsRefused),
        ("rcpt", "550 5.1.1 no such box", smtplib.SMTPRecipientsRefused),
        ("data", "552 5.2.2 full", smtplib.SMTPDataError),
    ],
)
def test_a_stage_is_refused_when_told_and_accepted_again_later(
    smtp: SmtpServer, stage: Stage, reply: str, error: type[smtplib.SMTPException]
) -> None:
    smtp.refuse(stage, reply)

    with pytest.raises(error, match=reply[:3]):
        send_letter(smtp)
    assert smtp.letters == []

    smtp.behave()
    send_letter(smtp)
    assert len(smtp.letters) == 1


def test_a_line_cut_after_the_letter_leaves_the_client_unsure(smtp: SmtpServer) -> None:
    smtp.refuse("after_data")

    with pytest.raises(smtplib.SMTPServerDisconnected):
        send_letter(smtp)

    assert len(smtp.letters) == 1


def test_the_smtp_server_stops_with_a_client_on_the_line_and_starts_again() -> None:
    with running_smtp() as server:
        with smtplib.SMTP("127.0.0.1", server.port, timeout=10) as client:
            client.ehlo()
            server.stop()
            assert not listens(server.port)
            with pytest.raises(smtplib.SMTPServerDisconnected):
                client.noop()

        server.start()
        send_letter(server)
        assert len(server.letters) == 1
    assert not listens(server.port)


def test_servers_die_with_the_test_run_that_started_them(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys, pathlib, time\n"
        "from tests.servers import start_process\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "server = start_process(['sleep', '600.25'], log=folder / 'server.log')\n"
        # The guard holds from the moment the server itself runs, as in a run that got that far.
        "while pathlib.Path(f'/proc/{server.pid}/comm').read_text() != 'sleep\\n':\n"
        "    time.sleep(0.01)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    import_from = Path(__file__).parents[1]

    subprocess.run(
        [sys.executable, "-c", script, tmp_path], cwd=import_from, check=False, timeout=60
    )

    deadline = time.monotonic() + 20
    while processes_with("600.25") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_with("600.25") == []


def test_dovecot_keeps_mail_over_a_restart_and_leaves_no_process() -> None:
    with running_dovecot() as server:
        mailbox = server.new_mailbox()
        mailbox.put(b"Subject: Probe\r\n\r\nErfunden.\r\n")
        server.stop()
        assert not listens(server.port)
        server.start()
        assert len(mailbox.flags()) == 1
        assert server.new_mailbox().flags() == []

    assert processes_with(str(server.folder)) == []
    assert not server.folder.exists()
