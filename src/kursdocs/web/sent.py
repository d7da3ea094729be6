"""What the acting agency sent."""

from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from kursdocs.core.audit import Happening
from kursdocs.core.documents import reading
from kursdocs.core.documents.reading import SentState
from kursdocs.web.call import COUNT_MAX, PAGE_SIZE, Call, Query


class SentQuery(Query):
    """Which of the sent documents, and where the list goes on."""

    state: SentState = Field(
        default=SentState.ALL,
        description="`waiting`: a second person must approve them; `returned`: came back.",
    )
    after: UUID | None = Field(
        default=None, description="The `next` of the page before; empty for the first page."
    )


def index(call: Call) -> Response:
    """What the acting agency sent."""
    query: SentQuery = call.query()
    rows = reading.sent(
        call.session, call.actor, state=query.state, after=query.after, limit=PAGE_SIZE + 1
    )
    shown = rows[:PAGE_SIZE]
    call.record(Happening.SENT_LISTED, count=len(shown))
    goes_on = len(rows) > PAGE_SIZE
    return call.render(
        "documents/sent.html",
        state=query.state.value,
        waiting_count=reading.approvals_waiting(call.session, call.actor.acting.id),
        count_max=COUNT_MAX,
        user_id=call.actor.user_id,
        documents=shown,
        next_href=f"/sent?state={query.state}&after={shown[-1].id}" if goes_on else "",
    )
