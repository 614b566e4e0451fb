"""Settings: read from the environment, refused with one clear line each, and all of them in docs/configuration.md."""

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import KeySet, OKPKey

from app.auth.key_ring import new_key
from app.config.settings import Settings, SettingsError, read_settings
from app.parts import pool_settings, ring_of, tokens_of
from app.wiring import Wiring

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"
SECRET = "hunter2-is-a-secret"
COMPLETE = {
    "DATABASE_URL": f"postgresql://app:{SECRET}@db/features",
    "DATABASE_OWNER_URL": f"postgresql://owner:{SECRET}@db/features",
    "REDIS_URL": f"redis://:{SECRET}@cache/0",
    "JWT_KEYS": f'{{"keys": [{{"kty": "OKP", "d": "{SECRET}"}}]}}',
}


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def refusal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert SECRET not in str(caught.value) and caught.value.__cause__ is None
    return str(caught.value)


def table() -> str:
    """What docs/configuration.md must hold, from the settings themselves."""
    schema = Settings.model_json_schema()
    environment = schema["$defs"]["Environment"]
    properties = {**schema["properties"], "environment": environment}
    rows = ["| name | default | values | what it is |", "|---|---|---|---|"]
    own = [name for part in (Settings, *Settings.__bases__) for name in part.__annotations__ if name in properties]
    assert set(own) == set(Settings.model_fields)
    for name in own:
        field = Settings.model_fields[name]
        assert field.description, name
        default = "–" if field.default is None else f"`{json.dumps(field.default, default=str)}`".replace('"', "")
        rows.append(f"| `{name.upper()}` | {default} | {values(properties[name])} | {field.description} |")
    return "\n".join(rows)


def values(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "maximum" in schema:
        low = f"over {schema['exclusiveMinimum']:g}" if "exclusiveMinimum" in schema else f"{schema['minimum']:,}"
        return f"{low} to {schema['maximum']:,g}" if "exclusiveMinimum" in schema else f"{low} to {schema['maximum']:,}"
    return "`true`, `false`" if schema.get("type") == "boolean" else "text"


def test_document_lists_every_setting_as_it_is() -> None:
    rows = [line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("|")]
    assert "\n".join(rows) == table(), f"docs/configuration.md must hold this table:\n\n{table()}\n"


def test_development_needs_nothing_and_production_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings(environment="development").database_url is None
    assert refusal(monkeypatch) == "Settings: Value error, DATABASE_URL must be set in production"


@pytest.mark.parametrize("missing", ["DATABASE_URL", "REDIS_URL", "JWT_KEYS"])
def test_production_that_lacks_something_does_not_start(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    line = refusal(monkeypatch, **{name: value for name, value in COMPLETE.items() if name != missing})
    keys = "JWT_KEYS or JWT_KEYS_FILE, or for keys in the database ENCRYPTION_KEYS or ENCRYPTION_KEYS_FILE,"
    named = keys if missing == "JWT_KEYS" else missing
    assert line == f"Settings: Value error, {named} must be set in production"
    monkeypatch.setenv(missing, COMPLETE[missing])
    assert read_settings().environment == "production"


BAD = {
    "ENVIRONMENT": ["", "staging", "PRODUCTION", SECRET],
    "PORT": ["", "x", "-1", "65536", "80.5", SECRET],
    "LOG_LEVEL": ["loud", ""],
    "LOG_FORMAT": ["xml"],
    "DATABASE_PREPARE": ["perhaps", ""],
    "DATABASE_STATEMENT_TIMEOUT": ["10s", "nan", "inf"],
    "DATABASE_URL": ["", "nonsense", "db/features", f"mysql://{SECRET}@db", f"postgresql://app:{SECRET}/x@db/f"],
    "DATABASE_OWNER_URL": ["postgres", "redis://cache", "postgresql://a@one:1,two:x/f", "postgresql://a@one,two:0/f"],
    "DATABASE_REPLICA_URLS": [
        "",
        ",",
        "db/f",
        f"postgresql://a@db/f,{SECRET}",
        f"postgresql://a@db/f,mysql://{SECRET}",
    ],
    "REDIS_URL": ["", "cache:6379", f"http://{SECRET}", f"redis://:{SECRET}/x@cache"],
    "JWT_ISSUER": [""],
    "JWT_AUDIENCE": [""],
    "OIDC_ISSUER": ["", "login.example.com", "http://login.example.com", "https://a.b?x", "https://u@a.b", "https://"],
    "OIDC_CLIENT_ID": [""],
    "OIDC_SCOPES": ["", "profile email"],
    "OIDC_ROLE_CLAIM": [""],
    "OIDC_ROLE_MAP": ["staff", "staff=", "=USER", "staff=user", "staff=ROOT", "a=USER,b"],
    "OIDC_DEFAULT_ROLE": ["user", "NONE"],
    "PUBLIC_URL": ["", "features", "http://features.example.com", "https://a.b/path", "https://a.b?x", "https://a.b#x"],
    "TRUSTED_PROXIES": ["10.0.0.1/8", "proxy", "*", "10.0.0.0/33"],
    "CORS_ORIGINS": [
        "app.example.com",
        "https://a.b/",
        "https://A.b",
        "null",
        "*,https://a.b",
        "https://*.a.b",
        "https://u@a",
    ],
}


def bad_values() -> list[tuple[str, str]]:
    """Those above, and for every number what is just beyond its bounds."""
    found = [(name, value) for name, bad in BAD.items() for value in bad]
    for name, schema in Settings.model_json_schema()["properties"].items():
        if "maximum" in schema:
            below = schema["minimum"] - 1 if "minimum" in schema else schema["exclusiveMinimum"]
            found += [(name.upper(), str(value)) for value in (below, schema["maximum"] + 1, "much")]
    return found


def test_bad_value_is_one_line_that_names_the_setting_and_never_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "development")
    assert len(bad_values()) > 50
    for name, value in bad_values():
        with monkeypatch.context() as patched:
            line = refusal(patched, **{name: value})
            clear = line.startswith(
                (f"{name}: Input should ", f"{name}: String should ", f"{name}: Value error, it must ")
            )
            assert (name, value, clear, "\n" in line) == (name, value, True, False)


def test_value_is_not_even_in_the_error_that_nobody_translated() -> None:
    with pytest.raises(ValueError, match="port") as caught:
        Settings.model_validate({"environment": "development", "port": SECRET})
    assert SECRET not in str(caught.value)


def test_every_bad_value_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = refusal(monkeypatch, PORT="x", MAX_DEPTH="1000", LOG_LEVEL="loud", **COMPLETE).splitlines()
    assert {line.split(":")[0] for line in lines} == {"PORT", "MAX_DEPTH", "LOG_LEVEL"}


def test_secrets_are_in_no_text_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)
    settings = read_settings()
    for text in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.model_dump())):
        assert SECRET not in text
    assert pool_settings(settings).url == COMPLETE["DATABASE_URL"]
    assert settings.owner_url == COMPLETE["DATABASE_OWNER_URL"]
    assert SECRET not in repr(pool_settings(settings))


def test_owner_is_the_application_unless_it_is_given() -> None:
    settings = read_settings(environment="development", database_url="postgresql://app@db/features")
    assert settings.owner_url == "postgresql://app@db/features"


def test_address_may_name_several_servers_and_replicas_are_several_addresses() -> None:
    one, two = "postgresql://app:a,b@one:5432,two/f?target_session_attrs=primary", "postgresql://app@[::1]:5433/f"
    settings = read_settings(environment="development", database_url=one, database_replica_urls=f"{one}, {two}")
    assert pool_settings(settings).url == one
    assert settings.replica_urls == [one, two]
    assert read_settings(environment="development").replica_urls == []


def test_settings_cannot_be_changed_and_strangers_in_the_environment_are_no_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UNKNOWN_SETTING", "x")
    monkeypatch.setenv("port", "9000")  # names are taken in any case
    settings = read_settings(environment="development", max_depth=20)
    assert (settings.port, settings.max_depth) == (9000, 20)
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize("name", ["JWT_KEYS", "JWT_KEYS_FILE", "ENCRYPTION_KEYS", "ENCRYPTION_KEYS_FILE"])
def test_production_starts_with_keys_of_either_kind(monkeypatch: pytest.MonkeyPatch, name: str, tmp_path: Path) -> None:
    for other, value in COMPLETE.items():
        if other != "JWT_KEYS":
            monkeypatch.setenv(other, value)
    key = new_key() if name.startswith("ENCRYPTION") else json.dumps(KeySet([_key()]).as_dict())
    (tmp_path / "file").write_text(key)
    monkeypatch.setenv(name, str(tmp_path / "file") if name.endswith("FILE") else key)
    settings = read_settings()
    assert (ring_of(settings) is None, len(tokens_of(settings).keys.keys)) == (name[0] == "J", int(name[0] == "J"))


def _key() -> OKPKey:
    return OKPKey.generate_key("Ed25519", auto_kid=True)


def test_access_token_that_nobody_would_take_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "development")
    told = "Settings: Value error, JWT_MAX_LIFETIME must be at least ACCESS_TOKEN_TTL"
    assert refusal(monkeypatch, JWT_MAX_LIFETIME="899", ACCESS_TOKEN_TTL="900") == told
    monkeypatch.setenv("JWT_MAX_LIFETIME", "900")
    assert read_settings().access_token_ttl == 900


def test_signing_key_that_would_sign_before_it_is_read_everywhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "development")
    told = "Settings: Value error, SIGNING_KEY_DELAY must be at least three times SIGNING_KEY_REFRESH"
    assert refusal(monkeypatch, SIGNING_KEY_REFRESH="10", SIGNING_KEY_DELAY="29.9") == told
    monkeypatch.setenv("SIGNING_KEY_DELAY", "30")
    assert read_settings().signing_key_delay == 30


BAD_RINGS = {
    "empty": "",
    "only commas": " , ,\n",
    "no Base64": f"{SECRET}!",
    "another key is no Base64": f"{new_key()},{SECRET}!",
    "128 bits": "AAECAwQFBgcICQoLDA0ODw==",
    "a text": "aHVudGVyMi1pcy1hLXNlY3JldC1vZi0zMi1ieXRlcyE=",
    "one byte again and again": "A" * 43 + "=",
    "too many": ",".join(new_key() for _ in range(17)),
}


@pytest.mark.parametrize("kind", BAD_RINGS)
def test_key_ring_that_is_none_is_one_line_and_never_shown(kind: str, tmp_path: Path) -> None:
    """From the setting or its file, when the server is wired (R30)."""
    (tmp_path / "ring").write_text(BAD_RINGS[kind])
    for given in ({"encryption_keys": BAD_RINGS[kind]}, {"encryption_keys_file": tmp_path / "ring"}):
        with pytest.raises(SettingsError) as caught:
            ring_of(read_settings(environment="development", **given))
        line = str(caught.value)
        assert line.startswith("ENCRYPTION_KEYS: ") and "\n" not in line and caught.value.__cause__ is None
        assert not [word for word in BAD_RINGS[kind].split(",") if len(word) > 3 and word.strip() in line]


def test_key_ring_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for file in (tmp_path / "missing", tmp_path, tmp_path / "binary"):
        with pytest.raises(SettingsError, match=r"^ENCRYPTION_KEYS_FILE: the file cannot be read"):
            ring_of(read_settings(environment="development", encryption_keys_file=file))


BAD_KEYS = {
    "no JSON": SECRET,
    "no set": f'["{SECRET}"]',
    "no keys": '{"keys": []}',
    "no key": f'{{"keys": [{{"kty": "OKP", "crv": "Ed25519", "x": "{SECRET}!", "kid": "a"}}]}}',
    "symmetric": json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "a"}]}),
    "other curve": json.dumps(KeySet([OKPKey.generate_key("X25519", auto_kid=True)]).as_dict(private=True)),
}


def test_keys_that_are_none_are_one_line_and_never_shown() -> None:
    ours = OKPKey.generate_key("Ed25519", auto_kid=True).as_dict(private=True)
    bad = {**BAD_KEYS, "twins": json.dumps({"keys": [ours, ours]})}
    for kind, text in bad.items():
        settings = read_settings(environment="development", jwt_keys=text)
        with pytest.raises(SettingsError) as caught:
            tokens_of(settings)
        line = str(caught.value)
        assert (kind, line.startswith("JWT_KEYS: "), "\n" in line) == (kind, True, False)
        assert SECRET not in line and str(ours["d"]) not in line


def test_key_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for file in (tmp_path / "missing", tmp_path, tmp_path / "binary"):
        with pytest.raises(SettingsError, match=r"^JWT_KEYS_FILE: the file cannot be read"):
            tokens_of(read_settings(environment="development", jwt_keys_file=file))
    (tmp_path / "keys").write_text(json.dumps(KeySet([OKPKey.generate_key("Ed25519", auto_kid=True)]).as_dict()))
    assert len(tokens_of(read_settings(environment="development", jwt_keys_file=tmp_path / "keys")).keys.keys) == 1


def test_development_makes_a_key_of_its_own_once_that_nobody_else_may_read(tmp_path: Path) -> None:
    settings = read_settings(environment="development", data_dir=tmp_path / "data")
    first, second = (tokens_of(settings).keys.as_dict(private=True) for _ in range(2))
    assert first == second
    [file] = (tmp_path / "data").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_missing_address_is_one_line(tmp_path: Path) -> None:
    whole = {"database_url": "postgresql://app@db/f", "redis_url": "redis://cache/0", "data_dir": tmp_path}
    for name in ("database_url", "redis_url"):
        with pytest.raises(SettingsError, match=f"^{name.upper()}: set it, or start with `make run`"):
            Wiring(read_settings(environment="development", **{**whole, name: None}))


@pytest.mark.parametrize("day", ["2026-11-20", "2020-01-01"])
def test_sunset_that_is_not_after_the_deprecation_is_refused(monkeypatch: pytest.MonkeyPatch, day: str) -> None:
    assert "REST_V1_SUNSET" in refusal(monkeypatch, ENVIRONMENT="development", REST_V1_SUNSET=day)


SIGN_ON = {
    **COMPLETE,
    "OIDC_ISSUER": "https://login.example.com/realms/one",
    "OIDC_CLIENT_ID": "feature-api",
    "OIDC_CLIENT_SECRET": SECRET,
    "OIDC_ROLE_MAP": "staff=USER, cn=admins=ADMIN",
    "PUBLIC_URL": "https://features.example.com/",
    "ENCRYPTION_KEYS": new_key(),
}


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("OIDC_CLIENT_ID", "OIDC_CLIENT_ID must be set with OIDC_ISSUER"),
        ("OIDC_ROLE_MAP", "OIDC_ROLE_MAP or OIDC_DEFAULT_ROLE must be set with OIDC_ISSUER: nobody gets in"),
        ("PUBLIC_URL", "PUBLIC_URL must be set in production with OIDC_ISSUER"),
        ("ENCRYPTION_KEYS", "ENCRYPTION_KEYS or ENCRYPTION_KEYS_FILE must be set in production with OIDC_ISSUER"),
    ],
)
def test_single_sign_on_that_lacks_something_does_not_start(
    monkeypatch: pytest.MonkeyPatch, missing: str, told: str
) -> None:
    line = refusal(monkeypatch, **{name: value for name, value in SIGN_ON.items() if name != missing})
    assert line == f"Settings: Value error, {told}"
    monkeypatch.setenv(missing, SIGN_ON[missing])
    settings = read_settings()
    assert settings.oidc_roles == {"staff": "USER", "cn=admins": "ADMIN"}
    assert settings.public_url == "https://features.example.com"
    assert SECRET not in repr(settings)
