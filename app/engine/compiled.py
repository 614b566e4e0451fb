"""The compiled way: a plan's root fields are called as the resolvers that they are, what is below them is the run's."""

import asyncio
from typing import Any

from graphql import ExecutionResult, GraphQLResolveInfo, GraphQLSchema
from graphql.execution.values import VariableValues
from graphql.pyutils import Path, is_awaitable
from graphql.type.definition import GraphQLResolveInfoHelpers
from strawberry.types.info import Info

from app.engine.batch import Context
from app.engine.plan import Call, Plan
from app.engine.run import Run
from app.engine.shape import Level
from app.kernel.want import Want


class PlannedInfo(Info[Any, Any]):
    """What a resolver is told, and by a plan alone: what will be read of its value (`want`). The rest of what
    graphql-core tells is put together when a resolver looks at it."""

    def __init__(self, schema: GraphQLSchema, call: Call, plan: Plan, run: Run) -> None:
        self.want: Want = call.want
        self._planned = (schema, call, plan, run)
        self._field = call.definition

    @property
    def context(self) -> Any:
        return self._planned[3].context

    def __getattr__(self, name: str) -> Any:
        if name != "_raw_info":
            raise AttributeError(name)
        self._raw_info = raw = _raw_info(*self._planned)
        return raw


def want_of(info: Info[Any, Any]) -> Want:
    """None where graphql-core asks, which finds out field by field."""
    return info.want if isinstance(info, PlannedInfo) else None


HELPERS = GraphQLResolveInfoHelpers(lambda awaitables: asyncio.gather(*awaitables), lambda values: None)


async def run_plan(schema: GraphQLSchema, plan: Plan, variables: VariableValues, context: Context) -> ExecutionResult:
    """Root fields of a mutation one after the other, each with all that is below it; else together."""
    run = Run(context, variables)
    data: dict[str, Any] = {constant.key: constant.value for constant in plan.constants}
    root = Level((None,), (data,))
    if plan.serial:
        for call in plan.calls:
            run.fill(root, call.slot, [await _call(schema, call, plan, run)])
            await run.drain()
            if run.faults.dead:
                break
    elif len(plan.calls) == 1:
        run.fill(root, plan.calls[0].slot, [await _call(schema, plan.calls[0], plan, run)])
        await run.drain()
    else:
        values = await asyncio.gather(*(_call(schema, call, plan, run) for call in plan.calls))
        for call, value in zip(plan.calls, values, strict=True):
            run.fill(root, call.slot, [value])
        await run.drain()
    return ExecutionResult(None if run.faults.dead else data, run.faults.errors or None)


async def _call(schema: GraphQLSchema, call: Call, plan: Plan, run: Run) -> object:
    """A root field's value, or the exception that it raised."""
    try:
        arguments = call.arguments.values(run.variables)
        if call.info is not None:
            arguments[call.info] = PlannedInfo(schema, call, plan, run)
        value = call.resolve(**arguments)
        return await value if is_awaitable(value) else value
    except Exception as error:  # whatever a resolver raises is an error at its field
        return error


def _raw_info(schema: GraphQLSchema, call: Call, plan: Plan, run: Run) -> GraphQLResolveInfo[Context]:
    return GraphQLResolveInfo(
        field_name=call.slot.nodes[0].name.value,
        field_nodes=call.slot.nodes,
        return_type=call.field.type,
        parent_type=call.parent_type,
        path=Path(None, call.slot.key, call.parent_type.name),
        schema=schema,
        fragments=dict(plan.fragments),
        root_value=None,
        operation=plan.operation,
        variable_values=run.variables,
        context=run.context,
        is_awaitable=is_awaitable,
        abort_signal=None,
        async_helpers=HELPERS,
    )
