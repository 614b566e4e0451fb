"""Access tokens of sessions: the port of `domain/session` on our keys."""

from datetime import datetime, timedelta

import structlog
from joserfc.errors import JoseError

from app.auth.tokens import Tokens
from app.kernel.errors import Unavailable
from app.kernel.ids import SessionId, UserId

log = structlog.get_logger()


class SignedAccessTokens:
    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def issue(self, user_id: UserId, session_id: SessionId, now: datetime, lifetime: timedelta) -> str:
        try:
            return self._tokens.mint(user_id, now, lifetime, session_id)
        except JoseError as error:
            log.error("no access token can be signed: the key set holds no private key", error=type(error).__name__)
            raise Unavailable("Nobody can log in here at the moment.", 60) from error
