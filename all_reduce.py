"""An all-reduce over all ranks, of which each adds another power of two."""

import os

import torch
import torch.distributed as dist

dist.init_process_group("gloo")
rank, world = dist.get_rank(), dist.get_world_size()
share = torch.tensor([float(2**rank)])
dist.all_reduce(share)
hosts = [None] * world
dist.all_gather_object(hosts, os.environ["MUSTER_HOST"])
print(f"rank {rank} of {world}: the sum is {int(share.item())}, from {' '.join(hosts)}")
dist.destroy_process_group()
