"""Finding values by what their fields mean: every target, prompt, queue, expression ... below a step.

Law: the model's own markers decide, so a new field or step type is linted without a word here.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from ivr.flow.fields import Marker
from ivr.flow.source import Path


def marked(model: BaseModel, kind: str) -> Iterator[tuple[Path, Any]]:
    """Every value below `model` whose field is marked `kind`, with its path as the author wrote it."""
    for name, field in type(model).model_fields.items():
        yield from _found(field.annotation, field.metadata, getattr(model, name), (field.alias or name,), kind)


def _found(annotation: Any, metadata: Iterable[Any], value: Any, path: Path, kind: str) -> Iterator[tuple[Path, Any]]:
    if value is None:
        return
    if any(isinstance(mark, Marker) and mark.kind == kind for mark in metadata):
        yield path, value
    elif isinstance(value, BaseModel):
        yield from ((path + below, found) for below, found in marked(value, kind))
    elif get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        yield from _found(inner, more, value, path, kind)
    elif get_origin(annotation) in (Union, types.UnionType):
        for arm in get_args(annotation):
            if _fits(arm, value):
                yield from _found(arm, (), value, path, kind)
                return
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _found(_argument(annotation, 0), (), item, (*path, index), kind)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _found(_argument(annotation, 1), (), item, (*path, key), kind)


def _argument(annotation: Any, index: int) -> Any:
    found = get_args(annotation)
    return found[index] if len(found) > index else Any


def _fits(annotation: Any, value: Any) -> bool:
    """Whether this arm of a union is the one that `value` came from."""
    if get_origin(annotation) is Annotated:
        return _fits(get_args(annotation)[0], value)
    if get_origin(annotation) in (Union, types.UnionType):
        return any(_fits(arm, value) for arm in get_args(annotation))
    plain = get_origin(annotation) or annotation
    return isinstance(plain, type) and isinstance(value, plain)
