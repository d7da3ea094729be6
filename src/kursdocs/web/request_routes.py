"""The part of the table of routes that is about requests: an agency asks another for a paper."""

from collections.abc import Sequence

from kursdocs.core.access import Permission
from kursdocs.core.audit import Happening
from kursdocs.web import models, request_api, requests
from kursdocs.web.call import Body, Row

REQUESTS: Sequence[Row] = (
    Row(
        "GET",
        "/requests",
        requests.index,
        Permission.REQUEST_READ,
        "requests",
        happening=Happening.PAPER_REQUESTS_LISTED,
        query=requests.RequestsList,
    ),
    Row(
        "GET",
        "/requests/new",
        requests.new,
        Permission.REQUEST_MAKE,
        "requests.new",
        query=requests.NewQuery,
    ),
    Row(
        "POST",
        "/requests",
        requests.create,
        Permission.REQUEST_MAKE,
        "requests.create",
        happening=Happening.PAPER_REQUESTED,
        body=Body.FORM,
    ),
    Row(
        "GET",
        "/requests/{request_id}",
        requests.show,
        Permission.REQUEST_READ,
        "requests.show",
        happening=Happening.PAPER_REQUEST_VIEWED,
        query=requests.ShowQuery,
    ),
    Row(
        "POST",
        "/requests/{request_id}/decline",
        requests.decline,
        Permission.DOCUMENT_SEND,
        "requests.decline",
        happening=Happening.PAPER_REQUEST_DECLINED,
        body=Body.FORM,
    ),
    Row(
        "POST",
        "/requests/{request_id}/cancel",
        requests.cancel,
        Permission.REQUEST_MAKE,
        "requests.cancel",
        happening=Happening.PAPER_REQUEST_CANCELLED,
        body=Body.FORM,
    ),
)

REQUESTS_API: Sequence[Row] = (
    Row(
        "GET",
        "/api/v1/requests",
        request_api.index,
        Permission.REQUEST_READ,
        "api.requests",
        summary="List requests for papers",
        happening=Happening.PAPER_REQUESTS_LISTED,
        query=request_api.RequestsPage,
        response=request_api.RequestsOut,
    ),
    Row(
        "POST",
        "/api/v1/requests",
        request_api.create,
        Permission.REQUEST_MAKE,
        "api.requests.create",
        summary="Ask an agency for a paper",
        happening=Happening.PAPER_REQUESTED,
        body=Body.JSON,
        status=201,
        request=request_api.RequestIn,
        response=request_api.RequestOut,
    ),
    Row(
        "GET",
        "/api/v1/requests/{request_id}",
        request_api.show,
        Permission.REQUEST_READ,
        "api.requests.show",
        summary="Look at a request",
        happening=Happening.PAPER_REQUEST_VIEWED,
        response=request_api.RequestOut,
    ),
    Row(
        "POST",
        "/api/v1/requests/{request_id}/decline",
        request_api.decline,
        Permission.DOCUMENT_SEND,
        "api.requests.decline",
        summary="Decline a request, as the agency that was asked",
        happening=Happening.PAPER_REQUEST_DECLINED,
        body=Body.JSON,
        request=models.ReasonIn,
        response=request_api.RequestOut,
    ),
    Row(
        "POST",
        "/api/v1/requests/{request_id}/cancel",
        request_api.cancel,
        Permission.REQUEST_MAKE,
        "api.requests.cancel",
        summary="Take an own request back",
        happening=Happening.PAPER_REQUEST_CANCELLED,
        body=Body.JSON,
        request=models.EmptyIn,
        response=request_api.RequestOut,
    ),
)
