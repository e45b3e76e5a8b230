"""From what is to be said to sound that a telephone can play: 8 kHz mono u-law files, rendered ahead and kept.

Law: a caller never hears silence because something of ours failed, and what he hears stands in no command line and no log.
"""
