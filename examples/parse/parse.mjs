const addresses = process.env.DSTACK_NODES_IPS.split('\n');
console.log(`node: ${addresses.length} nodes, I am ${process.env.DSTACK_NODE_RANK}: ${addresses.join(' ')}`);
