"""Single sign-on under attack, and with a provider that is away, slow, or talks nonsense: nobody gets in who must not,
and nobody waits (R24, R64)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import time
from typing import Any

import orjson
import pytest

from app.auth.pending import LIFETIME, Seal
from app.auth.provider import KNOWN_FOR, Provider
from app.kernel.breaker import FAILURES, PAUSE
from app.kernel.clock import utc_now
from tests.fixtures.provider import OTHER_KEY, Held
from tests.fixtures.sessions import problem
from tests.fixtures.sign_on import COOKIE, SigningOn, signing_on_with, state_of
from tests.fixtures.world import World


@dataclass
class Moment:
    """A monotonic clock of the test's."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def moment(signing_on: SigningOn) -> Moment:
    """The provider's clock from now on."""
    made = Moment()
    replace_provider(signing_on, made)
    return made


def replace_provider(signing_on: SigningOn, monotonic: Callable[[], float], patience: float = 20.0) -> None:
    found = provider_of(signing_on)
    Provider.__init__(found, found._client, monotonic, patience)


def provider_of(signing_on: SigningOn) -> Provider:
    assert signing_on.world.wiring.sign_on is not None
    return signing_on.world.wiring.sign_on.provider


async def check_nobody_came(signing_on: SigningOn, why: str) -> None:
    assert COOKIE not in signing_on.client.cookies, why
    assert await signing_on.users() == [], why
    assert not [kind for kind, _ in await signing_on.events() if kind == "LOGIN_SUCCEEDED"], why


@dataclass(frozen=True)
class Bad:
    """An ID token that must not count."""

    what: str
    claims: dict[str, Any] = field(default_factory=dict)
    set: dict[str, Any] = field(default_factory=dict)


BAD = [
    Bad("another nonce", {"nonce": "of another login"}),
    Bad("no nonce", {"nonce": None}),
    Bad("another issuer", {"iss": "https://evil.example"}),
    Bad("no issuer", {"iss": None}),
    Bad("another audience", {"aud": "another-client"}),
    Bad("another audience for our sake", {"aud": "another-client", "azp": "feature-api"}),
    Bad("no audience", {"aud": None}),
    Bad("several audiences without azp", {"aud": ["feature-api", "another"], "azp": None}),
    Bad("several audiences, another's", {"aud": ["feature-api", "another"], "azp": "another"}),
    Bad("another authorized party", {"azp": "another-client"}),
    Bad("expired", {"exp": int(time()) - 120}),
    Bad("no end", {"exp": None}),
    Bad("an end that is no time", {"exp": "tomorrow"}),
    Bad("not yet valid", {"nbf": int(time()) + 1_000_000}),
    Bad("issued in the future", {"iat": int(time()) + 1_000_000}),
    Bad("no time of issue", {"iat": None}),
    Bad("no subject", {"sub": None}),
    Bad("an empty subject", {"sub": ""}),
    Bad("a subject that is no text", {"sub": 7}),
    Bad("a subject too long", {"sub": "x" * 256}),
    Bad("a subject with control characters", {"sub": "a\x00b"}),
    Bad("tampered with", set={"tamper": True}),
    Bad("not signed", set={"algorithm": "none"}),
    Bad("signed with the public key as a secret", set={"algorithm": "HS256"}),
    Bad("signed with a key that is not the provider's", set={"key": OTHER_KEY}),
    Bad("an access token of another one", {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
]


async def test_id_token_that_does_not_count_lets_nobody_in(signing_on: SigningOn) -> None:
    right = Held()
    for bad in BAD:
        for name in ("algorithm", "key", "tamper"):
            setattr(signing_on.held, name, bad.set.get(name, getattr(right, name)))
        assert problem(await signing_on.sign_on(**bad.claims)) == (401, "UNAUTHENTICATED"), bad.what
        await check_nobody_came(signing_on, bad.what)
    for name in ("algorithm", "key", "tamper"):
        setattr(signing_on.held, name, getattr(right, name))
    assert (await signing_on.sign_on()).status_code == 303  # the breaker counts none of them


async def test_answer_of_the_token_endpoint_without_a_usable_id_token_lets_nobody_in(signing_on: SigningOn) -> None:
    for body in (
        b'{"access_token": "x", "token_type": "Bearer"}',
        b'{"access_token": "x", "token_type": "Bearer", "id_token": ""}',
        b'{"access_token": "x", "token_type": "Bearer", "id_token": 7}',
        b'{"access_token": "x", "token_type": "Bearer", "id_token": "a.b.c"}',
        b'{"access_token": "x", "token_type": "Bearer", "id_token": null}',
        b'{"error": "invalid_client"}',
    ):
        signing_on.held.paths["/token"] = (200, body, {"content-type": "application/json"})
        assert problem(await signing_on.sign_on()) == (401, "UNAUTHENTICATED"), body
    await check_nobody_came(signing_on, "no ID token")


async def test_state_that_was_not_begun_here_is_refused(signing_on: SigningOn) -> None:
    location = await signing_on.begin()
    other = await signing_on.begin()
    code = signing_on.held.code(location)
    for state in ("", "another", state_of(location)[:-1], state_of(location) + "x", "\ud800", None):
        sent = state if state != "\ud800" else "%ED%A0%80"
        response = await signing_on.back(location, code=code, state=sent)
        assert problem(response) == (400, "BAD_REQUEST"), state
    # The other tab's state has a cookie, but its nonce and its verifier are others.
    assert problem(await signing_on.back(location, code=code, state=state_of(other))) == (401, "UNAUTHENTICATED")
    await check_nobody_came(signing_on, "wrong state")


async def test_login_without_its_cookie_or_with_one_that_was_made_up_is_refused(signing_on: SigningOn) -> None:
    location, other = await signing_on.begin(), await signing_on.begin()
    (name, value), (_, of_other) = [(cookie.name, cookie.value or "") for cookie in signing_on.client.cookies.jar]
    assert value.count(".") == 0 and "/graphql" not in value
    if state_of(location) not in (await _opened(signing_on, location, value)):
        value, of_other = of_other, value
        name = next(cookie.name for cookie in signing_on.client.cookies.jar if cookie.value == value)
    for made_up in ("", "x", value[:-4], value[:-8] + "AAAA" + value[-4:], of_other, "A" * 5_000, "é" * 9):
        signing_on.client.cookies.clear()
        sent = {b"cookie": f"{name}={made_up}".encode()}
        params = {"state": state_of(location), "code": signing_on.held.code(location), "iss": signing_on.held.issuer}
        response = await signing_on.client.get("/auth/oidc/callback", params=params, headers=sent)
        assert problem(response) == (400, "BAD_REQUEST"), made_up
    assert problem(await signing_on.back(other)) == (400, "BAD_REQUEST")
    await check_nobody_came(signing_on, "no cookie")


async def _opened(signing_on: SigningOn, location: str, sealed: str) -> list[str]:
    assert signing_on.world.wiring.sign_on is not None
    state = state_of(location)
    return [state] if signing_on.world.wiring.sign_on.seal.open(state, sealed) else []


async def test_login_that_was_begun_too_long_ago_is_refused(signing_on: SigningOn) -> None:
    sign_on = signing_on.world.wiring.sign_on
    assert sign_on is not None
    location = await signing_on.begin()
    Seal.__init__(sign_on.seal, sign_on.seal._ring, lambda: utc_now() + LIFETIME)
    assert problem(await signing_on.back(location)) == (400, "BAD_REQUEST")
    await check_nobody_came(signing_on, "too late")


async def test_callback_and_code_count_once(signing_on: SigningOn) -> None:
    location = await signing_on.begin()
    code = signing_on.held.code(location)
    before = dict(signing_on.client.cookies)
    assert (await signing_on.back(location, code=code)).status_code == 303
    assert problem(await signing_on.back(location, code=code)) == (400, "BAD_REQUEST")  # the cookie is gone
    for name, value in before.items():
        signing_on.client.cookies.set(name, value)
    assert problem(await signing_on.back(location, code=code)) == (401, "UNAUTHENTICATED")  # and so is the code
    assert [kind for kind, _ in await signing_on.events()].count("LOGIN_SUCCEEDED") == 1


async def test_code_of_another_login_does_not_count(signing_on: SigningOn) -> None:
    """Injected: the verifier is that of this browser's login (RFC 9700 §4.5)."""
    location, attackers = await signing_on.begin(), await signing_on.begin()
    code = signing_on.held.code(attackers)
    assert problem(await signing_on.back(location, code=code)) == (401, "UNAUTHENTICATED")
    assert problem(await signing_on.back(location, code=None)) == (401, "UNAUTHENTICATED")
    assert problem(await signing_on.back(location, code="")) == (401, "UNAUTHENTICATED")
    await check_nobody_came(signing_on, "another's code")


async def test_answer_of_another_provider_is_refused(signing_on: SigningOn) -> None:
    """RFC 9207: always where `iss` is named, and where it is not, if the provider says that it names itself."""
    assert problem(await signing_on.back(await signing_on.begin(), iss="https://evil.example"))[0] == 401
    assert problem(await signing_on.back(await signing_on.begin(), iss=""))[0] == 401
    assert "/token" not in signing_on.held.asked
    assert (await signing_on.back(await signing_on.begin(), iss=None)).status_code == 303


async def test_provider_that_names_itself_must_do_so_each_time(signing_on: SigningOn) -> None:
    signing_on.held.metadata = {"authorization_response_iss_parameter_supported": True}
    assert problem(await signing_on.back(await signing_on.begin(), iss=None)) == (401, "UNAUTHENTICATED")
    assert "/token" not in signing_on.held.asked
    assert (await signing_on.back(await signing_on.begin())).status_code == 303


AWAY = [
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " /graphql",
    "/a b",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "graphql",
    "?x",
    "",
    "@evil.example",
    ":80",
    "/\r\nset-cookie: x=y",
    "/\x00",
    "/\u2028",
    "/ｅvil",
    "/" + "a" * 1_000,
]


async def test_nobody_is_sent_to_another_site(signing_on: SigningOn) -> None:
    for path in AWAY:
        response = await signing_on.client.get("/auth/oidc/login", params={"return_to": path})
        assert problem(response) == (400, "VALIDATION_ERROR"), path
        assert response.json()["errors"][0]["path"] == ["return_to"]
    twice = await signing_on.client.get("/auth/oidc/login?return_to=/a&return_to=//evil.example")
    assert problem(twice) == (400, "BAD_REQUEST")
    assert problem(await signing_on.client.get("/auth/oidc/login?return_to=%FF")) == (400, "BAD_REQUEST")
    assert not signing_on.held.asked and not signing_on.client.cookies
    for path in ("/", "/a/b?c=//d&e=%20#f", "/graphql"):
        assert (await signing_on.back(await signing_on.begin(path))).headers["location"] == path


async def test_what_the_provider_says_went_wrong_is_told_in_our_words(signing_on: SigningOn) -> None:
    for error, told in {
        "access_denied": (403, "FORBIDDEN"),
        "temporarily_unavailable": (503, "UNAVAILABLE"),
        "server_error": (503, "UNAVAILABLE"),
        "login_required": (401, "UNAUTHENTICATED"),
        "<script>alert(1)</script>": (401, "UNAUTHENTICATED"),
        "": (401, "UNAUTHENTICATED"),
    }.items():
        response = await signing_on.back(await signing_on.begin(), error=error)
        assert problem(response) == told, error
        assert "script" not in response.text
    # Whoever has begun nothing here is told nothing of it.
    assert problem(await signing_on.client.get("/auth/oidc/callback?error=access_denied&state=x")) == (
        400,
        "BAD_REQUEST",
    )
    assert problem(await signing_on.client.post("/auth/oidc/callback")) == (405, "METHOD_NOT_ALLOWED")
    await check_nobody_came(signing_on, "errors")


async def test_logins_are_counted_by_address(world: World) -> None:
    async with signing_on_with(world, login_attempts_per_address=3) as signing_on:
        locations = [await signing_on.begin() for _ in range(3)]
        asked = list(signing_on.held.asked)
        assert problem(await signing_on.client.get("/auth/oidc/login")) == (429, "RATE_LIMITED")
        assert problem(await signing_on.back(locations[0])) == (429, "RATE_LIMITED")
        assert signing_on.held.asked == asked


JSON = {"content-type": "application/json"}
ISSUERS = "/.well-known/openid-configuration"
NONSENSE = [
    (500, b"", {}),
    (503, b"{}", JSON),
    (404, b"not here", {}),
    (302, b"", {"location": "http://127.0.0.1:1/"}),
    (200, b"<html>", {"content-type": "text/html"}),
    (200, b"", JSON),
    (200, b"[]", JSON),
    (200, b"null", JSON),
    (200, b'"text"', JSON),
    (200, b"7", JSON),
    (200, b"{}", JSON),
    (200, b"\xff\xfe\x00", JSON),
    (200, b"[" * 50_000, JSON),
    (200, b"[" + b" " * 300_000 + b"]", JSON),
    (200, b"\x1f\x8b\x08\x00", {**JSON, "content-encoding": "gzip"}),
    (200, b"{", {**JSON, "content-length": "100"}),
]


@pytest.mark.parametrize("path", [ISSUERS, "/jwks", "/token"])
async def test_provider_that_talks_nonsense_is_unavailable(signing_on: SigningOn, path: str, moment: Moment) -> None:
    for answer in NONSENSE:
        if path == "/token" and answer == (200, b"{}", JSON):
            continue  # says that there is no token
        signing_on.held.paths.clear()
        replace_provider(signing_on, moment)
        location = await signing_on.begin()
        signing_on.held.paths[path] = answer
        replace_provider(signing_on, moment)
        response = await signing_on.back(location)
        assert problem(response) == (503, "UNAVAILABLE"), answer[:2]
        assert int(response.headers["retry-after"]) >= 1
    await check_nobody_came(signing_on, "nonsense")


async def test_discovery_of_another_issuer_or_without_safe_endpoints_is_not_believed(
    signing_on: SigningOn, moment: Moment
) -> None:
    for metadata in (
        {"issuer": "https://evil.example"},
        {"issuer": signing_on.held.issuer + "/"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": 7},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "file:///etc/passwd"},
        {"id_token_signing_alg_values_supported": ["none", "HS256"]},
        {"id_token_signing_alg_values_supported": 7},
    ):
        signing_on.held.metadata = metadata
        replace_provider(signing_on, moment)
        response = await signing_on.client.get("/auth/oidc/login")
        assert problem(response) == (503, "UNAVAILABLE"), metadata
    assert not signing_on.client.cookies


async def test_discovery_cannot_set_options_of_our_client(signing_on: SigningOn) -> None:
    signing_on.held.metadata = {
        "verify": False,
        "timeout": 0,
        "proxy": "http://127.0.0.1:1",
        "scope": "all",
        "token": "x",
    }
    location = await signing_on.begin()
    assert "scope=openid+profile+email" in location or "scope=openid%20profile%20email" in location
    assert (await signing_on.back(location)).status_code == 303


async def test_keys_of_unknown_kinds_do_not_disturb(signing_on: SigningOn) -> None:
    keys = [{"kty": "AKP", "alg": "ML-DSA-44", "pub": "x"}, {"kty": "oct", "k": "c2VjcmV0"}, {"kid": "nothing"}]
    found = signing_on.held.answer("/jwks", "")
    signing_on.held.paths["/jwks"] = (200, found[1].replace(b'{"keys":[', _keys(keys)), JSON)
    assert (await signing_on.sign_on()).status_code == 303


async def test_key_that_is_for_encryption_signs_nobody_in(signing_on: SigningOn) -> None:
    _, found, _ = signing_on.held.answer("/jwks", "")
    signing_on.held.paths["/jwks"] = (200, found.replace(b'"use":"sig"', b'"use":"enc"'), JSON)
    assert problem(await signing_on.sign_on()) == (401, "UNAUTHENTICATED")
    await check_nobody_came(signing_on, "a key for encryption")


def _keys(keys: list[dict[str, str]]) -> bytes:
    return b'{"keys":[' + b",".join(orjson.dumps(key) for key in keys) + b","


@pytest.mark.parametrize("path", [ISSUERS, "/jwks", "/token"])
async def test_provider_that_hangs_is_given_up(signing_on: SigningOn, path: str, moment: Moment) -> None:
    location = await signing_on.begin()
    signing_on.held.hanging = {path}
    replace_provider(signing_on, moment, patience=1.0)
    assert problem(await signing_on.back(location)) == (503, "UNAVAILABLE")
    assert path in signing_on.held.asked
    signing_on.held.hanging = set()
    replace_provider(signing_on, moment)
    assert (await signing_on.sign_on()).status_code == 303


async def test_provider_whose_answer_never_ends_is_given_up(signing_on: SigningOn, moment: Moment) -> None:
    """Each byte comes in time."""
    signing_on.held.dripping = {ISSUERS}
    replace_provider(signing_on, moment, patience=1.0)
    response = await asyncio.wait_for(signing_on.client.get("/auth/oidc/login"), 20)
    assert problem(response) == (503, "UNAVAILABLE")


async def test_after_five_failures_the_provider_is_left_alone_for_half_a_minute(
    signing_on: SigningOn, moment: Moment
) -> None:
    held = signing_on.held
    held.paths[ISSUERS] = (500, b"", {})
    for _ in range(FAILURES):
        assert problem(await signing_on.client.get("/auth/oidc/login"))[0] == 503
    assert len(held.asked) == FAILURES
    response = await signing_on.client.get("/auth/oidc/login")
    assert (response.status_code, response.headers["retry-after"]) == (503, "30")
    assert len(held.asked) == FAILURES
    moment.now += PAUSE
    responses = await asyncio.gather(*(signing_on.client.get("/auth/oidc/login") for _ in range(3)))
    assert [response.status_code for response in responses] == [503] * 3
    assert len(held.asked) == FAILURES + 1  # one alone tried
    held.paths.clear()
    moment.now += PAUSE
    await signing_on.begin()
    await signing_on.begin()


async def test_provider_that_answers_no_is_there(signing_on: SigningOn, moment: Moment) -> None:
    location = await signing_on.begin()
    signing_on.held.paths["/token"] = (500, b"", {})
    for _ in range(FAILURES):
        assert problem(await signing_on.back(location)) == (503, "UNAVAILABLE")
    signing_on.held.paths.clear()
    moment.now += PAUSE
    assert problem(await signing_on.back(location, code="unknown")) == (401, "UNAUTHENTICATED")
    assert (await signing_on.back(location)).status_code == 303


async def test_keys_and_endpoints_are_read_again_after_a_while(signing_on: SigningOn, moment: Moment) -> None:
    await signing_on.sign_on()
    signing_on.held.published = [OTHER_KEY]  # the provider has taken its key back
    assert (await signing_on.sign_on()).status_code == 303
    moment.now += KNOWN_FOR
    assert problem(await signing_on.sign_on()) == (401, "UNAUTHENTICATED")


async def test_provider_that_is_away_keeps_nobody_else_out(signing_on: SigningOn) -> None:
    tokens = (await signing_on.sign_on(), await signing_on.refresh())[1].json()
    signing_on.held.paths = dict.fromkeys((ISSUERS, "/jwks", "/token"), (500, b"", {}))
    assert problem(await signing_on.sign_on()) == (503, "UNAVAILABLE")
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    body = {"query": "{ viewer { name } }"}
    assert (await signing_on.client.post("/graphql", json=body, headers=headers)).status_code == 200
    assert (await signing_on.refresh()).status_code == 200


async def test_database_that_is_away_lets_nobody_in(signing_on: SigningOn) -> None:
    location = await signing_on.begin()
    await signing_on.world.owner.execute("REVOKE SELECT ON user_identities FROM feature_api_app, feature_api_guarded")
    response = await signing_on.back(location)
    assert problem(response) == (500, "INTERNAL_ERROR")
    assert "user_identities" not in response.text
    assert COOKIE not in signing_on.client.cookies


async def test_no_log_holds_a_secret_of_a_login(signing_on: SigningOn, capsys: pytest.CaptureFixture[str]) -> None:
    location = await signing_on.begin()
    code = signing_on.held.code(location)
    assert (await signing_on.back(location, code=code)).status_code == 303
    refresh = signing_on.client.cookies[COOKIE]
    assert (await signing_on.refresh()).status_code == 200
    signing_on.held.tamper = True
    await signing_on.sign_on()
    logged = "".join(capsys.readouterr())
    assert "security event" in logged
    for secret in (
        code,
        state_of(location),
        refresh,
        "for nothing",
        "between us",
        "eyJ",
        "ada@example.org",
        "subject-1",
    ):
        assert secret not in logged, secret
    assert "between us" not in repr(provider_of(signing_on)._client)
