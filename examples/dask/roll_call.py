"""Runs a piece of work on every worker of the cluster, and adds up what they return."""

import os

from dask.distributed import Client

nodes = int(os.environ["DSTACK_NODES_NUM"])
client = Client(f"{os.environ['MUSTER_NODE_IP']}:8786")
client.wait_for_workers(nodes, timeout=60)


def work(number):
    return os.environ["MUSTER_HOST"], (number + 1) ** 2


workers = sorted(client.scheduler_info(n_workers=-1)["workers"])
futures = [client.submit(work, i, workers=[worker], pure=False) for i, worker in enumerate(workers)]
results = client.gather(futures)
print(f"workers on {' '.join(sorted(host for host, _ in results))}; the sum of squares is {sum(square for _, square in results)}")
client.close()
