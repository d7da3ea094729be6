"""The coordinator's page: who takes part, in numbers."""

from starlette.responses import Response

from kursdocs.core.audit import Happening
from kursdocs.core.documents import reading
from kursdocs.web.endpoint import Call


def index(call: Call) -> Response:
    """Agencies with counts; never a person, never a document (rule 9)."""
    numbers = reading.numbers(call.session, call.actor, now=call.now)
    call.record(Happening.NUMBERS_LISTED, count=len(numbers))
    return call.render("agencies/index.html", agencies=numbers)
