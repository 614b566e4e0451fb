"""HTTP to servers of others: certificates checked, connections few, answers short and as they are."""

import ssl
from collections.abc import AsyncIterator

import httpx2
from opentelemetry.propagate import inject
from opentelemetry.trace import SpanKind, set_span_in_context

from app.telemetry.spans import current, sort_of

MAX_ANSWER = 262_144  # bytes
CONNECTIONS = 10  # at once, so that a slow server holds no more of ours


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Shared by clients that come and go: what one of them closes stays open, until `shut`."""

    def __init__(self) -> None:
        limits = httpx2.Limits(max_connections=CONNECTIONS, keepalive_expiry=30)
        self._inner = httpx2.AsyncHTTPTransport(verify=ssl.create_default_context(), limits=limits)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises httpx2.RemoteProtocolError for an answer that is compressed or too long."""
        request.headers["accept-encoding"] = "identity"
        response = await self._sent(request)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.stream.aclose()
            raise httpx2.RemoteProtocolError("the answer is compressed, though nobody asked for that")
        response.stream = _Bounded(response.stream)
        return response

    async def _sent(self, request: httpx2.Request) -> httpx2.Response:
        """With the trace of whoever asks, if there is one (W3C Trace Context). Addresses hold codes: none is told."""
        around = current()
        if around is None:
            inject(request.headers)
            return await self._inner.handle_async_request(request)
        with around.child(sort_of(request.method, SpanKind.CLIENT)) as span:
            inject(request.headers, set_span_in_context(span.as_parent()))
            span.attributes["http.request.method"] = request.method
            span.attributes["server.address"] = request.url.host
            response = await self._inner.handle_async_request(request)
            span.attributes["http.response.status_code"] = response.status_code
            return response

    async def aclose(self) -> None:
        """See `shut`."""

    async def shut(self) -> None:
        await self._inner.aclose()


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self._inner:
            size += len(piece)
            if size > MAX_ANSWER:
                raise httpx2.RemoteProtocolError("the answer is too long")
            yield piece

    async def aclose(self) -> None:
        await self._inner.aclose()
