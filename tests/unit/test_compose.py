"""docker-compose.yml: nothing that floats or may write, settings that exist, passwords that are made (R66)."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.auth.key_ring import read_ring
from app.config.settings import Settings

ROOT = Path(__file__).parents[2]
OURS = ("migrate", "api", "operate")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def test_no_container_may_write_or_become_more_than_it_is(services: dict[str, Any]) -> None:
    assert set(services) == {"postgres", "valkey", "migrate", "api", "operate", "gateway"}
    for name, service in services.items():
        assert (name, service["read_only"], service["cap_drop"]) == (name, True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert re.fullmatch(
            r"feature-api:local|docker\.io/\S+/\S+:[0-9]+\.[0-9]+-(bookworm|trixie)", service["image"]
        ), name
    assert [name for name, service in services.items() if "ports" in service] == ["gateway"]
    assert services["gateway"]["ports"] == ["127.0.0.1:8080:8080"]


def test_servers_start_when_the_migration_is_done(services: dict[str, Any]) -> None:
    assert services["migrate"]["command"] == ["migrate"]
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["api"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert services["api"]["deploy"]["replicas"] == 2


def test_database_is_healthy_once_the_login_is_made_which_is_last(services: dict[str, Any]) -> None:
    program, *given = services["postgres"]["healthcheck"]["test"][1:]
    assert (program, "--host=127.0.0.1" in given) == ("psql", True)  # the start that makes it does not listen there
    assert given[-1] == "--command=SELECT 'feature_api_login'::regrole"
    assert "CREATE ROLE feature_api_login" in (ROOT / "ops" / "compose" / "roles.sh").read_text().splitlines()[-2]


def test_owners_of_folders_in_memory_are_said_as_podman_understands(services: dict[str, Any]) -> None:
    assert not [one for service in services.values() for one in service.get("tmpfs", []) if "uid=" in one]
    assert "socket:/run/postgresql" in services["postgres"]["volumes"]
    volumes = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["volumes"]
    options = {"type": "tmpfs", "device": "tmpfs", "o": "uid=999,gid=999,mode=0700"}
    assert volumes == {"postgres": None, "socket": {"driver_opts": options}}


@pytest.mark.parametrize(
    ("listed", "asked"),
    [
        ("nameserver 127.0.0.11\noptions ndots:0\n", "127.0.0.11"),  # Docker
        ("search dns.podman\nnameserver 172.28.90.1\nnameserver 192.0.2.53\n", "172.28.90.1"),  # Podman
        ("nameserver fd00::1\n", "[fd00::1]"),
    ],
)
def test_nginx_asks_the_first_name_server_of_its_container(tmp_path: Path, listed: str, asked: str) -> None:
    source, written = tmp_path / "resolv.conf", tmp_path / "resolver.conf"
    source.write_text(listed)
    script = (ROOT / "ops" / "compose" / "resolver.sh").read_text()
    moved = script.replace("/etc/resolv.conf", str(source)).replace("/tmp/resolver.conf", str(written))
    subprocess.run(["sh", "-c", moved], check=True)
    assert written.read_text() == f"resolver {asked} valid=5s;\n"
    assert "include /tmp/resolver.conf;" in (ROOT / "ops" / "compose" / "upstream.conf").read_text()


def test_scripts_that_containers_run_may_be_run(services: dict[str, Any]) -> None:
    mounted = [one.split(":")[0] for service in services.values() for one in service.get("volumes", [])]
    scripts = [ROOT / path for path in mounted if path.endswith(".sh")]
    assert [path.name for path in scripts] == ["roles.sh", "resolver.sh"]
    assert all(path.stat().st_mode & 0o111 == 0o111 for path in scripts)


def test_settings_exist_and_the_owner_is_known_to_the_migration_alone(services: dict[str, Any]) -> None:
    given = {name: set(services[name]["environment"]) for name in OURS}
    assert {name.lower() for name in given["api"] | given["operate"]} <= set(Settings.model_fields)
    assert given["migrate"] == {"DATABASE_OWNER_URL"} and "DATABASE_OWNER_URL" not in given["api"]
    assert services["operate"]["profiles"] == ["operate"]  # by hand alone
    subnet = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["networks"]["inside"]["ipam"]["config"]
    assert subnet == [{"subnet": services["api"]["environment"]["TRUSTED_PROXIES"]}]


def test_environment_is_made_once_with_all_that_is_wanted(tmp_path: Path) -> None:
    script = tmp_path / "ops" / "compose" / "new-env"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / "ops" / "compose" / "new-env", script)
    assert subprocess.run([script], check=False, capture_output=True).returncode == 0
    made = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines())
    assert set(made) == set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    assert all(re.fullmatch("[0-9a-f]{48}", value) for name, value in made.items() if name.endswith("PASSWORD"))
    assert read_ring(made["ENCRYPTION_KEYS"]) is not None
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    before = (tmp_path / ".env").read_bytes()
    assert subprocess.run([script], check=False, capture_output=True).returncode == 1
    assert (tmp_path / ".env").read_bytes() == before
