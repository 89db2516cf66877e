"""The command line, one module per theme, each with `register(app)`.

Commands import what they run inside their functions, so that `handpick --help` and every other command start
fast.
"""
