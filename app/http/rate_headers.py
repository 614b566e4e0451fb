"""The rate limit as an answer tells it (draft-ietf-httpapi-ratelimit-headers: RateLimit-Policy, RateLimit)."""

from functools import cache

from app.domain.rate_limit.model import Decision


def rate_limit_headers(decision: Decision) -> list[tuple[bytes, bytes]]:
    """`r` points are left, and in `t` seconds all of them are back; on refusal with Retry-After (RFC 9110 §10.2.3)."""
    policy = decision.policy
    told, left = _words(policy.name, policy.limit, policy.window)
    found = [(b"ratelimit-policy", told), (b"ratelimit", left % (decision.remaining, decision.reset))]
    if not decision.allowed:
        found.append((b"retry-after", b"%d" % decision.retry_after))
    return found


@cache
def _words(name: str, limit: int, window: int) -> tuple[bytes, bytes]:
    """What is told of a policy, and how what is left of it; policies are few, and made of settings."""
    return b'"%b";q=%d;w=%d' % (name.encode(), limit, window), b'"%b";r=%%d;t=%%d' % name.encode()
