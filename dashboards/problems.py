"""What an API answers when it cannot do what was asked: problem+json (RFC 9457).

Law: `code` is stable and for programs, `detail` is for people and says what to do. Nothing of a request is echoed.
"""

from __future__ import annotations

import json
from http import HTTPStatus

from flask import Response


class Problem(Exception):
    """A refusal with its HTTP code. Raised anywhere in a view, answered as problem+json."""

    def __init__(self, http: int, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.http = http
        self.code = code
        self.detail = detail
        self.headers = headers or {}

    def response(self) -> Response:
        body = {"title": HTTPStatus(self.http).phrase, "status": self.http, "code": self.code, "detail": self.detail}
        response = Response(json.dumps(body), self.http, content_type="application/problem+json")
        response.headers.update(self.headers)
        return response
