"""What every measurement of the project has in common, be it of servers under load or of algorithms.

- ``rounds``: the order in which subjects take turns; ``spread``: one figure over several rounds.
- ``provenance``: the machine, versions and commit of a measurement.
- ``interruption``: SIGTERM ends a command as Ctrl-C does.
- ``environments``: virtual environments for what is measured beside, made on demand.
- ``document``: figures in documents, between markers.
- ``inherited``: which environment variables a measured program does not get.

It imports nothing of the project, and psutil alone beside the standard library.
"""
