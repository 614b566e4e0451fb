"""The tables as SQLAlchemy's ORM maps them, and what the schema asks of them: one session per call."""

import os
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Computed, ForeignKey, Text, func, select
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column

TIME = TIMESTAMP(timezone=True)
FIELDS = ["name", "description", "status", "metadata"]

engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"), pool_size=16, max_overflow=0
)
make_session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str | None]
    role: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(TIME)


class Feature(Base):
    __tablename__ = "features"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=func.uuidv7())
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str]
    description: Mapped[str | None]
    status: Mapped[str]
    document: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB)
    category: Mapped[str | None] = mapped_column(Computed("metadata ->> 'category'"))
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(TIME, default=func.now())
    updated_at: Mapped[datetime] = mapped_column(TIME, default=func.now())


class AuditEntry(Base):
    __tablename__ = "audit_entries"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=func.uuidv7())
    feature_id: Mapped[UUID] = mapped_column(ForeignKey("features.id"))
    owner_id: Mapped[UUID]
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    action: Mapped[str]
    version: Mapped[int]
    changed_fields: Mapped[list[str]] = mapped_column(ARRAY(Text))
    old_values: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    new_values: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    document: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB)
    created_at: Mapped[datetime] = mapped_column(TIME, default=func.now())


async def feature_of(id: UUID) -> Feature | None:
    async with make_session() as session:
        return await session.get(Feature, id)


async def newest_features(count: int) -> Sequence[Feature]:
    async with make_session() as session:
        statement = select(Feature).order_by(Feature.created_at.desc(), Feature.id.desc()).limit(count)
        return (await session.scalars(statement)).all()


async def load_users(ids: list[UUID]) -> list[User | None]:
    async with make_session() as session:
        found = {user.id: user for user in await session.scalars(select(User).where(User.id.in_(ids)))}
    return [found.get(id) for id in ids]


async def load_entries(keys: list[tuple[UUID, int]]) -> list[list[AuditEntry]]:
    """For each (feature, count) so many of its newest entries."""
    found: dict[tuple[UUID, int], list[AuditEntry]] = defaultdict(list)
    async with make_session() as session:
        for count in {count for _, count in keys}:
            newest = (
                select(AuditEntry)
                .where(AuditEntry.feature_id == Feature.id)
                .order_by(AuditEntry.created_at.desc(), AuditEntry.id.desc())
                .limit(count)
                .lateral()
            )
            entry = aliased(AuditEntry, newest)
            ids = [id for id, wanted in keys if wanted == count]
            statement = select(entry).select_from(Feature).join(newest, Feature.id == entry.feature_id)
            for row in await session.scalars(statement.where(Feature.id.in_(ids))):
                found[row.feature_id, count].append(row)
    return [found[key] for key in keys]


async def create_feature(owner_id: UUID, name: str, description: str | None, document: dict[str, Any]) -> Feature:
    async with make_session() as session, session.begin():
        feature = Feature(
            owner_id=owner_id, name=name, description=description, status="ACTIVE", document=document, version=1
        )
        session.add(feature)
        await session.flush()
        values = {"name": name, "description": description, "status": "ACTIVE", "metadata": document}
        entry = AuditEntry(feature_id=feature.id, owner_id=owner_id, actor_id=owner_id, action="CREATE", version=1)
        entry.changed_fields, entry.new_values, entry.document = FIELDS, values, {}
        session.add(entry)
    return feature
