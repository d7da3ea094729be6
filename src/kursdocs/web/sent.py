"""What the acting agency sent: its list, narrowed and searched.

What is listed stands in the address, but for names.
"""

from typing import Self
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from pydantic import Field, ValidationError
from starlette.responses import Response

from kursdocs.core.audit import Happening
from kursdocs.core.documents import reading
from kursdocs.core.documents.reading import SentState
from kursdocs.web.call import COUNT_MAX, PAGE_SIZE, Call, Query
from kursdocs.web.errors import BadRequest

SEARCH_LENGTH_MAX = 120


class SentQuery(Query):
    """Which of the sent documents, and where the list goes on."""

    state: SentState = Field(
        default=SentState.ALL,
        description=(
            "`waiting`: a second person must approve them; `open`: somebody has not settled them;"
            " `done`: everybody has; `returned`: came back; `withdrawn`: taken back; `blocked`:"
            " malware was found."
        ),
    )
    kind: str = Field(default="", max_length=60, description="Only papers of this kind.")
    recipient: str = Field(default="", max_length=60, description="Only to this agency (its slug).")
    after: UUID | None = Field(
        default=None, description="The `next` of the page before; empty for the first page."
    )

    @classmethod
    def read(cls, text: str) -> Self:
        """The list that a form came from; raises ``BadRequest``."""
        try:
            return cls.model_validate(dict(parse_qsl(text)))
        except ValidationError:
            raise BadRequest("parameter_invalid", field="list") from None

    def written(self, **changes: object) -> str:
        """The list as the query of an address."""
        values = {"state": self.state, "kind": self.kind, "recipient": self.recipient} | changes
        return urlencode({name: str(value) for name, value in values.items() if value})


def index(call: Call) -> Response:
    """What the acting agency sent."""
    return _sent(call, call.query(), name="")


def search(call: Call) -> Response:
    """The same by the beginnings of names and numbers; names never stand in addresses."""
    query = SentQuery.read(call.form.get("list", "")).model_copy(update={"after": None})
    return _sent(call, query, name=call.form.get("name", "")[:SEARCH_LENGTH_MAX].strip())


def _sent(call: Call, query: SentQuery, *, name: str) -> Response:
    rows = reading.sent(
        call.session,
        call.actor,
        state=query.state,
        kind=query.kind,
        recipient=query.recipient,
        name=name,
        after=query.after,
        limit=PAGE_SIZE + 1,
    )
    shown = rows[:PAGE_SIZE]
    call.record(Happening.SENT_LISTED, count=len(shown))
    goes_on = len(rows) > PAGE_SIZE
    choices = reading.sent_to(call.session, call.actor)
    kinds = [(code, call.services.catalogue.kind(code)) for code in choices.kinds]
    named = [(code, kind.name.get(call.language) if kind else code) for code, kind in kinds]
    return call.render(
        "documents/sent.html",
        state=query.state.value,
        filter=query,
        kinds=sorted(named, key=lambda one: one[1]),
        recipients=choices.recipients,
        list=query.written(),
        is_filtered=bool(query.kind or query.recipient),
        searched=name,
        is_cut=goes_on and bool(name),
        waiting_count=reading.approvals_waiting(call.session, call.actor.acting.id),
        blocked_count=reading.blocked_count(call.session, call.actor.acting.id),
        count_max=COUNT_MAX,
        user_id=call.actor.user_id,
        documents=shown,
        next_href=f"/sent?{query.written(after=shown[-1].id)}" if goes_on and not name else "",
    )
