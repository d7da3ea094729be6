"""Mails that come back, in the forms of well-known mail servers; all words and names are invented.

Each function makes one message that a mailbox for returned mail gets about the mail of that
Message-ID. :data:`FINAL` and :data:`NOT_FINAL` list them with what is to be read from each.
"""

from collections.abc import Callable, Mapping

ADDRESS = "posteingang@jobcenter-musterstadt.example"
OURS = "<0190e5c5-1234-7000-8000-000000000000@musterstadt.example>"
OTHERS = "<0190e5c5-1234-7000-8000-000000000000@anderswo.example>"

Sample = Callable[[str], bytes]


def _message(text: str, message_id: str) -> bytes:
    filled = text.replace("{id}", message_id).replace("{address}", ADDRESS)
    return filled.lstrip("\n").replace("\n", "\r\n").encode()


def postfix(message_id: str) -> bytes:
    """A report in three parts, with the whole mail attached."""
    return _message(_POSTFIX, message_id)


_POSTFIX = """
Return-Path: <>
From: MAILER-DAEMON@relay.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: kursdocs@musterstadt.example
Auto-Submitted: auto-replied
MIME-Version: 1.0
Message-Id: <20260302070010.AB12CD34EF@relay.example>
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="AB12CD34EF.1772434810/relay.example"

This is a MIME-encapsulated message.

--AB12CD34EF.1772434810/relay.example
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

The mail system at relay.example has to say that a mail could not be handed over.

<{address}>: host mx.jobcenter-musterstadt.example[192.0.2.25] answered:
    550 5.1.1 unknown mailbox (in reply to RCPT TO command)

--AB12CD34EF.1772434810/relay.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example
X-Postfix-Queue-ID: AB12CD34EF
X-Postfix-Sender: rfc822; kursdocs@musterstadt.example
Arrival-Date: Mon,  2 Mar 2026 07:00:09 +0000 (UTC)

Final-Recipient: rfc822; {address}
Original-Recipient: rfc822;{address}
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.jobcenter-musterstadt.example
Diagnostic-Code: smtp; 550 5.1.1 unknown mailbox

--AB12CD34EF.1772434810/relay.example
Content-Description: Undelivered Message
Content-Type: message/rfc822

From: kursdocs@musterstadt.example
To: {address}
Subject: kursdocs: 2 Dokumente warten
Message-ID: {id}
Auto-Submitted: auto-generated
Content-Type: text/plain; charset=utf-8

Guten Tag.

--AB12CD34EF.1772434810/relay.example--
"""


def headers_only(message_id: str) -> bytes:
    """Of the mail only its headers come back; the status says nothing, the other server does."""
    text = _POSTFIX.replace("Content-Type: message/rfc822", "Content-Type: text/rfc822-headers")
    return _message(
        text.replace("Status: 5.1.1", "Status: 5.0.0").replace("550 5.1.1", "552 5.2.2"), message_id
    )


def gave_up(message_id: str) -> bytes:
    """After days of trying: the status is a temporary one, the action is final."""
    text = _POSTFIX.replace("Status: 5.1.1", "Status: 4.4.1").replace("550 5.1.1", "451 4.4.1")
    return _message(text, message_id)


def one_of_two(message_id: str) -> bytes:
    """A list of recipients of which one got it."""
    first = "Final-Recipient: rfc822; kollege@musterstadt.example\nAction: relayed\nStatus: 2.1.5\n"
    return _message(
        _POSTFIX.replace("Final-Recipient:", f"{first}\nFinal-Recipient:", 1), message_id
    )


def without_action(message_id: str) -> bytes:
    """A report that forgets what was done; the status tells."""
    return _message(_POSTFIX.replace("Action: failed\n", ""), message_id)


def exim(message_id: str) -> bytes:
    """No report by the standard: a text, and below it the headers of the mail."""
    return _message(_EXIM, message_id)


_EXIM = """
Return-path: <>
X-Failed-Recipients: {address}
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@post.example>
To: kursdocs@musterstadt.example
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1abcde-000001-23@post.example>
Content-Type: text/plain; charset=us-ascii

A program of this mail server wrote this message.

Your mail could not be brought to one of its recipients, and never will be:

  {address}
    host mx.jobcenter-musterstadt.example [192.0.2.25]
    SMTP error from remote mail server after RCPT TO:<{address}>:
    550 there is nobody of that name

------ Here follows a copy of the mail with its headers. ------

Return-path: <kursdocs@musterstadt.example>
From: kursdocs@musterstadt.example
To: {address}
Message-ID: {id}
Subject: kursdocs: 2 Dokumente warten, Nr. 4.7.11

Guten Tag.
"""


def exchange(message_id: str) -> bytes:
    """A page of HTML, a report, and the mail named in the headers of the answer alone."""
    return _message(_EXCHANGE, message_id)


_EXCHANGE = """
Return-Path: <>
From: "Microsoft Outlook" <postmaster@amt.example>
To: <kursdocs@musterstadt.example>
Subject: =?utf-8?B?VW56dXN0ZWxsYmFyOiBrdXJzZG9jcw==?=
In-Reply-To: {id}
References: {id}
Message-ID: <a1b2c3d4@EXCH01.amt.example>
X-Auto-Response-Suppress: DR, RN, NRN, OOF, AutoReply
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="_000_nummer_"

--_000_nummer_
Content-Type: text/html; charset="utf-8"
Content-Transfer-Encoding: base64

PHA+RGllIE5hY2hyaWNodCBrb25udGUgbmljaHQgenVnZXN0ZWxsdCB3ZXJkZW4uPC9wPg==

--_000_nummer_
Content-Type: message/delivery-status

Reporting-MTA: dns;EXCH01.amt.example
Received-From-MTA: dns;relay.example
Arrival-Date: Mon, 2 Mar 2026 07:00:11 +0000

Final-Recipient: rfc822;{address}
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp;554 5.2.2 mailbox full; QuotaExceededException.Example
X-Display-Name: Posteingang

--_000_nummer_--
"""


def qmail(message_id: str) -> bytes:
    """An old form: no report, no header about failing, a daemon's sentence with a code."""
    return _message(_QMAIL, message_id)


_QMAIL = """
Return-Path: <>
From: MAILER-DAEMON@alt.example
To: kursdocs@musterstadt.example
Subject: failure notice

This is the mail program at alt.example. It could not deliver, and has given up. Sorry.

<{address}>:
192.0.2.25 does not like recipient.
Remote host said: 550 5.7.1 refused by rule. Giving up on 192.0.2.25.

--- Below this line is a copy of the message.

Return-Path: <kursdocs@musterstadt.example>
Message-ID: {id}
Subject: kursdocs: 2 Dokumente warten
"""


def delayed(message_id: str) -> bytes:
    """It is still being tried."""
    text = _POSTFIX.replace("Action: failed", "Action: delayed").replace("5.1.1", "4.4.1")
    return _message(text.replace("550 ", "450 ").replace("Undelivered", "Delayed"), message_id)


def relayed(message_id: str) -> bytes:
    """It has arrived; somebody wanted that to be told."""
    text = _POSTFIX.replace("Action: failed", "Action: relayed").replace("5.1.1", "2.1.5")
    return _message(text.replace("550 ", "250 "), message_id)


def exim_warning(message_id: str) -> bytes:
    """A warning of delay that is no report by the standard."""
    text = _EXIM.replace("X-Failed-Recipients: {address}\n", "").replace("550 there", "no: there")
    return _message(text.replace("never will be", "is tried again"), message_id)


def out_of_office(message_id: str) -> bytes:
    """A person is away; the text has numbers that look like codes."""
    return _message(_OUT_OF_OFFICE, message_id)


_OUT_OF_OFFICE = """
Return-Path: <>
From: Posteingang <{address}>
To: kursdocs@musterstadt.example
Subject: Automatische Antwort: kursdocs: 2 Dokumente warten
Auto-Submitted: auto-replied
In-Reply-To: {id}
Content-Type: text/plain; charset=utf-8

Wir sind bis zum 5.1.27 nicht da. Zimmer 550, Durchwahl 5.1.1, gerne ab dem 7. wieder.
"""


def human(message_id: str) -> bytes:
    """Somebody answers the mail and quotes it; the words are hard, but it did arrive."""
    return _message(_HUMAN, message_id)


_HUMAN = """
From: Beispiel Musterfrau <{address}>
To: kursdocs@musterstadt.example
Subject: AW: kursdocs: 2 Dokumente warten
In-Reply-To: {id}
References: {id}
Content-Type: text/plain; charset=utf-8

Bitte keine Mails mehr. 550 5.1.1 user unknown!
"""


FINAL: Mapping[Sample, str] = {
    postfix: "5.1.1",
    headers_only: "5.2.2",
    gave_up: "4.4.1",
    one_of_two: "5.1.1",
    without_action: "5.1.1",
    exim: "550",
    exchange: "5.2.2",
    qmail: "5.7.1",
}
"""What says that a mail of ours will never arrive, with the code to be read from it."""

NOT_FINAL = (delayed, relayed, exim_warning, out_of_office)
"""What a machine wrote about a mail of ours that did not come back."""
