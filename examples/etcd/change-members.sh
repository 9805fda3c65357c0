# Rank 0 makes etcd's members those of the list, one after the other. It may be told of a change twice: what is done already is passed over.
set -eu
[ "$DSTACK_NODE_RANK" -eq 0 ] || exit 0
ctl() { ETCDCTL_API=3 etcdctl --endpoints "http://$MUSTER_NODE_IP:23790" --command-timeout 5s "$@"; }
listed() { echo "$1" | grep -qx "$2"; }
id_of() { ctl member list | grep "http://$1:23880," | cut -d, -f1; }
for ip in $MUSTER_OLD_NODES_IPS; do
  listed "$DSTACK_NODES_IPS" "$ip" && continue
  while id=$(id_of "$ip") && [ -n "$id" ]; do ctl member remove "$id" || sleep 0.2; done
done
for ip in $DSTACK_NODES_IPS; do
  listed "$MUSTER_OLD_NODES_IPS" "$ip" && continue
  # Refused until the members before it have been in touch for a while.
  until [ -n "$(id_of "$ip")" ] || ctl member add "$(echo "$ip" | tr .: --)" --peer-urls "http://$ip:23880"; do sleep 0.2; done
  # The next one only when this one votes.
  until ctl member list | grep "http://$ip:23880," | grep -q ", started,"; do sleep 0.2; done
done
