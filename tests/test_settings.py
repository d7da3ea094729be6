"""Settings: all that is wrong is named at once, secrets may lie in files, the README knows all."""

import os
import re
from pathlib import Path

import pytest

from kursdocs.settings import (
    PREFIX,
    PUSH_PREFIX,
    PushSettings,
    Settings,
    SettingsError,
    is_loopback,
    load,
    load_push,
    secret_fields,
    variable,
)

README = Path(__file__).parents[1] / "README.md"
BOTH = ((Settings, PREFIX), (PushSettings, PUSH_PREFIX))

WHOLE = {
    "KURSDOCS_DATABASE_URL": "sqlite:////srv/probe/main.sqlite",
    "KURSDOCS_KEYS_URL": "sqlite:////srv/probe/keys.sqlite",
    "KURSDOCS_STORE_URL": "folder:/srv/probe/objects",
    "KURSDOCS_MASTER_KEY_FILE": "/srv/probe/master.keys",
    "KURSDOCS_PUBLIC_URL": "https://kursdocs.example",
    "KURSDOCS_OIDC_ISSUER": "https://sign-in.example",
    "KURSDOCS_OIDC_CLIENT_ID": "kursdocs",
    "KURSDOCS_OIDC_CLIENT_SECRET": "invented",
    "KURSDOCS_SMTP_URL": "folder:/srv/probe/mail",
    "KURSDOCS_MAIL_FROM": "kursdocs@musterstadt.example",
    "KURSDOCS_CLAMD": "off",
}

CLIENT = {
    "KURSDOCS_PUSH_SERVER": "https://kursdocs.example",
    "KURSDOCS_PUSH_ISSUER": "https://sign-in.example",
    "KURSDOCS_PUSH_CLIENT_ID": "vhs-musterstadt",
    "KURSDOCS_PUSH_CLIENT_SECRET": "invented",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment with every required setting, and none of whoever runs the tests."""
    for name in list(os.environ):
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)
    for name, value in WHOLE.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


Environment = pytest.MonkeyPatch


def problems() -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load()
    return str(refused.value).splitlines()


def test_a_whole_environment_is_read() -> None:
    settings = load()

    assert settings.public_url == "https://kursdocs.example"
    assert settings.oidc_client_secret.get_secret_value() == "invented"
    assert settings.master_key_file == Path("/srv/probe/master.keys")
    assert settings.oidc_token_types == ("at+jwt",)
    assert (settings.is_https, settings.demo, settings.trusted_proxies) == (True, False, ())


def test_all_that_is_missing_is_named_at_once(environment: Environment) -> None:
    for name in WHOLE:
        environment.delenv(name)

    assert sorted(problems()) == sorted(f"{name}: is missing" for name in WHOLE)


def test_missing_wrong_and_unknown_are_named_together(
    environment: Environment, tmp_path: Path
) -> None:
    environment.delenv("KURSDOCS_CLAMD")
    environment.setenv("KURSDOCS_PUBLIC_URL", "kursdocs.example")
    environment.setenv("KURSDOCS_DEMO", "perhaps")
    environment.setenv("KURSDOCS_TRUSTED_PROXIES", "10.0.0.1, nginx")
    environment.setenv("KURSDOCS_PUBLIC_ULR", "https://kursdocs.example")
    environment.setenv("KURSDOCS_S3_SECRET_KEY_FILE", str(tmp_path / "nowhere"))

    found = problems()

    for name, words in (
        ("KURSDOCS_CLAMD", "is missing"),
        ("KURSDOCS_PUBLIC_URL", "must be an address like https://kursdocs.example"),
        ("KURSDOCS_DEMO", "valid boolean"),
        ("KURSDOCS_TRUSTED_PROXIES", "nginx"),
        ("KURSDOCS_PUBLIC_ULR", "is not a setting of kursdocs"),
        ("KURSDOCS_S3_SECRET_KEY_FILE", "cannot be read (No such file or directory)"),
    ):
        assert [line for line in found if line.startswith(f"{name}: ") and words in line], name
    assert len(found) == 6


def test_settings_cannot_be_changed_later() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().public_url = "https://other.example"


def test_nothing_shows_a_secret(environment: Environment) -> None:
    environment.setenv("KURSDOCS_DEMO", "perhaps")

    assert "invented" not in "\n".join(problems())
    environment.delenv("KURSDOCS_DEMO")
    assert "invented" not in repr(load())


@pytest.mark.parametrize("token", ["a" * 16, "Zm9vYmFyLWJhei1xdXV4Cg==", "9f-86_d0.81~88+4c/7d"])
def test_a_metrics_token_is_whatever_a_header_may_carry(
    environment: Environment, token: str
) -> None:
    environment.setenv("KURSDOCS_METRICS_TOKEN", token)

    assert load().metrics_token.get_secret_value() == token


@pytest.mark.parametrize("token", ["a" * 15, "sechzehn Zeichen!", "ä" * 16])
def test_another_metrics_token_is_refused(environment: Environment, token: str) -> None:
    environment.setenv("KURSDOCS_METRICS_TOKEN", token)

    assert problems() == [
        "KURSDOCS_METRICS_TOKEN: must be 16 or more letters, digits or any of . _ ~ + / = -"
    ]


@pytest.mark.parametrize("name", ["KURSDOCS_MAIL_FROM", "KURSDOCS_OPERATOR_MAIL"])
@pytest.mark.parametrize("address", ["quatsch", "a b@town.example", "Post <post@town.example>"])
def test_mails_have_one_plain_address(environment: Environment, name: str, address: str) -> None:
    environment.setenv(name, address)

    assert problems() == [f"{name}: must be one plain address, like kursdocs@town.example"]


# --- Secrets in files ----------------------------------------------------------------------------


def test_the_secrets_are_those_that_open_something() -> None:
    assert sorted(secret_fields()) == [
        "bounces_password",
        "database_url",
        "keys_url",
        "metrics_token",
        "oidc_client_secret",
        "s3_secret_key",
        "smtp_password",
    ]


def test_a_database_url_with_a_password_may_lie_in_a_file(
    environment: Environment, tmp_path: Path
) -> None:
    url = "postgresql://kursdocs:erfunden@db.example/kursdocs"
    (tmp_path / "url").write_text(url + "\n")
    environment.delenv("KURSDOCS_DATABASE_URL")
    environment.setenv("KURSDOCS_DATABASE_URL_FILE", str(tmp_path / "url"))

    assert load().database_url == url


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_secret_may_lie_in_a_file(environment: Environment, tmp_path: Path, ending: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(f" from a file ä{ending}".encode())
    environment.delenv("KURSDOCS_OIDC_CLIENT_SECRET")
    environment.setenv("KURSDOCS_OIDC_CLIENT_SECRET_FILE", str(secret))

    assert load().oidc_client_secret.get_secret_value() == " from a file ä"


def test_a_secret_given_twice_is_refused(environment: Environment, tmp_path: Path) -> None:
    environment.setenv("KURSDOCS_OIDC_CLIENT_SECRET_FILE", str(tmp_path / "secret"))

    assert problems() == [
        "KURSDOCS_OIDC_CLIENT_SECRET_FILE: is given twice, also as KURSDOCS_OIDC_CLIENT_SECRET"
    ]


def test_a_secret_that_cannot_be_read_is_named(environment: Environment, tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, reason in ((tmp_path, "Is a directory"), (binary, "not a text file")):
        environment.setenv("KURSDOCS_SMTP_PASSWORD_FILE", str(path))

        assert problems() == [f"KURSDOCS_SMTP_PASSWORD_FILE: cannot be read ({reason})"]


def test_only_secrets_may_lie_in_files(environment: Environment, tmp_path: Path) -> None:
    environment.setenv("KURSDOCS_MAIL_FROM_FILE", str(tmp_path))

    assert problems() == ["KURSDOCS_MAIL_FROM_FILE: is not a setting of kursdocs"]


# --- Addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("https://kursdocs.example", "https://kursdocs.example"),
        ("https://kursdocs.example/", "https://kursdocs.example"),
        ("HTTPS://Kursdocs.Example", "https://kursdocs.example"),
        ("https://kursdocs.example:8443", "https://kursdocs.example:8443"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_public_address_is_kept_in_one_spelling(
    environment: Environment, typed: str, kept: str
) -> None:
    environment.setenv("KURSDOCS_PUBLIC_URL", typed)

    assert load().public_url == kept


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "must be an address like"),
        ("kursdocs.example", "must be an address like"),
        ("ftp://kursdocs.example", "must be an address like"),
        ("https://", "must be an address like"),
        ("https://somebody@kursdocs.example", "must be an address like"),
        ("https://kursdocs.example:99999", "Port out of range"),
        ("https://kursdocs.example/docs", "must have no path"),
        ("https://kursdocs.example?x=1", "must have no path"),
        ("https://kursdocs.example/#x", "must have no path"),
        ("http://kursdocs.example", "must be https"),
        ("http://192.168.0.7", "must be https"),
        ("http://127.0.0.1.kursdocs.example", "must be https"),
        ("http://localhost.kursdocs.example", "must be https"),
    ],
)
def test_a_public_address_that_is_wrong_is_refused(
    environment: Environment, typed: str, reason: str
) -> None:
    environment.setenv("KURSDOCS_PUBLIC_URL", typed)

    (line,) = problems()

    assert line.startswith("KURSDOCS_PUBLIC_URL: ")
    assert reason in line


@pytest.mark.parametrize(
    ("host", "is_this_machine"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", False),  # noqa: S104 - judged, not listened on
        ("127.0.0.1.example", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_loopback_is_an_address_and_no_beginning_of_a_name(
    host: str, is_this_machine: bool
) -> None:
    assert is_loopback(host) is is_this_machine


def test_the_demo_is_for_this_machine_only(environment: Environment) -> None:
    environment.setenv("KURSDOCS_DEMO", "true")
    (line,) = problems()
    assert line.startswith("KURSDOCS_DEMO: ")
    assert "KURSDOCS_PUBLIC_URL must be loopback" in line

    environment.setenv("KURSDOCS_PUBLIC_URL", "http://127.0.0.1:8000")
    assert load().demo


def test_the_keys_never_lie_in_the_main_database(environment: Environment) -> None:
    environment.setenv("KURSDOCS_KEYS_URL", WHOLE["KURSDOCS_DATABASE_URL"])

    assert problems() == ["KURSDOCS_KEYS_URL: must be another database than KURSDOCS_DATABASE_URL"]


def test_lists_are_given_by_comma(environment: Environment) -> None:
    environment.setenv("KURSDOCS_OIDC_TOKEN_TYPES", "at+jwt, JWT,")
    environment.setenv("KURSDOCS_TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8")

    settings = load()

    assert settings.oidc_token_types == ("at+jwt", "JWT")
    assert settings.trusted_proxies == ("127.0.0.1", "10.0.0.0/8")


# --- Where the environment is silent -------------------------------------------------------------


def test_a_fallback_counts_only_where_the_environment_is_silent(
    environment: Environment,
) -> None:
    environment.delenv("KURSDOCS_CLAMD")

    settings = load(clamd="off", mail_from="other@musterstadt.example")

    assert (settings.clamd, settings.mail_from) == ("off", "kursdocs@musterstadt.example")


# --- The client's settings -----------------------------------------------------------------------


@pytest.fixture
def client(environment: Environment) -> Environment:
    """A machine on which nothing but the client is set up."""
    for name in WHOLE:
        environment.delenv(name)
    for name, value in CLIENT.items():
        environment.setenv(name, value)
    return environment


def client_problems(**given: object) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load_push(**given)
    return str(refused.value).splitlines()


def test_the_client_needs_none_of_the_settings_of_a_server(client: Environment) -> None:
    settings = load_push()

    assert settings.server == "https://kursdocs.example"
    assert settings.client_secret.get_secret_value() == "invented"


def test_a_server_does_not_mind_the_settings_of_a_client(environment: Environment) -> None:
    environment.setenv("KURSDOCS_PUSH_SERVER", "https://kursdocs.example")

    assert load().public_url == "https://kursdocs.example"


def test_what_is_given_to_the_client_counts_before_the_environment(client: Environment) -> None:
    settings = load_push(server="http://127.0.0.1:8000", issuer=None)

    assert settings.server == "http://127.0.0.1:8000"
    assert settings.issuer == "https://sign-in.example"


def test_all_that_is_wrong_for_the_client_is_named_at_once(
    client: Environment, tmp_path: Path
) -> None:
    client.setenv("KURSDOCS_PUSH_SERVER", "http://kursdocs.example")
    client.delenv("KURSDOCS_PUSH_ISSUER")
    client.setenv("KURSDOCS_PUSH_CLIENT_ID", "")
    client.setenv("KURSDOCS_PUSH_SECRET", "x")

    assert client_problems() == [
        "KURSDOCS_PUSH_SECRET: is not a setting of kursdocs",
        "KURSDOCS_PUSH_SERVER: must be https, unless it is the loopback address",
        "KURSDOCS_PUSH_ISSUER: is missing",
        "KURSDOCS_PUSH_CLIENT_ID: is empty",
    ]


def test_the_clients_secret_may_lie_in_a_file(client: Environment, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from-file\n")
    client.delenv("KURSDOCS_PUSH_CLIENT_SECRET")
    client.setenv("KURSDOCS_PUSH_CLIENT_SECRET_FILE", str(file))

    assert load_push().client_secret.get_secret_value() == "from-file"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("/srv/state", "/srv/state"),
        ("", "/srv/probe/.local/state"),
        ("x", "/srv/probe/.local/state"),
    ],
)
def test_the_list_of_what_was_sent_lies_in_the_state_folder(
    client: Environment, state: str, expected: str
) -> None:
    client.setenv("HOME", "/srv/probe")
    client.setenv("XDG_STATE_HOME", state)

    assert load_push().ledger == Path(expected) / "kursdocs" / "pushed.jsonl"


# --- The README ----------------------------------------------------------------------------------


def test_the_readme_describes_every_setting_and_no_other() -> None:
    rows = re.findall(
        r"^\| `(KURSDOCS_[A-Z0-9_]+)` ?(\*?) ?\| (.+?) \|", README.read_text("utf-8"), re.M
    )

    expected = {
        variable(name, prefix): (name in secret_fields(kind), field.description)
        for kind, prefix in BOTH
        for name, field in kind.model_fields.items()
    }
    assert {name: (star == "*", text) for name, star, text in rows} == expected
    assert len(rows) == len(expected)


def test_the_readme_names_no_variable_that_does_not_exist() -> None:
    known = {variable(name, prefix) for kind, prefix in BOTH for name in kind.model_fields}
    known |= {
        f"{variable(name, prefix)}_FILE" for kind, prefix in BOTH for name in secret_fields(kind)
    }

    assert set(re.findall(r"KURSDOCS_[A-Z0-9_]+", README.read_text("utf-8"))) <= known
