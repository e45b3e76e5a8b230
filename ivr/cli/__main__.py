"""`python -m ivr.cli`: the command line, found by the interpreter that runs it and not by PATH."""

from ivr.cli import main

main(prog_name="retorno")
