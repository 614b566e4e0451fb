"""Attacks on bearer tokens at the real endpoint, a row each (RFC 8725): every one is 401, and none is anything else."""

import hmac
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from joserfc import jwe, jws, jwt
from joserfc.jwk import OctKey, OKPKey

from app.kernel.clock import utc_now
from tests.fixtures.bearer import INVALID, accepted, claims_of, forged, own_key, part, refused, signed, signed_as_it_is
from tests.fixtures.endpoint import world_with
from tests.fixtures.http import MODERN, NAME, refusal
from tests.fixtures.world import World

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")

type Attack = Callable[[World], str]
ATTACKS: dict[str, Attack] = {}
DAY = 86_400  # seconds: JWT_MAX_LIFETIME


def header(world: World, **more: object) -> dict[str, object]:
    return {"alg": "Ed25519", "typ": "JWT", "kid": own_key(world).kid, **more}


def text(claims: dict[str, object], **twins: object) -> bytes:
    """JSON in which each of `twins` comes after the claims, once more."""
    more = "".join(f", {json.dumps(name)}: {json.dumps(twin)}" for name, twin in twins.items())
    return (json.dumps(claims)[:-1] + more + "}").encode()


def now() -> int:
    return int(utc_now().timestamp())


def unsigned(alg: str) -> Attack:
    return lambda w: forged(w, header(w, alg=alg))


def with_header(**more: object) -> Attack:
    """Signed by our own key, whatever its header says."""
    return lambda w: signed_as_it_is(w, header(w, **more), claims_of(w))


def with_claims(changed: Callable[[], dict[str, object]]) -> Attack:
    return lambda w: signed_as_it_is(w, header(w), claims_of(w, **changed()))


def always(**claims: object) -> Callable[[], dict[str, object]]:
    return lambda: claims


# No signature, or another algorithm than the key's.
for casing in map("".join, itertools.product(*({letter, letter.upper()} for letter in "none"))):
    ATTACKS[f"alg {casing}, unsigned"] = unsigned(casing)
    ATTACKS[f"alg {casing}, with a signature"] = with_header(alg=casing)
for alg in (
    "HS256",
    "HS384",
    "HS512",
    "RS256",
    "PS256",
    "ES256",
    "ES256K",
    "Ed448",
    "ed25519",
    "EDDSA",
    "",
    " Ed25519",
):
    ATTACKS[f"alg {alg!r} with a true Ed25519 signature"] = with_header(alg=alg)
for odd in (None, 1, True, ["Ed25519"], {"alg": "Ed25519"}):
    ATTACKS[f"alg is {odd!r}"] = with_header(alg=odd)


def public_forms(world: World) -> Iterator[bytes]:
    """Everything that somebody may take for the public key's bytes."""
    key, raw = own_key(world), serialization.PublicFormat
    public = key.public_key
    yield str(key["x"]).encode()
    yield json.dumps(key.as_dict(private=False)).encode()
    yield json.dumps(world.wiring.public_keys()[0]).encode()
    yield public.public_bytes(serialization.Encoding.Raw, raw.Raw)
    for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER):
        yield public.public_bytes(encoding, raw.SubjectPublicKeyInfo)


def confused(number: int, alg: str) -> Attack:
    def attack(world: World) -> str:
        secret = list(public_forms(world))[number]
        signing_input = f"{part(header(world, alg=alg))}.{part(claims_of(world))}"
        return f"{signing_input}.{part(hmac.digest(secret, signing_input.encode(), f'sha{alg[2:]}'))}"

    return attack


for number in range(6):
    for alg in ("HS256", "HS384", "HS512"):
        ATTACKS[f"{alg} with the public key as the secret, form {number}"] = confused(number, alg)

# Keys that the token chooses.
PATHS = ("/", "..", "../../../../../../dev/null", "..\\..\\windows\\win.ini", "/proc/self/environ", "file:///dev/null")
URLS = ("http://127.0.0.1:9/keys", "https://example.com/jwks.json", "//example.com", "${jndi:ldap://127.0.0.1:9/a}")
SQL = ("' OR '1'='1", "x'; DROP TABLE signing_keys; --", "' UNION SELECT 'a' --", "%", "_", "*", "\0")
WORDS = ("", " ", ".", "$(id)", "`id`", "| id", "{{7*7}}", "a\r\nX: y", "ключ", "\u202e", "a" * 43, "A" * 44, "a" * 400)
ODD: tuple[object, ...] = (0, 1, -1, 1.5, True, False, None, [], {}, ["a"], {"kid": "a"})
KIDS: tuple[object, ...] = (*PATHS, *URLS, *SQL, *WORDS, *ODD)
for kid in KIDS:
    ATTACKS[f"kid {str(kid)[:40]!r} ({type(kid).__name__})"] = with_header(kid=kid)
ATTACKS["kid with a space"] = lambda w: signed_as_it_is(w, header(w, kid=f"{own_key(w).kid} "), claims_of(w))
ATTACKS["kid in other letters"] = lambda w: signed_as_it_is(
    w, header(w, kid=str(own_key(w).kid).swapcase()), claims_of(w)
)


def brought(**more: object) -> Attack:
    """Signed by a stranger who says where to find the key."""

    def attack(world: World) -> str:
        stranger = OKPKey.generate_key("Ed25519", auto_kid=True)
        public = stranger.as_dict(private=False)
        said = {name: public if found is ... else found for name, found in more.items()}
        return jwt.encode(header(world, **said), claims_of(world), stranger, algorithms=["Ed25519"])

    return attack


ATTACKS |= {
    "jwk brought along": brought(jwk=...),
    "jwk brought along, by its own kid": brought(jwk=..., kid="theirs"),
    "jku": brought(jku="http://127.0.0.1:9/jwks.json"),
    "x5u": brought(x5u="http://127.0.0.1:9/chain.pem"),
    "x5c": brought(x5c=["MIIB"]),
    "x5t": brought(x5t="AAAA"),
    "signed by another key": brought(),
}

# Headers and claims that must be understood, or must not be there twice.
ATTACKS |= {
    "crit unknown": lambda w: signed_as_it_is(w, header(w, crit=["exp"], exp=now() + 60), claims_of(w)),
    "crit of nothing": lambda w: signed_as_it_is(w, header(w, crit=[]), claims_of(w)),
    "crit names what is not there": lambda w: signed_as_it_is(w, header(w, crit=["x"]), claims_of(w)),
    "crit no list": lambda w: signed_as_it_is(w, header(w, crit="b64"), claims_of(w)),
    "unencoded payload": lambda w: signed_as_it_is(w, header(w, crit=["b64"], b64=False), claims_of(w)),
    "zip": lambda w: signed_as_it_is(w, header(w, zip="DEF", enc="A256GCM"), claims_of(w)),
    "alg twice": lambda w: signed_as_it_is(w, text(header(w, alg="none"), alg="Ed25519"), claims_of(w)),
    "kid twice": lambda w: signed_as_it_is(w, text(header(w, kid="x"), kid=own_key(w).kid), claims_of(w)),
    "sub twice": lambda w: signed_as_it_is(w, header(w), text(claims_of(w), sub=str(w.users["viewer"]))),
    "sub twice, the same": lambda w: signed_as_it_is(w, header(w), text(claims_of(w), sub=str(w.users["admin"]))),
    "exp twice": lambda w: signed_as_it_is(w, header(w), text(claims_of(w, exp=1), exp=now() + 60)),
    "aud twice": lambda w: signed_as_it_is(w, header(w), text(claims_of(w, aud="x"), aud="feature-api")),
    "a name twice, deep inside": lambda w: signed_as_it_is(
        w, header(w), text(claims_of(w))[:-1] + b', "x": {"y": [{"z": 1, "z": 2}]}}'
    ),
    "sub twice, once escaped": lambda w: signed_as_it_is(
        w, header(w), text(claims_of(w))[:-1] + b', "\\u0073ub": "x"}'
    ),
}

# Whom it is from and for.
ISSUERS: tuple[object, ...] = (
    "",
    " feature-api",
    "feature-api ",
    "Feature-Api",
    "feature-api\0",
    "https://x",
    1,
    True,
    {},
)
for issuer in ISSUERS:
    ATTACKS[f"iss {issuer!r}"] = with_claims(always(iss=issuer))
AUDIENCES: tuple[object, ...] = ("", "x", "feature-api ", [], ["x"], [["feature-api"]], {"feature-api": 1}, 1, True)
for audience in AUDIENCES:
    ATTACKS[f"aud {audience!r}"] = with_claims(always(aud=audience))

# When.
TIMES: dict[str, Callable[[], dict[str, object]]] = {
    "expired": lambda: {"exp": now() - 6},
    "expired long ago": lambda: {"exp": 1},
    "not yet valid": lambda: {"nbf": now() + 60},
    "not valid for a thousand years": lambda: {"nbf": 33_000_000_000},
    "issued in the future": lambda: {"iat": now() + 60, "exp": now() + 120},
    "lives longer than a day": lambda: {"exp": now() + DAY + 60},
    "lives a day too long, issued yesterday": lambda: {"iat": now() - DAY, "exp": now() + 60},
    "lives longer than a day, unknown since when": lambda: {"iat": None, "exp": now() + DAY + 60},
    "lives for ever": lambda: {"exp": 2**63},
    "lives for ever and ever": lambda: {"exp": 10**400},
    "exp as a text": lambda: {"exp": str(now() + 60)},
    "exp as a list": lambda: {"exp": [now() + 60]},
    "exp true": lambda: {"exp": True},
    "exp infinite": lambda: {"exp": float("inf")},
    "exp no number": lambda: {"exp": float("nan")},
    "iat infinite": lambda: {"iat": float("inf")},
    "iat minus infinite": lambda: {"iat": float("-inf")},
    "iat no number": lambda: {"iat": float("nan")},
    "iat as a text": lambda: {"iat": "now"},
    "iat huge": lambda: {"iat": -(10**400)},
    "nbf as a text": lambda: {"nbf": "soon"},
    "nbf infinite": lambda: {"nbf": float("inf")},
}
for name, times in TIMES.items():
    ATTACKS[name] = with_claims(times)


# Forms.
def pieced(world: World, body: str | None = None, signature: str | None = None) -> str:
    """A good token with another part."""
    head, own_body, own_signature = signed(world).split(".")
    return ".".join((head, own_body if body is None else body, own_signature if signature is None else signature))


def compact_jwe(world: World) -> str:
    key = OctKey.generate_key(256)
    protected = {"alg": "dir", "enc": "A256GCM", "kid": own_key(world).kid}
    return jwe.encrypt_compact(protected, json.dumps(claims_of(world)), key)


def as_json(world: World) -> str:
    member = {"protected": {"alg": "Ed25519"}, "header": {"kid": own_key(world).kid}}
    payload = json.dumps(claims_of(world))
    serialize: Any = jws.serialize_json  # its types know no member of one signature
    return json.dumps(serialize(member, payload, own_key(world), algorithms=["Ed25519"]))


ATTACKS |= {
    "JWE": compact_jwe,
    "JSON serialisation": as_json,
    "detached payload": lambda w: pieced(w, body=""),
    "signature taken off": lambda w: pieced(w, signature=""),
    "signature of another token": lambda w: pieced(w, signature=signed(w, x=1).split(".")[2]),
    "signature half": lambda w: signed(w)[:-40],
    "signature of zeroes": lambda w: pieced(w, signature=part(bytes(64))),
    "payload of another token": lambda w: pieced(w, body=part(claims_of(w, sub=str(w.users["viewer"])))),
    "header of another token": lambda w: f"{part(header(w, typ='at+jwt'))}." + signed(w).partition(".")[2],
    "padding": lambda w: signed(w) + "==",
    "standard base64": lambda w: signed(w, x="???>>>~~~").replace("_", "/").replace("-", "+") + "+/",
    "space inside": lambda w: signed(w).replace(".", ". ", 1),
    "tab inside": lambda w: signed(w).replace(".", ".\t", 1),
    "two tokens": lambda w: f"{signed(w)} {signed(w)}",
    "two tokens with a comma": lambda w: f"{signed(w)},{signed(w)}",
    "quoted": lambda w: f'"{signed(w)}"',
    "claims nested deep": lambda w: signed_as_it_is(w, header(w), b'{"x":' + b"[" * 2400 + b"]" * 300),
    "claims nested deep and closed": lambda w: signed_as_it_is(w, header(w), b"[" * 1200 + b"]" * 1200),
    "header nested deep": lambda w: part(b'{"alg":' * 420) + "." + signed(w).partition(".")[2],
    "claims no object": lambda w: signed_as_it_is(w, header(w), [claims_of(w)]),
    "claims in UTF-16": lambda w: signed_as_it_is(w, header(w), json.dumps(claims_of(w)).encode("utf-16"))[:-2],
    "claims not UTF-8": lambda w: signed_as_it_is(w, header(w), text(claims_of(w), x="?").replace(b"?", b"\xff")),
    "claims after claims": lambda w: signed_as_it_is(w, header(w), text(claims_of(w)) * 2),
    "huge": lambda w: signed(w, x="x" * 30_000),
    "huge rubbish": lambda w: "a" * 60_000,
    "points alone": lambda w: "." * 4000,
}


async def test_every_attack_is_refused_alike(world: World) -> None:
    """One world for all of them; what each is told is the same."""
    await accepted(world, f"Bearer {signed(world)}")
    assert len(ATTACKS) > 150
    for name, attack in ATTACKS.items():
        assert (name, await refused(world, f"Bearer {attack(world)}")) == (name, INVALID)


@pytest.mark.parametrize("bytes_", [b"\xe9", b"\xff\xfe", "ключ".encode(), b"\x80" * 100])
async def test_letters_that_no_token_has_are_refused_too(world: World, bytes_: bytes) -> None:
    for token in (signed(world).encode() + bytes_, bytes_, bytes_ + b"." + bytes_ + b"." + bytes_):
        headers = [(b"authorization", b"Bearer " + token), (b"accept", MODERN.encode())]
        response = await world.client.post("/graphql", json={"query": NAME}, headers=headers)
        assert refusal(response) == (401, "UNAUTHENTICATED")


GOOD: dict[str, Attack] = {
    "a day's life to the second": lambda w: signed(w, exp=now() + DAY),
    "no time of issue": lambda w: signed(w, iat=None),
    "five seconds after its end": lambda w: signed(w, exp=now() - 3),
    "several audiences": lambda w: signed(w, aud=["x", "feature-api"]),
    "claims that nobody asked for": lambda w: signed(w, scope="x", nested={"x": [{}]}, name="Ключ"),
    "another type": lambda w: signed(w, {"typ": "at+jwt"}),
    "old name of the algorithm": lambda w: signed(w, {"alg": "EdDSA"}),
    "addresses that nobody asks": lambda w: signed(w, {"jku": "http://127.0.0.1:9", "x5u": "http://127.0.0.1:9"}),
}


async def test_what_looks_like_an_attack_and_is_none_is_taken(world: World) -> None:
    for token in GOOD.values():
        await accepted(world, f"Bearer {token(world)}")


async def test_refused_token_opens_nothing_and_a_good_one_still_does(world: World) -> None:
    """Nothing is remembered of an attack."""
    good = signed(world)
    for token in (f"{good}x", good[:-2], good.swapcase()):
        await refused(world, f"Bearer {token}")
        await accepted(world, f"Bearer {good}")


async def test_two_authorization_headers_are_refused_in_either_order(world: World) -> None:
    good, bad = f"Bearer {signed(world)}", "Bearer x"
    for first, second in itertools.product((good, bad), repeat=2):
        headers = [("authorization", first), ("Authorization", second), ("accept", MODERN)]
        response = await world.client.post("/graphql", json={"query": NAME}, headers=headers)
        assert refusal(response) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("name", ["access_token", "token", "authorization", "Authorization", "jwt", "bearer"])
async def test_token_anywhere_but_in_its_header_is_not_looked_at(world: World, name: str) -> None:
    token = world.token("admin")
    guest = {"data": {"viewer": None}}
    response = await world.client.get("/graphql", params={"query": NAME, name: token}, headers={"accept": MODERN})
    assert response.json() == guest
    response = await world.client.post(
        f"/graphql?{name}={token}", json={"query": NAME, name: token}, headers={"cookie": f"{name}={token}"}
    )
    assert response.json() == guest


async def test_bound_of_a_token_s_life_is_a_setting(world: World) -> None:
    async with world_with(world, jwt_max_lifetime=3600) as strict:
        await accepted(strict, f"Bearer {signed(strict, exp=now() + 3600)}")
        assert await refused(strict, f"Bearer {signed(strict, exp=now() + 3660)}") == INVALID
        with pytest.raises(ValueError, match="that nobody would take"):
            strict.wiring.tokens.mint(strict.users["admin"], utc_now(), timedelta(seconds=3601))
