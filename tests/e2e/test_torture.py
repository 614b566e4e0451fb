"""What was acknowledged is there once, whoever is killed (R64): twenty seconds of what `make torture` does for five
minutes."""

from pathlib import Path

from tests.torture.run import torture

SECONDS = 20.0
KINDS = {"server killed", "server stopped", "database killed", "database restarted", "sessions ended"}


def test_servers_and_databases_are_killed_and_every_acknowledged_write_is_there_once(tmp_path: Path) -> None:
    report = torture(tmp_path, SECONDS, seed=2026)
    assert report.faults == []
    assert report.deaths.keys() <= KINDS and report.deaths.total() >= 3
    assert report.outcomes["done"] >= 20
