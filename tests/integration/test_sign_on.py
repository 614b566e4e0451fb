"""Single sign-on (R24): who comes from the provider becomes a user, gets the role of today, and a session like any."""

import asyncio
from urllib.parse import parse_qsl, urlsplit

import httpx

from app.web.sign_on import MAX_QUERY
from tests.fixtures.provider import KEY, OTHER_KEY
from tests.fixtures.sessions import claims_of, name_of, problem, send
from tests.fixtures.sign_on import COOKIE, ORIGIN, SigningOn, signing_on_with, with_client
from tests.fixtures.world import World

ADA = {"name": "Ada Lovelace", "email": "ada@example.org", "role": "USER", "subject": "subject-1"}


async def test_login_sends_the_browser_with_state_nonce_and_a_challenge(signing_on: SigningOn) -> None:
    one, other = await signing_on.begin(), await signing_on.begin()
    first, second = (dict(parse_qsl(urlsplit(location).query)) for location in (one, other))
    assert one.startswith(f"{signing_on.held.issuer}/authorize?")
    assert {name: first[name] for name in ("response_type", "client_id", "scope", "redirect_uri")} == {
        "response_type": "code",
        "client_id": "feature-api",
        "scope": "openid profile email",
        "redirect_uri": f"{ORIGIN}/auth/oidc/callback",
    }
    assert first["code_challenge_method"] == "S256" and len(first["code_challenge"]) == 43
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name] and len(first[name]) >= 20


async def test_first_login_makes_a_user_and_hands_over_a_cookie_alone(signing_on: SigningOn) -> None:
    location = await signing_on.begin("/graphql?query=%7Bviewer%7D#there")
    response = await signing_on.back(location)
    assert (response.status_code, response.headers["location"]) == (303, "/graphql?query=%7Bviewer%7D#there")
    assert response.headers["cache-control"] == "no-store" and response.content == b""
    refresh, *others = response.headers.get_list("set-cookie")[::-1]
    name, _, rest = refresh.partition("=")
    token, _, attributes = rest.partition(";")
    assert name == COOKIE and len(token) == 43
    assert attributes == " HttpOnly; Max-Age=2592000; Path=/; SameSite=strict"
    assert all("Max-Age=0" in other for other in others) and len(others) == 1  # that of the login under way
    assert await signing_on.users() == [{**ADA, "issuer": signing_on.held.issuer}]
    assert sorted(await signing_on.events()) == [
        ("IDENTITY_LINKED", None),
        ("LOGIN_SUCCEEDED", None),
        ("USER_CREATED", None),
    ]


async def test_page_gets_an_access_token_by_the_cookie_and_never_sees_the_refresh_token(signing_on: SigningOn) -> None:
    await signing_on.sign_on()
    before = signing_on.client.cookies[COOKIE]
    response = await signing_on.refresh()
    assert response.status_code == 200, response.text
    assert response.json().keys() == {"access_token", "token_type", "expires_in", "refresh_expires_in"}
    after = signing_on.client.cookies[COOKIE]
    assert after != before and after not in response.text
    assert await name_of(signing_on.world, response.json()["access_token"]) == (200, "Ada Lovelace")
    assert "sid" in claims_of(response.json()["access_token"])
    logout = await send(signing_on.world, "/auth/logout", {}, origin=ORIGIN)
    assert logout.status_code == 204 and COOKIE not in signing_on.client.cookies
    signing_on.client.cookies.set(COOKIE, after)
    assert problem(await signing_on.refresh()) == (401, "UNAUTHENTICATED")


async def test_cookie_does_not_count_for_pages_of_others(signing_on: SigningOn) -> None:
    await signing_on.sign_on()
    for origin in (None, "null", "https://test", "http://evil.example", "http://test.evil.example", "http://test:81"):
        assert problem(await signing_on.refresh(origin)) == (403, "FORBIDDEN"), origin
        headers = {} if origin is None else {"origin": origin}
        assert problem(await send(signing_on.world, "/auth/logout", {}, **headers)) == (403, "FORBIDDEN"), origin
    form = await signing_on.client.post("/auth/refresh", data={}, headers={"origin": ORIGIN})
    assert problem(form) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert (await signing_on.refresh()).status_code == 200


async def test_later_login_is_the_same_user_with_the_role_of_today(signing_on: SigningOn) -> None:
    await signing_on.sign_on()
    await signing_on.sign_on(roles=["staff", "feature-admins"], name="Countess", email="other@example.org")
    assert await signing_on.users() == [{**ADA, "role": "ADMIN", "issuer": signing_on.held.issuer}]
    await signing_on.sign_on(roles="leads")
    assert [user["role"] for user in await signing_on.users()] == ["MANAGER"]
    trail = await signing_on.world.owner.fetch(
        "SELECT action, actor_id, new_values ->> 'role' FROM user_audit_entries ORDER BY created_at, id"
    )
    assert [tuple(row) for row in trail] == [
        ("CREATE", None, "USER"),
        ("CHANGE_ROLE", None, "ADMIN"),
        ("CHANGE_ROLE", None, "MANAGER"),
    ]
    kinds = [kind for kind, _ in await signing_on.events()]
    assert (kinds.count("IDENTITY_LINKED"), kinds.count("ROLE_CHANGED"), kinds.count("LOGIN_SUCCEEDED")) == (1, 2, 3)


NO_ROLES = [None, [], ["strangers"], ["STAFF"], 7, {"staff": True}]


async def test_who_has_no_mapped_role_stays_outside(signing_on: SigningOn) -> None:
    for roles in NO_ROLES:
        assert problem(await signing_on.sign_on(roles=roles)) == (403, "FORBIDDEN"), roles
    assert await signing_on.users() == []
    assert await signing_on.events() == [("LOGIN_FAILED", "role")] * len(NO_ROLES)
    assert COOKIE not in signing_on.client.cookies


async def test_who_has_no_mapped_role_gets_the_default_where_there_is_one(world: World) -> None:
    async with signing_on_with(world, oidc_default_role="VIEWER") as signing_on:
        await signing_on.sign_on()
        for roles in NO_ROLES:
            assert (await signing_on.sign_on(roles=roles)).status_code == 303
            assert [user["role"] for user in await signing_on.users()] == ["VIEWER"], roles


async def test_without_a_map_the_role_is_left_to_administrators(world: World) -> None:
    async with signing_on_with(world, oidc_role_map="", oidc_default_role="USER") as signing_on:
        await signing_on.sign_on(roles=["feature-admins"])
        assert [user["role"] for user in await signing_on.users()] == ["USER"]
        await world.owner.execute("UPDATE users SET role = 'MANAGER' WHERE name = 'Ada Lovelace'")
        await signing_on.sign_on()
        assert [user["role"] for user in await signing_on.users()] == ["MANAGER"]


async def test_roles_are_found_at_a_path_of_claims(world: World) -> None:
    async with signing_on_with(world, oidc_role_claim="realm_access.roles") as signing_on:
        await signing_on.sign_on(realm_access={"roles": ["other", "leads"]}, roles=["feature-admins"])
        assert [user["role"] for user in await signing_on.users()] == ["MANAGER"]


async def test_who_lost_every_role_is_refused_though_they_are_known(signing_on: SigningOn) -> None:
    await signing_on.sign_on()
    assert problem(await signing_on.sign_on(roles=[])) == (403, "FORBIDDEN")


async def test_disabled_user_is_refused_and_no_role_changes(signing_on: SigningOn) -> None:
    await signing_on.sign_on()
    await signing_on.world.owner.execute("UPDATE users SET disabled_at = now() WHERE name = 'Ada Lovelace'")
    assert problem(await signing_on.sign_on(roles=["feature-admins"])) == (403, "FORBIDDEN")
    assert [user["role"] for user in await signing_on.users()] == ["USER"]
    assert ("LOGIN_FAILED", "disabled") in await signing_on.events()


async def test_email_that_is_not_verified_is_nobodys(signing_on: SigningOn) -> None:
    """Not that of a user of ours who has it, either: no link is made by an email."""
    unverified = (None, False, "false", 0, "no", 2)
    for number, verified in enumerate(unverified):
        response = await signing_on.sign_on(sub=str(number), email="admin@example.com", email_verified=verified)
        assert response.status_code == 303
    users = [(user["email"], user["role"]) for user in await signing_on.users()]
    assert users == [(None, "USER")] * len(unverified)


async def test_verified_email_of_another_user_is_refused_and_nothing_is_linked(signing_on: SigningOn) -> None:
    response = await signing_on.sign_on(email="Admin@Example.com")
    assert problem(response) == (403, "FORBIDDEN")
    assert "email" in response.json()["detail"]
    assert await signing_on.users() == []
    assert ("LOGIN_FAILED", "email_taken") in await signing_on.events()


async def test_another_subject_of_the_same_name_is_another_user(signing_on: SigningOn) -> None:
    await signing_on.sign_on()
    await signing_on.sign_on(sub="subject-2", email="ada2@example.org")
    assert [user["subject"] for user in await signing_on.users()] == ["subject-1", "subject-2"]


async def test_the_first_login_twice_at_once_makes_one_user(signing_on: SigningOn) -> None:
    locations = [await signing_on.begin() for _ in range(4)]
    responses = await asyncio.gather(*(signing_on.back(location) for location in locations))
    assert [response.status_code for response in responses] == [303] * 4
    assert len(await signing_on.users()) == 1
    assert await signing_on.world.owner.fetchval("SELECT count(*) FROM users WHERE name = 'Ada Lovelace'") == 1


async def test_two_tabs_log_in_at_once_each_to_where_it_began(signing_on: SigningOn) -> None:
    one, other = await signing_on.begin("/one"), await signing_on.begin("/other")
    assert (await signing_on.back(other)).headers["location"] == "/other"
    assert (await signing_on.back(one)).headers["location"] == "/one"


async def test_browser_keeps_a_few_logins_under_way_at_most(signing_on: SigningOn) -> None:
    for _ in range(12):
        await signing_on.begin()
    assert len(signing_on.client.cookies) <= 6


async def test_what_the_id_token_lacks_comes_from_userinfo_of_the_same_subject(signing_on: SigningOn) -> None:
    signing_on.held.userinfo = {
        "sub": "subject-1",
        "email": "ada@example.org",
        "email_verified": True,
        "roles": "leads",
    }
    await signing_on.sign_on(email=None, email_verified=None, roles=None)
    assert [(user["email"], user["role"]) for user in await signing_on.users()] == [("ada@example.org", "MANAGER")]


async def test_what_the_id_token_says_outranks_userinfo_which_nobody_has_signed(signing_on: SigningOn) -> None:
    signing_on.held.userinfo = {
        "sub": "subject-1",
        "email": "ada@example.org",
        "email_verified": True,
        "roles": ["feature-admins"],
        "name": "Another",
    }
    await signing_on.sign_on(email=None, email_verified=None)
    assert await signing_on.users() == [ADA | {"issuer": signing_on.held.issuer}]


async def test_over_https_cookies_are_this_hosts_alone_and_never_sent_in_clear(world: World) -> None:
    """`__Host-`: no other host of the domain can set or see it (RFC 6265bis §4.1.3.2)."""
    async with signing_on_with(world, public_url="https://test") as signing_on:
        signing_on.client.base_url = httpx.URL("https://test")
        begun = await signing_on.client.get("/auth/oidc/login")
        [(name, attributes)] = cookies_of(begun)
        assert name.startswith("__Host-feature_api_sign_on_")
        assert attributes == {"HttpOnly", "Max-Age=600", "Path=/", "SameSite=lax", "Secure"}

        back = await signing_on.back(begun.headers["location"])
        refreshed = await signing_on.refresh("https://test")
        kept = {"HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=strict", "Secure"}
        for answer in (back, refreshed):
            assert [found for found in cookies_of(answer) if found[0] != name] == [(f"__Host-{COOKIE}", kept)]
        assert "refresh_token" not in refreshed.json()
        assert problem(await signing_on.refresh("http://test")) == (403, "FORBIDDEN")


def cookies_of(response: httpx.Response) -> list[tuple[str, set[str]]]:
    """(name, attributes) of each that is set."""
    found = [header.split("; ") for header in response.headers.get_list("set-cookie")]
    return [(first.partition("=")[0], set(attributes)) for first, *attributes in found]


async def test_query_that_is_too_long_is_refused_and_asks_nobody(signing_on: SigningOn) -> None:
    query = "return_to=/&more=".ljust(MAX_QUERY, "x")
    assert (await signing_on.client.get(f"/auth/oidc/login?{query}")).status_code == 303
    asked = list(signing_on.held.asked)
    assert problem(await signing_on.client.get(f"/auth/oidc/login?{query}x")) == (400, "BAD_REQUEST")
    assert signing_on.held.asked == asked


async def test_userinfo_of_another_subject_is_refused(signing_on: SigningOn) -> None:
    signing_on.held.userinfo = {"sub": "subject-2", "roles": "feature-admins"}
    assert problem(await signing_on.sign_on(roles=None)) == (401, "UNAUTHENTICATED")
    assert await signing_on.users() == []


async def test_provider_that_rotates_its_keys_is_followed(signing_on: SigningOn) -> None:
    await signing_on.sign_on()
    signing_on.held.key = OTHER_KEY
    signing_on.held.published = [OTHER_KEY]
    assert (await signing_on.sign_on()).status_code == 303
    assert signing_on.held.asked.count("/jwks") == 2
    assert signing_on.held.asked.count("/.well-known/openid-configuration") == 1


async def test_keys_are_read_once_for_all_logins_and_again_for_one_alone_whose_key_is_unknown(
    signing_on: SigningOn,
) -> None:
    held = signing_on.held
    read = []
    for key in (KEY, KEY, OTHER_KEY, OTHER_KEY, KEY):  # the second is never published
        held.key = key
        status = (await signing_on.sign_on()).status_code
        read.append((status, held.asked.count("/jwks")))
    assert read == [(303, 1), (303, 1), (401, 2), (401, 3), (303, 3)]


async def test_nothing_of_the_providers_is_kept(signing_on: SigningOn, owner_url: str) -> None:
    await signing_on.sign_on()
    owner = signing_on.world.owner
    tables = await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for (table,) in tables:
        rows = await owner.fetch(f"SELECT t::text FROM {table} t")
        assert not any("for nothing" in row[0] or "eyJ" in row[0] for row in rows), table


async def test_application_can_neither_move_nor_remove_a_link(signing_on: SigningOn) -> None:
    await signing_on.sign_on()
    rows = await signing_on.world.owner.fetch(
        "SELECT privilege_type FROM information_schema.role_table_grants "
        "WHERE table_name = 'user_identities' AND grantee = 'feature_api_app' ORDER BY 1"
    )
    assert [row[0] for row in rows] == ["INSERT", "SELECT"]


async def test_without_a_provider_there_is_no_such_path_and_no_cookie_counts(world: World) -> None:
    for path in ("/auth/oidc/login", "/auth/oidc/callback"):
        assert (await world.client.get(path)).status_code == 404
    world.client.cookies.set(COOKIE, "a token")
    assert problem(await send(world, "/auth/refresh", {}, origin=ORIGIN)) == (400, "VALIDATION_ERROR")


async def test_login_by_password_is_no_way_in_for_who_comes_by_the_provider(signing_on: SigningOn) -> None:
    await signing_on.sign_on()
    body = {"email": "ada@example.org", "password": "correct horse battery staple"}
    assert problem(await send(signing_on.world, "/auth/login", body)) == (401, "UNAUTHENTICATED")


async def test_another_browser_has_no_part_in_it(signing_on: SigningOn) -> None:
    """Login CSRF: the attacker's own login, finished in the victim's browser."""
    location = await signing_on.begin()
    async with httpx.AsyncClient(transport=signing_on.client._transport, base_url=ORIGIN) as other:
        response = await with_client(signing_on, other).back(location)
        assert problem(response) == (400, "BAD_REQUEST")
        assert COOKIE not in other.cookies
    assert ("LOGIN_FAILED", "state") in await signing_on.events()
    assert (await signing_on.back(location)).status_code == 303
