"""Expected failures of requests with an Idempotency-Key; `errors` has all others."""

from app.kernel.errors import DomainError


class KeyReused(DomainError):
    code = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self) -> None:
        super().__init__("This `Idempotency-Key` was sent with another request: take a new key for a new request.")


class KeyInProgress(DomainError):
    """`retry_after` in whole seconds."""

    code = "IDEMPOTENCY_IN_PROGRESS"

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__("The request with this `Idempotency-Key` is being run: ask again for its answer.")
        self.retry_after = retry_after

    @property
    def facts(self) -> dict[str, object]:
        return {"retryAfter": self.retry_after}
