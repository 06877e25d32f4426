#!/bin/sh
# stop-slurm.sh DIR: ends what start-slurm.sh DIR started.
kill "$(cat "$1/slurmctld.pid")" "$(cat "$1/slurmd.pid")" "$(cat /run/munge/munged.pid)"
