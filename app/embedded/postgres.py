"""A real PostgreSQL of our own, for `make run` and the tests; production never starts it."""

import signal
from pathlib import Path

from app.embedded import binaries, cluster, ports, strays
from app.embedded.account import Account, account_for
from app.embedded.daemon import Daemon, DiedError, last_words
from app.embedded.errors import EmbeddedError
from app.embedded.folder import new_passwords
from app.embedded.server import Server

_PROGRAM = "postgres"
_ROLES = (cluster.SUPERUSER, cluster.OWNER, cluster.APP)
_READY_SECONDS = 120.0  # a recovery after a crash reads the log of changes first
_STOP_SECONDS = 10.0

_SETTINGS = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
}
_THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(Server):
    """`data_folder` says where the data are: in the folder, or, when we are root and PostgreSQL's user cannot reach
    that, in /var/lib/feature-api (/var/tmp/feature-api when not durable), with a link to it in the folder. Not durable:
    faster, and the commits of the last second may be lost, by `kill` as by a crash.
    """

    def __init__(self, folder: Path, *, port: int | None = None, durable: bool = True) -> None:
        super().__init__(folder, _PROGRAM, port)
        self._durable = durable
        self._passwords: dict[str, str] = {}
        self.log_file = self._folder.path / "postgres.log"

    @property
    def data_folder(self) -> Path:
        return (self._folder.path / "data").resolve()

    @property
    def owner_url(self) -> str:
        """The database's owner, who may make databases and roles, and grant the app role."""
        return self._url(cluster.OWNER, cluster.DATABASE)

    @property
    def app_url(self) -> str:
        """The application's role, which owns nothing."""
        return self._url(cluster.APP, cluster.DATABASE)

    @property
    def superuser_url(self) -> str:
        """The superuser, in the database "postgres", so that all others can be dropped and copied."""
        return self._url(cluster.SUPERUSER, "postgres")

    def remove(self) -> None:
        """Stops the server and deletes its folder with all data."""
        self.stop()
        cluster.remove(self._folder.path)

    def _start(self) -> None:
        self.kill()
        folder = self._folder.path
        account = account_for(folder / "data")
        programs = binaries.postgres_programs(account)
        strays.stop(_PROGRAM, self._mark(), signal.SIGINT, _STOP_SECONDS)
        kept = self._folder.passwords(_ROLES)
        self._passwords = kept or new_passwords(_ROLES)
        if cluster.exists(folder, account):
            cluster.forget_pid_file(folder)
            if kept is None:
                # Kept only once they are set: interrupted in between, the next start sets new ones again.
                cluster.reset_passwords(folder, account, programs, self._passwords)
                self._folder.keep_passwords(self._passwords)
        else:
            # Kept before there are data, which are never without them.
            self._folder.keep_passwords(self._passwords)
            cluster.make(folder, account, programs, self._passwords, durable=self._durable)
        if self._port is None:
            self._port = ports.launch_on_free_port(lambda free: self._launch(free, account, programs))
        else:
            ports.refuse_taken(self._port)
            self._launch(self._port, account, programs)

    def _launch(self, number: int, account: Account, programs: Path) -> None:
        settings = {**_SETTINGS, "port": str(number), "cluster_name": self._mark()}
        if not self._durable:
            settings |= _THROWAWAY
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command: list[str | Path] = [programs / "postgres", "-D", self.data_folder, *options]
        daemon = Daemon(command, account=account, folder="/", log=self.log_file, polite=signal.SIGINT)
        self._daemon = daemon
        try:
            daemon.wait_until(lambda: self._ready(daemon.pid), _READY_SECONDS)
        except DiedError as error:
            self.kill()
            words = last_words(self.log_file)
            if "could not create any TCP/IP sockets" in words:
                raise ports.taken(number) from error
            raise EmbeddedError(f"PostgreSQL ended at once: {words} See {self.log_file}.") from error
        except TimeoutError as error:
            raise EmbeddedError(
                f"PostgreSQL was not ready after {_READY_SECONDS:.0f} s: see {self.log_file}."
            ) from error

    def _ready(self, pid: int) -> bool:
        # The eighth line is the server's own word for its state: pg_ctl waits for it as well, and no login is needed.
        try:
            lines = (self.data_folder / "postmaster.pid").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _url(self, role: str, database: str) -> str:
        if self._port is None or not self._passwords:
            raise EmbeddedError("PostgreSQL has no address yet: call start() first.")
        return f"postgresql://{role}:{self._passwords[role]}@{ports.HOST}:{self._port}/{database}"
