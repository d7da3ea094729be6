"""The part of the table of routes that is about the inbox and the deliveries in it."""

from collections.abc import Sequence

from kursdocs.core.access import Permission
from kursdocs.core.audit import Happening
from kursdocs.web import deliveries, inbox, sent
from kursdocs.web.call import Body, Mode, Row

# The ids of two hundred deliveries, and the list they come from.
MANY_BYTES_MAX = 64 * 1024

INBOX: Sequence[Row] = (
    Row(
        "GET",
        "/inbox",
        inbox.index,
        Permission.INBOX_READ,
        "inbox",
        happening=Happening.INBOX_LISTED,
        query=inbox.InboxQuery,
    ),
    # A search changes nothing, but a name must not stand in an address.
    Row(
        "POST",
        "/inbox/search",
        inbox.search,
        Permission.INBOX_READ,
        "inbox.search",
        happening=Happening.INBOX_LISTED,
        body=Body.FORM,
    ),
    Row(
        "POST",
        "/sent/search",
        sent.search,
        Permission.SENT_READ,
        "sent.search",
        happening=Happening.SENT_LISTED,
        body=Body.FORM,
    ),
    # Asked every few seconds by open pages; that is no reading, and neither is what follows of it.
    Row("GET", "/inbox/version", inbox.version, Permission.INBOX_READ, "inbox.version"),
    Row(
        "GET",
        "/inbox/list",
        inbox.refreshed,
        Permission.INBOX_READ,
        "inbox.refreshed",
        query=inbox.InboxQuery,
    ),
    # Each document leaves its own row in the log as its turn comes.
    Row(
        "POST",
        "/inbox/bundle",
        deliveries.bundle,
        Permission.DOCUMENT_READ,
        "inbox.bundle",
        happening=Happening.DOCUMENT_DOWNLOADED,
        body=Body.FORM,
        body_bytes_max=MANY_BYTES_MAX,
        mode=Mode.OUTSIDE,
    ),
    Row(
        "GET",
        "/deliveries/{delivery_id}/preview",
        inbox.preview,
        Permission.INBOX_READ,
        "deliveries.preview",
        happening=Happening.DOCUMENT_VIEWED,
        query=inbox.InboxQuery,
    ),
    Row(
        "POST",
        "/deliveries/settle",
        deliveries.settle,
        Permission.DELIVERY_SETTLE,
        "deliveries.settle",
        happening=Happening.INBOX_LISTED,
        body=Body.FORM,
        body_bytes_max=MANY_BYTES_MAX,
        mode=Mode.OUTSIDE,
    ),
    Row(
        "POST",
        "/deliveries/{delivery_id}/take-over",
        deliveries.take_over,
        Permission.DELIVERY_SETTLE,
        "deliveries.take_over",
        happening=Happening.DELIVERY_TAKEN_OVER,
        body=Body.FORM,
    ),
    Row(
        "POST",
        "/deliveries/{delivery_id}/return",
        deliveries.return_,
        Permission.DELIVERY_SETTLE,
        "deliveries.return",
        happening=Happening.DELIVERY_RETURNED,
        body=Body.FORM,
    ),
    Row(
        "POST",
        "/deliveries/{delivery_id}/undo",
        deliveries.undo,
        Permission.DELIVERY_SETTLE,
        "deliveries.undo",
        happening=Happening.DELIVERY_REOPENED,
        body=Body.FORM,
    ),
    Row(
        "POST",
        "/deliveries/{delivery_id}/claim",
        deliveries.claim,
        Permission.DELIVERY_SETTLE,
        "deliveries.claim",
        happening=Happening.DELIVERY_CLAIMED,
        body=Body.FORM,
    ),
    Row(
        "POST",
        "/deliveries/{delivery_id}/unclaim",
        deliveries.unclaim,
        Permission.DELIVERY_SETTLE,
        "deliveries.unclaim",
        happening=Happening.DELIVERY_UNCLAIMED,
        body=Body.FORM,
    ),
    Row(
        "POST",
        "/deliveries/{delivery_id}/acknowledgement",
        deliveries.acknowledge,
        Permission.DELIVERY_SETTLE,
        "deliveries.acknowledge",
        happening=Happening.DELIVERY_ACKNOWLEDGED,
        body=Body.FORM,
    ),
)
