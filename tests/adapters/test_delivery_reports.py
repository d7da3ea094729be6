"""Returned mail is understood in the forms that servers use; whatever else comes is none."""

import random
import time

import pytest
from tests.returned_mail import (
    ADDRESS,
    FINAL,
    NOT_FINAL,
    OTHERS,
    OURS,
    Sample,
    exchange,
    exim,
    human,
    postfix,
)

from kursdocs.adapters.delivery_reports import READ_BYTES, Report, read

DOMAIN = "musterstadt.example"
NAMES = [sample.__name__ for sample in FINAL]


@pytest.mark.parametrize(("sample", "status"), FINAL.items(), ids=NAMES)
def test_a_mail_that_came_back_is_known_with_the_reason(sample: Sample, status: str) -> None:
    assert read(sample(OURS), domain=DOMAIN) == Report(OURS, status, is_final=True)


@pytest.mark.parametrize("sample", NOT_FINAL)
def test_delays_confirmations_and_absences_are_no_return(sample: Sample) -> None:
    report = read(sample(OURS), domain=DOMAIN)

    assert report is not None
    assert (report.message_id, report.is_final) == (OURS, False)


@pytest.mark.parametrize("sample", [*FINAL, *NOT_FINAL])
def test_what_came_back_of_others_is_not_ours(sample: Sample) -> None:
    assert read(sample(OTHERS), domain=DOMAIN) is None


def test_a_persons_answer_is_left_to_persons() -> None:
    assert read(human(OURS), domain=DOMAIN) is None


def test_our_domain_is_known_in_any_spelling() -> None:
    shouted = OURS.replace(DOMAIN, "MusterStadt.Example")

    assert read(postfix(shouted), domain="MUSTERSTADT.example") == Report(OURS, "5.1.1", True)


def test_a_domain_that_only_ends_or_begins_alike_is_another() -> None:
    for other in ("boese-musterstadt.example", "musterstadt.example.boese.example"):
        assert read(postfix(OURS.replace(DOMAIN, other)), domain=DOMAIN) is None


def test_a_report_whose_mail_is_huge_is_understood_from_its_beginning() -> None:
    message = postfix(OURS).replace(b"Guten Tag.", b"Guten Tag. " * 1_000_000)
    assert len(message) > 10 * READ_BYTES

    assert read(message, domain=DOMAIN) == Report(OURS, "5.1.1", is_final=True)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n\r\n",
        b"\x00\xff\xfe" * 1000,
        b"Content-Type: multipart/report; boundary=\r\n\r\n--\r\n",
        b"Content-Type: message/delivery-status\r\n\r\nAction: failed\r\n",
        b"From: MAILER-DAEMON\r\nSubject: =?utf-8?B?////?=\r\n\r\n550 5.1.1",
        b"Content-Transfer-Encoding: base64\r\nContent-Type: text/plain; charset=nix\r\n\r\n%%%",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n" * 20_000,
        b"Content-Type: message/rfc822\r\n\r\n" * 5000,
    ],
    ids=range(9),
)
def test_a_broken_message_is_no_report(content: bytes) -> None:
    begun = time.monotonic()

    assert read(content, domain=DOMAIN) is None
    assert time.monotonic() - begun < 5


def test_a_forged_answer_of_a_daemon_does_not_keep_the_worker_busy() -> None:
    head = f"From: mailer-daemon@fremd.example\r\nIn-Reply-To: {OURS}\r\n\r\n".encode()
    begun = time.monotonic()

    report = read(head + b"-" * READ_BYTES, domain=DOMAIN)

    assert report == Report(OURS, "", is_final=False)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("sample", [postfix, exchange, exim])
def test_damage_anywhere_brings_no_error_and_no_mail_of_others(sample: Sample) -> None:
    chance = random.Random(7)  # noqa: S311  # the same damage every time
    whole = sample(OURS)
    for _ in range(100):
        begin = chance.randrange(len(whole))
        torn = (
            whole[:begin] + bytes([chance.randrange(256)]) + whole[begin + chance.randrange(40) :]
        )
        report = read(torn[: chance.randrange(len(torn))], domain=DOMAIN)
        assert report is None or report.message_id == OURS


def test_nothing_but_the_mail_and_a_code_is_taken_out() -> None:
    for sample in FINAL:
        assert ADDRESS not in repr(read(sample(OURS), domain=DOMAIN))
