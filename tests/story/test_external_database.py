"""Two URLs switch to a PostgreSQL of one's own, with no other change."""

from __future__ import annotations

import httpx

from tests.story.running import Installation


def test_hcp_up_runs_on_an_external_server_and_starts_none_of_its_own(reachable, fresh_database):
    up = Installation(
        reachable / "province",
        HCP_DATABASE_URL=fresh_database.app_url,
        HCP_DATABASE_OWNER_URL=fresh_database.owner_url,
    )
    try:
        up.wait_ready()
        assert httpx.get(f"{up.url}/readyz").status_code == 200
        assert not (up.data / "postgres").exists()
        assert "SQL" not in up.log.read_text()
    finally:
        up.stop()


def test_one_url_without_the_other_is_refused_with_the_remedy(reachable, fresh_database):
    up = Installation(reachable / "province", HCP_DATABASE_URL=fresh_database.app_url)
    assert up.process.wait(60) != 0
    assert "HCP_DATABASE_OWNER_URL" in up.log.read_text()
