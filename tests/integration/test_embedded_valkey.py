"""The embedded Valkey: it starts whatever was left behind, and leaves nothing running."""

import os
from pathlib import Path

import pytest
import redis

from app.embedded.valkey import Valkey
from tests.fixtures.embedded import get_value, killed_elsewhere, refusal, running, set_value


def test_valkey_wants_its_password_and_keeps_to_its_limits(valkey: Valkey) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        limits = client.config_get("bind", "maxmemory", "maxmemory-policy", "save", "appendonly")
    expected = {"bind": "127.0.0.1", "maxmemory": "268435456", "maxmemory-policy": "volatile-lru"}
    assert limits == expected | {"save": "", "appendonly": "no"}
    with pytest.raises(redis.AuthenticationError):
        get_value(valkey.url.replace("redis://:", "redis://:wrong"))


def test_killed_valkey_starts_empty_on_the_same_port(folder: Path, valkey: Valkey) -> None:
    set_value(valkey.url, "7")
    url = valkey.url
    valkey.kill()
    assert running("valkey-server", folder) == set()
    valkey.start()
    assert valkey.url == url
    assert get_value(url) is None


def test_killed_valkey_that_is_durable_has_what_it_acknowledged(folder: Path) -> None:
    server = Valkey(folder, durable=True)
    server.start()
    with redis.Redis.from_url(server.url) as client:  # a kill shows that it was written, not that it is on the disk
        assert client.config_get("append*").items() >= {"appendonly": "yes", "appendfsync": "always"}.items()
    set_value(server.url, "7")
    server.kill()
    server.start()
    assert get_value(server.url) == b"7"
    server.stop()


def test_valkey_orphan_of_a_killed_run_is_ended(folder: Path) -> None:
    url = killed_elsewhere(folder, "Valkey", leash=False)
    set_value(url, "7")
    orphans = running("valkey-server", folder)
    server = Valkey(folder)
    server.start()
    assert len(orphans) == 1
    assert orphans & running("valkey-server", folder) == set()
    assert get_value(server.url) is None
    server.stop()
    assert running("valkey-server", folder) == set()


def test_second_valkey_on_the_same_folder_is_refused(folder: Path, valkey: Valkey) -> None:
    expected = f"{folder} is in use by process {os.getpid()}: stop that one, or choose another folder."
    assert refusal(Valkey(folder).start) == expected
    assert get_value(valkey.url) is None
