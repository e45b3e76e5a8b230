"""The fault run: a whole installation is killed, stopped and lied to while people phone it, and what came of it is judged.

Law: the network and its people live in the test's own process and are never harmed: they are the ground truth. The judge
(`judge`) reads the event stream and the network's memory and trusts nothing that the line says of itself.
"""
