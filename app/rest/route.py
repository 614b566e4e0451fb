"""A route: what is asked for at a path, in types that the OpenAPI document can be made of, and who answers it."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from app.context import RequestContext
from app.http.headers import Headers
from app.http.problem import PROBLEM
from app.kernel.actor import Grants
from app.kernel.errors import NotFound
from app.kernel.ids import KEY
from app.kernel.value import value

type Conflicts = tuple[str, ...]  # codes of status 409
type Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
SUCCESS = (JSON, PROBLEM)  # who accepts nothing but problems gets JSON where there is none
CREATING: Conflicts = ("DUPLICATE_NAME", "FEATURE_LIMIT_EXCEEDED")
CHANGING: Conflicts = (*CREATING, "INVALID_TRANSITION")


class Ignores(BaseModel):
    """What v1 reads: fields that it does not know are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Refuses(BaseModel):
    """What v2 reads: a field that it does not know is a mistake of the caller's."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(slots=True)
class Call[Q: BaseModel, B: BaseModel | bytes | None]:
    """A request that has been let in. `query_string` is as it was sent."""

    context: RequestContext
    parameters: Mapping[str, str]
    headers: Headers
    query_string: bytes
    query: Q
    body: B

    @property
    def id(self) -> Any:
        """The feature's key in the path. Raises NotFound for what is no UUID in its usual form."""
        text = self.parameters["id"].lower()
        if KEY.fullmatch(text) is None:
            raise NotFound("There is no such feature, or you may not see it.", ("id",))
        return UUID(int=int(text.replace("-", ""), 16))


@dataclass(slots=True)
class Answer:
    """`data` and what stands `beside` it make the body, without data there is none. `tag` is the entity tag; a list
    that is `tagged` gets one from its bytes. A `stream` is the body instead, piece by piece. Not `done`: nothing was
    written."""

    status: int
    data: object = None
    beside: Mapping[str, object] = field(default_factory=dict)
    tag: str | None = None
    tagged: bool = False
    headers: Sequence[tuple[bytes, bytes]] = ()
    stream: AsyncGenerator[bytes] | None = None
    done: bool = True


@dataclass(frozen=True)
class Route[Q: BaseModel, B: BaseModel | bytes | None]:
    """`path` has its parameters in braces. `grants`: who may do this to anything at all, before anything is read;
    None: to be known is enough; one of `or_grants` will do as well. `demands`: the request must name the version that
    it changes. `media` is what the body may be, `answers` what the answer may be. `body` bytes: a document of many
    lines, as it was sent. `conflicts`: what the services may refuse with 409. `beside`: what the body of the answer
    has beside `data`. `partly`: the answer is 207 where some of what the body asks for was refused."""

    method: Method
    path: str
    summary: str
    handler: Callable[[Call[Q, B]], Awaitable[Answer]]
    query: type[Q]
    answer: type[Any] | None
    body: type[B] | None = None
    status: int = 200
    grants: Grants | None = None
    demands: bool = False
    media: tuple[str, ...] = (JSON,)
    answers: tuple[str, ...] = SUCCESS
    or_grants: tuple[Grants, ...] = ()
    partly: bool = False
    conflicts: Conflicts = ()
    beside: Mapping[str, type[Any]] = field(default_factory=dict)

    @cached_property
    def no_query(self) -> Q:
        """What an empty query string says."""
        return self.query()


type Methods = Mapping[str, Route[Any, Any]]


@value
class Found:
    template: str
    methods: Methods
    parameters: Mapping[str, str]

    @property
    def allow(self) -> str:
        names = {*self.methods, "OPTIONS", *(("HEAD",) if "GET" in self.methods else ())}
        return ", ".join(sorted(names))


class Routes:
    """Found by looking up: what stands where a template of so many segments has parameters is left out of the key."""

    def __init__(self, routes: Sequence[Route[Any, Any]]) -> None:
        self.all = tuple(routes)
        self._methods: dict[str, tuple[str, dict[str, Route[Any, Any]]]] = {}  # by key: (template, methods)
        # By length: (place, name) of each parameter; what has fewer of them comes first, since it is a name of its own.
        self._shapes: dict[int, list[tuple[tuple[int, str], ...]]] = {}
        for route in routes:
            segments = route.path.split("/")
            shape = tuple((place, part[1:-1]) for place, part in enumerate(segments) if part[:1] == "{")
            shapes = self._shapes.setdefault(len(segments), [])
            if shape not in shapes:
                shapes.append(shape)
                shapes.sort(key=len)
            for place, _ in shape:
                segments[place] = ""
            self._methods.setdefault("/".join(segments), (route.path, {}))[1][route.method] = route

    def find(self, path: str) -> Found | None:
        segments = path.split("/")
        for shape in self._shapes.get(len(segments), ()):
            rest = segments.copy()
            parameters = {}
            for place, name in shape:
                parameters[name], rest[place] = rest[place], ""
            found = self._methods.get("/".join(rest))
            if found is not None and "" not in parameters.values():
                return Found(*found, parameters)
        return None
