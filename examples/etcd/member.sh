# One member. Its name is its address. The first list makes a new cluster; who comes later waits until rank 0 has made it a member.
set -eu
name() { echo "$1" | tr .: --; }
peer() { echo "http://$1:23880"; }
endpoints=$(echo "$DSTACK_NODES_IPS" | sed 's|.*|http://&:23790|' | paste -sd, -)
state=new
cluster=$(for ip in $DSTACK_NODES_IPS; do echo "$(name "$ip")=$(peer "$ip")"; done | paste -sd, -)
if [ "$MUSTER_START_REASON" != first ]; then
  state=existing
  members() { ETCDCTL_API=3 etcdctl --endpoints "$endpoints" --command-timeout 2s member list 2> members.log; }
  until list=$(members) && echo "$list" | grep -q "$(peer "$MUSTER_NODE_IP"),"; do sleep 0.2; done
  # Who was added and has not started has no name yet: only this one, since they are added one after the other.
  cluster=$(echo "$list" | awk -F', ' -v own="$(name "$MUSTER_NODE_IP")" '{ print ($3 == "" ? own : $3) "=" $4 }' | paste -sd, -)
fi
exec etcd --name "$(name "$MUSTER_NODE_IP")" --data-dir "etcd-$MUSTER_START_NUMBER" --log-level error \
  --listen-peer-urls "$(peer "$MUSTER_NODE_IP")" --initial-advertise-peer-urls "$(peer "$MUSTER_NODE_IP")" \
  --listen-client-urls "http://$MUSTER_NODE_IP:23790" --advertise-client-urls "http://$MUSTER_NODE_IP:23790" \
  --initial-cluster "$cluster" --initial-cluster-state "$state" --initial-cluster-token "$DSTACK_RUN_ID"
