"""Receiving a document over HTTP, the same for the page and the API.

Fields come before the file, so that kind, recipients and the rest are checked before the file is
received; nothing is written anywhere before the body is whole.
"""

import asyncio
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
        "released",
        "release_form",
        "idempotency_key",
        "acting_agency",
        "file",
    }
)
_TRUE = frozenset({"true", "on", "1", "yes", "ja"})


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
        released=received.one("released").lower() in _TRUE,
        release_form=received.one("release_form"),
        fields=others,
        **common,
    )


def _check_agency(call: Call, received: Received) -> None:
    """A form was filled in for one agency; in another tab the person may have changed over."""
    acting = call.actor.acting
    if received.one("acting_agency") not in ("", acting.slug):
        raise Conflict("acting_agency_changed", agency=acting.name)


async def receive(call: Call, typed: Typed) -> DocumentView:
    """Receive and store one document; fills ``typed`` on the way. Raises domain errors."""
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
        _check_agency(call, received)
        prepared.append(
            await anyio.to_thread.run_sync(
                intake.prepare, call.services, call.actor, typed.form, limiter=limiter
            )
        )

    try:
        async with asyncio.timeout(BODY_SECONDS), aclosing(call.request.stream()) as chunks:
            try:
                received = await receiver.receive(chunks, check)
            except KursdocsError:
                await retry.drain(chunks)
                raise
        if not received.files:
            raise Invalid("file_missing", field="file")
        return await anyio.to_thread.run_sync(
            intake.store,
            call.services,
            call.actor,
            prepared[0],
            received.files,
            typed.key,
            partial(readmit, call),
            limiter=limiter,
        )
    except TimeoutError as error:
        raise TooSlow from error
    finally:
        receiver.release()
