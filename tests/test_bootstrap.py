"""Where ports and adapters meet: what is bound together, and what keeps it from starting."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import select
from tests.servers import PostgresServer, S3Server, free_port

from kursdocs import bootstrap
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.catalogue import CatalogueError
from kursdocs.core.access import Role
from kursdocs.core.accounts import ClaimRule
from kursdocs.core.agencies import Municipality
from kursdocs.core.errors import Unavailable
from kursdocs.core.ports import ForeignInstance, StoreUnavailable
from kursdocs.core.tables import new_id
from kursdocs.settings import Settings, SettingsError

Make = Callable[..., Settings]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Settings of an embedded installation in a folder of that name."""

    def made(name: str = "town", **changes: object) -> Settings:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        if not (folder / "master.keys").exists():
            MasterKeys.create(folder / "master.keys")
        values: dict[str, object] = {
            "database_url": f"sqlite:///{folder}/main.sqlite",
            "keys_url": f"sqlite:///{folder}/keys.sqlite",
            "store_url": f"folder:{folder}/objects",
            "master_key_file": folder / "master.keys",
            "public_url": "http://127.0.0.1:8000",
            "oidc_issuer": "http://127.0.0.1:8000/demo/oidc",
            "oidc_client_id": "kursdocs",
            "oidc_client_secret": "demo",
            "smtp_url": f"folder:{folder}/mail",
            "mail_from": "kursdocs@musterstadt.example",
            "clamd": "off",
        }
        return Settings(**{**values, **changes})  # type: ignore[arg-type]  # as the environment gives them

    return made


def start(settings: Settings) -> None:
    """Migrate, open, close: one start of the program."""
    bootstrap.migrate(settings)
    with bootstrap.open_services(settings):
        pass


def refused(settings: Settings) -> str:
    with pytest.raises(SettingsError) as mistake:
        start(settings)
    return str(mistake.value)


# --- One installation, its stores and its keys ---------------------------------------------------


def test_an_installation_starts_again_and_again(make: Make) -> None:
    settings = make()

    start(settings)
    start(settings)
    with bootstrap.open_services(settings) as services:
        key = services.keys.create(document := new_id())
        services.store.put("a" * 32, b"sealed")
        assert services.keys.get(document) == key
        assert services.clock().utcoffset() is not None


def test_a_second_installation_on_the_same_folder_is_refused(make: Make) -> None:
    first = make("first")
    start(first)

    with pytest.raises(ForeignInstance):
        start(make("second", store_url=first.store_url))
    start(first)


def test_a_second_installation_on_the_same_bucket_is_refused(make: Make, s3: S3Server) -> None:
    bucket = {
        "store_url": s3.bucket_url(s3.new_bucket()),
        "s3_access_key": s3.access_key,
        "s3_secret_key": s3.secret_key,
    }
    start(make("first", **bucket))

    with pytest.raises(ForeignInstance):
        start(make("second", **bucket))


def test_a_second_installation_on_the_same_keys_is_refused(make: Make) -> None:
    first = make("first")
    start(first)

    with pytest.raises(ForeignInstance):
        start(make("second", keys_url=first.keys_url, master_key_file=first.master_key_file))


def test_another_master_key_is_refused(make: Make, tmp_path: Path) -> None:
    settings = make()
    start(settings)
    settings.master_key_file.unlink()
    MasterKeys.create(settings.master_key_file)

    with pytest.raises(ForeignInstance):
        start(settings)


def test_an_object_folder_that_is_not_mounted_is_refused_and_stays_empty(make: Make) -> None:
    settings = make()
    start(settings)
    objects = Path(settings.store_url.removeprefix("folder:"))
    shutil.rmtree(objects)
    objects.mkdir()

    with pytest.raises(StoreUnavailable):
        start(settings)
    assert list(objects.iterdir()) == []


def test_a_key_store_that_is_gone_is_refused(make: Make) -> None:
    settings = make()
    start(settings)
    for file in settings.master_key_file.parent.glob("keys.sqlite*"):
        file.unlink()

    with pytest.raises((Unavailable, ForeignInstance)):
        start(settings)


def test_a_transaction_of_the_services_is_one_of_the_database(make: Make) -> None:
    settings = make()
    start(settings)

    with bootstrap.open_services(settings) as services, services.transaction() as session:
        assert session.exec(select(Municipality)).all() == []


# --- What does not fit is named after its variable -----------------------------------------------


def test_without_a_schema_the_program_says_what_to_do(make: Make, postgres: PostgresServer) -> None:
    for settings in (make(), make("scale", database_url=postgres.new_database())):
        with (
            pytest.raises(SettingsError, match="run 'kursdocs migrate'"),
            bootstrap.open_services(settings),
        ):
            pytest.fail("must not open")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"database_url": "nonsense"}, "KURSDOCS_DATABASE_URL"),
        ({"database_url": "sqlite://"}, "KURSDOCS_DATABASE_URL"),
        ({"keys_url": "mysql://x/y"}, "KURSDOCS_KEYS_URL"),
        ({"store_url": "/srv/objects"}, "KURSDOCS_STORE_URL"),
        ({"master_key_file": Path("/nowhere/master.keys")}, "KURSDOCS_MASTER_KEY_FILE"),
        ({"clamd": "perhaps"}, "KURSDOCS_CLAMD"),
        ({"smtp_url": "mail.example"}, "KURSDOCS_SMTP_URL"),
        ({"bounces_url": "mail.example"}, "KURSDOCS_BOUNCES_URL"),
        ({"bounces_url": "imap://a@mail.example:993"}, "KURSDOCS_BOUNCES_URL"),
        ({"oidc_issuer": "http://sign-in.example"}, "KURSDOCS_OIDC_ISSUER"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(
    make: Make, changes: dict[str, object], name: str
) -> None:
    assert refused(make(**changes)).startswith(f"{name}: ")


def test_a_dead_database_or_key_store_is_unavailable(make: Make) -> None:
    dead = f"postgresql://kursdocs@127.0.0.1:{free_port()}/nothing"

    for changes in ({"database_url": dead}, {"keys_url": dead}):
        with pytest.raises(Unavailable):
            start(make(**changes))


def test_a_role_that_passes_by_the_second_lock_is_found_by_a_check(
    make: Make, postgres: PostgresServer
) -> None:
    url = postgres.new_database()
    for role, problem in (("kursdocs", ""), ("postgres", "the role 'postgres' passes by")):
        settings = make(database_url=url.replace("kursdocs@", f"{role}@"))
        start(settings)

        (told,) = (what for part, what in bootstrap.check(settings) if part == "database")

        assert told.startswith(f"KURSDOCS_DATABASE_URL: {problem}" if problem else "")
        assert bool(told) is bool(problem)
    postgres.drop_database(url)


def test_a_catalogue_with_a_mistake_keeps_the_program_from_starting(
    make: Make, tmp_path: Path
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text('version = "1"\n\n[kinds.x]\nfields = 3\n')

    with pytest.raises(CatalogueError, match=r"rules\.toml"):
        start(make(catalogue=path))


# --- The claims mapping --------------------------------------------------------------------------

GOOD = '[[rules]]\nclaim = "groups"\nvalue = "a"\nrole = "clerk"\nagency = "vhs"\n'
MISFIT = "clerk and head need an agency, coordinator and auditor a municipality, nothing else"


def test_a_mapping_file_is_read(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "claims.toml"
    path.write_text(
        GOOD + '[[rules]]\nclaim = "x.y"\nvalue = "b"\nrole = "auditor"\nmunicipality = "town"\n'
    )
    settings = make(claims=path)
    bootstrap.migrate(settings)

    with bootstrap.open_services(settings) as services:
        assert services.claim_rules == [
            ClaimRule("groups", "a", Role.CLERK, agency="vhs"),
            ClaimRule("x.y", "b", Role.AUDITOR, municipality="town"),
        ]


def test_an_empty_mapping_file_maps_nothing(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "claims.toml"
    path.write_text("# nobody yet\n")

    start(make(claims=path))


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ('claim = "g"\nvalue = "a"\nrole = "boss"\nagency = "vhs"', "'boss' is not a valid Role"),
        ('value = "a"\nrole = "clerk"\nagency = "vhs"', "'claim' is missing"),
        ('claim = ""\nvalue = "a"\nrole = "clerk"\nagency = "vhs"', "'claim' is missing"),
        ('claim = "g"\nrole = "clerk"\nagency = "vhs"', "'value' is missing"),
        ('claim = "g"\nvalue = "a"\nagency = "vhs"', "'role' is missing"),
        ('claim = "g"\nvalue = "a"\nrole = "clerk"', MISFIT),
        ('claim = "g"\nvalue = "a"\nrole = "clerk"\nmunicipality = "town"', MISFIT),
        ('claim = "g"\nvalue = "a"\nrole = "auditor"\nagency = "vhs"', MISFIT),
        (
            'claim = "g"\nvalue = "a"\nrole = "head"\nagency = "vhs"\nmunicipality = "town"',
            MISFIT,
        ),
        ('claim = "g"\nvalue = "a"\nrole = "clerk"\nagencies = "vhs"', "'agencies' is none of"),
        ('claim = "g"\nvalue = 1\nrole = "clerk"\nagency = "vhs"', "must be a table of texts"),
    ],
)
def test_a_mistake_in_a_rule_is_named_with_its_number(
    make: Make, tmp_path: Path, rule: str, reason: str
) -> None:
    path = tmp_path / "claims.toml"
    path.write_text(f"{GOOD}\n[[rules]]\n{rule}\n\n[[rules]]\n{rule}\n")

    lines = refused(make(claims=path)).splitlines()

    assert [line.split(": ")[:3] for line in lines] == [
        ["KURSDOCS_CLAIMS", str(path), f"rule {number}"] for number in (2, 3)
    ]
    assert reason in lines[0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[[rules]\n", "line 1"),
        (b"\xff\xfe", "can't decode"),
        (b"rules = 3\n", "must be a list of tables [[rules]]"),
        (b'[rules]\nclaim = "g"\n', "must be a list of tables [[rules]]"),
        (GOOD.replace("rules", "rule").encode(), "must be a list of tables [[rules]]"),
        (b'rules = ["a"]\n', "rule 1: must be a table of texts"),
    ],
)
def test_a_mapping_file_that_is_none_is_refused(
    make: Make, tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "claims.toml"
    path.write_bytes(content)

    found = refused(make(claims=path))

    assert found.startswith(f"KURSDOCS_CLAIMS: {path}: ")
    assert reason in found


def test_a_mapping_file_that_is_not_there_is_named(make: Make, tmp_path: Path) -> None:
    assert "No such file" in refused(make(claims=tmp_path / "nowhere.toml"))


# --- The demo ------------------------------------------------------------------------------------


def test_the_demo_is_not_served_beyond_this_machine(make: Make) -> None:
    settings = make(demo=True)
    bootstrap.migrate(settings)

    with bootstrap.open_services(settings) as services:
        with pytest.raises(SettingsError, match=r"KURSDOCS_DEMO: .*on this machine only"):
            bootstrap.open_application(services, bind_host="0.0.0.0")  # noqa: S104 - refused
        bootstrap.open_application(services, bind_host="127.0.0.1")


def test_only_the_demo_brings_rules_of_its_own(make: Make) -> None:
    for demo in (True, False):
        settings = make(demo=demo)
        bootstrap.migrate(settings)
        with bootstrap.open_services(settings) as services:
            assert bool(services.claim_rules) is demo
