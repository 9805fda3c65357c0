"""Runs one task on every node of the cluster, and adds up what they return."""

import os
import time

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

nodes = int(os.environ["DSTACK_NODES_NUM"])
ray.init(address=f"{os.environ['MUSTER_NODE_IP']}:6379", _node_ip_address=os.environ["MUSTER_NODE_IP"], log_to_driver=False)
deadline = time.monotonic() + 120
while len(alive := [node for node in ray.nodes() if node["Alive"]]) < nodes:
    if time.monotonic() > deadline:
        raise SystemExit(f"only {len(alive)} of {nodes} nodes joined")
    time.sleep(0.2)


@ray.remote(num_cpus=1)
def work(number):
    return os.environ["MUSTER_HOST"], (number + 1) ** 2


tasks = [
    work.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(i) for i, node in enumerate(alive)
]
results = ray.get(tasks, timeout=120)
print(f"tasks on {' '.join(sorted(host for host, _ in results))}; the sum of squares is {sum(square for _, square in results)}")
