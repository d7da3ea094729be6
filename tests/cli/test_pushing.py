"""``kursdocs push`` as a person or a program meets it: what it prints, where, and the exit code."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cli.commands import Ran, run_command
from tests.push.house import a_scan
from tests.servers import free_port
from tests.web.house import House, open_house

README = Path(__file__).parents[2] / "README.md"
PERSON = ("--family-name", "Muster", "--given-names", "Lin", "--birth-date", "02.01.1990")
FIELDS = ("--field", "issued_on=2026-10-02", "--field", "expires_on=2027-10-02")
WAY = ("--kind", "admission_ik_jc", "--to", "jobcenter", "--released")
HEADER = "file;kind;to;family_name;given_names;birth_date;released;issued_on;expires_on\n"
ROW = "{};admission_ik_jc;jobcenter auslaenderbehoerde;{};Lin;1990-01-02;ja;2026-10-02;2027-10-02\n"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("push") / "var") as opened:
        yield opened


@dataclass(frozen=True)
class Client:
    """A machine on which the client is set up, and nothing else."""

    folder: Path
    settings: dict[str, object]

    def __call__(self, *arguments: object, **changes: object) -> Ran:
        """Run ``kursdocs push`` with these arguments."""
        words = ["push", *map(str, arguments)]
        return run_command(self.folder, words, {**self.settings, **changes})

    @property
    def ledger(self) -> Path:
        """The list of what was sent."""
        return self.folder / "pushed.jsonl"

    def table(self, *rows: str) -> Path:
        """A list of papers."""
        path = self.folder / "course.csv"
        path.write_text(HEADER + "".join(rows), encoding="cp1252")
        return path


@pytest.fixture
def push(house: House, tmp_path: Path) -> Client:
    return Client(
        tmp_path,
        {
            "PUSH_SERVER": house.url,
            "PUSH_ISSUER": f"{house.url}/demo/oidc",
            "PUSH_CLIENT_ID": "vhs-musterstadt",
            "PUSH_CLIENT_SECRET": "demo",
            "PUSH_LEDGER": tmp_path / "pushed.jsonl",
        },
    )


def test_a_file_is_sent_once_and_then_skipped(push: Client, tmp_path: Path) -> None:
    scan = a_scan(tmp_path)

    first = push(scan, *WAY, *PERSON, *FIELDS)
    second = push(scan, *WAY, *PERSON, *FIELDS)

    document = json.loads(push.ledger.read_text())["document"]
    assert (first.code, first.err) == (0, "")
    assert first.out == (
        f"[1/1] scan.pdf: stored as {document}\n1 sent, 0 sent before, 0 refused.\n"
    )
    assert (second.code, second.err) == (0, "")
    assert second.out.startswith("[1/1] scan.pdf: sent before, 20")
    assert second.out.endswith(f" as {document}; skipped\n0 sent, 1 sent before, 0 refused.\n")


def test_a_whole_course_is_sent_from_a_table(push: Client, tmp_path: Path) -> None:
    names = ("Muster", "Beispiel-Öztürk", "Probe")
    rows = [ROW.format(a_scan(tmp_path, f"{n}.pdf").name, name) for n, name in enumerate(names)]
    first = push("--list", push.table(*rows[:2]))

    whole = push("--list", push.table(*rows))

    assert (first.code, whole.code) == (0, 0)
    assert [line.split(": ")[0] for line in whole.out.splitlines()] == [
        "[1/3] 0.pdf (line 2)",
        "[2/3] 1.pdf (line 3)",
        "[3/3] 2.pdf (line 4)",
        "1 sent, 2 sent before, 0 refused.",
    ]


def test_mistakes_are_named_by_line_and_nothing_is_sent(push: Client, tmp_path: Path) -> None:
    good = ROW.format(a_scan(tmp_path).name, "Muster")
    rows = (
        good,
        good.replace(";ja;", ";;"),
        good.replace("2026-10-02", "morgen"),
        "x.pdf;k;nobody\n",
    )

    done = push("--list", push.table(*rows))

    assert (done.code, done.out) == (2, "")
    assert not push.ledger.read_text()
    said = done.err.splitlines()
    assert said[0] == "Nothing was sent. Please mend:"
    assert [line.partition(": ")[0] for line in said if line.startswith("  line")] == [
        "  line 3 (scan.pdf)",
        "  line 3 (scan.pdf)",
        "  line 4 (scan.pdf)",
        "  line 5 (x.pdf)",
        "  line 5 (x.pdf)",
        "  line 5 (x.pdf)",
    ]
    assert "  line 4 (scan.pdf): issued_on: This entry does not have the expected form." in said
    assert "    admission_ik_jc (Integration course admission (Jobcenter))" in said


def test_what_the_server_refuses_makes_exit_code_1_and_the_rest_is_sent(
    push: Client, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\n")

    done = push(broken, a_scan(tmp_path), *WAY, *PERSON, *FIELDS)

    assert (done.code, done.err) == (1, "")
    first, second, summary = done.out.splitlines()
    assert first == (
        "[1/2] broken.pdf: REFUSED: The PDF is damaged or incomplete. Please scan or save it again."
    )
    assert second.startswith("[2/2] scan.pdf: stored as ")
    assert summary == "1 sent, 0 sent before, 1 refused."


def test_programs_get_one_answer_in_json(push: Client, tmp_path: Path) -> None:
    scan = a_scan(tmp_path)

    good = push(scan, *WAY, *PERSON, *FIELDS, "--json")
    mistaken = push(scan, *WAY, "--json")
    stopped = push(scan, *WAY, *PERSON, *FIELDS, "--json", PUSH_CLIENT_SECRET="x")

    sent = json.loads(good.out)
    assert (good.code, good.err) == (0, "")
    assert (sent["sent"], sent["skipped"], sent["refused"], sent["not_sent"]) == (1, 0, 0, 0)
    assert (sent["files"][0]["outcome"], sent["files"][0]["state"]) == ("sent", "live")
    assert (mistaken.code, mistaken.err) == (2, "")
    assert {m["field"] for m in json.loads(mistaken.out)["mistakes"]} == {
        "family_name",
        "given_names",
        "birth_date",
        "issued_on",
        "expires_on",
    }
    assert (stopped.code, stopped.err) == (2, "")
    assert "check client id and secret" in json.loads(stopped.out)["stopped_by"]


def test_a_damaged_ledger_is_named_before_anything_is_sent(push: Client, tmp_path: Path) -> None:
    push.ledger.write_text("damaged\n")

    done = push(a_scan(tmp_path), *WAY, *PERSON, *FIELDS)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"kursdocs push: the ledger {push.ledger} is damaged in line 1.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name either files or a --list of them"),
        (("a.pdf", "--list", "b.csv"), "name either files or a --list of them"),
        (("--list", "b.csv", "--family-name", "Muster"), "the person stands in the list"),
        (("a.pdf", "--field", "issued_on"), "--field needs NAME=VALUE, not 'issued_on'"),
        (("a.pdf", "--field", "a=1", "--field", "a=2"), "--field a is given twice"),
    ],
)
def test_a_command_that_makes_no_sense_is_a_usage_error(
    push: Client, arguments: tuple[str, ...], words: str
) -> None:
    done = push(*arguments)

    assert done.code == 2
    assert words in " ".join(done.err.replace("│", " ").split())


def test_missing_settings_are_named_all_at_once(push: Client, tmp_path: Path) -> None:
    done = run_command(tmp_path, ["push", "a.pdf"], {"PUSH_CLIENT_ID": "vhs"})

    assert done.code == 2
    assert done.err.splitlines()[1:] == [
        "KURSDOCS_PUSH_SERVER: is missing",
        "KURSDOCS_PUSH_ISSUER: is missing",
        "KURSDOCS_PUSH_CLIENT_SECRET: is missing",
    ]


def test_no_personal_data_and_no_secret_are_printed(push: Client, tmp_path: Path) -> None:
    done = push(a_scan(tmp_path), *WAY, *PERSON, *FIELDS)
    wrong = push(a_scan(tmp_path), *WAY, *PERSON, PUSH_CLIENT_SECRET="falsch-4711")

    for said in (done.out, done.err, wrong.out, wrong.err):
        assert not [word for word in ("Muster", "Lin", "1990", "4711") if word in said]


def test_the_readme_shows_a_command_that_works(push: Client, house: House, tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    a_scan(tmp_path / "samples", "zulassung-muster.pdf")
    block = re.search(r"<!-- push -->\s*```sh\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert block is not None

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block[1]],
        cwd=README.parent,
        env={
            "PATH": "/usr/bin:/bin",
            "KURSDOCS": house.url,
            "VAR": str(tmp_path),
            "XDG_STATE_HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("1 sent, 0 sent before, 0 refused.\n")
    assert (tmp_path / "kursdocs" / "pushed.jsonl").stat().st_mode & 0o077 == 0


# --- On a terminal -------------------------------------------------------------------------------


def on_a_terminal(push: Client, *arguments: object) -> tuple[int, str]:
    """The same at a terminal of 100 columns; exit code and everything that was shown."""
    ours, theirs = pty.openpty()
    settings = {f"KURSDOCS_{name}": str(value) for name, value in push.settings.items()}
    usual = {k: v for k, v in os.environ.items() if not k.startswith("KURSDOCS_")}
    with subprocess.Popen(
        [sys.executable, "-m", "kursdocs.cli", "push", *map(str, arguments)],
        env={**usual, **settings, "TERM": "xterm", "COLUMNS": "100"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    return process.returncode, shown.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other side of a terminal is closed
        return b""


def test_on_a_terminal_bars_move_and_are_full_only_when_it_is_stored(
    push: Client, tmp_path: Path
) -> None:
    rows = [ROW.format(a_scan(tmp_path, f"{n}.pdf").name, "Muster") for n in range(2)]

    code, shown = on_a_terminal(push, "--list", push.table(*rows))

    assert code == 0
    stored = shown.index("[1/2] 0.pdf (line 2): stored as ")
    assert "all files" in shown[:stored]
    assert "100%" not in shown[:stored]
    assert "2 of 2" in shown[stored:]
    assert "2 sent, 0 sent before, 0 refused." in shown


def test_a_run_that_is_stopped_says_so_and_nothing_else(push: Client, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    arguments = [str(a_scan(tmp_path)), *WAY, *PERSON, *FIELDS, "--server", address]
    process = subprocess.Popen(
        [sys.executable, "-m", "kursdocs.cli", "push", *arguments],
        env={**os.environ, **{f"KURSDOCS_{n}": str(v) for n, v in push.settings.items()}},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=30)

    assert first == "the line broke (connection refused); trying again in 1 s\n"
    assert (process.returncode, rest) == (130, "kursdocs push: stopped\n")
