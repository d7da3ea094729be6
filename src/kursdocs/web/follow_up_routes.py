"""The part of the table of routes that is about follow-ups: what should have followed a paper."""

from collections.abc import Sequence

from kursdocs.core.access import Permission
from kursdocs.core.audit import Happening
from kursdocs.web import follow_up_api, follow_ups, models
from kursdocs.web.call import Body, Row

FOLLOW_UPS: Sequence[Row] = (
    Row(
        "GET",
        "/follow-ups",
        follow_ups.index,
        Permission.FOLLOW_UPS,
        "follow_ups",
        happening=Happening.FOLLOW_UPS_LISTED,
        query=follow_ups.FollowUpsQuery,
    ),
    Row(
        "POST",
        "/follow-ups/settlement",
        follow_ups.settle,
        Permission.FOLLOW_UPS,
        "follow_ups.settle",
        happening=Happening.FOLLOW_UP_SETTLED,
        body=Body.FORM,
    ),
    Row(
        "POST",
        "/follow-ups/reopening",
        follow_ups.reopen,
        Permission.FOLLOW_UPS,
        "follow_ups.reopen",
        happening=Happening.FOLLOW_UP_REOPENED,
        body=Body.FORM,
    ),
)

FOLLOW_UPS_API: Sequence[Row] = (
    Row(
        "GET",
        "/api/v1/follow-ups",
        follow_up_api.index,
        Permission.FOLLOW_UPS,
        "api.follow_ups",
        summary="List what should have followed a paper",
        happening=Happening.FOLLOW_UPS_LISTED,
        query=follow_up_api.FollowUpsPage,
        response=follow_up_api.FollowUpsOut,
    ),
    Row(
        "POST",
        "/api/v1/follow-ups/{follow_up_id}/settlement",
        follow_up_api.settle,
        Permission.FOLLOW_UPS,
        "api.follow_ups.settle",
        summary="Settle a follow-up with a reason of the list",
        happening=Happening.FOLLOW_UP_SETTLED,
        body=Body.JSON,
        request=models.ReasonIn,
        response=follow_up_api.FollowUpOut,
    ),
)
