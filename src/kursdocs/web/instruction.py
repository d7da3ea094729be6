"""The instruction before first use: one page to read, one button, and on to where one wanted."""

from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse, Response

from kursdocs.core import instructions
from kursdocs.core.errors import Conflict, NotFound
from kursdocs.web import errors
from kursdocs.web.accounts import own_path
from kursdocs.web.call import INSTRUCTION_PATH, Call, redirect


class InstructionQuery(BaseModel):
    """Where one wanted to go."""

    model_config = ConfigDict(extra="forbid")

    next: str = Field(default="/", max_length=2000)


def show(call: Call) -> Response:
    """The text; also for reading it again later."""
    query: InstructionQuery = call.query()
    return _page(call, next_path=query.next)


def confirm(call: Call) -> Response:
    """The person has read it."""
    next_path = call.form.get("next", "/")
    try:
        instructions.confirm(
            call.session,
            call.actor,
            call.services.catalogue,
            version=call.form.get("version", ""),
            now=call.now,
        )
    except Conflict as error:
        call.refused(error)
        told = errors.tell(call.kit.pages, call.language, error)
        return _page(call, next_path=next_path, changed=told.sentence, status=told.status)
    return redirect(_onwards(next_path))


def _page(call: Call, *, next_path: str, changed: str = "", status: int = 200) -> Response:
    catalogue = call.services.catalogue
    if not instructions.applies(call.actor, catalogue):
        raise NotFound
    confirmed_at = instructions.own(call.session, call.actor, catalogue)
    page = call.page()
    if confirmed_at is None:
        # Every way would lead back here, so none is offered.
        page = replace(page, permissions=frozenset(), new_count=0)
    html = call.kit.pages.render(
        "instruction/show.html",
        page,
        instruction=catalogue.instruction,
        confirmed_at=confirmed_at,
        next=_onwards(next_path),
        changed=changed,
    )
    return HTMLResponse(html, status)


def _onwards(next_path: str) -> str:
    path = own_path(next_path)
    return "/" if path.partition("?")[0] == INSTRUCTION_PATH else path
