"""How mail goes out: the coordinator's page, and what heads see of their own mailboxes.

Whoever mends something finds here what a mail server said, in plain words. Clerks see none of it.
"""

import re
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from starlette.responses import Response

from kursdocs.core.access import Permission
from kursdocs.core.agencies import Agency
from kursdocs.core.audit import Happening
from kursdocs.core.outbox import OutboxMail, Purpose, Standing
from kursdocs.operations import delivery
from kursdocs.operations.delivery import Seen
from kursdocs.web.call import Call, Query, redirect
from kursdocs.web.pages import N_

DONE = {
    "tested": N_("Die Testmail geht in den nächsten Minuten hinaus."),
    "resent": N_(
        "Die Mail geht in den nächsten Minuten hinaus, wenn dort noch etwas wartet und Arbeitszeit"
        " ist."
    ),
}


class MailQuery(Query):
    """What was just done, for the message at the top."""

    done: str = ""


def index(call: Call) -> Response:
    """Worker, mail server and returned mail, and the last mail to each mailbox of the town."""
    seen = delivery.looked_at(
        call.session, delivery.boxes_of(call.session, call.actor), now=call.now
    )
    call.record(Happening.MAIL_LISTED, count=len(seen))
    rows = [_row(one) for one in seen]
    # Places where something must be mended come first, however many are well.
    failing = {row.place for row in rows if row.is_refused}
    rows.sort(key=lambda row: row.place not in failing)
    return call.render(
        "mail/index.html",
        flash=DONE.get(call.query().done, ""),
        watch=_watch(call),
        boxes=rows,
        failing_count=sum(row.is_refused for row in rows),
        mail_from=call.services.settings.mail_from,
    )


def try_box(call: Call) -> Response:
    """Send a test mail to one of the mailboxes."""
    place, addressee = call.form.get("place", ""), call.form.get("addressee", "")
    box = delivery.box_at(delivery.boxes_of(call.session, call.actor), place, addressee)
    delivery.try_box(call.session, call.actor, box, now=call.now)
    return _back(call, "tested")


def send_again(call: Call) -> Response:
    """Send a mail that failed once more."""
    mail_id = call.id_in_path("mail_id")
    boxes = delivery.boxes_of(call.session, call.actor)
    delivery.send_again(call.session, call.actor, boxes, mail_id, now=call.now)
    return _back(call, "resent")


def _back(call: Call, done: str) -> Response:
    if call.actor.agency is not None:
        return redirect(f"/settings?done={done}#mail")
    return redirect(f"/municipality/mail?done={done}")


# ── What other pages show of it ──────────────────────────────────────────────────────────────


def of_agency(call: Call, agency: Agency) -> Sequence[SimpleNamespace]:
    """The mailboxes of an agency, for its settings; nothing for who may not see them."""
    if not call.actor.may(Permission.MAIL_WATCH):
        return []
    boxes = list(delivery.boxes_of_agency(agency))
    return [_row(one) for one in delivery.looked_at(call.session, boxes, now=call.now)]


def refusing_of(call: Call, agency: Agency) -> Sequence[SimpleNamespace]:
    """Those of an agency's that take no mails."""
    return [box for box in of_agency(call, agency) if box.is_refused]


def refusing(call: Call) -> Sequence[SimpleNamespace]:
    """The mailboxes that take no mails, of those that the actor watches."""
    if not call.actor.may(Permission.MAIL_WATCH):
        return []
    boxes = delivery.boxes_of(call.session, call.actor)
    seen = delivery.looked_at(call.session, boxes, now=call.now)
    return [_row(one) for one in seen if one.unreached is not None]


# ── In words ─────────────────────────────────────────────────────────────────────────────────


def _watch(call: Call) -> SimpleNamespace:
    reads = bool(call.services.settings.bounces_url)
    found = delivery.watch(call.session, now=call.now, reads_bounces=reads)
    values = {name: getattr(found, name) for name in found.__dataclass_fields__}
    minutes = (call.now - found.oldest_at).total_seconds() / 60 if found.oldest_at else 0
    return SimpleNamespace(**values, is_well=found.is_well, oldest_minutes=max(0, round(minutes)))


def _row(seen: Seen) -> SimpleNamespace:
    mail = seen.mail
    values: dict[str, Any] = {
        "place": seen.box.place,
        "name": seen.box.name,
        "agency": seen.box.agency,
        "addressee": seen.box.addressee,
        "address": seen.box.address,
        "standing": seen.standing,
        "is_refused": seen.unreached is not None,
        "is_test": mail is not None and mail.purpose is Purpose.TEST,
        "at": _moment(mail) if mail else None,
        "reason": _reason(mail, seen.standing) if mail else "",
        "code": mail.bounce_code if mail else "",
        "attempts": mail.attempts if mail else 0,
        "mail_id": mail.id if mail and seen.can_be_sent_again else None,
    }
    if seen.unreached is not None:
        values |= {"since": seen.unreached.since, "why": sentence_of(seen.unreached.code)}
    return SimpleNamespace(**values)


def _moment(mail: OutboxMail) -> Any:
    return mail.bounced_at or mail.sent_at or mail.dead_at or mail.created_at


def _reason(mail: OutboxMail, standing: Standing | None) -> str:
    """Why it failed or is still being tried; empty when all is well."""
    if mail.bounce_code:
        return sentence_of(mail.bounce_code)
    if standing is Standing.TRYING or (standing is Standing.LAPSED and mail.last_error):
        return trouble_of(mail.last_error)
    return ""


def sentence_of(code: str) -> str:
    """What a mail server means by a code of RFC 3463 or RFC 5321."""
    return next(said for pattern, said in _CODES if re.fullmatch(pattern, code))


_GONE = N_("Die Adresse gibt es nicht.")
_FULL = N_("Das Postfach ist voll.")
_UNWANTED = N_("Der Server des Postfachs lässt Mails von kursdocs nicht durch.")
_FAR = N_("Der Server des Postfachs war lange nicht zu erreichen.")
_CODES: Sequence[tuple[str, str]] = (
    (r"5\.1\.(1|6|10)", _GONE),
    (r"5\.(1\.2|4\.4)", N_("Den Server hinter der Adresse gibt es nicht.")),
    (r"5\.1\.3", N_("Die Adresse ist nicht richtig geschrieben.")),
    (r"[45]\.2\.1", N_("Das Postfach ist abgeschaltet.")),
    (r"[45]\.2\.2|552|452", _FULL),
    (r"[45]\.(2\.3|3\.4)", N_("Die Mail ist dem Server des Postfachs zu groß.")),
    (r"[45]\.7\..*|554", _UNWANTED),
    (r"[45]\.4\..*", _FAR),
    (r"55[013]", N_("Der Server nimmt für diese Adresse keine Mails an.")),
    (r"4.*", N_("Der Server des Postfachs nimmt zurzeit keine Mails an.")),
    (r".*", N_("Der Server des Postfachs nimmt die Mails nicht an.")),
)


def trouble_of(error: str) -> str:
    """What the trouble with our own mail server is, by the kind of error that was kept."""
    return next((said for part, said in _TROUBLE.items() if part in error), _NO_SERVER)


_NO_SERVER = N_("Der Mailserver ist nicht zu erreichen.")
_TROUBLE: Mapping[str, str] = {
    "Authentication": N_("Der Mailserver lässt kursdocs nicht hinein: Stimmt das Passwort noch?"),
    "refused with 53": N_("Der Mailserver lässt kursdocs nicht hinein: Stimmt das Passwort noch?"),
    "Cert": N_("Der Mailserver weist sich nicht richtig aus (Zertifikat)."),
    "sender": N_("Der Mailserver nimmt den Absender nicht an."),
}
