#!/bin/sh
# fashion.sh PROGRAM PYTHON EPOCHS: trains the two networks of fashion.c on one and on two threads, and,
# if that Python has PyTorch, each beside fashion.py. Run by `make bench-fashion`.
set -eu

program=$1 python=$2 epochs=$3
here=$(dirname "$0")
if ! "$python" -c 'import torch' 2>/dev/null; then
    echo "Without PyTorch, which $python has not: pip install torch==2.13.0"
    python=
fi
for model in mlp cnn; do
    for threads in 1 2; do
        "$program" $model "$epochs" $threads
        [ -z "$python" ] || OMP_NUM_THREADS=$threads "$python" "$here/fashion.py" $model "$epochs" $threads
    done
done
