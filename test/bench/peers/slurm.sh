#!/usr/bin/env bash
# Slurm as a peer: so many slurmd on this machine, then srun of a script that logs its own start, one JSON line a repetition.
# usage: slurm.sh NODES [REPETITIONS]   without REPETITIONS: one for each line of stdin; needs Debian's slurm-wlm and munge, as root; writes /etc/slurm/slurm.conf
set -u
nodes=$1 repetitions=${2:-} dir=$(mktemp -d) host=$(hostname) pids=
cleanup() {
  [ -z "$pids" ] || kill $pids 2>/dev/null
  wait 2>/dev/null
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 143' TERM INT
mkdir -p "$dir/state" "$dir/log" "$dir/spool"
pgrep -x munged >/dev/null || service munge start >/dev/null
cat > /etc/slurm/slurm.conf <<CONF
ClusterName=bench
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
AuthType=auth/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
ReturnToService=2
TreeWidth=50
MpiDefault=none
NodeName=n[1-$nodes] NodeHostname=$host NodeAddr=127.0.0.1 Port=[17001-$((17000 + nodes))] CPUs=2 State=UNKNOWN
PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
CONF
setsid slurmctld -c -D >"$dir/log/slurmctld.out" 2>&1 & pids=$!
sleep 2
for i in $(seq 1 "$nodes"); do
  mkdir -p "$dir/spool/n$i"
  setsid slurmd -N "n$i" -D >"$dir/log/slurmd-$i.out" 2>&1 & pids="$pids $!"
done
for _ in $(seq 1 60); do
  sleep 1
  [ "$(sinfo -h -t idle -o %D 2>/dev/null)" = "$nodes" ] && break
done
printf '#!/bin/sh\ndate +%%s%%N >> %s/started\nsleep 0.2\n' "$dir" > "$dir/program.sh"
chmod +x "$dir/program.sh"
{ [ -n "$repetitions" ] && seq 1 "$repetitions" || cat; } | while read -r _; do
  rm -f "$dir/started"
  submitted=$(date +%s%N)
  timeout 60 srun </dev/null -N"$nodes" -n"$nodes" "$dir/program.sh" 2>/dev/null
  last=$(sort -n "$dir/started" | tail -n 1)
  first=$(sort -n "$dir/started" | head -n 1)
  echo "{\"peer\":\"slurm\",\"nodes\":$nodes,\"submit_to_all_started_ms\":$(((last - submitted) / 1000000)),\"skew_ms\":$(((last - first) / 1000000))}"
done
