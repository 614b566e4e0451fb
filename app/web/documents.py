"""Which document a request means, and whether it may be run at all: by its text, or by the id it is kept under."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol

from app.kernel.value import value
from app.web.asked import HASH, Asked
from app.http.refused import Refused

PREFIX = "sha256:"


class DocumentStore(Protocol):
    """Documents that clients registered, by the SHA-256 of their text. It never fails: what it cannot find is None, and
    what it cannot keep is forgotten."""

    async def get(self, hash: str) -> str | None: ...

    async def put(self, hash: str, text: str) -> None: ...


@value
class Found:
    """`kept`: it was asked for by its id or its hash; `register`: to be kept under this hash once it proves valid."""

    text: str
    kept: bool = False
    register: str | None = None


class Documents:
    """`trusted`: texts by all of their ids; with `only`, nothing else is run. No `store`: clients cannot register any."""

    def __init__(self, store: DocumentStore | None, trusted: Mapping[str, str], only: bool) -> None:
        self._store, self._trusted, self._only = store, trusted, only
        self._texts = frozenset(trusted.values())

    async def find(self, asked: Asked) -> Found:
        """Raises Refused."""
        if asked.query is None:
            return Found(await self._by_id(asked), kept=True)
        if asked.hash is not None and sha256(asked.query.encode()).hexdigest() != asked.hash:
            message = "`sha256Hash` is not the SHA-256 of `query`: hash the text exactly as it is sent."
            raise Refused(400, "PERSISTED_QUERY_HASH_MISMATCH", message)
        trusted = asked.query in self._texts
        if self._only and not trusted:
            message = "This server runs only documents that were registered with it: ask its operators to add this one."
            raise Refused(403, "DOCUMENT_NOT_TRUSTED", message)
        return Found(asked.query, asked.hash is not None, None if trusted else asked.hash)

    async def keep(self, found: Found) -> None:
        """Called when the document has proved valid: nobody can fill the store with rubbish."""
        if found.register is not None and self._store is not None:
            await self._store.put(found.register, found.text)

    async def _by_id(self, asked: Asked) -> str:
        id = asked.document_id or asked.hash
        assert id is not None  # one of the three was sent
        if (text := self._trusted.get(id)) is not None:
            return text
        hash = id.removeprefix(PREFIX)
        if self._store is not None and not self._only and HASH.fullmatch(hash):
            if (text := await self._store.get(hash)) is not None:
                return text
        if asked.hash is not None and self._store is None:
            message = "This server keeps no persisted queries: send the text in `query`."
            raise Refused(400, "PERSISTED_QUERY_NOT_SUPPORTED", message, well_formed=True)
        # Apollo's clients look for this code, and then send the text along.
        message = "No document is kept under this id: send its text in `query`, with the hash to have it kept."
        raise Refused(404, "PERSISTED_QUERY_NOT_FOUND", message, well_formed=True)
