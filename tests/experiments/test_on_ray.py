"""Trials as tasks of Ray, on nodes that are processes of this machine."""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rectifiers.core.errors import ConfigError
from rectifiers.experiments import on_ray
from rectifiers.experiments.on_ray import OnRay
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.runner import TimeUpError, run
from rectifiers.experiments.store import Store

from .samples import cells, outcome, tiny
from .test_surviving import end_after_an_epoch

ray = pytest.importorskip("ray")
# What Ray leaves open at its end is no fault of ours.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes of one core each; the first is the head. Sockets need a short path."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # Ray keeps the cluster's address there, and expects the folder to exist.
    Path(tempfile.gettempdir(), "ray").mkdir(exist_ok=True)
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory(dir="/tmp", prefix="ray-") as folder:
        head = {"num_cpus": 1, "include_dashboard": False, "temp_dir": folder, "object_store_memory": 10**8}
        made = Cluster(initialize_head=True, head_node_args=head)
        made.add_node(num_cpus=1, object_store_memory=10**8)
        try:
            yield made
        finally:
            ray.shutdown()
            made.shutdown()


def test_a_node_that_is_killed_loses_no_trial(cluster: Any, tmp_path: Path) -> None:
    """Every trial ends once, with the bits of a lonely run, and those of the lost node run again elsewhere."""
    trials = [tiny(seed=seed, epochs=60) for seed in range(6)]
    store = Store(tmp_path, "sweep")
    said: list[str] = []
    second = next(node for node in cluster.list_all_nodes() if node is not cluster.head_node)

    def kill_second(text: str, urgent: bool) -> None:
        said.append(text)
        if " epoch " in text and not killer.ident:
            killer.start()

    killer = threading.Thread(target=lambda: cluster.remove_node(second, allow_graceful=False))
    progress = run(cells(*trials), store, place=OnRay(cluster.address), on_event=kill_second)
    killer.join()
    assert (progress.done, progress.failed) == (6, {}), said
    assert any("a node was lost" in text for text in said)
    ended = Counter(text.split()[0] for text in said if text.endswith(": done"))
    assert ended == {trial.id: 1 for trial in trials}
    for trial in trials:
        kept = store.read(trial)
        assert kept is not None
        assert outcome(kept) == outcome(run_trial(trial))
    assert not list(store.folder.glob(".leases/*"))


def test_nodes_that_do_not_see_the_folder(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results and weights come back to the runner, and weights that trials start from go there."""
    # The file of another runner is not there, as none is on a node with other disks.
    remote = on_ray._Remote
    monkeypatch.setattr(on_ray, "_Remote", lambda job, token, *rest: remote(job, "elsewhere", *rest))
    start = tiny()
    trials = [start, tiny(start=start, lr=0.01), tiny(seed=1)]
    store = Store(tmp_path, "sweep")
    progress = run(cells(*trials), store, place=OnRay(cluster.address))
    assert (progress.done, progress.failed) == (3, {})
    assert (store.weights / f"{start.id}.safetensors").exists()
    for trial in trials:
        kept = store.read(trial)
        assert kept is not None
        assert outcome(kept) == outcome(run_trial(trial))


def test_a_cluster_of_this_machine_and_a_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    trial, store = tiny(epochs=10**6), Store(tmp_path, "sweep")
    _, hear = end_after_an_epoch(monkeypatch)
    with pytest.raises(TimeUpError):
        run(cells(trial), store, place=OnRay(), workers=1, time_limit=10**6, on_event=hear)
    assert list(store.folder.glob(f"{trial.id}/checkpoints/*.json"))
    assert not ray.is_initialized()


def test_a_cluster_that_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot reach a Ray cluster at 'ray://127.0.0.1:1'"):
        run(cells(tiny()), Store(tmp_path, "sweep"), place=OnRay("ray://127.0.0.1:1"))


def test_a_node_of_another_version(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = on_ray._versions()
    monkeypatch.setattr(on_ray, "_versions", lambda: here | {"torch": "1.0"})
    with pytest.raises(ConfigError, match=r"a node has torch .*, and the runner torch 1.0; install the same there"):
        run(cells(tiny()), Store(tmp_path, "sweep"), place=OnRay(cluster.address))
