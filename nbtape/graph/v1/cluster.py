"""Clusters of processes: which there are, and which of them keeps which variable."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from nbtape.graph.v1.device_spec import DeviceSpec

_BAD_CLUSTER = (
    "`cluster` must be a dictionary mapping one or more job names to lists of network addresses, or a "
    "`ClusterDef` protocol buffer"
)
# The operations that a parameter server keeps: variables and tables, under all names they had.
PS_OPS = ("Variable", "VariableV2", "VarHandleOp", "AutoReloadVariable", "MutableHashTable",
          "MutableHashTableV2", "MutableHashTableOfTensors", "MutableHashTableOfTensorsV2",
          "MutableDenseHashTable", "MutableDenseHashTableV2")  # fmt: skip


class ClusterSpec:
    """The tasks of a cluster: for each job a list of network addresses, or a dict of them by task index.

    >>> cluster = tf.train.ClusterSpec({"ps": ["ps0:2222"], "worker": {0: "w0:2222", 2: "w2:2222"}})
    >>> cluster.jobs, cluster.num_tasks("worker"), cluster.task_address("worker", 2)
    (['ps', 'worker'], 2, 'w2:2222')
    """

    def __init__(self, cluster: Any):
        if isinstance(cluster, ClusterSpec):
            self._tasks = {job: dict(tasks) for job, tasks in cluster._tasks.items()}
        elif isinstance(cluster, Mapping):
            self._tasks = {_name(job): _tasks(job, tasks) for job, tasks in cluster.items()}
        else:
            raise TypeError(_BAD_CLUSTER)

    @property
    def jobs(self) -> list[str]:
        """The names of the jobs."""
        return list(self._tasks)

    def num_tasks(self, job_name: str) -> int:
        """How many tasks a job has."""
        return len(self._job(job_name))

    def task_indices(self, job_name: str) -> list[int]:
        """The indices of a job's tasks, in order."""
        return sorted(self._job(job_name))

    def task_address(self, job_name: str, task_index: int) -> str:
        """The address of a task; raises ValueError where there is no such task."""
        job = self._job(job_name)
        if task_index not in job:
            raise ValueError(f"No task with index {task_index!r} in job {job_name!r}")
        return job[task_index]

    def job_tasks(self, job_name: str) -> list[str | None]:
        """The addresses of a job's tasks, None for indices that are left out."""
        job = self._job(job_name)
        return [job.get(i) for i in range(max(job, default=-1) + 1)]

    def as_dict(self) -> dict:
        """The cluster as it would be given: lists, or dicts where indices are left out."""
        return {
            job: list(self.job_tasks(job)) if sorted(tasks) == list(range(len(tasks))) else dict(tasks)
            for job, tasks in self._tasks.items()
        }

    def _job(self, name: str) -> dict[int, str]:
        if name not in self._tasks:
            raise ValueError(f"No such job in cluster: {name!r}")
        return self._tasks[name]

    def __bool__(self) -> bool:
        return bool(self._tasks)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClusterSpec) and self._tasks == other._tasks

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ClusterSpec({dict(sorted(self.as_dict().items()))})"


def _name(job: Any) -> str:
    if not isinstance(job, str):
        raise TypeError(f"Job name {job!r} must be bytes or unicode")
    return job


def _tasks(job: Any, tasks: Any) -> dict[int, str]:
    if isinstance(tasks, list | tuple):
        tasks = dict(enumerate(tasks))
    if not isinstance(tasks, Mapping):
        raise TypeError(f"The tasks for job {job!r} must be a list or a dictionary from integers to strings.")
    for address in tasks.values():
        if not isinstance(address, str):
            raise TypeError(f"Task address {address!r} must be bytes or unicode")
    return {int(index): address for index, address in tasks.items()}


class RoundRobinStrategy:
    """Give each variable to the next parameter server."""

    def __init__(self, num_tasks: int):
        self._count, self._next = num_tasks, 0

    def __call__(self, op: Any) -> int:
        task, self._next = self._next, (self._next + 1) % self._count
        return task


class GreedyLoadBalancingStrategy:
    """Give each variable to the parameter server that has the least load, by `load_fn` of its operation.

    >>> strategy = tf.compat.v1.train.GreedyLoadBalancingStrategy(2, lambda load: load)
    >>> [strategy(load) for load in (3, 1, 1, 2)]
    [0, 1, 1, 1]
    """

    def __init__(self, num_tasks: int, load_fn: Callable[[Any], float]):
        self._loads, self._load_fn = [0.0] * num_tasks, load_fn

    def __call__(self, op: Any) -> int:
        task = self._loads.index(min(self._loads))
        self._loads[task] += self._load_fn(op)
        return task


def byte_size_load_fn(op: Any) -> int:
    """The bytes of a variable, of which `op` is the operation; for GreedyLoadBalancingStrategy."""
    variable = op.outputs[0]
    if not variable.shape.is_fully_defined():
        raise ValueError(f"The size of {op.name} is not known: its shape is {variable.shape}.")
    return math.prod(variable.shape.as_list()) * variable.dtype.size


def replica_device_setter(
    ps_tasks: int = 0,
    ps_device: str = "/job:ps",
    worker_device: str = "/job:worker",
    merge_devices: bool = True,
    cluster: Any = None,
    ps_ops: Any = None,
    ps_strategy: Callable[[Any], int] | None = None,
) -> Callable[[Any], str] | None:
    """A function for `tf.device` that puts variables on the tasks of `ps_device`, and all else on
    `worker_device`. Tasks take turns unless `ps_strategy` says which is next. None where the cluster has no
    parameter servers.

    >>> with tf.Graph().as_default(), tf.device(tf.compat.v1.train.replica_device_setter(2)):
    ...     [tf.Variable(float(i)).device for i in range(3)]
    ['/job:ps/task:0', '/job:ps/task:1', '/job:ps/task:0']
    """
    if cluster is not None:
        known = ClusterSpec(cluster)
        job = DeviceSpec.from_string(ps_device).job
        if job not in known.jobs or not known.num_tasks(job):
            return None
        ps_tasks = known.num_tasks(job)
    if ps_tasks == 0:
        return None
    strategy = RoundRobinStrategy(ps_tasks) if ps_strategy is None else ps_strategy
    if not callable(strategy):
        raise TypeError("ps_strategy must be callable")
    kept = frozenset(PS_OPS if ps_ops is None else ps_ops)

    def setter(op: Any) -> str:
        if not merge_devices and op.device:
            return op.device
        own = DeviceSpec.from_string(op.device or "")
        if op.type not in kept:
            return DeviceSpec.from_string(worker_device).make_merged_spec(own).to_string()
        spec = DeviceSpec.from_string(ps_device)
        if spec.job and spec.job != own.job:
            spec = spec.replace(task=strategy(op))
        return spec.make_merged_spec(own).to_string()

    return setter
