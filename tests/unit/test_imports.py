"""The house's directions: dashboards -> callback -> ivr, and pure modules know nothing of the world.

Every import of every module is read from its text, those inside functions too; imports for type checking only do not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("ivr", "callback", "dashboards")

# The only ones that know everything.
FREE = ("ivr.app", "ivr.cli", "callback.jobs")

# What `callback` may use of `ivr`: the port, the vocabulary and leaves.
LEAVES = (
    "ivr.calls",
    "ivr.ports",
    "ivr.events",
    "ivr.inputs",
    "ivr.clock",
    "ivr.errors",
    "ivr.config",
    "ivr.asks",
    "ivr.facts",
    "ivr.redis_server",
    "ivr.flow",
)

PURE = (
    "ivr.inputs",
    "ivr.instructions",
    "ivr.asks",
    "ivr.events",
    "ivr.facts",
    "ivr.ports",
    "ivr.engine",
    "ivr.session",
    "ivr.turning",
    "ivr.moves",
    "ivr.prompts",
    "ivr.words",
    "ivr.numerals",
    "ivr.measures",
    "ivr.flow",
    "callback.model",
    "callback.states",
    "callback.policy",
    "callback.keys",
    "callback.metrics",
    "callback.totals",
    "callback.fairness",
    "callback.wait_model",
    "callback.baselines",
)

WORLD = (
    "redis",
    "rq",
    "flask",
    "requests",
    "gunicorn",
    "twilio",
    "asterisk",
    "socket",
    "subprocess",
    "threading",
    "time",
    "secrets",
    "urllib.request",
    "ivr.clock",
    "ivr.config",
    "ivr.redis_server",
    "ivr.store",
    "callback.store",
)

PROVIDERS = "ivr.providers"


def within(name: str, *places: str) -> bool:
    """Whether a dotted name is one of `places` or inside one."""
    return any(name == place or name.startswith(place + ".") for place in places)


def modules() -> dict[str, Path]:
    found = {}
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports(tree: ast.AST, known: frozenset[str]) -> Iterator[tuple[str, int]]:
    """The dotted names imported at run time, with their lines. `from a import b` is a.b when that is a module, else a."""
    for node in ast.iter_child_nodes(tree):
        if for_types_only(node):
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute here"
            base = node.module or ""
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield (inner if inner in known else base), node.lineno
        else:
            yield from imports(node, known)


MODULES = modules()


@cache
def imported(module: str) -> list[tuple[str, str]]:
    """(imported name, where) of a module of ours."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    return [(name, f"{module}:{line}") for name, line in imports(tree, frozenset(MODULES))]


def wrong(judged: list[str], allowed: object) -> list[str]:
    assert callable(allowed)
    return [
        f"{where} imports {name}" for module in judged for name, where in imported(module) if not allowed(module, name)
    ]


def bound(module: str) -> bool:
    return not within(module, *FREE)


def test_every_package_is_there() -> None:
    assert {name.split(".")[0] for name in MODULES} == set(OURS)


def test_ivr_never_imports_the_line_or_the_screens() -> None:
    judged = [module for module in MODULES if within(module, "ivr") and bound(module)]
    assert wrong(judged, lambda _, name: not within(name, "callback", "dashboards")) == []


def test_the_line_never_imports_the_screens_and_knows_of_ivr_only_the_port_and_leaves() -> None:
    judged = [module for module in MODULES if within(module, "callback") and bound(module)]
    assert wrong(judged, lambda _, name: not within(name, "dashboards")) == []
    assert wrong(judged, lambda _, name: not within(name, "ivr") or within(name, *LEAVES)) == []


def test_pure_modules_know_neither_redis_nor_web_nor_clock() -> None:
    judged = [module for module in MODULES if within(module, *PURE)]
    assert wrong(judged, lambda _, name: not within(name, *WORLD)) == []


def test_only_the_wiring_knows_a_provider() -> None:
    judged = [module for module in MODULES if bound(module) and not within(module, PROVIDERS)]
    assert wrong(judged, lambda _, name: not within(name, PROVIDERS)) == []


def test_nobody_imports_the_wiring_but_the_wiring() -> None:
    judged = [module for module in MODULES if bound(module)]
    assert wrong(judged, lambda _, name: not within(name, "ivr.app", "ivr.cli")) == []


@pytest.mark.parametrize("package", OURS)
def test_every_module_says_what_it_is(package: str) -> None:
    """A module opens with what it is; packages that hold nothing need not."""
    silent = [
        name
        for name, path in MODULES.items()
        if within(name, package)
        and (text := path.read_text(encoding="utf-8")).strip()
        and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []


def test_the_lists_above_name_what_exists() -> None:
    ours = {name for name in (*PURE, *FREE, *LEAVES, *WORLD) if within(name, *OURS)}
    assert ours <= set(MODULES)


def test_an_import_inside_a_function_counts_and_one_for_types_does_not() -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import redis\ndef f():\n    import rq\n"
    assert [name for name, _ in imports(ast.parse(text), frozenset())] == ["typing", "rq"]
