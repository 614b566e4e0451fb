"""What asyncpg raises when the server is away, slow or in the way, told as Unavailable; all else is a bug or a law."""

import asyncpg

from app.kernel.errors import Unavailable

AWAY = (
    OSError,  # refused, reset, unreachable; TimeoutError of a connect or a command
    asyncpg.InterfaceError,  # the connection was closed under us
    asyncpg.InternalClientError,  # the server has said goodbye to an idle connection, and not closed it yet
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, starting up, statement_timeout
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.TransactionRollbackError,  # deadlock, serialization
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,  # a primary that became a replica
)
NO_ENTRY = (
    *AWAY,
    asyncpg.InvalidAuthorizationSpecificationError,  # a wrong password, an unknown user
    asyncpg.InvalidCatalogNameError,  # no such database
    asyncpg.InsufficientPrivilegeError,  # not a member of the role
    asyncpg.InvalidParameterValueError,  # no such role
)  # what a connect may meet besides: callers cannot help it, the operator finds it in the log
TOO_SLOW = (TimeoutError, asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)


def unavailable(error: Exception) -> Unavailable:
    """The text says nothing of hosts, names or statements: it goes to the caller."""
    if isinstance(error, TOO_SLOW):
        return Unavailable("The database took too long, so the work was cut off: try again.")
    return Unavailable("The database cannot be reached at the moment: try again.")


def is_lost(error: Exception) -> bool:
    """Whether the server has not answered, or is not the one that writes: then nothing more is asked of the session."""
    if isinstance(error, asyncpg.PostgresError):
        return isinstance(error, (asyncpg.PostgresConnectionError, asyncpg.ReadOnlySQLTransactionError))
    return isinstance(error, AWAY) and not isinstance(error, ValueError)
