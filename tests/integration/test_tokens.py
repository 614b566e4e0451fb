"""Bearer tokens: what proves who somebody is, and all that does not (RFC 8725 names most of these attacks)."""

import json
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from tests.fixtures.bearer import INVALID, accepted, claims_of, forged, own_key, part, refused, signed, signed_as_it_is
from tests.fixtures.http import NAME
from tests.fixtures.world import World

# The name of the signature before RFC 9864, which the server still takes, and hides the warning about.
ENDED = "The token's user does not exist, or its session has ended: get a new one."
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")


async def test_both_names_of_the_signature_are_taken(world: World) -> None:
    for algorithm in ("Ed25519", "EdDSA"):
        await accepted(world, f"Bearer {signed(world, {'alg': algorithm})}")
    await accepted(world, f"bearer  {signed(world)} ")
    await accepted(world, f"Bearer {world.token('admin')}")


async def test_no_authorization_is_a_guest(world: World) -> None:
    assert (await world.post({"query": NAME}, "guest")).json() == {"data": {"viewer": None}}
    assert world.statements == []


async def test_anything_but_a_bearer_token_is_refused(world: World) -> None:
    for authorization in ("", "Bearer", "Bearer ", "Basic YWRtaW46YWRtaW4=", "Token abc", "Bearer\tx"):
        assert await refused(world, authorization) == "Send a token as `Authorization: Bearer …`."


async def test_unsigned_tokens_and_those_signed_otherwise_are_refused(world: World) -> None:
    kid, public = own_key(world).kid, own_key(world).as_dict(private=False)
    secret = OctKey.import_key(json.dumps(public)) if False else OctKey.import_key(str(public["x"]))
    confused = jwt.encode({"alg": "HS256", "kid": kid}, claims_of(world), secret, algorithms=["HS256"])
    stranger = OKPKey.generate_key("Ed25519", parameters={"kid": str(kid)})
    by_stranger = jwt.encode({"alg": "Ed25519", "kid": kid}, claims_of(world), stranger, algorithms=["Ed25519"])
    whole = signed(world)
    head, body, signature = whole.split(".")
    other = part(claims_of(world, sub=str(world.users["viewer"])))
    for token in (
        *(forged(world, {"alg": alg, "kid": kid}) for alg in ("none", "None", "NONE", "", "Ed25519", "EdDSA")),
        forged(world, {"kid": kid}),
        confused,
        by_stranger,
        f"{head}.{other}.{signature}",
        f"{head}.{body}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{body}.{signature}.{signature}",
        f"{whole}x",
        "x",
        "..",
        f"{part(b'[' * 3000)}.{body}.{signature}"[:4096],
        forged(world, {"alg": "Ed25519", "kid": kid, "crit": ["b64"], "b64": False}),
    ):
        assert await refused(world, f"Bearer {token}") == INVALID


async def test_key_that_is_not_named_by_its_own_id_is_refused(world: World) -> None:
    strange = ("", "unknown", "../../../../dev/null", "' OR '1'='1", "a" * 500, 1, ["x"], {"kid": "x"}, True, None)
    for kid in strange:
        token = signed_as_it_is(world, {"alg": "Ed25519", "kid": kid}, claims_of(world))
        assert (kid, await refused(world, f"Bearer {token}")) == (kid, INVALID)


async def test_keys_and_addresses_in_a_header_are_not_believed(world: World) -> None:
    stranger = OKPKey.generate_key("Ed25519")
    public = stranger.as_dict(private=False)
    addresses = {"jku": "http://127.0.0.1:9/keys", "x5u": "http://127.0.0.1:9/chain", "jwk": public}
    for kid in (own_key(world).kid, "theirs", None):
        header = {"alg": "Ed25519", **addresses, **({"kid": kid} if kid else {})}
        token = jwt.encode(header, claims_of(world), stranger, algorithms=["Ed25519"])
        assert await refused(world, f"Bearer {token}") == INVALID
    await accepted(world, f"Bearer {signed(world, addresses)}")


STRANGE: list[dict[str, object]] = [
    {"iss": "somebody"},
    {"iss": None},
    {"iss": ["feature-api"]},
    {"aud": "another"},
    {"aud": None},
    {"aud": []},
    {"sub": None},
    {"sub": "admin"},
    {"sub": ""},
    {"sub": "1 OR 1=1"},
    {"sub": 1},
    {"sub": ["x"]},
    {"exp": None},
    {"exp": "never"},
    {"exp": 0},
    {"exp": -1},
    {"exp": 10},
    {"nbf": 9_999_999_999},
    {"iat": 9_999_999_999},
]


async def test_claim_that_is_not_as_it_must_be_is_refused(world: World) -> None:
    header = {"alg": "Ed25519", "kid": own_key(world).kid}
    await accepted(world, f"Bearer {signed_as_it_is(world, header, claims_of(world))}")
    for claims in STRANGE:
        token = signed_as_it_is(world, header, claims_of(world, **claims))
        assert (claims, await refused(world, f"Bearer {token}")) == (claims, INVALID)


async def test_body_that_is_no_set_of_claims_is_refused(world: World) -> None:
    strange: list[object] = [[], "x", 1, b"\xff", b"{", b"[" * 2000]
    for claims in strange:
        token = signed_as_it_is(world, {"alg": "Ed25519", "kid": own_key(world).kid}, claims)
        assert await refused(world, f"Bearer {token}") == INVALID


async def test_one_audience_of_several_is_enough(world: World) -> None:
    await accepted(world, f"Bearer {signed(world, aud=['another', 'feature-api'])}")


async def test_token_of_more_than_4096_characters_is_refused(world: World) -> None:
    room = 4096 - len(signed(world, pad=""))
    tokens = [signed(world, pad="x" * size) for size in range(room * 3 // 4 - 3, room * 3 // 4 + 3)]
    fits, too_long = max(len(t) for t in tokens if len(t) <= 4096), min(len(t) for t in tokens if len(t) > 4096)
    assert fits >= 4095 and too_long <= 4098
    for token in tokens:
        if len(token) <= 4096:
            await accepted(world, f"Bearer {token}")
        else:
            assert await refused(world, f"Bearer {token}") == INVALID


async def test_user_who_does_not_exist_is_refused_each_time(world: World) -> None:
    token = signed(world, sub=str(uuid4()))
    for _ in range(2):
        world.statements.clear()
        assert await refused(world, f"Bearer {token}") == ENDED
        assert world.statements == ["user.role"]
