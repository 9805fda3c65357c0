set -- $DSTACK_NODES_IPS
echo "sh: $# nodes, I am $DSTACK_NODE_RANK: $*"
