"""An all-reduce over all ranks, of which each adds another power of two."""

import os

from mpi4py import MPI

world = MPI.COMM_WORLD
total = world.allreduce(2**world.rank)
hosts = world.gather(os.environ["MUSTER_HOST"])
if world.rank == 0:
    print(f"{world.size} processes on {' '.join(hosts)}: the sum is {total}")
