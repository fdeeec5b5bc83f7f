"""What each setting is called, may be, does and is there for, a module for each group of `--help`.

A description has its setting's name in capitals. The defaults are in `pounce.config.config`, beside
the types.
"""
