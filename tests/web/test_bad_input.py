"""Bad input: each gets its status and its sentence, nothing is stored, what was typed stays."""

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from urllib.parse import urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlmodel import select
from tests.adapters.paper_corpus import HOSTILE
from tests.web.house import (
    JOBCENTER,
    OFFICE,
    SPRACHWERK,
    VHS,
    Answer,
    FileParts,
    FormFields,
    House,
    Visitor,
    sending_fields,
    the_file,
)
from tests.web.lint import Outline, leads_somewhere

from kursdocs.core.accounts import Membership, User
from kursdocs.core.audit import Happening
from kursdocs.web import error_words, pages
from kursdocs.web.pages import Pages

MIB = 1024 * 1024
LANGUAGES = ("de", "en")
ARABIC = "محمد" * 75
each_language = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture(scope="session")
def shown(house: House) -> Pages:
    """Translates the sentences a test expects."""
    return pages.load(pages.frontend_folder(), house.services.catalogue)


@pytest.fixture(scope="session")
def clerks(house: House) -> Mapping[str, Visitor]:
    """The same clerk in a German and in an English browser."""
    return {language: house.newly("amina.muster", language) for language in LANGUAGES}


@pytest.fixture
def nothing_stored(house: House) -> Iterator[None]:
    """At the end of the test rows and objects are as before; people may have signed in."""

    def stored() -> object:
        contents = house.contents()
        people = ("app_user", "membership", "instruction", "sign_in", "sign_in_attempt")
        return {k: v for k, v in contents.items() if k not in people}, house.objects()

    before = stored()
    yield
    assert stored() == before


def sentence(shown: Pages, language: str, code: str, **details: object) -> str:
    """What people read for a code."""
    return shown.text(language, error_words.SENTENCES[code], **details)


def filled(page: Outline) -> dict[str, list[str]]:
    """What stands in the form of the page: typed, checked and chosen."""
    found: dict[str, list[str]] = {}
    for field in page.all("input"):
        kind = field.get("type", "text")
        if kind not in ("checkbox", "radio", "file") or "checked" in field:
            found.setdefault(field.get("name", ""), []).append(field.get("value", ""))
    return found


def assert_kept(answer: Answer, typed: FormFields) -> None:
    """Everything typed stands in the form again, also what was checked and chosen."""
    kept = filled(Outline(answer.text))
    for name, value in typed.items():
        expected = value if isinstance(value, list) else [value]
        assert kept.get(name) == expected, name


def api_problem(answer: Answer, status: int, code: str, language: str = "de") -> dict[str, object]:
    """The body of a problem+json answer, which must be this one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-language"] == language
    problem: dict[str, object] = answer.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["title"]
    assert problem["detail"]
    return problem


# ── Files ────────────────────────────────────────────────────────────────────────────────────

FILES: Mapping[str, tuple[Callable[[], bytes], int, str]] = {
    "a text file": (HOSTILE["text"][0], 422, "file_type"),
    "an encrypted PDF": (HOSTILE["user password"][0], 422, "file_encrypted"),
    "a PDF with JavaScript": (HOSTILE["script on opening"][0], 422, "file_active"),
    "half a PDF": (HOSTILE["cut in the middle"][0], 422, "file_damaged"),
    "zero bytes": (bytes, 422, "file_empty"),
    "33 MiB": (lambda: b"%PDF-1.7\n" + bytes(33 * MIB), 413, "file_too_large"),
}


@each_language
@pytest.mark.parametrize("name", FILES)
@pytest.mark.usefixtures("nothing_stored")
def test_a_refused_file_leaves_the_form_as_it_was_filled(
    house: House, clerks: Mapping[str, Visitor], shown: Pages, language: str, name: str
) -> None:
    data, status, code = FILES[name]
    typed = sending_fields(idempotency_key="probe-1")
    seq = house.log_end()

    answer = clerks[language].send(typed, the_file(data()))

    assert house.log_since(seq) == [Happening.REQUEST_REFUSED]

    assert answer.status_code == status
    said = Outline(answer.text).said()
    assert sentence(shown, language, code, limit_mib=32) in said
    assert_kept(answer, typed)
    assert Outline(answer.text).title.startswith(("Fehler:", "Error:"))


@each_language
@pytest.mark.parametrize("name", FILES)
def test_the_api_refuses_the_file_with_a_stable_code(
    house: House, nothing_stored: None, language: str, name: str
) -> None:
    data, status, code = FILES[name]
    client = house.service(VHS, **{"Accept-Language": language})

    answer = client.post("/api/v1/documents", data=sending_fields(), files=the_file(data()))

    problem = api_problem(answer, status, code, language)
    assert problem["errors"] == [{"field": "file", "detail": problem["detail"]}]


def test_a_file_of_unknown_length_is_cut_off_at_the_limit(
    house: House, nothing_stored: None
) -> None:
    head, tail = multipart(sending_fields())

    def chunks() -> Iterator[bytes]:
        yield head
        for _ in range(33):
            yield bytes(MIB)
        yield tail

    answer = house.service(VHS).post(
        "/api/v1/documents", content=chunks(), headers={"Content-Type": MULTIPART}
    )

    assert "content-length" not in answer.request.headers
    api_problem(answer, 413, "file_too_large")


@each_language
def test_no_file_chosen_is_said_at_the_file(
    clerks: Mapping[str, Visitor], shown: Pages, nothing_stored: None, language: str
) -> None:
    typed = sending_fields()

    # Browsers send an empty part without a name.
    head, tail = multipart(typed)
    answer = clerks[language].request(
        "POST",
        "/documents",
        content=head.replace(b"a.pdf", b"") + tail,
        headers={"Content-Type": MULTIPART},
    )

    assert answer.status_code == 422
    page = Outline(answer.text)
    assert sentence(shown, language, "file_missing") in page.said()
    assert "file-error" in page.all("input")[-1].get("aria-describedby", "")
    assert_kept(answer, typed)


def test_a_file_name_is_nobodys_business(house: House) -> None:
    answer = house.service(VHS).post(
        "/api/v1/documents",
        data=sending_fields(family_name="Pfadprobe"),
        files=the_file(name="../../etc/passwd"),
    )

    assert answer.status_code == 201
    assert "passwd" not in answer.text
    assert "passwd" not in repr(house.contents())
    assert not [name for name in house.objects() if "passwd" in name]


# ── Fields ───────────────────────────────────────────────────────────────────────────────────

FIELDS: Mapping[str, tuple[FormFields, str, str, Mapping[str, object]]] = {
    "a field is missing": ({"family_name": ""}, "family_name", "field_missing", {}),
    "a 300-character Arabic name": (
        {"family_name": ARABIC},
        "family_name",
        "field_too_long",
        {"max": 120},
    ),
    "an impossible birth date": (
        {"birth_date": "31.02.1990"},
        "birth_date",
        "field_date_impossible",
        {},
    ),
    "a birth date in letters": ({"birth_date": "gestern"}, "birth_date", "field_format", {}),
    "nobody to send to": ({"recipient": []}, "recipient", "recipient_missing", {}),
    "a control character": ({"given_names": "Pro\x00be"}, "given_names", "field_characters", {}),
    "a release in no known form": ({"release_form": "gedacht"}, "release_form", "field_choice", {}),
    "no release": (
        {"release_given_on": "", "release_form": ""},
        "released",
        "release_missing",
        {},
    ),
}


@each_language
@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.usefixtures("nothing_stored")
def test_a_mistake_in_a_field_is_said_there_and_nothing_typed_is_lost(
    house: House, clerks: Mapping[str, Visitor], shown: Pages, language: str, name: str
) -> None:
    changes, field, code, details = FIELDS[name]
    typed = sending_fields(**changes)
    seq = house.log_end()

    answer = clerks[language].send(typed)

    assert house.log_since(seq) == [Happening.REQUEST_REFUSED]

    assert answer.status_code == 422
    page = Outline(answer.text)
    assert sentence(shown, language, code, **details) in page.said()
    assert "data-file-again" in answer.text
    # What no browser can choose is not shown either; a control character has no sign.
    unseen = {"a release in no known form": "release_form", "a control character": "given_names"}
    shown_again = {k: v for k, v in typed.items() if v and k != unseen.get(name)}
    assert_kept(answer, shown_again)
    assert f"#{field}" in [link.get("href") for link in page.all("a")]


@pytest.mark.parametrize("name", FIELDS)
def test_the_api_names_the_field_that_is_wrong(
    house: House, nothing_stored: None, name: str
) -> None:
    changes, field, _, _ = FIELDS[name]

    answer = house.service(VHS).post(
        "/api/v1/documents", data=sending_fields(**changes), files=the_file()
    )

    problem = api_problem(answer, 422, "form_invalid")
    assert [each["field"] for each in problem["errors"]] == [field]  # type: ignore[attr-defined]


def test_every_mistake_is_told_at_once(house: House, nothing_stored: None) -> None:
    answer = house.service(VHS).post(
        "/api/v1/documents",
        data=sending_fields(family_name="", birth_date="x", issued_on="31.11.2026", recipient=[]),
        files=the_file(),
    )

    problem = api_problem(answer, 422, "form_invalid")
    named = {each["field"] for each in problem["errors"]}  # type: ignore[attr-defined]
    assert named == {"family_name", "birth_date", "issued_on", "recipient"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"recipient": SPRACHWERK}, "recipient"),
        ({"recipient": VHS}, "recipient"),
        ({"recipient": "nirgendwo"}, "recipient"),
        ({"recipient": [OFFICE, SPRACHWERK]}, "recipient"),
        ({"kind": "nichts"}, "kind"),
        ({"kind": "medical_certificate"}, "kind"),
        ({"kind": ""}, "kind"),
        ({"favourite_colour": "blau"}, "favourite_colour"),
        ({"lesson_units": "100"}, "lesson_units"),
    ],
)
def test_what_the_catalogue_forbids_is_refused(
    house: House,
    clerks: Mapping[str, Visitor],
    nothing_stored: None,
    changes: FormFields,
    field: str,
) -> None:
    typed = sending_fields(**changes)

    answer = house.service(VHS).post("/api/v1/documents", data=typed, files=the_file())
    seq = house.log_end()
    page = clerks["de"].send(typed)

    assert house.log_since(seq) == [Happening.REQUEST_REFUSED]
    problem = api_problem(answer, 422, "form_invalid")
    assert [each["field"] for each in problem["errors"]] == [field]  # type: ignore[attr-defined]
    assert page.status_code == 422
    details = [str(each["detail"]) for each in problem["errors"]]  # type: ignore[attr-defined]
    assert details[0] in Outline(page.text).said()


def test_an_office_may_not_send_what_only_providers_send(
    house: House, nothing_stored: None
) -> None:
    typed = sending_fields(kind="admission_ik_bamf", recipient=VHS)

    answer = house.service(OFFICE).post("/api/v1/documents", data=typed, files=the_file())
    page = house.person("jonas.muster").send(typed)

    problem = api_problem(answer, 422, "form_invalid")
    assert "darf diese Art von Papier nicht senden" in json.dumps(problem, ensure_ascii=False)
    assert page.status_code == 422
    assert "darf diese Art von Papier nicht senden" in page.text


@each_language
def test_a_form_for_one_agency_is_not_sent_by_another(
    house: House, shown: Pages, nothing_stored: None, language: str
) -> None:
    visitor = house.newly("mira.beispiel", language)
    filled_in_for = acting_agency_of(visitor)
    typed = sending_fields(acting_agency=filled_in_for, idempotency_key="probe-wechsel")

    switch_agency(visitor)
    answer = visitor.send(typed)

    now_for = acting_agency_of(visitor)
    name = {VHS: "VHS Musterstadt", SPRACHWERK: "Sprachwerk"}[now_for]
    assert now_for != filled_in_for
    assert answer.status_code == 409
    changed = sentence(shown, language, "acting_agency_changed", agency=name)
    assert changed in Outline(answer.text).said()
    assert_kept(answer, {**typed, "acting_agency": now_for})


def acting_agency_of(visitor: Visitor) -> str:
    """The agency for which the form is opened now."""
    page = Outline(visitor.get("/documents/new?kind=admission_ik_jc").text)
    return filled(page)["acting_agency"][0]


def switch_agency(visitor: Visitor) -> None:
    """Act for the other of two agencies, as from a second tab."""
    offered = [
        button
        for button in Outline(visitor.get("/inbox").text).all("button")
        if button.get("name") == "membership" and "aria-current" not in button
    ]
    answer = visitor.post("/acting-agency", {"membership": offered[0]["value"]})
    assert answer.status_code == 303


def test_a_form_sent_again_after_the_change_goes_out(house: House) -> None:
    visitor = house.newly("mira.beispiel")
    switch_agency(visitor)

    answer = visitor.send(sending_fields(acting_agency=acting_agency_of(visitor)))

    assert answer.status_code == 303, answer.text


# ── The body as such ─────────────────────────────────────────────────────────────────────────

BOUNDARY = "grenze"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
_DISPOSITION = 'Content-Disposition: form-data; name="{}"'


def part(name: str, value: str | bytes, *more: str) -> bytes:
    """One part of a multipart body."""
    head = "\r\n".join([f"--{BOUNDARY}", _DISPOSITION.format(name) + "".join(more), "", ""])
    return head.encode() + (value.encode() if isinstance(value, str) else value) + b"\r\n"


def multipart(fields: FormFields) -> tuple[bytes, bytes]:
    """A body up to the first byte of its file, and what stands behind the file."""
    parts = [
        part(name, value)
        for name, values in fields.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return b"".join(parts) + _file(b"")[:-2], f"\r\n--{BOUNDARY}--\r\n".encode()


def _file(data: bytes) -> bytes:
    return part("file", data, '; filename="a.pdf"')


END = f"--{BOUNDARY}--\r\n".encode()
KIND = part("kind", "admission_ik_jc")

BODIES: Mapping[str, tuple[str, bytes, int, str]] = {
    "a file before the fields": (
        MULTIPART,
        _file(b"%PDF") + KIND + END,
        400,
        "file_before_fields",
    ),
    "no boundary": ("multipart/form-data", b"x", 415, "body_type_unsupported"),
    "JSON": ("application/json", b"{}", 415, "body_type_unsupported"),
    "no type": ("", b"x", 415, "body_type_unsupported"),
    "no end": (MULTIPART, KIND, 400, "body_truncated"),
    "nothing": (MULTIPART, b"", 400, "body_truncated"),
    "no multipart at all": (MULTIPART, b"kind=admission_ik_jc", 400, "body_malformed"),
    "another boundary": (MULTIPART, b"--fremd\r\n\r\n--fremd--\r\n", 400, "body_malformed"),
    "a part without a name": (
        MULTIPART,
        f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nx\r\n".encode() + END,
        400,
        "body_malformed",
    ),
    "a part without a header": (
        MULTIPART,
        f"--{BOUNDARY}\r\n\r\nx\r\n".encode() + END,
        400,
        "body_malformed",
    ),
    "too many fields": (
        MULTIPART,
        b"".join(part(f"f{number}", "x") for number in range(101)) + END,
        400,
        "body_malformed",
    ),
    "fields too long": (MULTIPART, KIND + part("a", "x" * 70_000) + END, 400, "body_too_large"),
    "a header too long": (MULTIPART, part("a" * 5_000, "x") + END, 400, "body_malformed"),
    "no UTF-8": (MULTIPART, part("family_name", b"\xff\xfe") + END, 400, "body_malformed"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_malformed_body_is_refused_on_the_page_and_in_the_api(
    house: House, clerks: Mapping[str, Visitor], shown: Pages, nothing_stored: None, name: str
) -> None:
    content_type, body, status, code = BODIES[name]
    headers = {"Content-Type": content_type} if content_type else {}

    answer = house.service(VHS).post("/api/v1/documents", content=body, headers=headers)
    page = clerks["en"].request("POST", "/documents", content=body, headers=headers)

    api_problem(answer, status, code)
    assert page.status_code == status
    assert sentence(shown, "en", code) in Outline(page.text).said()


def test_a_file_between_the_fields_is_refused(house: House, nothing_stored: None) -> None:
    head, _ = multipart(sending_fields())
    body = head + b"%PDF\r\n" + part("original_at", "Probe") + END

    answer = house.service(VHS).post(
        "/api/v1/documents", content=body, headers={"Content-Type": MULTIPART}
    )

    api_problem(answer, 400, "file_before_fields")


@pytest.mark.parametrize("row", ["/documents/{}/withdrawal", "/deliveries/{}/return"])
@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/plain", b"reason=illegible", 415),
        (MULTIPART, KIND + END, 415),
        ("application/x-www-form-urlencoded", b"&".join([b"a=b"] * 60), 400),
        ("application/x-www-form-urlencoded", b"\xff\xfe", 400),
        ("application/x-www-form-urlencoded", b"reason=" + b"x" * 70_000, 413),
    ],
)
def test_a_small_form_is_read_within_its_limits(
    house: House, nothing_stored: None, row: str, content_type: str, body: bytes, status: int
) -> None:
    address = row.format("01890000-0000-7000-8000-000000000000")

    answer = house.person("amina.muster").request(
        "POST", address, content=body, headers={"Content-Type": content_type}
    )

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("text/plain", b'{"reason": "illegible"}', 415, "body_type_unsupported"),
        ("application/json", b"{", 400, "body_malformed"),
        ("application/json", b'"\xff"', 400, "body_malformed"),
        ("application/json", b"[" * 30_000, 400, "body_malformed"),
        ("application/json", b"[]", 422, "field_format"),
        ("application/json", b"", 422, "field_missing"),
        ("application/json", b'{"reason": null}', 422, "field_format"),
        ("application/json", b'{"reason": "illegible", "more": 1}', 422, "field_unknown"),
        ("application/json", b'{"reason": "' + b"x" * 70_000 + b'"}', 413, "body_too_large"),
    ],
)
def test_json_is_read_strictly(
    house: House, content_type: str, body: bytes, status: int, code: str
) -> None:
    sent = house.noted(VHS, OFFICE)

    answer = house.service(OFFICE).post(
        f"/api/v1/deliveries/{sent.delivery_id}/return",
        content=body,
        headers={"Content-Type": content_type},
    )

    api_problem(answer, status, code)


@each_language
def test_an_unknown_reason_is_said_where_it_is_chosen(
    house: House, clerks: Mapping[str, Visitor], shown: Pages, language: str
) -> None:
    sent = house.noted(VHS, OFFICE)

    page = clerks[language].post(f"/documents/{sent.document_id}/withdrawal", {"reason": "x"})
    answer = house.service(VHS, **{"Accept-Language": language}).post(
        f"/api/v1/documents/{sent.document_id}/withdrawal", json={"reason": "x"}
    )

    assert page.status_code == 422
    assert sentence(shown, language, "reason_unknown") in Outline(page.text).said()
    api_problem(answer, 422, "reason_unknown", language)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_breaks_off_leaves_nothing(
    house: House, nothing_stored: None, chunked: bool
) -> None:
    head, _ = multipart(sending_fields())
    announced = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(head) + 5000}"
    lines = [
        "POST /api/v1/documents HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {house.service_token(VHS)}",
        f"Content-Type: {MULTIPART}",
        announced,
        "",
        "",
    ]
    sent = head + b"%PDF-1.7"
    body = b"%x\r\n%s\r\n" % (len(sent), sent) if chunked else sent
    place = urlsplit(house.url)
    with closing(socket.create_connection((place.hostname, place.port), timeout=5)) as line:
        line.sendall("\r\n".join(lines).encode() + body)
        time.sleep(0.2)

    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and house.client({}).get("/healthz").status_code != 200:
        time.sleep(0.05)
    assert house.client({}).get("/healthz").status_code == 200


# ── The same twice ───────────────────────────────────────────────────────────────────────────


def test_the_same_key_stores_once_and_another_key_again(house: House) -> None:
    client = house.service(VHS)

    def send(key: str, **changes: str) -> httpx2.Response:
        return client.post(
            "/api/v1/documents",
            data=sending_fields(**changes),
            files=the_file(),
            headers={"Idempotency-Key": key},
        )

    first, again, other = send("doppelt-1"), send("doppelt-1"), send("doppelt-2")

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 201)
    assert first.json()["id"] == again.json()["id"] != other.json()["id"]
    api_problem(send("doppelt-1", family_name="Anders"), 409, "key_reused")
    api_problem(send("x" * 201), 422, "key_too_long")


def test_the_form_sent_twice_leads_to_the_same_receipt(clerks: Mapping[str, Visitor]) -> None:
    typed = sending_fields(idempotency_key="knopf-zweimal")

    first, again = clerks["de"].send(typed), clerks["de"].send(typed)
    reused = clerks["de"].send({**typed, "family_name": "Anders"})

    assert first.status_code == again.status_code == 303
    assert first.headers["location"] == again.headers["location"]
    assert reused.status_code == 409
    kept = {**typed, "family_name": "Anders"}
    assert_kept(reused, {k: v for k, v in kept.items() if k != "idempotency_key"})
    fresh = filled(Outline(reused.text))["idempotency_key"][0]
    assert clerks["de"].send({**kept, "idempotency_key": fresh}).status_code == 303


# ── Tokens and sessions ──────────────────────────────────────────────────────────────────────


def made_by_the_provider(house: House, **changes: object) -> str:
    """A token of the demo's provider, with some claims other than it would write."""
    key = ECKey.import_key(json.loads((house.var / "sign-in.key").read_text()))
    now = int(time.time())
    claims = {
        "iss": house.url + "/demo/oidc",
        "sub": VHS,
        "aud": "urn:kursdocs:api",
        "client_id": VHS,
        "iat": now,
        "exp": now + 600,
        **changes,
    }
    kind = str(claims.pop("typ", "at+jwt"))
    return jwt.encode({"alg": "ES256", "typ": kind, "kid": key.kid}, claims, key, ["ES256"])


def test_a_token_made_by_the_provider_counts(house: House) -> None:
    """Without this, the refusals below would prove nothing."""
    assert house.program(made_by_the_provider(house)).get("/api/v1/me").status_code == 200


TOKENS: Mapping[str, Callable[[House], str]] = {
    "expired": lambda house: made_by_the_provider(house, exp=int(time.time()) - 120),
    "for another audience": lambda house: made_by_the_provider(house, aud="urn:other:api"),
    "an id token": lambda house: made_by_the_provider(house, aud="kursdocs", typ="JWT"),
    "an id token for us": lambda house: made_by_the_provider(house, typ="JWT"),
    "of another issuer": lambda house: made_by_the_provider(house, iss="https://other.example"),
    "garbage": lambda _: "garbage",
    "half a token": lambda house: house.service_token(VHS)[:-20],
    "not ASCII": lambda _: "schl\xfcssel",
    "very long": lambda _: "x" * 20_000,
}


@each_language
@pytest.mark.parametrize("name", TOKENS)
def test_a_token_that_does_not_count_is_refused(
    house: House, nothing_stored: None, language: str, name: str
) -> None:
    headers = {
        b"Authorization": b"Bearer " + TOKENS[name](house).encode("latin-1"),
        b"Accept-Language": language.encode(),
    }

    answer = house.client({}).get("/api/v1/me", headers=headers)

    api_problem(answer, 401, "token_invalid", language)
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["", "Basic dmhzOmRlbW8=", "Bearer", "bearerabc"])
def test_other_credentials_are_no_token(house: House, header: str) -> None:
    headers = {"Authorization": header} if header else {}

    api_problem(house.client({}).get("/api/v1/me", headers=headers), 401, "token_invalid")


def test_a_program_nobody_let_in_is_told_so(house: House) -> None:
    token = made_by_the_provider(house, sub="fremd", client_id="fremd")

    api_problem(house.program(token).get("/api/v1/me"), 403, "service_unknown")


def test_acting_for_a_foreign_agency_is_refused(house: House) -> None:
    client = house.service(VHS, **{"Kursdocs-Agency": OFFICE})

    api_problem(client.get("/api/v1/inbox"), 403, "agency_not_yours")


def test_somebody_of_two_agencies_must_name_one(house: House) -> None:
    token = house.person_token("mira.beispiel")

    api_problem(house.program(token).get("/api/v1/inbox"), 403, "agency_ambiguous")
    named = house.program(token, **{"Kursdocs-Agency": SPRACHWERK}).get("/api/v1/me")
    assert named.json()["agency"]["slug"] == SPRACHWERK


@each_language
def test_when_the_membership_has_ended_so_has_the_session_and_what_was_typed_is_kept(
    house: House, language: str
) -> None:
    visitor = house.newly("pavlo.muster", language)
    assert visitor.get("/inbox").status_code == 200

    with house.services.transaction() as session:
        held = session.exec(
            select(Membership).join(User).where(User.subject == "pavlo.muster")
        ).all()
        for membership in held:
            membership.valid_from -= timedelta(hours=1)
            membership.valid_until = house.clock() - timedelta(minutes=1)
            session.add(membership)
    typed = sending_fields()
    looked, sent = visitor.get("/inbox"), visitor.send(typed)

    assert looked.headers["location"] == "/sign-in?next=%2Finbox"
    assert sent.status_code == 401
    assert ("Bitte melden Sie sich an" if language == "de" else "sign in") in sent.text
    assert_kept(sent, typed)
    assert house.newly("pavlo.muster").get("/inbox").status_code == 200


def test_an_expired_session_offers_the_form_again(house: House, nothing_stored: None) -> None:
    visitor = house.newly("omar.beispiel")
    typed = sending_fields(idempotency_key="abgelaufen", obliging_body=[OFFICE, JOBCENTER])
    house.clock.ahead = timedelta(minutes=31)
    try:
        answer = visitor.send(typed)
    finally:
        house.clock.ahead = timedelta()

    assert answer.status_code == 401
    page = Outline(answer.text)
    assert_kept(answer, typed)
    form = next(form for form in page.all("form") if form.get("action") == "/documents")
    assert form["enctype"] == "multipart/form-data"
    assert [field for field in page.all("input") if field.get("type") == "file"]
    assert "/sign-in" in [link.get("href") for link in page.all("a")]
    assert all("Mustermann" not in link.get("href", "") for link in page.all("a"))


def test_an_expired_session_offers_a_small_form_again(house: House) -> None:
    visitor, sent = house.newly("david.beispiel"), house.noted(SPRACHWERK, JOBCENTER)
    address = f"/deliveries/{sent.delivery_id}/return"
    house.clock.ahead = timedelta(hours=11)
    try:
        answer = visitor.post(address, {"reason": "illegible"})
    finally:
        house.clock.ahead = timedelta()

    assert answer.status_code == 401
    forms = [f for f in Outline(answer.text).all("form") if f.get("action") == address]
    assert "enctype" not in forms[0]
    assert_kept(answer, {"reason": "illegible"})
    again = house.person("david.beispiel").post(address, {"reason": "illegible"})
    assert again.status_code == 303


def test_a_stranger_gets_no_form_back(house: House, nothing_stored: None) -> None:
    answer = house.visitor().send()

    assert answer.status_code == 401
    assert "Mustermann" not in answer.text
    assert not [f for f in Outline(answer.text).all("form") if f.get("action") == "/documents"]


# ── Addresses ────────────────────────────────────────────────────────────────────────────────

ELSEWHERE = [
    "https://evil.example",
    "http://evil.example/",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "https:evil.example",
    "https:/evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    " //evil.example",
    "\t//evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/%0d%0aSet-Cookie:x=y",
    "/\r\nSet-Cookie: x=y",
    "/\x00//evil.example",
    "/﻿//evil.example",
    "evil.example",
    "@evil.example",
    "/" + "x" * 600,
    "//evil.example%2f..",
    "/..//evil.example",
    "/.//evil.example",
]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_nobody_is_sent_elsewhere(house: House, address: str) -> None:
    preferring = house.visitor().post("/preferences", {"return_to": address, "theme": "dark"})
    asked = house.visitor()
    signed_in = asked.sign_in(
        "nora.probe", str(httpx2.URL("/sign-in/start", params={"next": address}))
    )
    looking = house.visitor().get("/sign-in", params={"next": address})

    assert preferring.status_code == signed_in.status_code == 303
    for answer in (preferring, signed_in):
        to = urlsplit(str(httpx2.URL(house.url).join(answer.headers["location"])))
        assert f"{to.scheme}://{to.netloc}" == house.url
        assert "set-cookie: x" not in str(answer.headers).lower()
        assert not answer.headers["location"].startswith("//")
    assert looking.status_code == 200
    assert "evil.example" not in Outline(looking.text).said()


def test_our_own_addresses_are_kept_through_the_sign_in(house: House) -> None:
    visitor = house.visitor()

    away = visitor.get("/inbox?state=taken_over")
    start = Outline(visitor.get(away.headers["location"]).text).all("a")
    begin = next(a["href"] for a in start if a["href"].startswith("/sign-in/start"))

    assert visitor.sign_in("nora.probe", begin).headers["location"] == "/inbox?state=taken_over"


@pytest.mark.parametrize(
    "address",
    [
        "/inbox?state=alle",
        "/inbox?after=gestern",
        "/inbox?after=",
        "/inbox?foo=bar",
        "/sent?after=1",
        "/documents/new?kind=" + "x" * 61,
        "/documents/{}/pages/1?width=1",
        "/documents/{}/pages/1?width=99999",
        "/documents/{}/pages/1?width=breit",
        "/api/v1/inbox?limit=0",
        "/api/v1/inbox?limit=101",
        "/api/v1/inbox?limit=viele",
        "/api/v1/inbox?state=alle",
        "/api/v1/inbox?after=x",
        "/api/v1/sent?limit=-1",
        "/api/v1/sent?state=new",
    ],
)
def test_a_parameter_that_makes_no_sense_is_named(house: House, address: str) -> None:
    if "{}" in address:
        address = address.format(house.noted(VHS, OFFICE).document_id)
    if address.startswith("/api"):
        answer = house.service(VHS).get(address)
        api_problem(answer, 400, "parameter_invalid")
        return
    answer = house.person("amina.muster").get(address)

    assert answer.status_code == 400
    assert "ist nicht gültig" in answer.text


@pytest.mark.parametrize(
    "address",
    [
        "/documents/x",
        "/documents/%00",
        "/documents/%ff%fe",
        "/documents/01890000-0000-7000-8000-000000000000%00",
        "/documents/{}/pages/0",
        "/documents/{}/pages/2",
        "/documents/{}/pages/-1",
        "/documents/{}/pages/x",
        "/documents/{}/pages/" + "9" * 5000,
        "/documents/{}/pages/٣",
        "/documents/new?kind=nichts",
        "/catalogue?kind=nichts",
        "/nirgendwo",
        "/static/nichts.js",
        "/static/../pyproject.toml",
        "/static/%2e%2e/package.json",
        "/inbox/",
        "/api/v1/nichts",
        "/api/v1/documents/x",
        "/api/v1/documents/{}/content/x",
        "/api/",
    ],
)
def test_what_is_not_there_is_not_found(house: House, address: str) -> None:
    address = address.format(house.noted(VHS, OFFICE).document_id)
    client = house.service(VHS) if address.startswith("/api") else None

    answer = client.get(address) if client else house.person("amina.muster").get(address)

    assert answer.status_code == 404, answer.text
    if client:
        api_problem(answer, 404, "not_found")


def test_a_search_takes_any_name_and_shows_it_in_no_address(house: House) -> None:
    visitor = house.person("jonas.muster")

    for name in ("Mustermann", ARABIC * 4, "%_\\'\"", "<svg onload=x>", "\x00", " "):
        answer = visitor.post("/inbox/search", {"state": "new", "name": name})
        assert answer.status_code == 200
        links = [link.get("href", "") for link in Outline(answer.text).all("a")]
        assert not [href for href in links if "Mustermann" in href]
    for state in ("", "alle"):
        assert visitor.post("/inbox/search", {"state": state}).status_code == 400


@pytest.mark.parametrize(
    "query", ["kind=%00", "sender=a%00b", "after=%00", "kind=a%0Ab", "kind=%E2%80%AE"]
)
def test_a_list_is_narrowed_by_nothing_that_cannot_be_read(house: House, query: str) -> None:
    visitor = house.person("jonas.muster")

    assert visitor.get(f"/inbox?{query}").status_code == 400
    assert visitor.post("/inbox/search", {"list": query, "name": "a"}).status_code == 400
    assert house.service(OFFICE).get(f"/api/v1/inbox?{query}").status_code == 400


@pytest.mark.parametrize("number", ["0", "-1", str(2**63), "9" * 80])
def test_a_place_in_the_log_that_cannot_be_is_named(house: House, number: str) -> None:
    head = house.person("vera.probe")

    answer = head.get(f"/log?before={number}")

    assert answer.status_code == 400
    assert "ist nicht gültig" in answer.text
    assert head.get(f"/log?before={2**63 - 1}").status_code == 200


@pytest.mark.parametrize(
    ("first", "code"), [("take-over", "already_taken_over"), ("return", "already_returned")]
)
@pytest.mark.parametrize("second", ["take-over", "return"])
def test_who_comes_too_late_sees_the_paper_and_who_was_quicker(
    house: House, shown: Pages, first: str, second: str, code: str
) -> None:
    sent = house.noted(VHS, OFFICE)
    settle = f"/deliveries/{sent.delivery_id}"
    reason = {"reason": "illegible"}
    quicker, later = house.person("jonas.muster"), house.person("karin.beispiel")
    assert quicker.post(f"{settle}/{first}", reason).status_code == 303
    before, seq = house.contents(), house.log_end()

    answer = later.post(f"{settle}/{second}", reason)

    assert answer.status_code == 409
    said = Outline(answer.text).said()
    assert "Zulassung" in Outline(answer.text).title
    assert sentence(shown, "de", code) in said
    assert "Das war am" in said
    assert ", durch Jonas Muster" in said
    assert "2026-" not in said
    assert house.log_since(seq) == [Happening.REQUEST_REFUSED]
    assert house.contents() == before


def test_a_withdrawn_paper_is_named_as_its_copy_was_when_downloaded(house: House) -> None:
    sent = house.sent(VHS, OFFICE)
    clerk = house.person("jonas.muster")
    copy = clerk.get(f"/documents/{sent.document_id}/content").headers["content-disposition"]
    name = copy.split('"')[1]
    assert name.endswith(f"-{str(sent.document_id)[-12:]}.pdf")

    house.person("amina.muster").post(
        f"/documents/{sent.document_id}/withdrawal", {"reason": "wrong_recipient"}
    )

    assert name in Outline(clerk.get("/inbox?state=withdrawn").text).said()


def test_no_link_can_claim_what_was_not_done(house: House) -> None:
    paper = f"/documents/{house.noted(VHS, OFFICE).document_id}"
    clerk, withdrawn = house.person("amina.muster"), "Die Empfänger können das Papier nicht mehr"

    for claim in ("withdrawn", "taken_over", "returned"):
        assert "kern-alert--success" not in clerk.get(f"{paper}?done={claim}").text
    assert "kern-alert--success" not in clerk.get("/inbox?done=withdrawn").text

    done = clerk.post(f"{paper}/withdrawal", {"reason": "wrong_recipient"})
    assert withdrawn in clerk.get(done.headers["location"]).text
    assert "Übernommen. Für Ihre Stelle" in clerk.get("/inbox?done=taken_over").text


def test_broken_bytes_in_a_query_hurt_nobody(house: House) -> None:
    visitor = house.person("amina.muster")

    for address in ("/inbox?state=%ff", "/sign-in?next=%ff%fe", "/documents/new?kind=%00"):
        assert visitor.get(address).status_code in (303, 400, 404), address


def test_cookies_that_are_not_ours_are_nobody(house: House) -> None:
    for value in ("x", "x" * 4000, '"', "ÿ", "a=b"):
        headers = {b"Cookie": b"kursdocs=" + value.encode("latin-1")}
        answer = house.client({}).get("/inbox", headers=headers)

        assert answer.status_code == 303
        assert leads_somewhere("GET", answer.headers["location"])


# ── Files beside each other ──────────────────────────────────────────────────────────────────


def test_too_many_photographs_are_refused(
    clerks: Mapping[str, Visitor], nothing_stored: None
) -> None:
    files: FileParts = [("file", (f"{n}.jpg", b"\xff\xd8\xff", "image/jpeg")) for n in range(21)]

    answer = clerks["de"].send(sending_fields(), files)

    assert answer.status_code == 422
    assert "höchstens 20" in answer.text


def test_two_documents_at_once_are_refused(house: House, nothing_stored: None) -> None:
    answer = house.service(VHS).post(
        "/api/v1/documents", data=sending_fields(), files=[*the_file(), *the_file()]
    )

    api_problem(answer, 422, "files_mixed")
