"""What is believed of a provider's discovery document when the issuer is reached by https (R24)."""

import httpx2
import pytest

from app.auth.provider import Client, Provider
from app.kernel.errors import Unavailable

ISSUER = "https://login.example.com"
ENDPOINTS = {
    name: f"{ISSUER}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
}


CLIENT = Client(ISSUER, "feature-api", None, "openid", "https://here/back", "roles", mapped=True)


def provider(patch: pytest.MonkeyPatch, **found: str) -> Provider:
    document = {"issuer": ISSUER, **ENDPOINTS, **found}
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, json=document))
    patch.setattr("app.auth.provider.BoundedTransport", lambda: transport)
    return Provider(CLIENT, lambda: 0.0)


async def test_browser_is_sent_where_the_document_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await provider(monkeypatch).begin()).url.startswith(f"{ISSUER}/authorization_endpoint?")


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize("scheme", ["http", "ftp", "javascript"])
async def test_no_endpoint_of_it_may_be_in_clear(monkeypatch: pytest.MonkeyPatch, name: str, scheme: str) -> None:
    with pytest.raises(Unavailable):
        await provider(monkeypatch, **{name: f"{scheme}://login.example.com/"}).begin()
