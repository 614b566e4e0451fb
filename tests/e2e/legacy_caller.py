"""A caller as there were before v2: written against the contract of v1 alone, with a plain HTTP client.

    python tests/e2e/legacy_caller.py URL TOKEN

Nothing of this may ever have to change.
"""

import re
import sys
from typing import Any

import httpx

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
FIELDS = ["id", "name", "description", "status", "metadata", "created_at", "updated_at"]


def check_feature(feature: dict[str, Any]) -> None:
    assert list(feature) == FIELDS
    assert feature["status"] in ("active", "inactive", "archived", "deleted")
    assert isinstance(feature["metadata"], dict)
    assert TIME.fullmatch(feature["created_at"]) and TIME.fullmatch(feature["updated_at"])


def check_meta(body: dict[str, Any], response: httpx.Response) -> None:
    assert list(body)[-1] == "meta" and list(body["meta"]) == ["request_id", "version", "timestamp"]
    assert body["meta"]["request_id"] == f"req_{response.headers['X-Request-ID']}"
    assert TIME.fullmatch(body["meta"]["timestamp"])
    assert response.headers["X-API-Version"] == "1"


def one(response: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    check_meta(body, response)
    check_feature(body["data"])
    feature: dict[str, Any] = body["data"]
    return feature


def error(response: httpx.Response, status: int, code: str) -> list[str]:
    """The fields that are told of."""
    assert response.status_code == status, response.text
    body = response.json()
    check_meta(body, response)
    found = body["error"]
    assert list(found) == ["code", "message", "details", "documentation_url", "correlation_id"]
    assert found["code"] == code and found["message"]
    return [detail["field"] for detail in found["details"]]


def listed(client: httpx.Client, **parameters: object) -> dict[str, Any]:
    response = client.get("/api/v1/features", params={name: str(value) for name, value in parameters.items()})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    check_meta(body, response)
    assert list(body["pagination"]) == ["limit", "offset", "total", "has_more"]
    for feature in body["data"]:
        check_feature(feature)
    return body


def main(url: str, token: str) -> None:
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}) as client:
        response = client.post(
            "/api/v1/features", json={"name": "Legacy", "metadata": {"category": "old", "tags": ["v1"]}}
        )
        feature = one(response, 201)
        path = f"/api/v1/features/{feature['id']}"
        assert response.headers["Location"] == path
        for number in range(3):
            one(client.post("/api/v1/features", json={"name": f"Legacy {number}", "description": "more"}), 201)

        response = client.get(path)
        assert one(response) == feature
        unchanged = client.get(path, headers={"If-None-Match": response.headers["ETag"]})
        assert (unchanged.status_code, unchanged.content) == (304, b"")

        names: list[str] = []
        offset = 0
        while True:
            page = listed(client, limit=2, offset=offset, sort="name:asc")
            names += [found["name"] for found in page["data"]]
            if not page["pagination"]["has_more"]:
                break
            offset += page["pagination"]["limit"]
        assert names == ["Legacy", "Legacy 0", "Legacy 1", "Legacy 2"]
        assert listed(client, tag="v1")["pagination"]["total"] == 1
        assert listed(client, category="old", q="legacy")["pagination"]["total"] == 1

        replaced = client.put(path, json={"name": "Replaced", "status": "inactive"})
        assert (one(replaced)["status"], one(replaced)["metadata"]) == ("inactive", {})
        stale = client.put(path, json={"name": "Lost"}, headers={"If-Match": response.headers["ETag"]})
        assert error(stale, 412, "STALE_VERSION") == []
        one(client.put(path, json={"name": "Kept"}, headers={"If-Match": replaced.headers["ETag"]}))

        assert error(client.post("/api/v1/features", json={"name": "Legacy 0"}), 409, "DUPLICATE_NAME") == []
        assert error(client.post("/api/v1/features", json={"description": 1}), 400, "VALIDATION_ERROR") == [
            "name",
            "description",
        ]
        assert error(client.get(f"{path}0"), 404, "NOT_FOUND") == []
        assert error(httpx.get(f"{url}{path}"), 401, "UNAUTHENTICATED") == []

        deleted = client.delete(path)
        assert (deleted.status_code, deleted.content) == (204, b"")
        error(client.delete(path), 404, "NOT_FOUND")
        assert [found["name"] for found in listed(client, status="deleted")["data"]] == ["Kept"]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
