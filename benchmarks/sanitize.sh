#!/usr/bin/env bash
# The tests of the kernels with every access of memory and all undefined behaviour watched.
#
#     benchmarks/sanitize.sh [PYTEST ARGUMENTS]
#
# The library is built anew into a cache of its own. PYTHON names the interpreter with PyTorch and pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python="${PYTHON:-.venv/bin/python}"
compiler="$(command -v "${CXX:-c++}")"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

# A compiler to the package; it must not run under the sanitizer itself.
cat > "$folder/c++" <<WRAPPER
#!/bin/sh
unset LD_PRELOAD
exec "$compiler" "\$@" -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
WRAPPER
chmod +x "$folder/c++"

export CXX="$folder/c++" XDG_CACHE_HOME="$folder/cache" PYTHONPATH="$PWD/src${PYTHONPATH:+:$PYTHONPATH}"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" RECTIFIERS_KERNELS=auto
# Watched code takes minutes to compile, more than users are made to wait.
"$python" -c 'from rectifiers.kernels import build; build.BUILD_SECONDS = 3600; print(build.find_or_build()[1])'

# Python and PyTorch leak at exit by design, and PyTorch alone would load libstdc++ too late for its throws to be seen.
export ASAN_OPTIONS="detect_leaks=0:abort_on_error=1" UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1"
export LD_PRELOAD="$("$compiler" -print-file-name=libasan.so):$("$compiler" -print-file-name=libstdc++.so.6)"
"$python" -c 'from rectifiers import kernels; print(*sorted(kernels.status().items()), sep="\n")'
# Instrumented code rounds otherwise, for fewer products are fused with sums; how near it comes is tested without.
"$python" -m pytest tests/kernels -p no:cacheprovider -k "not single_precision_is_as_near" "$@"
