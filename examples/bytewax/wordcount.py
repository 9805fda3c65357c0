"""Counts words over all nodes; survives restarts and rescales without losing or doubling a word.

Reads the files of $SHARED/input, one line at a time. Each node writes what it counted to a file of its own in
$SHARED/output: the last count of a word is its result.
"""

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import DynamicSink, StatelessSinkPartition

SHARED = Path(os.environ["SHARED"])
PAUSE = timedelta(milliseconds=int(os.environ.get("PAUSE_MS", "0")))


class Lines(StatefulSourcePartition):
    """The lines of one file, from the line where the last snapshot stands."""

    def __init__(self, path, position):
        self.lines = path.read_text().splitlines()
        self.position = position or 0
        self.awake = datetime.now(timezone.utc)

    def next_batch(self):
        if self.position >= len(self.lines):
            raise StopIteration()
        line = self.lines[self.position]
        self.position += 1
        self.awake = datetime.now(timezone.utc) + PAUSE
        return [line]

    def next_awake(self):
        return self.awake

    def snapshot(self):
        return self.position


class Input(FixedPartitionedSource):
    def list_parts(self):
        return sorted(path.name for path in (SHARED / "input").iterdir())

    def build_part(self, step_id, for_part, resume_state):
        return Lines(SHARED / "input" / for_part, resume_state)


class Counts(StatelessSinkPartition):
    def __init__(self):
        name = f"{os.environ['MUSTER_GENERATION']}-{os.environ['DSTACK_NODE_RANK']}"
        self.file = open(SHARED / "output" / name, "a", buffering=1)

    def write_batch(self, items):
        for word, count in items:
            self.file.write(f"{word} {count}\n")

    def close(self):
        self.file.close()


class Output(DynamicSink):
    def build(self, step_id, worker_index, worker_count):
        return Counts()


def count(so_far, _word):
    now = (so_far or 0) + 1
    return now, now


flow = Dataflow("wordcount")
lines = op.input("lines", flow, Input())
words = op.flat_map("words", lines, str.split)
keyed = op.key_on("by_word", words, str.lower)
counts = op.stateful_map("count", keyed, count)
op.output("counts", counts, Output())
