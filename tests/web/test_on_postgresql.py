"""PostgreSQL cannot hold a NUL: whatever is typed or addressed with one is refused, never fails."""

from collections.abc import Iterator

import pytest
from tests.servers import PostgresServer
from tests.web.house import VHS, House, open_house

NUL = "x\x00y"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[House]:
    url = postgres.new_database()
    with open_house(tmp_path_factory.mktemp("nul") / "var", database_url=url) as opened:
        yield opened
    postgres.drop_database(url)


@pytest.mark.parametrize(
    ("who", "address"),
    [
        ("ines.muster", "/agencies/a%00b/paces"),
        ("ines.muster", "/agencies/a%00b/settings"),
        ("ines.muster", "/agencies/a%00b/members"),
        ("ines.muster", "/lists/a%00b/agencies"),
        ("vera.probe", "/lists/a%00b/waiting"),
    ],
)
def test_an_address_with_a_nul_is_not_found(house: House, who: str, address: str) -> None:
    assert house.person(who).get(address).status_code == 404


@pytest.mark.parametrize(
    ("who", "address", "typed"),
    [
        ("ines.muster", "/municipality/paces", {"silence": NUL}),
        ("ines.muster", "/agencies/a%00b/paces", {"silence": "5"}),
        ("ines.muster", f"/agencies/{VHS}/paces", {"silence": NUL}),
        ("ines.muster", "/municipality/closings", {"closing_name": NUL, "first_day": NUL}),
        ("ines.muster", f"/municipality/closings/{NUL}/removal", {}),
        ("ines.muster", "/municipality", {"keeps_eves": NUL}),
        ("ines.muster", "/mail/trial", {"place": NUL, "addressee": NUL}),
        ("vera.probe", "/mail/trial", {"place": "musterstadt", "addressee": "coordinator"}),
        ("ines.muster", f"/mail/{NUL}/resending", {}),
        ("vera.probe", f"/agencies/{VHS}/settings", {"plan_days": NUL, "monthly_note": NUL}),
        ("vera.probe", f"/agencies/{VHS}/settings", {"expected_per_month": NUL}),
        ("vera.probe", "/follow-ups/settlement", {"reason": NUL, "follow_up": NUL}),
        ("vera.probe", "/follow-ups/settlement", {"reason": NUL, "clock": NUL}),
        ("vera.probe", "/follow-ups/reopening", {"clock": NUL}),
    ],
)
def test_a_form_with_a_nul_is_refused(
    house: House, who: str, address: str, typed: dict[str, str]
) -> None:
    answer = house.person(who).post(address.replace("\x00", "%00"), typed)

    assert 400 <= answer.status_code < 500, answer.text
