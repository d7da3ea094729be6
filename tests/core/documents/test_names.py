"""Folding names: whatever spelling is typed, the person is found again."""

import pytest

from kursdocs.core.documents.names import TOKEN_LENGTH_MAX, TOKENS_MAX, fold, tokens


@pytest.mark.parametrize(
    "spellings",
    [
        ("Müller", "Mueller", "MULLER", "müller", "Mu\u0308ller", "MÜLLER"),
        ("Weiß", "WEISS", "Weiss"),
        ("Öztürk", "Oeztuerk", "Ozturk"),
        ("Yılmaz", "Yilmaz", "YILMAZ", "YİLMAZ"),
        ("Łukasz", "Lukasz", "ŁUKASZ", "łukasz"),
        ("Ørsted", "ørsted", "Orsted", "Oersted"),
        ("Đorđević", "Dordevic", "đorđević"),
        ("Ægir", "Aegir", "ægir"),
        ("Nguyễn", "Nguyen"),
        ("Ştefan", "Ștefan", "Stefan"),
        ("Юлія", "ЮЛІЯ"),
        ("أحمد", "احمد"),
    ],
)
def test_spellings_of_one_name_fold_to_the_same(spellings: tuple[str, ...]) -> None:
    assert {fold(spelling) for spelling in spellings} == {fold(spellings[0])}


@pytest.mark.parametrize(("one", "other"), [("Muster", "Master"), ("Lin", "Linn"), ("ا", "ب")])
def test_different_names_stay_different(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_words_and_numbers_become_tokens_once_each() -> None:
    assert tokens(["Mustermann-Öztürk", "Lin  Lin", "", "4711081"]) == [
        "mustermann",
        "ozturk",
        "lin",
        "4711081",
    ]


def test_punctuation_alone_gives_no_token() -> None:
    assert tokens(["… – !"]) == []


def test_there_is_an_end_to_many_words() -> None:
    assert len(tokens([" ".join(f"name{number}" for number in range(50))])) == TOKENS_MAX


@pytest.mark.parametrize("word", ["ß" * 120, "ﬃ" * 120, "x" * 400])
def test_a_word_that_grows_by_folding_still_fits_its_column(word: str) -> None:
    (token,) = tokens([word])

    assert len(token) == TOKEN_LENGTH_MAX
