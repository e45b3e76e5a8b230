"""The canary of `asterisk_hold.py`: one telephone in a process of its own, which listens how evenly its sound comes.

    _canary.py PORT NUMBER

Calls the number and prints `up`. To each line on its standard input it answers with the seconds between all frames since the line
before, as JSON; when there are no more, it hangs up. In a process of its own: nothing else keeps it from looking.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "asterisk"))
from rig import Phones


def main() -> None:
    port, number = sys.argv[1:]
    with Phones() as phones:
        call = phones.add("5511955550000", ("127.0.0.1", int(port))).dial(number).wait_up()
        print("up", flush=True)
        told = 0
        for _ in sys.stdin:
            assert call.up, f"the canary's call has ended: {call.ended}"
            gaps = call.gaps()[told:]
            told += len(gaps)
            print(json.dumps(gaps), flush=True)


if __name__ == "__main__":
    main()
