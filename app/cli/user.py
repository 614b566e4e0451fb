"""`feature-api user …`: users and their passwords, which are never arguments, since those are seen by everybody."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Annotated

import typer

from app.commands.accounts import account_service
from app.config.settings import Settings
from app.domain.session.accounts import AccountService
from app.domain.session.rules import MAX_PASSWORD

Email = Annotated[str, typer.Option(help="The user's email, in any case.")]
RoleOption = Annotated[str, typer.Option(help="ADMIN, MANAGER, USER or VIEWER.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, instead of asking for it.")
]

type Servers = Callable[[], AbstractContextManager[Settings]]
type Say = Callable[[str], None]


def user_commands(servers: Servers, say: Say) -> typer.Typer:
    """`servers` gives settings with every URL; `say` tells a person a line."""
    cli = typer.Typer(help="Users: who may log in, and as what.", no_args_is_help=True)

    def run[T](act: Callable[[AccountService], Awaitable[T]]) -> T:
        async def with_service(settings: Settings) -> T:
            async with account_service(settings) as service:
                return await act(service)

        with servers() as settings:
            return asyncio.run(with_service(settings))

    @cli.command()
    def create(
        email: Email,
        name: Annotated[str, typer.Option(help="What people call them.")],
        role: RoleOption = "USER",
        password_stdin: FromStdin = False,
    ) -> None:
        """Makes a user, the first administrator too."""
        password = _password(password_stdin)
        user = run(lambda service: service.create(email, name, role, password))
        say(f"{user.email} can log in, as {user.role}.")

    @cli.command("list")
    def list_users() -> None:
        """Prints the users, the oldest first: email, role, name, and whether they are disabled."""
        for user in run(lambda service: service.list()):
            state = "" if user.disabled_at is None else f"disabled since {user.disabled_at:%Y-%m-%d %H:%M} UTC"
            sys.stdout.write("\t".join((user.email or "-", user.role, user.name, state)).rstrip() + "\n")

    @cli.command()
    def set_password(email: Email, password_stdin: FromStdin = False) -> None:
        """Sets a new password, and ends the user's sessions."""
        password = _password(password_stdin)
        user = run(lambda service: service.set_password(email, password))
        say(f"{user.email} has a new password, and is logged out everywhere.")

    @cli.command()
    def set_role(email: Email, role: RoleOption) -> None:
        """Gives a user another role; it counts within ACTOR_TTL seconds."""
        user = run(lambda service: service.set_role(email, role))
        say(f"{user.email} is {user.role}.")

    @cli.command()
    def disable(email: Email) -> None:
        """Keeps a user out, and ends the user's sessions; what they own stays."""
        user = run(lambda service: service.disable(email))
        say(f"{user.email} is disabled, and logged out everywhere.")

    @cli.command()
    def enable(email: Email) -> None:
        """Lets a disabled user in again."""
        user = run(lambda service: service.enable(email))
        say(f"{user.email} may log in again.")

    return cli


def _password(from_stdin: bool) -> str:
    """A line of standard input, without its end; or what a person types, twice."""
    if not from_stdin:
        typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    line = sys.stdin.buffer.readline(MAX_PASSWORD * 4 + 2)
    return line.decode("utf-8", errors="surrogateescape").rstrip("\r\n")
