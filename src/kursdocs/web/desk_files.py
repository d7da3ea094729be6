"""Receiving the papers of the desk: a whole pile in one form, each kept as soon as it has arrived.

No more than one file is held at a time, unless they are photographs of one paper. A file that is
refused does not keep the others from arriving.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

import anyio.to_thread

from kursdocs.core.drafts import DraftView
from kursdocs.core.errors import Invalid, KursdocsError, TooLarge
from kursdocs.operations import drafting, intake
from kursdocs.web import retry
from kursdocs.web.call import Call
from kursdocs.web.endpoint import readmit
from kursdocs.web.errors import Busy, TooSlow
from kursdocs.web.multipart import FormReceiver, Received
from kursdocs.web.uploads import BODY_SECONDS, PHOTOGRAPHS_MAX, TRUE, check_agency

# In one form; what is more than a desk holds need not be read.
PILE_MAX = 60


@dataclass
class Put:
    """What became of the files of one form; those refused by their names.

    ``open_id`` is the paper that is being typed into meanwhile, as the form says it, or empty.
    """

    kept: list[DraftView] = field(default_factory=list)
    refused: list[tuple[str, KursdocsError]] = field(default_factory=list)
    open_id: str = ""


async def receive(call: Call) -> Put:
    """Put the files of a form on the desk: each for itself as it arrives, or together as one.

    Raises domain errors when the form cannot be read or a part does not answer; what arrived
    before is kept then, and found again by its key.
    """
    limiter = call.kit.uploads
    if limiter.statistics().tasks_waiting >= limiter.total_tokens:
        raise Busy("uploads_busy")
    done = Put()

    async def each_file(name: str, file: bytes | TooLarge) -> None:
        key = receiver.received.one("upload_key")
        numbered = f"{key}.{len(done.kept) + len(done.refused)}" if key else ""
        if isinstance(file, TooLarge):
            done.refused.append((name, file))
        else:
            await _put(call, done, [file], name=name, key=numbered)

    receiver = FormReceiver(
        call.request.headers.get("content-type", ""),
        budget=call.kit.budget,
        file_bytes_max=intake.FILE_BYTES_MAX,
        files_max=PILE_MAX,
        each_file=each_file,
    )
    retry.keep(call.request, receiver.received.fields)
    try:
        await _read(call, receiver)
        await _finish(call, done, receiver)
    except TimeoutError as error:
        raise TooSlow from error
    finally:
        receiver.release()
    return done


async def _read(call: Call, receiver: FormReceiver) -> None:
    async def check(received: Received) -> None:
        check_agency(call, received)
        if received.one("together").lower() in TRUE:
            receiver.keep_together()

    async with asyncio.timeout(BODY_SECONDS), aclosing(call.request.stream()) as chunks:
        try:
            await receiver.receive(chunks, check)
        except KursdocsError:
            await retry.drain(chunks)
            raise


async def _finish(call: Call, done: Put, receiver: FormReceiver) -> None:
    """Put what belongs together on the desk; say so when nothing came at all."""
    done.open_id = receiver.received.one("draft")
    files, name = receiver.received.files, receiver.file_name
    if len(files) > PHOTOGRAPHS_MAX:
        done.refused.append((name, Invalid("files_too_many", field="file", limit=PHOTOGRAPHS_MAX)))
    elif files:
        await _put(call, done, files, name=name, key=receiver.received.one("upload_key"))
    elif not (done.kept or done.refused):
        done.refused.append(("", Invalid("file_missing", field="file")))


async def _put(call: Call, done: Put, files: Sequence[bytes], *, name: str, key: str) -> None:
    keep = partial(
        drafting.keep,
        call.services,
        call.actor,
        files,
        file_name=name,
        upload_key=key,
        readmit=partial(readmit, call),
    )
    try:
        done.kept.append(await anyio.to_thread.run_sync(keep, limiter=call.kit.uploads))
    except Invalid as error:
        done.refused.append((name, error))
