"""The live board: how every queue stands now, how today went, and who is there to answer."""
