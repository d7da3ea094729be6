"""What sounds alike is found, and what does not is left alone: the table by which it was tuned."""

import pytest

from kursdocs.core.documents import names, sounds

# What stands on the paper, and how people write the same name.
ALIKE = """
Müller         Mueller Muller Müler Möller
Mohammed       Muhammad Mohamad Mohamed Muhammed Mouhamed محمد Мухаммед
Oleksandr      Olexander Oleksander Aleksandr Alexander Олександр Александр
Yusuf          Jusuf Yousuf Youssef Yussuf يوسف
Khaled         Chaled Haled Khalid Chalid خالد
Szymański      Schimanski Szymanski Shymansky Schymanskyj Шиманський
Шевченко       Shevchenko Schewtschenko Szewczenko Ševčenko
Hussein        Husain Hossein Hussain Husayn حسین حسين
Ahmed          Ahmad Achmed Achmad أحمد احمد
Julia          Yulia Yuliya Iuliia Julija Юлія
Tatjana        Tatiana Tatyana Татьяна
Sergej         Serhij Sergiy Serhii Sergei Сергій
Andrij         Andrei Andrej Andrii Andriy Андрій
Wolodymyr      Volodymyr Volodimir Володимир
Oksana         Oxana Оксана
Maksym         Maxim Maksim Максим
Mykhailo       Michailo Mychajlo Mikhaylo Михайло
Mustafa        Moustapha Mostafa مصطفى
Schmidt        Schmitt Schmit Schmid
Meyer          Maier Meier Mayer
Stefan         Stephan Stefann
Christian      Kristian
Kovač          Kovatsch Kovac
Fatimah        Fatima Fatema فاطمة
Abdullah       Abdulla Abdallah عبدالله
Aischa         Aisha Aicha
Jamal          Dschamal Djamal
Anna           Ana
Omar           Umar Omer
Iwanow         Ivanov Ivanoff Іванов
Hryhorii       Grigori Grygorij Григорій
Παπαδόπουλος   Papadopoulos
Zeynep         Seinep
Abdelrahman    Abdulrahman
"""
# What was typed, and names that it must not find.
APART = """
Muster         Master Mister
Mustermann     Mastermann
Lin            Len Luna Leon
Lina           Lena
Müller         Miller Mahler Maler
Hans           Gans
Peter          Petra
Petra          Peter Pietro
Ali            Ala Elo Aleksandr
Maria          Mira Mario
Ahmed          Hamid Mehmet
Sara           Sira Soraya
Jan            Ion Juan
Karim          Krim Kerem-Oglu Carmen
Yusuf          Asif Josefine
Khaled         Holdt
Omar           Amir Emir
Anna           Nina Ina
Beispiel       Bespoke
Probe          Prabe
Nowak          Novik
Weber          Wabra
4711           4712
Ivan           Evin
Tarek          Tork
"""


def pairs(table: str) -> list[tuple[str, str]]:
    lines = [line.split() for line in table.strip().splitlines()]
    return [(line[0], other) for line in lines for other in line[1:]]


def finds(typed: str, written: str) -> bool:
    """Whether the one is found by the other, as the inbox does it."""
    stored = names.index_tokens([written])
    return all(
        any(token.startswith(word.text) for token in stored)
        or any(
            token.startswith(beginning) and sounds.is_similar(word.typed, token)
            for beginning in word.sounds
            for token in stored
        )
        for word in names.words(typed)
    )


@pytest.mark.parametrize(("written", "typed"), pairs(ALIKE))
def test_a_name_is_found_by_another_spelling_of_it(written: str, typed: str) -> None:
    assert finds(typed, written)


@pytest.mark.parametrize(("typed", "written"), pairs(APART))
def test_a_name_does_not_find_another_one(typed: str, written: str) -> None:
    assert not finds(typed, written)


@pytest.mark.parametrize(
    "typed", ["Shevch", "Schewtsch", "Шевч", "Olex", "Oleks", "Moham", "Muham"]
)
def test_the_beginning_of_another_spelling_is_enough(typed: str) -> None:
    written = "Шевченко Олександр Muhammad"

    assert finds(typed, written)


def test_less_than_three_letters_find_only_what_begins_so() -> None:
    assert [(word.text, word.sounds) for word in names.words("Mu Yu")] == [("mu", []), ("yu", [])]


def test_no_word_can_be_taken_for_a_key() -> None:
    assert names.tokens([f"{sounds.MARK}mlr"]) == ["mlr"]


@pytest.mark.parametrize("word", ["x" * 400, "ш" * 400, "schtsch" * 60, "ﷺ" * 120])
def test_keys_of_long_words_fit_their_column(word: str) -> None:
    assert all(len(token) <= names.TOKEN_LENGTH_MAX for token in names.index_tokens([word]))
