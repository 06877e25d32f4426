#!/bin/sh
# start-slurm.sh DIR: a Slurm of one node on this machine, whose files lie in DIR; stop-slurm.sh DIR ends it.
# Needs root and Debian's slurm-wlm and munge. Prints the line that points the commands at it: eval "$(start-slurm.sh DIR)".
set -eu
mkdir -p "$1/state" "$1/spool" /run/munge
dir=$(cd "$1" && pwd)
host=$(hostname -s)
[ -s /etc/munge/munge.key ] || head -c 1024 /dev/urandom > /etc/munge/munge.key
chown munge: /etc/munge/munge.key /run/munge
chmod 400 /etc/munge/munge.key
cat > "$dir/slurm.conf" << CONF
ClusterName=local
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF="$dir/slurm.conf"
munge -n > /dev/null 2>&1 || su -s /bin/sh munge -c /usr/sbin/munged >&2
slurmctld >&2
slurmd >&2
tries=60
until sinfo -h -o %T 2> /dev/null | grep -q idle; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { echo "start-slurm.sh: the node is not idle, see $dir/slurmctld.log" >&2; exit 1; }
    sleep 0.5
done
echo "export SLURM_CONF='$dir/slurm.conf'"
