"""/.well-known/jwks.json: the public keys of this moment, for caches, and nothing private (R21)."""

import json
from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from pydantic import SecretStr

from app.db.signing_key import SqlSigningKeys
from app.kernel.clock import utc_now
from tests.fixtures.bearer import own_key
from tests.fixtures.endpoint import world_with
from tests.fixtures.rotation import read, rotation
from tests.fixtures.world import World

PATH = "/.well-known/jwks.json"
MEMBERS = {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "Ed25519"}


async def kids(world: World) -> list[str]:
    response = await world.client.get(PATH)
    assert response.status_code == 200
    return [key["kid"] for key in response.json()["keys"]]


async def test_set_has_the_public_key_and_what_it_is_for(world: World) -> None:
    response = await world.client.get(PATH)
    key = own_key(world)
    assert response.json() == {"keys": [{**MEMBERS, "x": key["x"], "kid": key.kid}]}
    assert response.headers["content-type"] == "application/jwk-set+json"
    assert response.headers["cache-control"] == "public, max-age=30"  # half of the delay before a key signs
    assert "x-request-id" in response.headers


async def test_tokens_of_every_key_can_be_checked_by_others_with_the_set(
    world: World, as_owner: SqlSigningKeys
) -> None:
    tokens = [world.token("admin")]
    for _ in range(2):
        await rotation(world, as_owner).rotate()
        await read(world)
        tokens.append(world.token("admin"))
    found = KeySet.import_key_set((await world.client.get(PATH)).json())
    subjects = [jwt.decode(token, found, algorithms=["Ed25519"]).claims["sub"] for token in tokens]
    assert subjects == [str(world.users["admin"])] * 3


async def test_new_key_is_published_before_it_signs_and_a_revoked_one_is_gone(
    world: World, as_owner: SqlSigningKeys
) -> None:
    service, static = rotation(world, as_owner, timedelta(minutes=1)), own_key(world).kid
    assert await kids(world) == [static]
    made = await service.rotate()
    await read(world)
    assert await kids(world) == [made.kid, static]
    assert world.wiring.tokens.stored.signer(utc_now()) is None
    other = await service.revoke(made.kid)
    await read(world)
    assert other is not None and await kids(world) == [other.kid, static]


async def test_nothing_private_and_no_member_of_an_operator_s_own_is_shown(world: World) -> None:
    key = OKPKey.generate_key("Ed25519", parameters={"kid": "mine"})
    whole = json.dumps({"keys": [{**key.as_dict(private=True), "x5u": "http://inside", "note": "secret"}]})
    async with world_with(world, jwt_keys=SecretStr(whole)) as other:
        response = await other.client.get(PATH)
    assert response.json() == {"keys": [{**MEMBERS, "x": key["x"], "kid": "mine"}]}
    assert str(key["d"]) not in response.text


async def test_set_that_a_cache_has_is_not_sent_again_until_it_changes(world: World, as_owner: SqlSigningKeys) -> None:
    first = await world.client.get(PATH)
    tag = first.headers["etag"]
    for unless in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = await world.client.get(PATH, headers={"if-none-match": unless})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == first.headers["cache-control"]
    await rotation(world, as_owner).rotate()
    await read(world)
    changed = await world.client.get(PATH, headers={"if-none-match": tag})
    assert changed.status_code == 200 and changed.headers["etag"] != tag


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_set_is_only_read(world: World, method: str) -> None:
    response = await world.client.request(method, PATH)
    assert (response.status_code, set(response.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})


async def test_head_tells_the_same_without_the_set(world: World) -> None:
    told = await world.client.head(PATH)
    assert (told.status_code, told.headers["etag"]) == (200, (await world.client.get(PATH)).headers["etag"])


async def test_reading_the_set_asks_the_database_nothing_and_is_counted_by_its_route(world: World) -> None:
    world.statements.clear()
    for _ in range(3):
        await world.client.get(PATH)
    assert world.statements == []
    labels = {"method": "GET", "route": PATH, "status": "200"}
    assert world.wiring.observing.registry.get_sample_value("http_requests_total", labels) == 3
