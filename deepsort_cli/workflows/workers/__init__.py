"""Tasks shared out among workers: in this process, in others on this machine, or on the machines of a Ray cluster.

    deque of tasks ──▶ Here | Processes | Cluster ──▶ Done, in the order in which they end
                       each worker opened once by a Recipe

Videos of an archive, trials of a study and pictures to embed all go this way. A task may be added to the deque while
others are under way; a worker that dies is replaced, and what it was at is tried again.
"""

from deepsort_cli.workflows.workers.cluster import SHARING_A_DEVICE, Cluster, OnCluster, settle_device
from deepsort_cli.workflows.workers.processes import Processes
from deepsort_cli.workflows.workers.tasks import Do, Done, Here, Recipe, Stopped, Tell, Watch, Workers

__all__ = [
    "SHARING_A_DEVICE", "Cluster", "Do", "Done", "Here", "OnCluster", "Processes", "Recipe", "Stopped", "Tell", "Watch",
    "Workers", "settle_device",
]  # fmt: skip
