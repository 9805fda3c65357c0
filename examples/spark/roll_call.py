"""Waits until every worker has an executor, runs a task on each, and adds up what they return."""

import os
import time

from pyspark.sql import SparkSession

nodes = int(os.environ["DSTACK_NODES_NUM"])
context = SparkSession.builder.appName("roll-call").getOrCreate().sparkContext
context.setLogLevel("ERROR")


def work(numbers):
    time.sleep(0.3)  # long enough that no executor takes two of as many tasks
    return [(os.environ["MUSTER_HOST"], (number + 1) ** 2) for number in numbers]


deadline = time.monotonic() + 120
while True:
    results = context.parallelize(range(nodes), nodes).mapPartitions(work).collect()
    hosts = sorted({host for host, _ in results})
    if len(hosts) == nodes:
        break
    if time.monotonic() > deadline:
        raise SystemExit(f"only {' '.join(hosts)} took part")
print(f"executors on {' '.join(hosts)}; the sum of squares is {sum(square for _, square in results)}")
context.stop()
