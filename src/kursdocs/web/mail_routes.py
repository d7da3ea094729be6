"""The part of the table of routes that is about mail going out."""

from collections.abc import Sequence

from kursdocs.core.access import Permission
from kursdocs.core.audit import Happening
from kursdocs.web import mail
from kursdocs.web.call import Body, Row

MAIL: Sequence[Row] = (
    Row(
        "GET",
        "/municipality/mail",
        mail.index,
        Permission.MUNICIPALITY_MANAGE,
        "mail",
        happening=Happening.MAIL_LISTED,
        query=mail.MailQuery,
    ),
    Row(
        "POST",
        "/mail/trial",
        mail.try_box,
        Permission.MAIL_WATCH,
        "mail.try",
        happening=Happening.MAIL_TESTED,
        body=Body.FORM,
    ),
    Row(
        "POST",
        "/mail/{mail_id}/resending",
        mail.send_again,
        Permission.MAIL_WATCH,
        "mail.resend",
        happening=Happening.MAIL_RESENT,
        body=Body.FORM,
    ),
)
