"""Logs: how lines are written, and what each of them carries (R63)."""

import logging
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from typing import Any
from uuid import UUID

import orjson
import structlog

FORM = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
NO_REQUEST: Mapping[str, str] = MappingProxyType({})
REQUEST: ContextVar[Mapping[str, str]] = ContextVar(
    "request", default=NO_REQUEST
)  # its ids, which each of its lines carries


def configure_logging(level: str, form: str) -> None:
    """`form`: json, text, or auto (text on a terminal). Everything that is logged goes to standard error."""
    text = form == "text" or (form == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        _with_request,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Never the values of local variables: secrets are among them.
    tracebacks = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )
    json: list[Any] = [tracebacks, structlog.processors.JSONRenderer(serializer=_dumps)]
    last: list[Any] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)] if text else json
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)  # what libraries log, in the same form
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("uvicorn.access").disabled = True  # ours says more
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it says whom we ask, each time
    AccessLog.plain = not text and logging.getLevelNamesMapping()[level.upper()] <= logging.INFO


class AccessLog:
    """One line per request. structlog's chain would take three times as long to write the same JSON."""

    plain = False  # are lines JSON, and wanted?
    _log = structlog.get_logger("access")

    def write(self, facts: Mapping[str, object]) -> None:
        if not self.plain:
            self._log.info("request", **facts)
            return
        line = {**facts, "event": "request", **REQUEST.get(), "level": "info", "timestamp": datetime.now(UTC)}
        sys.stderr.buffer.write(orjson.dumps(line, option=FORM))
        sys.stderr.buffer.flush()


@lru_cache(10_000)
def hashed(id: UUID) -> str:
    """How logs name a user."""
    return sha256(id.bytes).hexdigest()[:16]


def _dumps(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()


def _with_request(logger: object, method: str, event: Any) -> Any:
    return {**event, **REQUEST.get()}
