"""Receiving a document over HTTP, the same for the page and the API.

Fields come before the file, so that kind, recipients and the rest are checked before the file is
received; nothing is written anywhere before the body is whole.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

import anyio.to_thread

from kursdocs.core.documents.reading import DocumentView
from kursdocs.core.documents.sending import COMMON_FIELDS, Sending, SendingForm
from kursdocs.core.errors import Conflict, Invalid, KursdocsError
from kursdocs.operations import intake
from kursdocs.web import retry
from kursdocs.web.call import Call
from kursdocs.web.endpoint import readmit
from kursdocs.web.errors import Busy, TooSlow
from kursdocs.web.multipart import FormReceiver, Received

PHOTOGRAPHS_MAX = 20
BODY_SECONDS = 600

# A "file" without a file name is a text field that holds no file.
_OWN_NAMES = frozenset(
    {
        "kind",
        "recipient",
        "obliging_body",
        "request",
        "released",
        "release_form",
        "idempotency_key",
        "acting_agency",
        "file",
    }
)
TRUE = frozenset({"true", "on", "1", "yes", "ja"})


@dataclass
class Typed:
    """What was typed, as far as it has arrived: it must survive whatever goes wrong later."""

    form: SendingForm = field(default_factory=SendingForm)
    key: str = ""
    received: Received = field(default_factory=Received)


def read_form(received: Received) -> SendingForm:
    """The fields as typed; unknown ones count as fields of the kind, which refuses them."""
    common = {name: received.one(name) for name in COMMON_FIELDS}
    others = {
        name: received.one(name)
        for name in received.fields
        if name not in _OWN_NAMES and name not in COMMON_FIELDS
    }
    return SendingForm(
        kind=received.one("kind"),
        recipients=received.fields.get("recipient", []),
        obliging_bodies=received.fields.get("obliging_body", []),
        released=received.one("released").lower() in TRUE,
        release_form=received.one("release_form"),
        fields=others,
        request=received.one("request"),
        **common,
    )


def check_agency(call: Call, received: Received) -> None:
    """A form was filled in for one agency; in another tab the person may have changed over."""
    acting = call.actor.acting
    if received.one("acting_agency") not in ("", acting.slug):
        raise Conflict("acting_agency_changed", agency=acting.name)


Files = Sequence[bytes]
Store = Callable[[Sending, Files, str], DocumentView]
"""What stores a judged form: with these files, under that idempotency key."""


@dataclass(frozen=True)
class Steps:
    """What becomes of a received form: it is judged before its file, and stored with it.

    Both run in a thread. Where no file is needed, ``store`` gets none when none was chosen.
    """

    prepare: Callable[[Typed], Sending]
    store: Store
    needs_file: bool = True


def sending_steps(call: Call) -> Steps:
    """A paper on its way for the first time."""
    services, actor = call.services, call.actor
    return Steps(
        lambda typed: intake.prepare(services, actor, typed.form, typed.key),
        lambda sending, files, key: intake.store(
            services, actor, sending, files, key, partial(readmit, call)
        ),
    )


async def receive(call: Call, typed: Typed, steps: Steps | None = None) -> DocumentView:
    """Receive and store one document; fills ``typed`` on the way. Raises domain errors."""
    steps = steps or sending_steps(call)
    limiter = call.kit.uploads
    if limiter.statistics().tasks_waiting >= limiter.total_tokens:
        raise Busy("uploads_busy")
    receiver = FormReceiver(
        call.request.headers.get("content-type", ""),
        budget=call.kit.budget,
        file_bytes_max=intake.FILE_BYTES_MAX,
        files_max=PHOTOGRAPHS_MAX,
    )
    typed.received = receiver.received
    retry.keep(call.request, receiver.received.fields)
    prepared: list[Sending] = []

    async def check(received: Received) -> None:
        typed.form = read_form(received)
        typed.key = call.request.headers.get("idempotency-key") or received.one("idempotency_key")
        check_agency(call, received)
        prepared.append(await anyio.to_thread.run_sync(steps.prepare, typed, limiter=limiter))

    try:
        async with asyncio.timeout(BODY_SECONDS), aclosing(call.request.stream()) as chunks:
            try:
                received = await receiver.receive(chunks, check)
            except KursdocsError:
                await retry.drain(chunks)
                raise
        if not received.files and steps.needs_file:
            raise Invalid("file_missing", field="file")
        return await anyio.to_thread.run_sync(
            steps.store, prepared[0], received.files, typed.key, limiter=limiter
        )
    except TimeoutError as error:
        raise TooSlow from error
    finally:
        receiver.release()
