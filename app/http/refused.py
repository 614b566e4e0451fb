"""A request that is answered at once, without anything being run."""

from collections.abc import Mapping
from types import MappingProxyType

NONE: Mapping[str, str] = MappingProxyType({})


class Refused(Exception):
    """The request is answered with this status, and goes no further.

    `well_formed`: it is a GraphQL request all the same, and so answered with 200 where the media type is
    application/json.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] = NONE,
        well_formed: bool = False,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers, self.well_formed = headers, well_formed
