"""The demonstration: both servers, real data, one table. ``make demo`` runs it.

``cases`` is what is trained on what, ``serving`` trains and asks over gRPC, ``table`` prints.
"""
