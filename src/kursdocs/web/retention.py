"""What is said about the end of content: why it goes, and the page of what goes soon."""

from collections.abc import Mapping
from types import SimpleNamespace
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from kursdocs.core.audit import Happening
from kursdocs.core.documents import retention
from kursdocs.core.documents.retention import NOTICE_DAYS, LeavingReason
from kursdocs.core.workdays import local_date
from kursdocs.web.call import Call
from kursdocs.web.pages import N_

PAGE_SIZE = 50

_REASONS: Mapping[LeavingReason, str] = {
    LeavingReason.SETTLED: N_(
        "weil dann die Frist seit der letzten Übernahme oder Rückgabe abgelaufen ist"
    ),
    LeavingReason.JUST_SETTLED: N_(
        "weil es nach der letzten Übernahme oder Rückgabe noch 30 Tage gespeichert bleibt"
    ),
    LeavingReason.VALIDITY_END: N_(
        "weil dann die Frist nach dem Ende der Gültigkeit abgelaufen ist"
    ),
    LeavingReason.COURSE_END: N_(
        "weil dann die Frist nach dem Tag abgelaufen ist, den das Papier nennt"
    ),
    LeavingReason.MAXIMUM: N_("weil es dann so lange gespeichert war, wie höchstens erlaubt ist"),
    LeavingReason.UNTOUCHED: N_(
        "weil niemand es übernommen hat; vorher geht es an die absendende Stelle zurück"
    ),
    LeavingReason.RETURNED: N_("weil jede Empfängerstelle es zurückgegeben hat"),
    LeavingReason.WITHDRAWN: N_("weil es nicht mehr zugestellt ist"),
    LeavingReason.BLOCKED: N_("weil es gesperrt ist"),
    LeavingReason.UNAPPROVED: N_("wenn niemand es freigibt"),
}


class LeavingQuery(BaseModel):
    """Where the list of what goes soon goes on."""

    model_config = ConfigDict(extra="forbid")

    after: UUID | None = Field(
        default=None, description="The `next` of the page before; empty for the first page."
    )


def reason(call: Call, code: str) -> str:
    """Why content goes, as the end of a sentence; empty when that is not known (yet)."""
    return call.kit.pages.text(call.language, _REASONS[LeavingReason(code)]) if code else ""


def index(call: Call) -> Response:
    """What the acting agency sent or received, and whose content goes soon."""
    rows = retention.noticed(
        call.session,
        call.actor,
        today=local_date(call.now),
        after=call.query().after,
        limit=PAGE_SIZE + 1,
    )
    shown = rows[:PAGE_SIZE]
    call.record(Happening.LEAVING_LISTED, count=len(shown))
    documents = [
        SimpleNamespace(
            id=row.id,
            kind=row.kind,
            family_name=row.family_name,
            given_names=row.given_names,
            is_own=row.is_own,
            sender_name=row.sender_name,
            delete_on=row.delete_on,
            reason=reason(call, row.delete_reason),
        )
        for row in shown
    ]
    return call.render(
        "documents/leaving.html",
        documents=documents,
        notice_days=NOTICE_DAYS,
        next_href=f"/documents/leaving?after={shown[-1].id}" if len(rows) > PAGE_SIZE else "",
    )
