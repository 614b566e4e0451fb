"""What was found, for people, for a comment on a pull request, for programs, and for the annotations of GitHub."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import orjson

from app.contract.change import Change, Severity, worst

type Form = Literal["text", "markdown", "json", "github"]
type LineOf = Callable[[str], int]  # of a coordinate, in the file

COMMANDS = {Severity.BREAKING: "error", Severity.DANGEROUS: "warning", Severity.SAFE: "notice"}
SHOWN = 10  # annotations of one kind that GitHub shows for a step; safe changes are left out of them
NONE = "No changes."


def report(changes: Sequence[Change], form: Form, file: str, line_of: LineOf) -> str:
    """Without a line's end after the last line. `file`: what annotations point into."""
    if form == "json":
        return orjson.dumps(as_json(changes), option=orjson.OPT_INDENT_2).decode()
    if form == "markdown":
        return _markdown(changes)
    if form == "github":
        return "\n".join([*_annotations(changes, file, line_of), summary(changes)])
    return "\n".join([*map(_text, changes), summary(changes)])


def summary(changes: Sequence[Change]) -> str:
    if not changes:
        return NONE
    return ", ".join(f"{count} {severity.label}" for severity, count in _counts(changes).items()) + "."


def as_json(changes: Sequence[Change]) -> Mapping[str, object]:
    return {
        "verdict": worst(changes).label,
        "counts": {severity.label: count for severity, count in _counts(changes).items()},
        "changes": [
            {
                "severity": change.severity.label,
                "code": change.code,
                "where": change.where,
                "message": change.message,
                "why": change.why,
                "clients": list(change.users),
            }
            for change in changes
        ],
    }


def _counts(changes: Sequence[Change]) -> Mapping[Severity, int]:
    return {severity: sum(change.severity is severity for change in changes) for severity in reversed(Severity)}


def _text(change: Change) -> str:
    line = f"{change.severity.label:<9}  {change.where}: {_said(change)}"
    return "\n".join([line, *(f"{'':<11}breaks {user}" for user in change.users)])


def _said(change: Change) -> str:
    return f"{change.message} {change.why}".rstrip()


def _markdown(changes: Sequence[Change]) -> str:
    parts = [f"**{summary(changes)}**"]
    for severity, count in _counts(changes).items():
        if not count:
            continue
        rows = [
            f"| `{change.where}` | {_cell(_said(change))} | {_cell(', '.join(change.users))} |"
            for change in changes
            if change.severity is severity
        ]
        table = "\n".join(["| where | what, and why it matters | breaks |", "|---|---|---|", *rows])
        title = severity.label.capitalize()
        if severity is Severity.SAFE:
            parts.append(f"<details><summary>{title} ({count})</summary>\n\n{table}\n\n</details>")
        else:
            parts.append(f"### {title} ({count})\n\n{table}")
    return "\n\n".join(parts)


def _cell(text: str) -> str:
    """Names of clients are text of strangers."""
    escaped = text.replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    for sign in "|`*_[]":
        escaped = escaped.replace(sign, f"\\{sign}")
    return " ".join(escaped.split())


def _annotations(changes: Sequence[Change], file: str, line_of: LineOf) -> list[str]:
    lines = []
    for severity, command in COMMANDS.items():
        found = [change for change in changes if change.severity is severity]
        if severity is Severity.SAFE:
            continue
        for change in found[:SHOWN]:
            text = _said(change) + "".join(f"\nBreaks {user}" for user in change.users)
            title = f"{severity.label.capitalize()}: {change.where}"
            place = f"file={_property(file)},line={line_of(change.where)},title={_property(title)}"
            lines.append(f"::{command} {place}::{_data(text)}")
    return lines


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
