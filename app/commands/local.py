"""Servers for one laptop: where no URL is given, PostgreSQL and Valkey of our own, under the data folder."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from app.config.settings import Settings, read_settings
from app.embedded.errors import EmbeddedError
from app.embedded.folder import Folder, write_private
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey

URLS = "urls.json"  # in the data folder while the servers run: other commands join them


@contextmanager
def local_servers(settings: Settings, *, join: bool) -> Iterator[Settings]:
    """Settings with every URL. `join`: use the servers that another command runs, if one does. Raises EmbeddedError."""
    if settings.database_url and settings.redis_url:
        yield settings
        return
    with ExitStack() as stack:
        try:
            folder = Folder(settings.data_dir)
            folder.hold()
            stack.callback(folder.release)
        except EmbeddedError:
            urls = settings.data_dir / URLS
            if not join or not urls.exists():
                raise
            yield _with(settings, json.loads(urls.read_text()))
            return
        yield _with(settings, _start(settings, stack))


def _start(settings: Settings, stack: ExitStack) -> Mapping[str, str]:
    """Both at once; what was started is stopped when the stack closes."""
    urls: dict[str, str] = {}
    with ThreadPoolExecutor() as threads:
        starting = []
        if not settings.database_url:
            postgres = Postgres(settings.data_dir / "postgres")
            stack.callback(postgres.stop)
            starting.append(threads.submit(postgres.start))
        if not settings.redis_url:
            valkey = Valkey(settings.data_dir / "valkey")
            stack.callback(valkey.stop)
            starting.append(threads.submit(valkey.start))
        for started in starting:
            started.result()
    if not settings.database_url:
        urls |= {"database_url": postgres.app_url, "database_owner_url": postgres.owner_url}
    if not settings.redis_url:
        urls |= {"redis_url": valkey.url}
    file: Path = settings.data_dir / URLS
    write_private(file, json.dumps(urls))
    stack.callback(file.unlink, missing_ok=True)
    return urls


def _with(settings: Settings, urls: Mapping[str, str]) -> Settings:
    return read_settings(**{**settings.model_dump(exclude_unset=True), **urls})
