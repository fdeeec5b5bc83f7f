"""What all tests have in common: how long an example of Hypothesis takes is a property of the
machine, and of what else it does meanwhile; it is no fault.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
