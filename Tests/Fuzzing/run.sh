#!/bin/sh
# run.sh READER [SECONDS]: fuzzes one reader, from a corpus of the fixtures. See README.md.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${MODINSPECT_FUZZING_BUILD:-$root/.build/fuzzing}
work=${MODINSPECT_FUZZING_WORK:-$build/work}
reader=$1
seconds=${2:-3600}
program=$build/debug/Fuzzing
if [ ! -x "$program" ]; then
    MODINSPECT_FUZZING=1 swift build --package-path "$root" --scratch-path "$build" --sanitize fuzzer --product Fuzzing
fi

# A corpus of small files: the fuzzer learns from them what a format looks like.
corpus=$work/corpus.$reader
mkdir -p "$corpus" "$work/findings.$reader"
seed() { find "$@" -type f -size -24k | while read -r file; do cp "$file" "$corpus/$(echo "${file#"$root/"}" | tr / _)"; done; }
longest=24576
case $reader in
checkpoint) seed "$root/fixtures" -name '*.pt' -o -name '*.pth' -o -name '*.safetensors' -o -name '*.np[yz]' -o -name '*.gguf' -o -name '*.tar*' -o -name '*.zip' -o -name '*.pkl' -o -name '*.onnx' -o -name '*.msgpack' -o -name '*.pt2' ;;
folder) seed "$root/fixtures" -name "${FUZZED:=config.json}" ;;
samples | tokens | pairs) seed "$root/fixtures/data" ;;
tokenizer) longest=65536 && seed "$root/fixtures" -name 'tokenizer*.json' -o -path '*/tokenizers/*.json' ;;
clusters) seed "$root/fixtures" -name '*.clusters.tsv' -o -name '*clusters*.json' ;;
architecture) printf 'conv1(padding=1,stride=2),relu,maxpool(2),flatten,fc1,gelu(tanh),fc2' >"$corpus/chain" ;;
*) echo "run.sh: $reader: expected a reader, see Reader.swift" >&2 && exit 64 ;;
esac

if [ "$reader" = folder ]; then
    FOLDER=$work/folder
    rm -rf "$FOLDER" && mkdir -p "$FOLDER" && cp "$root/fixtures/${MODEL:-gpt2-tiny}"/* "$FOLDER"
    export FOLDER FUZZED
fi
# What a file is unpacked to goes to memory's own file system where there is one.
if [ -d /dev/shm ]; then TMPDIR=$(mktemp -d /dev/shm/fuzzing.XXXXXX) && trap 'rm -rf "$TMPDIR"' EXIT && export TMPDIR; fi
cd "$work"
READER=$reader OPENBLAS_NUM_THREADS=1 "$program" -max_total_time="$seconds" -max_len=$longest -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="findings.$reader/" "$corpus"
