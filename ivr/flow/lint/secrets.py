"""What must not get out: sensitive digits, tokens, requests to strangers or in the clear."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from ivr.flow.expressions import ExpressionError, parse
from ivr.flow.lint.draft import Draft, Rule, steps_of
from ivr.flow.lint.values import templates
from ivr.flow.model import Flow
from ivr.flow.problems import Problem, Severity, expected
from ivr.flow.source import Path
from ivr.flow.steps.collect import Collect
from ivr.flow.steps.http import Http
from ivr.flow.steps.set import SetStep
from ivr.flow.steps.subflow import Subflow

SENSITIVE_LEAK = Rule("sensitive-leak", Severity.ERROR, "a sensitive value would be spoken or logged")
LITERAL_SECRET = Rule("literal-secret", Severity.ERROR, "a password or token stands in the file")
URL_NOT_ALLOWED = Rule("url-not-allowed", Severity.ERROR, "a request goes to a host that is not on the allow-list")
HTTP_PLAIN = Rule("http-plain", Severity.ERROR, "a request travels unencrypted")

_PLACES = {"url": "a url", "headers": "a header"}
_SECRET_NAME = re.compile(r"authorization|api[-_]?key|token|secret|passw(or)?d|senha", re.IGNORECASE)
_TOKEN = re.compile(
    r"\b(?:sk|pk|rk)_(?:live|test)_\w{8,}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{20,}|\bxox[abprs]-[\w-]{10,}"
    r"|\beyJ[\w-]{10,}\.[\w-]{10,}|\bBearer\s+[\w.~+/=-]{8,}|\bBasic\s+[\w+/=]{8,}"
)
_TEMPLATE = re.compile(r"\{\{.*?\}\}")
_PLACEHOLDER = "0template0"


def literal_secrets(draft: Draft) -> Iterator[Problem]:
    for name, step in steps_of(draft.flow, Http):
        texts: list[tuple[Path, str, str]] = [(("headers", key), key, value) for key, value in step.headers.items()]
        texts += [(("body", key), key, value) for key, value in (step.body or {}).items()]
        for path, key, text in texts:
            if _looks_secret(key, text):
                yield _secret(draft, ("steps", name, *path), f'"{key}"')
        parts = urlsplit(_TEMPLATE.sub(_PLACEHOLDER, step.url)) if _splits(step.url) else None
        if parts and (parts.password or _TOKEN.search(step.url) or _query_secret(parts.query)):
            yield _secret(draft, ("steps", name, "url"), "the url")


def _secret(draft: Draft, path: Path, where: str) -> Problem:
    hint = "keep it in the server's configuration and write auth: secret.NAME"
    return draft.problem(LITERAL_SECRET, path, f"{where} holds what looks like a secret", hint)


def _looks_secret(name: str, text: str) -> bool:
    if _TOKEN.search(text):
        return True
    return bool(_SECRET_NAME.search(name)) and len(_TEMPLATE.sub("", text).strip()) >= 8


def _query_secret(query: str) -> bool:
    pairs = parse_qsl(query)
    return any(_SECRET_NAME.search(key) and len(value.replace(_PLACEHOLDER, "")) >= 8 for key, value in pairs)


def urls(draft: Draft) -> Iterator[Problem]:
    """One problem per url: that it is not https, that its host is not written out, or that it is not on the list."""
    allowed = draft.known.http_hosts
    for name, step in steps_of(draft.flow, Http):
        path = ("steps", name, "url")
        parts = urlsplit(_TEMPLATE.sub(_PLACEHOLDER, step.url)) if _splits(step.url) else None
        host = (parts.hostname or "") if parts else ""
        named = parts.netloc.rpartition("@")[2].lower().removesuffix(":443") if parts else ""
        if parts and parts.scheme == "http":
            yield draft.problem(HTTP_PLAIN, path, "http:// sends callers' data in the clear", "write https://")
        elif parts is None or parts.scheme != "https" or not host:
            message = f'"{step.url}" is not the address of a server'
            yield draft.problem(URL_NOT_ALLOWED, path, message, "expected https://host/path")
        elif _PLACEHOLDER in host:
            message = "the host of a request cannot come from a variable"
            yield draft.problem(URL_NOT_ALLOWED, path, message, "write the host out")
        elif allowed is not None and named not in {each.lower() for each in allowed}:
            hint = f"{expected(sorted(allowed), named)}; an operator adds hosts to the server's allow-list"
            yield draft.problem(URL_NOT_ALLOWED, path, f'host "{named}" is not on the allow-list', hint)


def _splits(url: str) -> bool:
    """Whether the standard library can take `url` apart (`https://[` it cannot)."""
    try:
        parts = urlsplit(_TEMPLATE.sub(_PLACEHOLDER, url))
        return bool(parts.hostname or parts.port is None)
    except ValueError:
        return False


def sensitive_leaks(draft: Draft) -> Iterator[Problem]:
    """A sensitive value in anything spoken, in a url or in a header, here or in a subflow. A body may have it."""
    hidden = sensitive_variables(draft.flow)
    for value in templates(draft):
        leaked = sorted(hidden & value.names)
        if leaked and value.path[2:3] != ("body",):
            where = _PLACES.get(str(value.path[2]), "a prompt")
            hint = "say something that is not sensitive" if where == "a prompt" else "send it in the body of a POST"
            message = f'"{leaked[0]}" is sensitive and stands in {where}'
            yield draft.problem(SENSITIVE_LEAK, value.path, message, hint)
    for name, asked in steps_of(draft.flow, Collect):
        if asked.sensitive and asked.confirm:
            message = f'confirm reads the sensitive "{asked.save}" aloud'
            yield draft.problem(SENSITIVE_LEAK, ("steps", name, "confirm"), message, "let validate: check it instead")
    for name, step in steps_of(draft.flow, Subflow):
        child = (draft.known.flows or {}).get(step.flow)
        for variable, text in step.given.items():
            if child and _passes_on(text, hidden) and _leaks(draft, child, variable):
                message = f'"{variable}" is sensitive, and flow "{child.flow}" would say or send it'
                hint = "give it something that is not sensitive"
                yield draft.problem(SENSITIVE_LEAK, ("steps", name, "with", variable), message, hint)


def _leaks(draft: Draft, child: Flow, variable: str) -> bool:
    hidden = sensitive_variables(child, variable)
    texts = templates(replace(draft, flow=child))
    return any(hidden & text.names for text in texts if text.path[2:3] != ("body",))


def sensitive_variables(flow: Flow, *given: str) -> frozenset[str]:
    """What a sensitive `collect` saves, and what is set to it; a comparison or a length gives nothing away."""
    hidden = {step.save for _, step in steps_of(flow, Collect) if step.sensitive} | set(given)
    before = -1
    while len(hidden) != before:
        before = len(hidden)
        for _, step in steps_of(flow, SetStep):
            hidden |= {name for name, text in step.vars.items() if _passes_on(text, hidden)}
    return frozenset(hidden)


def _passes_on(text: str, hidden: Collection[str]) -> bool:
    try:
        tree = parse(text).body
    except ExpressionError:
        return False
    return any(isinstance(node, ast.Name) and node.id in hidden for node in _results(tree))


def _results(tree: ast.expr) -> list[ast.expr]:
    match tree:
        case ast.IfExp(body=body, orelse=orelse):
            return _results(body) + _results(orelse)
        case ast.BoolOp(values=values):
            return [result for value in values for result in _results(value)]
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in ("lower", "upper", "digits"):
            return [result for argument in arguments for result in _results(argument)]
    return [tree]
