"""The API is what its document says: valid, complete, and held to it by invented calls."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.web.house import OFFICE, VHS, House, sending_fields, the_file

from kursdocs.web.error_words import HEADINGS
from kursdocs.web.routes import API

EXAMPLES = 40
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ROWS = {row.name: row for row in API}
# A PDF, a reason of the catalogue's list, a person, something to undo, deliveries that are there:
# no invented call has one.
NEEDS_MORE_THAN_A_SCHEMA_SAYS = {
    "api.documents.create",
    "api.documents.withdraw",
    "api.documents.approve",
    "api.documents.decline",
    "api.deliveries.return",
    "api.deliveries.undo",
    "api.deliveries.claim",
    "api.deliveries.unclaim",
    "api.inbox.bundle",
}


@pytest.fixture(scope="session")
def document(house: House) -> dict[str, Any]:
    """The document as anybody gets it."""
    answer = house.client({}).get("/api/v1/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="session")
def schema(house: House, document: dict[str, Any]) -> Any:
    """The same as schemathesis reads it."""
    read = schemathesis.openapi.from_dict(document)
    read.config.update(base_url=house.url)
    return read


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"] == "3.1.0"


def test_every_row_of_the_api_is_in_it_and_nothing_else(document: dict[str, Any]) -> None:
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }

    assert described == {(row.method, row.path) for row in API}


def test_every_operation_has_a_name_and_says_what_it_does(document: dict[str, Any]) -> None:
    operations = [each for item in document["paths"].values() for each in item.values()]
    names = [operation["operationId"] for operation in operations]

    assert len(set(names)) == len(names)
    assert all(operation["summary"] for operation in operations)
    assert all(
        parameter.get("description") or parameter["in"] == "path"
        for operation in operations
        for parameter in operation["parameters"]
        if parameter["name"] != "limit"
    )


def test_every_status_it_names_has_a_heading(document: dict[str, Any]) -> None:
    for item in document["paths"].values():
        for operation in item.values():
            assert {int(s) for s in operation["responses"]} - {200, 201} <= set(HEADINGS)


def test_the_document_asks_for_nothing_that_tells_people_apart(document: dict[str, Any]) -> None:
    """No address takes a name, a birth date or a number of a person (ASVS 14.2.1)."""
    for path, item in document["paths"].items():
        for operation in item.values():
            for parameter in operation["parameters"]:
                name = parameter["name"]
                assert not name.endswith(("_name", "_names", "_no", "_date")), (path, name)


def ids(house: House, row_name: str) -> Callable[[], Mapping[str, str]]:
    """Makes the ids of something that the caller may do this with."""
    row = ROWS[row_name]
    kept = house.sent(VHS, OFFICE) if row.method == "GET" and "{" in row.path else None

    def made() -> Mapping[str, str]:
        if "{document_id}" in row.path:
            return {"document_id": str((kept or house.noted(VHS, OFFICE)).document_id)}
        if "{delivery_id}" in row.path:
            return {"delivery_id": str(house.noted(VHS, OFFICE).delivery_id)}
        return {}

    return made


@pytest.mark.parametrize("name", sorted(ROWS))
def test_invented_calls_are_answered_as_the_document_says(
    house: House, schema: Any, name: str
) -> None:
    row = ROWS[name]
    operation = schema[row.path][row.method]
    # The office settles what the provider sent.
    client = house.service(OFFICE if "deliveries" in name else VHS)
    token = client.headers["authorization"]
    made = ids(house, name)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        known=st.booleans(),
    )
    def call(case: Any, known: bool) -> None:
        if known and "{" in row.path:
            case.path_parameters = dict(made())
        # Whom to act for is a matter of its own, and a foreign agency always 403.
        case.headers.pop("Kursdocs-Agency", None)
        answer = case.call(headers={"Authorization": token}, timeout=20)
        statuses[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    statuses: Counter[int] = Counter()
    call()
    assert statuses.total() >= EXAMPLES / 2
    assert row.status in statuses or name in NEEDS_MORE_THAN_A_SCHEMA_SAYS


def test_a_sending_as_the_document_describes_it_is_taken(
    house: House, schema: Any, document: dict[str, Any]
) -> None:
    asked = document["paths"]["/api/v1/documents"]["post"]["requestBody"]["content"]
    form = asked["multipart/form-data"]["schema"]
    fields = sending_fields()

    answer = house.service(VHS).post("/api/v1/documents", data=fields, files=the_file())

    assert answer.status_code == 201
    assert set(fields) | {"file"} <= set(form["properties"])
    assert set(form["required"]) <= {*fields, "file"}
    described = document["components"]["schemas"]["DocumentOut"]
    assert set(answer.json()) == set(described["properties"])
    assert schema["/api/v1/documents"]["POST"]
