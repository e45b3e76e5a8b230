"""The Provider port over the simulated network's control API."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import requests

from ivr.inputs import Outcome
from ivr.ports import CallState, Found, Gone, Listening, Node, Outgoing, Refused, Unsure
from ivr.providers.simulator.wire import SIGNATURE, encode, sign

TIMEOUT_S = (1.0, 5.0)


class SimulatorProvider:
    """Places and moves calls in the network at `url`. One per process: it keeps its connection open."""

    name = "simulator"

    def __init__(self, url: str, key: bytes) -> None:
        self._url, self._key = url.rstrip("/"), key
        self._http = requests.Session()

    def originate(self, outgoing: Outgoing) -> None:
        code, answer = self._send("POST", "/calls", asdict(outgoing), says_no=(409, 422))
        if code >= 400:
            raise Refused(str(answer.get("error")), permanent=code == 422)

    def redirect(self, call: str, attempt: str) -> None:
        code, answer = self._send("POST", f"/calls/{call}/redirect", {"attempt": attempt}, says_no=(404,))
        if code >= 400:
            raise Gone(str(answer.get("error")))

    def hangup(self, call: str) -> None:
        self._send("DELETE", f"/calls/{call}", {})

    def find(self, call: str) -> Found:
        _, answer = self._send("GET", f"/calls/{call}", {})
        outcome = answer.get("outcome")
        return Found(CallState(answer["state"]), Outcome(outcome) if outcome else None)

    def listen(self, phone: str, call: str, mode: Listening) -> None:
        data = {"phone": phone, "mode": mode.value}
        code, answer = self._send("POST", f"/calls/{call}/listeners", data, says_no=(404, 409, 422))
        if code == 404:
            raise Gone(str(answer.get("error")))
        if code >= 400:
            raise Refused(str(answer.get("error")), permanent=code == 422)

    def record(self, call: str, on: bool) -> None:
        code, answer = self._send("POST", f"/calls/{call}/recording", {"on": on}, says_no=(404,))
        if code >= 400:
            raise Gone(str(answer.get("error")))

    def nodes(self) -> tuple[Node, ...]:
        return ()

    def _send(
        self, method: str, path: str, data: dict[str, Any], says_no: tuple[int, ...] = ()
    ) -> tuple[int, dict[str, Any]]:
        """The answer's code and content. Raises Unsure for no answer, and for any that is not an answer to this."""
        body = encode(data)
        headers = {SIGNATURE: sign(self._key, path, body), "Content-Type": "application/json"}
        try:
            answer = self._http.request(method, self._url + path, data=body, headers=headers, timeout=TIMEOUT_S)
            content: dict[str, Any] = _content(answer, says_no)
        except requests.RequestException as error:
            raise Unsure(f"the simulated network did not answer: {error}") from error
        if answer.status_code == 403:
            raise Unsure("the simulated network refused our signature: it must run with the same RETORNO_SECRET_KEY")
        if not answer.ok and answer.status_code not in says_no:
            raise Unsure(f"the simulated network answered {answer.status_code}")
        return answer.status_code, content


def _content(answer: requests.Response, says_no: tuple[int, ...]) -> dict[str, Any]:
    expected = answer.ok or answer.status_code in says_no
    found: dict[str, Any] = answer.json() if expected and answer.content else {}
    return found
