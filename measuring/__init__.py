"""What every measurement of the project has in common, be it of servers under load or of algorithms.

- ``spread``: one figure over several rounds.
- ``environments``: virtual environments for what is measured beside, made on demand.
- ``document``: figures in documents, between markers.

It imports nothing of the project.
"""
