"""Every error that HTTP answers with: its status, its title, and what to do about it; /errors has a page of each."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """`remedy` is the next step of whoever gets the error."""

    status: int
    title: str
    meaning: str
    remedy: str


CATALOGUE: Mapping[str, Known] = {
    "VALIDATION_ERROR": Known(
        400,
        "A value breaks a rule",
        "A field of the body, a parameter or a header is missing, of the wrong type, or out of bounds.",
        "Every bad field is listed with the rule that it breaks: correct them all, and send the request again.",
    ),
    "BAD_REQUEST": Known(
        400,
        "The request cannot be read",
        "It is no request of the form that this address takes, or did not arrive whole.",
        "The message says what is wrong with it.",
    ),
    "INVALID_JSON": Known(
        400,
        "The body is no valid JSON",
        "The body cannot be read as JSON in UTF-8 (RFC 8259), or a key stands twice in one object.",
        "The message says where. Let a library write the JSON.",
    ),
    "BAD_USER_INPUT": Known(
        400,
        "An argument cannot be used",
        "A GraphQL variable, argument, id or cursor is not one that this API takes. REST says VALIDATION_ERROR.",
        "Give ids and cursors as an answer returned them.",
    ),
    "QUERY_TOO_COMPLEX": Known(
        400,
        "The operation costs too much",
        "A GraphQL operation is longer, deeper or dearer than one request may be.",
        "Ask for smaller pages, or split the operation.",
    ),
    "UNAUTHENTICATED": Known(
        401,
        "Who asks is not known",
        "No token was sent, or it is not valid, or it has run out.",
        "Send a valid one: `Authorization: Bearer …`.",
    ),
    "FORBIDDEN": Known(
        403,
        "You may not do this",
        "The token is valid, but its user may not do this.",
        "Ask somebody who may, or for a role that may.",
    ),
    "NOT_FOUND": Known(
        404,
        "Not found",
        "There is nothing at this address, or you may not see it: the two look the same, on purpose.",
        "Check the id. A deleted feature is listed with `status=deleted`.",
    ),
    "METHOD_NOT_ALLOWED": Known(
        405,
        "Method not allowed",
        "The address exists, but not for this method.",
        "The header `Allow` lists those it has.",
    ),
    "NOT_ACCEPTABLE": Known(
        406,
        "Not acceptable",
        "The header `Accept` leaves out what this address answers with.",
        "Accept `application/json`, or leave the header out.",
    ),
    "DUPLICATE_NAME": Known(
        409,
        "The name is taken",
        "The owner has another feature of that name which is not deleted.",
        "Choose another name, or rename the other feature.",
    ),
    "DUPLICATE_EMAIL": Known(
        409,
        "The email is taken",
        "Another user has that email, in whatever case.",
        "Choose another one, or change that user.",
    ),
    "LAST_ADMIN": Known(
        409,
        "The last administrator",
        "Without this user there would be no administrator who is not disabled.",
        "Make another administrator first.",
    ),
    "FEATURE_LIMIT_EXCEEDED": Known(
        409,
        "Too many active features",
        "The owner has as many active features as allowed.",
        "Archive, deactivate or delete one first.",
    ),
    "TOKEN_LIMIT_EXCEEDED": Known(
        409,
        "Too many API tokens",
        "The user has as many living API tokens as allowed.",
        "Revoke one first.",
    ),
    "INVALID_TRANSITION": Known(
        409,
        "The status does not lead there",
        "A feature cannot go from its status to the one that was asked for.",
        "Activate an archived feature before you deactivate it.",
    ),
    "IDEMPOTENCY_IN_PROGRESS": Known(
        409,
        "The first request still runs",
        "A request with the same `Idempotency-Key` is being run at this moment.",
        "Send it again after the seconds that `Retry-After` says: you get the answer of the first.",
    ),
    "STALE_VERSION": Known(
        412,
        "Somebody was faster",
        "The feature is not at the version that you name (`If-Match`, or `expectedVersion`). Nothing was written.",
        "Get the feature again, look at what changed, and repeat the change with the new `ETag`.",
    ),
    "PAYLOAD_TOO_LARGE": Known(
        413, "The body is too long", "The body is longer than the server reads.", "Send a shorter one."
    ),
    "URI_TOO_LONG": Known(
        414, "The address is too long", "The query string is longer than the server reads.", "Use fewer filters."
    ),
    "UNSUPPORTED_MEDIA_TYPE": Known(
        415,
        "Unsupported media type",
        "The body is of another type than this address takes, in another charset than UTF-8, or compressed.",
        "Send JSON as it is, with `Content-Type: application/json`.",
    ),
    "IDEMPOTENCY_KEY_REUSED": Known(
        422,
        "The key belongs to another request",
        "The `Idempotency-Key` was sent before, with another address, body or condition.",
        "Take a new key for every new request; send the same key only with the very same request.",
    ),
    "UNDONE": Known(
        424,
        "Another item was refused",
        "The items were to be done all or none, and one of them was refused: of this one, too, nothing was done.",
        "Look at the item that the message names, and send all again without what is wrong with it.",
    ),
    "PRECONDITION_REQUIRED": Known(
        428,
        "Say which version you change",
        "A change must name the version that it was made for, so that nobody's work is overwritten unseen.",
        "Send `If-Match` with the `ETag` of the feature as you got it; `If-Match: *` for whatever it is.",
    ),
    "RATE_LIMITED": Known(
        429,
        "Too many requests",
        "You have used up what you may ask for.",
        "Wait as long as `Retry-After` says, in seconds.",
    ),
    "HEADERS_TOO_LARGE": Known(
        431,
        "The headers are too long",
        "The headers together are longer than the server reads.",
        "Send fewer, or shorter.",
    ),
    "INTERNAL_ERROR": Known(
        500,
        "Something went wrong on our side",
        "It is not your request's fault. The cause is logged under the request's id, and told to nobody.",
        "Try again later; tell whoever runs the server the request's id.",
    ),
    "UNAVAILABLE": Known(
        503,
        "Unavailable for now",
        "A server that we need is away or too slow.",
        "Try again after the seconds that `Retry-After` says.",
    ),
}


def page_of(code: str) -> str:
    """The address of the error's page, relative to this server."""
    return f"/errors/{code}"
