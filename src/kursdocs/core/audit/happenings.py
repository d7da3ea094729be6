"""The closed list of what can stand in the audit log, and what each entry carries."""

from collections.abc import Mapping
from enum import StrEnum


class Happening(StrEnum):
    """The closed list of what can happen: noun, then what happened to it."""

    SIGN_IN_SUCCEEDED = "sign_in.succeeded"
    SIGN_IN_ENDED = "sign_in.ended"
    SIGN_IN_ENDED_BY_PROVIDER = "sign_in.ended_by_provider"
    SIGN_IN_ENDED_EVERYWHERE = "sign_in.ended_everywhere"
    AGENCY_SWITCHED = "agency.switched"
    REQUEST_REFUSED = "request.refused"
    INBOX_LISTED = "inbox.listed"
    SENT_LISTED = "sent.listed"
    LEAVING_LISTED = "leaving.listed"
    NUMBERS_LISTED = "numbers.listed"
    LOG_LISTED = "log.listed"
    CHECKS_LISTED = "checks.listed"
    LOG_EXPORTED = "log.exported"
    LOG_SHORTENED = "log.shortened"
    DOCUMENT_SENT = "document.sent"
    DOCUMENT_HELD = "document.held"
    DOCUMENT_RELEASED = "document.released"
    DOCUMENT_BLOCKED = "document.blocked"
    DOCUMENT_ABANDONED = "document.abandoned"
    DOCUMENT_WITHDRAWN = "document.withdrawn"
    DOCUMENT_APPROVED = "document.approved"
    DOCUMENT_DECLINED = "document.declined"
    DOCUMENT_DELETION_NOTICED = "document.deletion_noticed"
    DOCUMENT_ERASED = "document.erased"
    DOCUMENT_VIEWED = "document.viewed"
    DOCUMENT_EVENTS_LISTED = "document.events_listed"
    DOCUMENT_PREVIEWED = "document.previewed"
    DOCUMENT_DOWNLOADED = "document.downloaded"
    RECEIPT_VIEWED = "receipt.viewed"
    DELIVERY_TAKEN_OVER = "delivery.taken_over"
    DELIVERY_RETURNED = "delivery.returned"
    DOCUMENT_CORRECTED = "document.corrected"
    DELIVERY_REOPENED = "delivery.reopened"
    DELIVERY_CLAIMED = "delivery.claimed"
    DELIVERY_UNCLAIMED = "delivery.unclaimed"
    DELIVERY_FORWARDED = "delivery.forwarded"
    DELIVERY_ACKNOWLEDGED = "delivery.acknowledged"
    DRAFT_KEPT = "draft.kept"
    DRAFT_PREVIEWED = "draft.previewed"
    DRAFT_DISCARDED = "draft.discarded"
    PAPER_REQUESTED = "paper_request.made"
    PAPER_REQUEST_ANSWERED = "paper_request.answered"
    PAPER_REQUEST_DECLINED = "paper_request.declined"
    PAPER_REQUEST_CANCELLED = "paper_request.cancelled"
    PAPER_REQUEST_LAPSED = "paper_request.lapsed"
    PAPER_REQUEST_VIEWED = "paper_request.viewed"
    PAPER_REQUESTS_LISTED = "paper_requests.listed"
    FOLLOW_UPS_LISTED = "follow_ups.listed"
    FOLLOW_UP_SETTLED = "follow_up.settled"
    FOLLOW_UP_REOPENED = "follow_up.reopened"
    NUMBERS_EXPORTED = "numbers.exported"
    REMINDERS_LISTED = "reminders.listed"
    REMINDERS_EXPORTED = "reminders.exported"
    MAIL_LISTED = "mail.listed"
    MAIL_TESTED = "mail.tested"
    MAIL_RESENT = "mail.resent"
    PACES_CHANGED = "paces.changed"
    MUNICIPALITY_CLOSING_ADDED = "municipality.closing_added"
    MUNICIPALITY_CLOSING_REMOVED = "municipality.closing_removed"
    MUNICIPALITY_CREATED = "municipality.created"
    MUNICIPALITY_CHANGED = "municipality.changed"
    MUNICIPALITY_RESTORED = "municipality.restored"
    CLAIMS_TRIED = "claims.tried"
    AGENCY_OPENED = "agency.opened"
    AGENCY_CHANGED = "agency.changed"
    AGENCY_PAUSE_ADDED = "agency.pause_added"
    AGENCY_PAUSE_REMOVED = "agency.pause_removed"
    AGENCY_CLOSED = "agency.closed"
    AGENCY_REOPENED = "agency.reopened"
    MEMBERSHIP_GRANTED = "membership.granted"
    MEMBERSHIP_ENDED = "membership.ended"
    MEMBERSHIP_LIMITED = "membership.limited"
    MEMBERS_LISTED = "members.listed"
    INVITATION_CREATED = "invitation.created"
    INVITATION_REVOKED = "invitation.revoked"
    INVITATION_ACCEPTED = "invitation.accepted"
    INSTRUCTION_CONFIRMED = "instruction.confirmed"
    SERVICE_ACCOUNT_CREATED = "service_account.created"
    SERVICE_ACCOUNT_ENDED = "service_account.ended"


# The exact keys each happening carries beside who, when and which document.
DETAIL_KEYS: Mapping[Happening, frozenset[str]] = {
    happening: frozenset(keys.split())
    for happening, keys in {
        Happening.SIGN_IN_SUCCEEDED: "memberships",
        Happening.SIGN_IN_ENDED: "",
        Happening.SIGN_IN_ENDED_BY_PROVIDER: "sessions",
        Happening.SIGN_IN_ENDED_EVERYWHERE: "sessions",
        Happening.AGENCY_SWITCHED: "",
        Happening.REQUEST_REFUSED: "route code",
        # Which filters, by codes; empty where there was none, or nothing to read.
        Happening.INBOX_LISTED: "state kind sender count",
        Happening.SENT_LISTED: "count",
        Happening.LEAVING_LISTED: "count",
        Happening.NUMBERS_LISTED: "count",
        Happening.LOG_LISTED: "count",
        Happening.CHECKS_LISTED: "count",
        Happening.LOG_EXPORTED: "rows",
        # The number of the last row that went, and the day before which they were written.
        Happening.LOG_SHORTENED: "through before",
        Happening.DOCUMENT_SENT: "kind recipients bytes",
        Happening.DOCUMENT_HELD: "kind recipients bytes",
        Happening.DOCUMENT_RELEASED: "",
        Happening.DOCUMENT_BLOCKED: "reason",
        Happening.DOCUMENT_ABANDONED: "reason",
        Happening.DOCUMENT_WITHDRAWN: "reason",
        Happening.DOCUMENT_APPROVED: "delivered",
        Happening.DOCUMENT_DECLINED: "reason",
        Happening.DOCUMENT_DELETION_NOTICED: "delete_on reason",
        Happening.DOCUMENT_ERASED: "reason",
        Happening.DOCUMENT_VIEWED: "",
        Happening.DOCUMENT_EVENTS_LISTED: "count",
        Happening.DOCUMENT_PREVIEWED: "page",
        Happening.DOCUMENT_DOWNLOADED: "",
        Happening.RECEIPT_VIEWED: "",
        Happening.DELIVERY_TAKEN_OVER: "",
        Happening.DELIVERY_RETURNED: "reason",
        Happening.DOCUMENT_CORRECTED: "replaces",
        Happening.DELIVERY_REOPENED: "",
        Happening.DELIVERY_CLAIMED: "",
        Happening.DELIVERY_UNCLAIMED: "",
        Happening.DELIVERY_FORWARDED: "recipient",
        Happening.DELIVERY_ACKNOWLEDGED: "",
        Happening.DRAFT_KEPT: "draft bytes",
        Happening.DRAFT_PREVIEWED: "draft page",
        Happening.DRAFT_DISCARDED: "draft reason",
        Happening.PAPER_REQUESTED: "paper_request kind",
        Happening.PAPER_REQUEST_ANSWERED: "paper_request",
        Happening.PAPER_REQUEST_DECLINED: "paper_request reason",
        Happening.PAPER_REQUEST_CANCELLED: "paper_request",
        Happening.PAPER_REQUEST_LAPSED: "paper_request",
        Happening.PAPER_REQUEST_VIEWED: "paper_request",
        Happening.PAPER_REQUESTS_LISTED: "count",
        Happening.FOLLOW_UPS_LISTED: "count",
        Happening.FOLLOW_UP_SETTLED: "follow_up reason",
        Happening.FOLLOW_UP_REOPENED: "follow_up",
        Happening.NUMBERS_EXPORTED: "rows",
        Happening.REMINDERS_LISTED: "count",
        Happening.REMINDERS_EXPORTED: "rows",
        Happening.MAIL_LISTED: "count",
        Happening.MAIL_TESTED: "place",
        Happening.MAIL_RESENT: "mail",
        Happening.PACES_CHANGED: "slug rules",
        Happening.MUNICIPALITY_CLOSING_ADDED: "slug first_day last_day",
        Happening.MUNICIPALITY_CLOSING_REMOVED: "slug first_day last_day",
        Happening.MUNICIPALITY_CREATED: "slug",
        Happening.MUNICIPALITY_CHANGED: "slug fields",
        Happening.MUNICIPALITY_RESTORED: "moment forgotten damaged",
        Happening.CLAIMS_TRIED: "rules",
        Happening.AGENCY_OPENED: "slug kind",
        Happening.AGENCY_CHANGED: "slug fields",
        Happening.AGENCY_PAUSE_ADDED: "slug first_day last_day",
        Happening.AGENCY_PAUSE_REMOVED: "slug first_day last_day",
        Happening.AGENCY_CLOSED: "slug",
        Happening.AGENCY_REOPENED: "slug",
        Happening.MEMBERSHIP_GRANTED: "membership user agency role source",
        Happening.MEMBERSHIP_ENDED: "membership user agency role source",
        Happening.MEMBERSHIP_LIMITED: "membership user agency until",
        Happening.MEMBERS_LISTED: "agency count",
        Happening.INVITATION_CREATED: "invitation agency role days",
        Happening.INVITATION_REVOKED: "invitation agency role",
        Happening.INVITATION_ACCEPTED: "invitation agency role",
        Happening.INSTRUCTION_CONFIRMED: "version",
        Happening.SERVICE_ACCOUNT_CREATED: "",
        Happening.SERVICE_ACCOUNT_ENDED: "",
    }.items()
}
