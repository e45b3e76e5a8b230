"""The rig for tests on a real Asterisk: nodes that live and die at will, and phones that call them and listen."""

from .call import Call, until
from .leg import End, State
from .node import Node
from .phones import Phone, Phones
from .sound import tone
from .station import Answer, Behaviour, Mute, Reject, Ring

__all__ = [
    "Answer",
    "Behaviour",
    "Call",
    "End",
    "Mute",
    "Node",
    "Phone",
    "Phones",
    "Reject",
    "Ring",
    "State",
    "tone",
    "until",
]
