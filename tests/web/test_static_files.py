"""Built files travel packed and are kept for ever; pages are never packed."""

import gzip
import re

import pytest
from tests.web.house import House

from kursdocs.web.static_files import accepted_encodings


@pytest.fixture
def addresses(house: House) -> list[str]:
    """Style sheet, script and fonts, as the first page names them."""
    page = house.visitor().get("/sign-in").text
    return re.findall(r'(?:src|href)="(/static/assets/[^"]+)"', page)


def fetch(house: House, address: str, accepted: str) -> tuple[dict[str, str], bytes]:
    """Headers and body as they come over the line, not unpacked."""
    client = house.client({"Accept-Encoding": accepted})
    with client.stream("GET", address) as answer:
        return dict(answer.headers), b"".join(answer.iter_raw())


def test_style_and_script_come_packed_and_are_the_same_inside(
    house: House, addresses: list[str]
) -> None:
    packable = [address for address in addresses if not address.endswith(".woff2")]
    assert len(packable) == 2
    for address in packable:
        plain_headers, plain = fetch(house, address, "identity")
        headers, packed = fetch(house, address, "gzip, deflate")

        assert "content-encoding" not in plain_headers
        assert headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed) == plain
        assert headers["content-type"] == plain_headers["content-type"]
        assert headers["vary"] == plain_headers["vary"] == "Accept-Encoding"
        assert headers["etag"] != plain_headers["etag"]
        assert "immutable" in headers["cache-control"]


def test_a_browser_that_takes_brotli_gets_the_least(house: House, addresses: list[str]) -> None:
    style = next(address for address in addresses if address.endswith(".css"))

    headers, packed = fetch(house, style, "gzip, deflate, br, zstd")

    assert headers["content-encoding"] == "br"
    assert len(packed) < len(fetch(house, style, "gzip")[1])


def test_what_gains_nothing_comes_as_it_is(house: House, addresses: list[str]) -> None:
    font = next(address for address in addresses if address.endswith(".woff2"))

    assert "content-encoding" not in fetch(house, font, "gzip, br")[0]


def test_a_built_file_there_is_not_is_not_found(house: House) -> None:
    assert house.visitor().get("/static/assets/none.css").status_code == 404


@pytest.mark.parametrize("path", ["/sign-in", "/help", "/api/v1/openapi.json"])
def test_pages_are_never_packed(house: House, path: str) -> None:
    assert "content-encoding" not in fetch(house, path, "gzip, br")[0]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", set()),
        ("gzip, deflate, br", {"gzip", "deflate", "br"}),
        ("BR;q=1.0,gzip ; q=0.5", {"br", "gzip"}),
        ("gzip;q=0, br;q=0.000, identity", {"identity"}),
    ],
)
def test_encodings_of_no_weight_are_not_accepted(header: str, expected: set[str]) -> None:
    assert accepted_encodings(header) == expected
