import os

addresses = os.environ["DSTACK_NODES_IPS"].split("\n")
print(f"python: {len(addresses)} nodes, I am {os.environ['DSTACK_NODE_RANK']}: {' '.join(addresses)}")
