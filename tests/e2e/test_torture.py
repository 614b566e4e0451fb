"""What was acknowledged is there once, and told, whoever is killed (R46, R64): twenty seconds of what `make torture`
does for five minutes."""

from pathlib import Path

from tests.torture.run import torture

SECONDS = 20.0
KINDS = {
    *("server killed", "server stopped", "database killed", "database restarted", "sessions ended"),
    *("redis killed", "redis restarted"),
}


def test_servers_and_stores_are_killed_and_every_acknowledged_write_is_there_once_and_told(tmp_path: Path) -> None:
    report = torture(tmp_path, SECONDS, seed=2026)
    assert report.faults == []
    assert report.deaths.keys() <= KINDS and report.deaths.total() >= 3
    assert report.outcomes["done"] >= 20
    assert report.outcomes["events"] >= report.outcomes["done"]
