#!/bin/sh
# run.sh slurm|parallel|snakemake MODINSPECT: the recipes of modinspect-audit(1), as they stand there, over 300 checkpoints, of which 31 cannot
# be scored. Every one must give the bytes that one process gives. See README.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
page=$here/../../man/modinspect-audit.1
kind=$1
work=$(mktemp -d)
mkdir "$work/bin"
ln -s "$(realpath "$2")" "$work/bin/modinspect"
PATH=$work/bin:$PATH
export PATH
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" "$here/make_tree.py" runs

# The block of the manual that has a line beginning with $1, with this machine's tree and sizes, and permutations that make it last.
recipe() {
    awk -v first="$1" '/^\.Bd/ { text = ""; inside = 1; next } /^\.Ed/ { if (text ~ first) print text; inside = 0 } inside { text = text $0 "\n" }' "$page" |
        sed "s|\\\\e|\\\\|g; s|/data/runs|$work/runs|; s|cd /data|cd $work|; s|1-16|1-4|; s|cpus-per-task=4|cpus-per-task=1|; s|--jobs 4|--jobs 1|" |
        sed "s|modinspect audit \([^-]\)|modinspect audit --null 20 \1|"
}

case $kind in
slurm)
    recipe '#SBATCH' > array.sh
    job=$(sbatch --parsable --output=log-%a array.sh)
    # A task that has begun is taken away; Slurm starts it again after two minutes.
    until [ "$(cat part-2.jsonl 2> /dev/null | wc -l)" -gt 5 ]; do sleep 0.1; done
    scontrol requeue "${job}_2"
    recipe '^sbatch' | sed "s|\$job|$job|; s|^sbatch|sbatch --wait --output=log-merge|" > merge.sh
    sh merge.sh || true
    ;;
parallel)
    echo "2/:" > machines
    recipe '^seq' > parallel.sh
    sh parallel.sh || true
    ;;
snakemake)
    recipe '^rule part' > Snakefile
    snakemake --cores 4 audit > log 2>&1 || { cat log; exit 1; }
    ;;
*) echo "run.sh: $kind: expected slurm, parallel or snakemake" >&2 && exit 64 ;;
esac

modinspect audit --null 20 runs -q -o whole.jsonl > whole.txt || [ $? = 1 ]
cmp audit.jsonl whole.jsonl
echo "$kind: $(wc -l < audit.jsonl) rows, $(grep -c '"status":"ok"' audit.jsonl) ok, the same bytes as one process"
