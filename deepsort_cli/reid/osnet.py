"""OSNet where programs import it from that were written before there were several backbones."""

from deepsort_cli.reid.backbones.osnet import VARIANTS, OSNet

__all__ = ["VARIANTS", "OSNet"]
