"""How paces cascade from catalogue to municipality to agency, without a database."""

from hypothesis import given
from hypothesis import strategies as st
from tests.factories import make_catalogue

from kursdocs.catalogue import Addressee
from kursdocs.core.agencies.cascade import (
    Choice,
    Effective,
    Paces,
    Source,
    cascade,
    of_town,
    sequences,
)

RULES = tuple(make_catalogue().paces)
# Far outside of what the catalogue allows, too: it may have changed since the values were set.
DAYS = st.integers(min_value=0, max_value=200)


def held(town: dict[str, Choice], own: dict[str, int] | None = None) -> Paces:
    return cascade(make_catalogue(), town, own or {})


def days_of(paces: Paces, ladder: str) -> list[int]:
    steps = ("desk", "deputy", "head", "coordinator", "return_after")
    return [paces.days(f"{ladder}.{step}") for step in steps]


def test_where_nobody_set_anything_the_catalogue_holds() -> None:
    catalogue, paces = make_catalogue(), held({})

    assert {code: paces.days(code) for code in RULES} == {
        code: pace.days for code, pace in catalogue.paces.items()
    }
    assert {each.source for each in paces.effective.values()} == {Source.CATALOGUE}
    assert [paces.ladder(ladder) for ladder in catalogue.ladders] == list(catalogue.ladders)
    assert paces.request(catalogue.clocks.request) == catalogue.clocks.request


def test_what_a_level_did_not_set_falls_back_to_the_one_above() -> None:
    paces = held({"standard.deputy": Choice(days=4)}, {"standard.desk": 1})

    assert days_of(paces, "standard") == [1, 4, 10, 15, 15]
    assert days_of(paces, "prompt") == [1, 2, 5, 10, 15]
    assert {code: str(paces.effective[code].source) for code in RULES[:3]} == {
        "standard.desk": "agency",
        "standard.deputy": "municipality",
        "standard.head": "catalogue",
    }


def test_ladders_and_requests_take_the_steps_that_hold() -> None:
    catalogue = make_catalogue()
    paces = held({"standard.head": Choice(days=8), "request.before": Choice(days=4)})
    standard = paces.ladder(catalogue.ladders[0])
    request = paces.request(catalogue.clocks.request)

    assert standard.steps[2] == (8, Addressee.HEAD)
    assert (standard.code, standard.return_after) == ("standard", 15)
    assert (request.before, request.steps) == (4, catalogue.clocks.request.steps)


def test_a_ladder_of_another_catalogue_stays_as_it_is() -> None:
    catalogue = make_catalogue()

    assert Paces().ladder(catalogue.ladders[0]) == catalogue.ladders[0]
    assert Paces().request(catalogue.clocks.request) == catalogue.clocks.request


def test_without_limits_an_agency_may_go_sooner_but_not_later() -> None:
    def limits(code: str) -> tuple[int, int]:
        each = held({"standard.head": Choice(days=8)}).effective[code]
        return each.least, each.most

    assert limits("standard.head") == (1, 8)
    assert limits("silence") == (1, 7)
    assert limits("request.before") == (2, 60), "ahead of a day, more days are sooner"
    assert limits("standard.return_after") == (15, 15), "that is the sender's concern"


def test_limits_of_the_municipality_replace_the_usual_ones() -> None:
    paces = held({"standard.desk": Choice(least=2, most=4)}, {"standard.desk": 4})

    assert paces.effective["standard.desk"] == Effective(
        days=4, source=Source.AGENCY, least=2, most=4, above=2, own=4
    )


def test_a_value_outside_of_limits_that_were_narrowed_counts_as_the_nearest() -> None:
    each = held({"standard.desk": Choice(least=2, most=3)}, {"standard.desk": 5}).effective

    assert (each["standard.desk"].days, each["standard.desk"].own) == (3, 5)
    assert each["standard.desk"].is_bent
    assert not each["standard.head"].is_bent


def test_values_of_two_levels_that_would_break_the_order_lift_the_later_step() -> None:
    town = {"standard.desk": Choice(most=9), "standard.deputy": Choice(days=3)}
    paces = held(town, {"standard.desk": 6})

    assert days_of(paces, "standard") == [6, 6, 10, 15, 15]


def test_rules_that_the_catalogue_no_longer_has_count_for_nothing() -> None:
    paces = held({"gone.desk": Choice(days=3)}, {"gone.head": 4})

    assert paces == held({})


@given(
    st.dictionaries(
        st.sampled_from(RULES),
        st.builds(Choice, *(st.none() | DAYS for _ in range(3))),
    ),
    st.dictionaries(st.sampled_from(RULES), DAYS),
)
def test_whatever_is_stored_ladders_ascend_and_limits_have_room(
    town: dict[str, Choice], own: dict[str, int]
) -> None:
    paces, above = held(town, own), of_town(make_catalogue(), town)

    for found in (paces, above):
        for steps in sequences(make_catalogue()):
            days = [found.days(code) for code in steps]
            assert days == sorted(days), steps
    for code, pace in make_catalogue().paces.items():
        each = above.effective[code]
        assert pace.least <= each.least <= each.days <= each.most <= pace.most
        assert paces.effective[code].above == each.days
        assert paces.days(code) >= each.least
