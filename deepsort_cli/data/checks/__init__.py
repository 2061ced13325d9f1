"""What is wrong, or worth knowing, about a dataset: one small registered function per check.

A check takes `Facts` and yields findings. Importing its module registers it; the modules are named below.
"""

from deepsort_cli.data.checks import cameras, labels, people, pictures, split, unusable
from deepsort_cli.data.checks.facts import Facts, find, find_in_use

__all__ = ["Facts", "cameras", "find", "find_in_use", "labels", "people", "pictures", "split", "unusable"]
