"""Rules of a visit: what it is, how it is planned and merged, caps, its steps, its results.

Pure: calendars, policy, inspectors and moments come in as values.
"""
