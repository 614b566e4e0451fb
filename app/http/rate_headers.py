"""The rate limit as an answer tells it (draft-ietf-httpapi-ratelimit-headers: RateLimit-Policy, RateLimit)."""

from app.domain.rate_limit.model import Decision


def rate_limit_headers(decision: Decision) -> list[tuple[bytes, bytes]]:
    """`r` points are left, and in `t` seconds all of them are back; on refusal with Retry-After (RFC 9110 §10.2.3)."""
    policy = decision.policy
    found = [
        (b"ratelimit-policy", b'"%b";q=%d;w=%d' % (policy.name.encode(), policy.limit, policy.window)),
        (b"ratelimit", b'"%b";r=%d;t=%d' % (policy.name.encode(), decision.remaining, decision.reset)),
    ]
    if not decision.allowed:
        found.append((b"retry-after", b"%d" % decision.retry_after))
    return found
