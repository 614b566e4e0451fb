"""uvicorn's HTTP connection, with a bound on the requests that are under way in all of them; see crowd.py."""

from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.web.crowd import Crowd
from app.web.turned_away import tell_to_wait, told_to_wait

RETRY_SOON = 1  # seconds, for who comes when as many requests are under way as may be
BUSY = b"Too many requests are under way: try again."
UNHEARD = 0.25  # seconds: refusing those who do not wait would else take the time of all who were let in
ALWAYS = (b"/health", b"/metrics")  # who asks how it is must hear it


class AdmittingProtocol(HttpToolsProtocol):
    default_headers: tuple[tuple[bytes, bytes], ...]
    crowd: Crowd
    turned_away: Callable[[], None]

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._served = self.app  # whoever is let in
        self._unheard = False  # was it just refused?
        self._skipping = False  # is a request on its way that was answered already?
        self._since: float | None = None  # when the request came that is under way; None where nobody measures it

    def on_headers_complete(self) -> None:
        idle = self.cycle is None or self.cycle.response_complete
        if self.url.startswith(ALWAYS):
            self.app = self._served
        elif self.crowd.let_in(len(self.tasks)):
            self.app = self._served
            if idle:
                self._since = self.loop.time()
        elif idle and not self._unheard:
            self._refuse_at_once()
            return
        else:  # in its turn
            self.app = self._busy
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._skipping:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._skipping:
            self._skipping = False
        else:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._since is not None:
            now = self.loop.time()
            self.crowd.answered(now - self._since, now)
            self._since = None
        if self._unheard and not self.transport.is_closing():
            self.flow.pause_reading()

    def _refuse_at_once(self) -> None:
        """Without a task and what belongs to it."""
        self._skipping = True
        headers = (*self.server_state.default_headers, *self.default_headers)
        last = self.parser.get_http_version() == "1.0" or not self.parser.should_keep_alive()
        if last:
            headers = (*headers, (b"connection", b"close"))
        self._turn_away()
        self.transport.write(told_to_wait(BUSY, RETRY_SOON, headers, self.parser.get_method() != b"HEAD"))
        if last:
            self.transport.close()
        self.on_response_complete()

    async def _busy(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._turn_away()
        await tell_to_wait(send, BUSY, RETRY_SOON, self.default_headers)

    def _turn_away(self) -> None:
        """The connection stays: to make another one would cost more than the answer."""
        self.turned_away()
        if not self._unheard:
            self._unheard = True
            self.loop.call_later(UNHEARD, self._hear)

    def _hear(self) -> None:
        self._unheard = False
        if not self.transport.is_closing():
            self.flow.resume_reading()
