"""The OpenAPI document, made from the rows of the route table: it cannot drift from them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic.json_schema import models_json_schema
from starlette.responses import JSONResponse, Response

from kursdocs import __version__
from kursdocs.catalogue import Catalogue
from kursdocs.core.audit import Happening
from kursdocs.core.documents.sending import COMMON_FIELDS
from kursdocs.web import models
from kursdocs.web.call import Body, Call, Gate, Row

_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}]
_PROBLEM = "application/problem+json"


async def show(call: Call) -> Response:
    """The document, as it was made at start."""
    return JSONResponse(call.request.app.state.openapi)


def document(rows: Sequence[Row], catalogue: Catalogue, public_url: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the API rows."""
    used = [m for row in rows for m in (row.request, row.response) if m is not None]
    used.append(models.Problem)
    schemas, definitions = models_json_schema(
        [(model, "serialization") for model in dict.fromkeys(used)],
        ref_template="#/components/schemas/{model}",
    )
    references: dict[Any, Any] = {model: schema for (model, _), schema in schemas.items()}
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, references, catalogue)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "kursdocs",
            "version": __version__,
            "description": "Addressed delivery of language course papers between agencies.",
            "license": {"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
        },
        "servers": [{"url": public_url}],
        "security": _SECURITY,
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "at+jwt"}
            },
        },
    }


def _operation(row: Row, references: Mapping[Any, Any], catalogue: Catalogue) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": row.name.removeprefix("api.").replace(".", "_"),
        "summary": row.summary,
        "parameters": [*_path_parameters(row), *_query_parameters(row), *_headers(row)],
        "responses": {
            str(row.status): _success(row, references),
            **{str(status): _refusal(references, text) for status, text in _refusals(row)},
        },
    }
    if row.body is Body.JSON and row.request is not None:
        operation["requestBody"] = {
            "required": any(f.is_required() for f in row.request.model_fields.values()),
            "content": {"application/json": {"schema": references[row.request]}},
        }
    if row.body is Body.FILES:
        operation["requestBody"] = _sending(catalogue)
    return operation


def _path_parameters(row: Row) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in row.path.split("/") if part.startswith("{")]
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
        }
        for name in names
    ]


def _query_parameters(row: Row) -> Iterable[dict[str, Any]]:
    if row.query is None:
        return
    schema = row.query.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.get("$defs", {})
    for name, described in schema["properties"].items():
        inlined = {**described}
        if "anyOf" in inlined:
            # An absent query parameter is simply not sent; it is never the word "null".
            options = inlined.pop("anyOf")
            inlined |= next(option for option in options if option.get("type") != "null")
            inlined.pop("default", None)
        if "$ref" in inlined:
            described_itself = {k: inlined[k] for k in ("description",) if k in inlined}
            inlined.update(definitions[inlined.pop("$ref").rpartition("/")[2]])
            inlined.update(described_itself)
        description = inlined.pop("description", "")
        if inlined.get("default") == "":
            del inlined["default"]  # leaving a parameter out is all that its empty default means
        yield {"name": name, "in": "query", "description": description, "schema": inlined}


def _headers(row: Row) -> Iterable[dict[str, Any]]:
    yield {
        "name": "Kursdocs-Agency",
        "in": "header",
        "description": "Slug of the agency to act for; needed by people with several.",
        "schema": {"type": "string", "pattern": "^[a-z0-9-]{1,60}$"},
    }
    if row.body is Body.FILES:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Makes repeating safe: the same key never stores twice.",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9._~-]{1,200}$"},
        }


def _success(row: Row, references: Mapping[Any, Any]) -> dict[str, Any]:
    if row.response is None:
        return {
            "description": "The stored PDF" if row.content_type.endswith("pdf") else "The ZIP",
            "content": {row.content_type: {"schema": {"type": "string", "format": "binary"}}},
        }
    return {
        "description": "Done" if row.method == "POST" else "Found",
        "content": {"application/json": {"schema": references[row.response]}},
    }


def _refusal(references: Mapping[Any, Any], text: str) -> dict[str, Any]:
    return {"description": text, "content": {_PROBLEM: {"schema": references[models.Problem]}}}


def _refusals(row: Row) -> Iterable[tuple[int, str]]:
    yield 400, "The request is malformed"
    yield 401, "The token is missing or does not count"
    if row.gate is not Gate.PUBLIC:
        yield 403, "The role does not allow it"
    if "{" in row.path or row.happening is Happening.DOCUMENT_DOWNLOADED:
        yield 404, "Not found: unknown and foreign are the same"
    if row.happening is Happening.DOCUMENT_DOWNLOADED:
        yield 410, "The content was erased when its time was over"
    if row.method == "POST":
        yield 408, "The body came too slowly"
        yield 409, "The state does not allow it (any more)"
        yield 413, "Too many bytes"
        yield 415, "The body has the wrong type"
        yield 422, "Some values are missing or wrong"
    yield 503, "A part does not answer, or all places are taken"


def _sending(catalogue: Catalogue) -> dict[str, Any]:
    """The multipart form: common fields, the fields of every kind, and the file last."""
    text = {"type": "string"}
    properties: dict[str, Any] = {
        "kind": {"type": "string", "enum": [kind.code for kind in catalogue.kinds]},
        "recipient": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        **dict.fromkeys(COMMON_FIELDS, text),
        "released": {
            "type": "string",
            "description": "`true`: released by the person today, in person.",
        },
        "release_form": {"type": "string", "enum": ["in_person", "in_writing", "electronic"]},
        "obliging_body": {"type": "array", "items": {"type": "string"}},
        "request": {"type": "string", "format": "uuid", "description": "Which request it answers."},
    }
    for kind in catalogue.kinds:
        for asked in kind.fields:
            properties.setdefault(
                asked.field.name, {**text, "description": asked.field.label.get("en")}
            )
    properties["file"] = {"type": "string", "contentMediaType": "application/octet-stream"}
    return {
        "required": True,
        "description": "Fields first, then one PDF, or photographs (JPEG, PNG) as further files.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": properties,
                    "required": [
                        "kind",
                        "recipient",
                        "family_name",
                        "given_names",
                        "birth_date",
                        "file",
                    ],
                }
            }
        },
    }
