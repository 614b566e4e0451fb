"""`rateLimit(dryRun: true)`: the operation is priced, and of it only that field is run."""

from collections.abc import Mapping
from dataclasses import replace

from graphql import BooleanValueNode, FieldNode, SelectionNode, SelectionSetNode, VariableNode

from app.engine.operation import Operation

FIELD, ARGUMENT = "rateLimit", "dryRun"


def dry_run(operation: Operation, variables: Mapping[str, object]) -> Operation | None:
    """The same operation with nothing but that field at its root; None where it does not ask for a dry run."""
    root = operation.definition.selection_set.selections
    kept = tuple(selection for selection in root if _is_dry(selection, variables))
    if not kept:
        return None
    definition = replace(operation.definition, selection_set=SelectionSetNode(selections=kept))
    definitions = (definition if found is operation.definition else found for found in operation.node.definitions)
    node = replace(operation.node, definitions=tuple(definitions))
    return replace(operation, node=node, definition=definition, plans=None)  # those are of the whole operation


def _is_dry(selection: SelectionNode, variables: Mapping[str, object]) -> bool:
    if not isinstance(selection, FieldNode) or selection.name.value != FIELD:
        return False
    for argument in selection.arguments or ():
        if argument.name.value == ARGUMENT:
            value = argument.value
            if isinstance(value, VariableNode):
                return variables.get(value.name.value) is True
            return isinstance(value, BooleanValueNode) and value.value
    return False
