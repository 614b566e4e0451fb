"""Strawberry as its docs teach it: typed resolvers, its DataLoader per request, its ASGI view, uvicorn."""

import base64
import os
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.scalars import JSON
from strawberry.types import Info

from bench.peers.strawberry import models


@strawberry.enum
class FeatureStatus(Enum):
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    ARCHIVED = "ARCHIVED"
    DELETED = "DELETED"


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class User:
    id: strawberry.ID
    name: str
    email: str | None
    role: str
    created_at: datetime


@strawberry.type
class AuditEntry:
    id: strawberry.ID
    action: str
    version: int
    created_at: datetime
    actor_id: strawberry.Private[UUID | None]

    @strawberry.field
    async def actor(self, info: Info[dict[str, Any], None]) -> User | None:
        return None if self.actor_id is None else user_of(await info.context["users"].load(self.actor_id))


@strawberry.type
class AuditEntryConnection:
    nodes: list[AuditEntry]
    page_info: PageInfo


@strawberry.type
class Feature:
    id: strawberry.ID
    name: str
    description: str | None
    status: FeatureStatus
    metadata: JSON
    category: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    owner_id: strawberry.Private[UUID]

    @strawberry.field
    async def owner(self, info: Info[dict[str, Any], None]) -> User:
        return user_of(await info.context["users"].load(self.owner_id))

    @strawberry.field
    async def audit_entries(self, info: Info[dict[str, Any], None], first: int = 20) -> AuditEntryConnection:
        rows = await info.context["entries"].load((UUID(self.id), first + 1))
        nodes = [
            AuditEntry(
                id=strawberry.ID(str(row.id)),
                action=row.action,
                version=row.version,
                created_at=row.created_at,
                actor_id=row.actor_id,
            )
            for row in rows[:first]
        ]
        return AuditEntryConnection(nodes=nodes, page_info=page_info(rows, first))


@strawberry.type
class FeatureConnection:
    nodes: list[Feature]
    page_info: PageInfo


@strawberry.input
class CreateFeatureInput:
    name: str
    owner_id: strawberry.ID
    description: str | None = None
    metadata: JSON | None = None


@strawberry.type
class CreateFeaturePayload:
    feature: Feature | None


@strawberry.type
class Query:
    @strawberry.field
    async def feature(self, id: strawberry.ID) -> Feature | None:
        row = await models.feature_of(UUID(id))
        return feature_of(row) if row else None

    @strawberry.field
    async def features(self, first: int = 20) -> FeatureConnection:
        rows = await models.newest_features(first + 1)
        return FeatureConnection(nodes=[feature_of(row) for row in rows[:first]], page_info=page_info(rows, first))


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def create_feature(self, input: CreateFeatureInput) -> CreateFeaturePayload:
        document: Any = input.metadata or {}
        row = await models.create_feature(UUID(input.owner_id), input.name, input.description, document)
        return CreateFeaturePayload(feature=feature_of(row))


def user_of(row: models.User) -> User:
    return User(id=strawberry.ID(str(row.id)), name=row.name, email=row.email, role=row.role, created_at=row.created_at)


def feature_of(row: models.Feature) -> Feature:
    document: Any = row.document
    return Feature(
        id=strawberry.ID(str(row.id)),
        name=row.name,
        description=row.description,
        status=FeatureStatus(row.status),
        metadata=document,
        category=row.category,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        owner_id=row.owner_id,
    )


def page_info(rows: Sequence[models.Feature | models.AuditEntry], first: int) -> PageInfo:
    last = rows[:first][-1] if rows else None
    cursor = None if last is None else base64.b64encode(f"{last.created_at.isoformat()}|{last.id}".encode()).decode()
    return PageInfo(has_next_page=len(rows) > first, end_cursor=cursor)


class View(GraphQL[dict[str, Any], None]):
    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket | None = None
    ) -> dict[str, Any]:
        return {"users": DataLoader(models.load_users), "entries": DataLoader(models.load_entries)}


app = Starlette(routes=[Route("/graphql", View(strawberry.Schema(query=Query, mutation=Mutation)))])

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False, log_level="warning")
