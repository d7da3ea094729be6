"""A town's own file over the shipped one: what it changes, and where its mistakes are named."""

from pathlib import Path

import pytest
from tests.catalogue.overlays import OWN

from kursdocs.catalogue import AgencyKind, CatalogueError, Kind, load
from kursdocs.catalogue.files import shipped_file


def written(folder: Path, text: str) -> Path:
    path = folder / "musterstadt.toml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(path: Path) -> str:
    with pytest.raises(CatalogueError) as refused:
        load(path)
    return str(refused.value)


def line_of(text: str, beginning: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if line.startswith(beginning))


def kind_of(path: Path, code: str) -> Kind:
    kind = load(path).kind(code)
    assert kind is not None
    return kind


def test_a_file_that_changes_nothing_gives_the_shipped_rules(tmp_path: Path) -> None:
    own = load(written(tmp_path, 'extends = "shipped"\nversion = "2026-11"\n'))

    assert own == load()


def test_a_kind_given_there_replaces_that_kind_whole_and_keeps_its_place(tmp_path: Path) -> None:
    path = written(tmp_path, OWN)

    changed = kind_of(path, "language_cert_external")

    assert changed.name.de == "Sprachnachweis"
    assert [one.field.name for one in changed.fields] == ["issued_on", "cefr_level"]
    assert changed.retention.code == "R4"
    # The shipped routes from the Jobcenter and to the employment agency were not repeated.
    assert changed.route(AgencyKind.JOBCENTER, AgencyKind.COURSE_PROVIDER) is None
    assert changed.recipient_kinds(AgencyKind.COURSE_PROVIDER) == (
        AgencyKind.JOBCENTER,
        AgencyKind.IMMIGRATION_OFFICE,
    )
    shipped_order = [k.code for k in load().kinds if k.code != "fee_exemption_ik"]
    assert [k.code for k in load(path).kinds] == [*shipped_order, "course_place_ik"]


def test_new_kinds_may_use_new_and_shipped_fields(tmp_path: Path) -> None:
    new = kind_of(written(tmp_path, OWN), "course_place_ik")

    assert [one.field.label.de for one in new.fields] == ["Raum", "Kursbeginn"]
    assert new.group.name.de == "Anmeldung und Kurs"


def test_what_is_not_mentioned_stays(tmp_path: Path) -> None:
    path = written(tmp_path, OWN)

    assert kind_of(path, "admission_ik_jc") == load().kind("admission_ik_jc")
    assert load(path).excluded == load().excluded
    assert load(path).version == "musterstadt-1"


def test_a_kind_that_is_off_cannot_be_sent_but_is_still_known(tmp_path: Path) -> None:
    catalogue = load(written(tmp_path, OWN))
    shipped = load().kind("fee_exemption_ik")
    ended = catalogue.kind("fee_exemption_ik")

    assert shipped is not None
    assert ended is not None
    assert "fee_exemption_ik" not in [kind.code for kind in catalogue.kinds]
    assert "fee_exemption_ik" not in [
        kind.code for kind in catalogue.sendable_by(AgencyKind.COURSE_PROVIDER)
    ]
    assert ended.routes == ()
    # Papers that came before keep what they are called and how long they stay.
    assert (ended.name, ended.fields) == (shipped.name, shipped.fields)
    assert (ended.retention, ended.kept_from) == (shipped.retention, shipped.kept_from)


def test_an_own_kind_can_be_ended_too(tmp_path: Path) -> None:
    text = OWN.replace("[kinds.course_place_ik]", "[kinds.course_place_ik]\noff = true")

    catalogue = load(written(tmp_path, text))

    assert [kind.code for kind in catalogue.ended] == ["fee_exemption_ik", "course_place_ik"]


def test_a_kind_that_is_not_off_is_the_shipped_one(tmp_path: Path) -> None:
    path = written(tmp_path, OWN.replace("off = true", "off = false"))

    assert kind_of(path, "fee_exemption_ik") == load().kind("fee_exemption_ik")


def test_only_off_alone_keeps_the_shipped_kind_a_fuller_table_replaces_it(tmp_path: Path) -> None:
    text = OWN.replace("off = true", 'off = true\nretention = "R1"')
    path = written(tmp_path, text)

    assert f"{path}:4: kinds.fee_exemption_ik: name is missing" in complaint(path)


def test_what_is_off_may_be_excluded_with_a_reason(tmp_path: Path) -> None:
    text = OWN + (
        "[excluded.fee_exemption_ik]\n"
        'name = { de = "Kostenbefreiung", en = "Fee exemption" }\n'
        'reason = { de = "Bleibt bei uns auf Papier.", en = "Stays on paper here." }\n'
    )

    assert load(written(tmp_path, text)).excluded_paper("fee_exemption_ik") is not None


def test_excluding_a_kind_that_is_not_off_names_both_places(tmp_path: Path) -> None:
    text = OWN + (
        "[excluded.admission_ik_jc]\n"
        'name = { de = "Zulassung", en = "Admission" }\n'
        'reason = { de = "Nein.", en = "No." }\n'
    )
    path = written(tmp_path, text)
    kind_line = line_of(shipped_file().read_text(encoding="utf-8"), "[kinds.admission_ik_jc]")

    assert complaint(path) == (
        f"{path}:{line_of(text, '[excluded')}: excluded.admission_ik_jc: 'admission_ik_jc' is "
        f"a kind of paper too, in {shipped_file()}:{kind_line}"
    )


@pytest.mark.parametrize(
    ("old", "new", "blamed", "reason"),
    [
        (
            'fields = ["room?", "start_on"]',
            'fields = ["rooms?", "start_on"]',
            'fields = ["rooms',
            "kinds.course_place_ik: unknown field 'rooms'",
        ),
        (
            "[kinds.fee_exemption_ik]",
            "[kinds.fee_exemption]",
            "[kinds.fee_exemption]",
            "kinds.fee_exemption: there is no shipped kind 'fee_exemption' to switch on or off",
        ),
        (
            "off = true",
            'off = "yes"',
            "off",
            "kinds.fee_exemption_ik: off must be true or false",
        ),
        (
            "[fields.room]",
            "[retention.R1]\noff = true\n[fields.room]",
            "off = true\n[f",
            "retention.R1: unknown key 'off'",
        ),
        (
            'version = "musterstadt-1"\n',
            "",
            'extends = "shipped"',
            "the file: version is missing",
        ),
        (
            'version = "musterstadt-1"',
            'version = "musterstadt-1"\ncolour = "red"',
            "colour",
            "the file: unknown key 'colour'",
        ),
        (
            'version = "musterstadt-1"',
            'version = "musterstadt-1"\nretention = 3',
            "retention = 3",
            "the file: retention must hold at least one table [retention.…]",
        ),
        (
            "[fields.room]",
            "[fields.birth_date]",
            "[fields.birth_date]",
            "fields.birth_date: 'birth_date' is asked for with every paper; choose another name",
        ),
    ],
)
def test_a_mistake_of_the_own_file_is_named_with_its_line(
    old: str, new: str, blamed: str, reason: str, tmp_path: Path
) -> None:
    text = OWN.replace(old, new)
    assert text != OWN
    path = written(tmp_path, text)
    line = text[: text.index(blamed)].count("\n") + 1

    assert f"{path}:{line}: {reason}" in complaint(path).splitlines()


def test_a_change_that_breaks_a_shipped_kind_is_named_at_both_files(tmp_path: Path) -> None:
    text = OWN + (
        "[fields.effective_on]\n"
        'label = { de = "Wirksam", en = "Effective" }\n'
        'format = "text"\n'
        "max_length = 20\n"
    )
    path = written(tmp_path, text)
    shipped = shipped_file().read_text(encoding="utf-8")
    line = shipped[: shipped.index('kept_from = "effective_on"')].count("\n") + 1

    assert complaint(path) == (
        f"{shipped_file()}:{line}: kinds.obligation_revoked_ik: R2 needs kept_from: a date field "
        f"of the kind (because of {path})"
    )


def test_mistakes_of_the_own_file_come_before_those_it_causes(tmp_path: Path) -> None:
    text = OWN.replace('retention = "R4"', 'retention = "R9"') + (
        "[retention.R1]\n"
        'start = "validity_end"\n'
        "days = 30\n"
        "max_months = 6\n"
        'text = { de = "Kurz.", en = "Short." }\n'
    )
    path = written(tmp_path, text)

    files = [line.split(":")[0] for line in complaint(path).splitlines()]

    assert files[:2] == [str(path), str(path)]
    assert set(files[2:]) == {str(shipped_file())}


def test_a_file_without_extends_stands_alone(tmp_path: Path) -> None:
    path = written(tmp_path, OWN.replace('extends = "shipped"\n', ""))

    assert f"{path}:1: the file: retention is missing" in complaint(path)


def test_every_mistake_is_told_as_data_too(tmp_path: Path) -> None:
    path = written(tmp_path, OWN.replace('retention = "R4"', 'retention = "R9"'))

    with pytest.raises(CatalogueError) as refused:
        load(path)

    assert refused.value.mistakes == (
        (
            str(path),
            line_of(path.read_text(encoding="utf-8"), 'retention = "R9"'),
            "kinds.language_cert_external: unknown retention class 'R9'",
        ),
    )


def test_an_own_instruction_replaces_the_shipped_one_as_a_whole(tmp_path: Path) -> None:
    """Half of it from each would be a new text under the old version: nobody would be asked."""
    whole = (
        'version = "town-1"\nfor = []\ntitle = { de = "Vorher", en = "Before" }\n'
        'paragraphs = [{ de = "Nur hierfür.", en = "For this only." }]\n'
    )
    path = written(tmp_path, OWN + "[instruction]\n" + whole)

    found = load(path).instruction

    assert (found.version, found.agency_kinds) == ("town-1", ())
    assert [text.en for text in found.paragraphs] == ["For this only."]
    for line in whole.splitlines():
        text = OWN + "[instruction]\n" + whole.replace(line, "")
        key = line.partition(" ")[0]
        number = text[: text.index("[instruction]")].count("\n") + 1
        assert f"{path}:{number}: instruction: {key} is missing" in complaint(
            written(tmp_path, text)
        )
