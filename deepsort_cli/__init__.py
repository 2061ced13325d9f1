"""DeepSORT from a folder of person crops to people tracked in live video."""

__version__ = "0.1.0"
