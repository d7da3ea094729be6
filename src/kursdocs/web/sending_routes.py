"""The part of the table of routes that is about sending: the desk, and the form of one paper."""

from collections.abc import Sequence

from kursdocs.core.access import Permission
from kursdocs.core.audit import Happening
from kursdocs.operations.intake import FILE_BYTES_MAX
from kursdocs.web import desk, sending
from kursdocs.web.call import Body, Mode, Row

# Fields and part headers stand beside the file; the file itself is counted to the byte.
UPLOAD_BYTES_MAX = FILE_BYTES_MAX + 256 * 1024
# The form of the desk brings a whole pile; of it no more than one file is held at a time.
PILE_BYTES_MAX = 16 * FILE_BYTES_MAX

SENDING: Sequence[Row] = (
    Row("GET", "/desk", desk.index, Permission.DOCUMENT_SEND, "desk", query=desk.DeskQuery),
    Row(
        "POST",
        "/desk/files",
        desk.put,
        Permission.DOCUMENT_SEND,
        "desk.files",
        happening=Happening.DRAFT_KEPT,
        body=Body.FILES,
        body_bytes_max=PILE_BYTES_MAX,
        mode=Mode.SHELL,
    ),
    Row(
        "POST",
        "/desk/join",
        desk.join,
        Permission.DOCUMENT_SEND,
        "desk.join",
        happening=Happening.DRAFT_DISCARDED,
        body=Body.FORM,
        mode=Mode.OUTSIDE,
    ),
    Row(
        "POST",
        "/desk/send",
        desk.send,
        Permission.DOCUMENT_SEND,
        "desk.send",
        happening=Happening.DOCUMENT_SENT,
        body=Body.FORM,
        mode=Mode.OUTSIDE,
    ),
    Row(
        "GET",
        "/desk/sent",
        desk.sent,
        Permission.DOCUMENT_SEND,
        "desk.sent",
        happening=Happening.SENT_LISTED,
        query=desk.SentQuery,
    ),
    Row(
        "POST",
        "/desk/{draft_id}",
        desk.save,
        Permission.DOCUMENT_SEND,
        "desk.save",
        body=Body.FORM,
    ),
    Row(
        "POST",
        "/desk/{draft_id}/fill-down",
        desk.fill_down,
        Permission.DOCUMENT_SEND,
        "desk.fill_down",
        body=Body.FORM,
    ),
    Row(
        "POST",
        "/desk/{draft_id}/discard",
        desk.discard,
        Permission.DOCUMENT_SEND,
        "desk.discard",
        happening=Happening.DRAFT_DISCARDED,
        body=Body.FORM,
        mode=Mode.OUTSIDE,
    ),
    Row(
        "POST",
        "/desk/{draft_id}/turn",
        desk.turn,
        Permission.DOCUMENT_SEND,
        "desk.turn",
        body=Body.FORM,
        mode=Mode.OUTSIDE,
    ),
    Row(
        "POST",
        "/desk/{draft_id}/arrange",
        desk.arrange,
        Permission.DOCUMENT_SEND,
        "desk.arrange",
        body=Body.FORM,
        mode=Mode.OUTSIDE,
    ),
    Row(
        "GET",
        "/desk/{draft_id}/pages/{number}",
        desk.page_image,
        Permission.DOCUMENT_SEND,
        "desk.page_image",
        happening=Happening.DRAFT_PREVIEWED,
        mode=Mode.OUTSIDE,
        query=desk.ThumbnailQuery,
    ),
    Row(
        "GET",
        "/documents/new",
        sending.new,
        Permission.DOCUMENT_SEND,
        "documents.new",
        query=sending.KindQuery,
    ),
    Row(
        "POST",
        "/documents",
        sending.create,
        Permission.DOCUMENT_SEND,
        "documents.create",
        happening=Happening.DOCUMENT_SENT,
        body=Body.FILES,
        body_bytes_max=UPLOAD_BYTES_MAX,
        mode=Mode.SHELL,
    ),
)
