"""The hot path: from a presented credential to a decision, in memory.

``handler`` asks, ``cache`` remembers, ``filler`` reads what is not remembered, ``judge`` decides, ``meter`` notes it.
"""
