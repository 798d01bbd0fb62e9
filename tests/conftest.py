"""What every test may use."""

import hypothesis

pytest_plugins = ("pytester", "tests.services.plugin", "tests.harness.fixtures")

# Examples must not depend on how fast the machine is, nor a result on luck.
hypothesis.settings.register_profile("wayvo", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("wayvo")
