#!/bin/sh
# Builds softcuda, the CUDA driver that runs PTX on the CPU, unless it is built and its sources have not changed:
#   native/build.sh [--probe | --into FOLDER]
# leaves target/softcuda/libcuda.so.1, with --into a copy of it in a folder, too, and says on standard output what it does.
# Maven calls it before the tests, Java when something first asks for softcuda. With --probe it only looks whether it could.
# Exit code 3: it cannot be built here, and the line says why; 1: the compiler failed. SOFTCUDA=off in the environment
# switches it off. ccache is used where it is.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
source=$root/native/softcuda
inputs="src include CMakeLists.txt"
build=$root/target/softcuda
library=$build/libcuda.so.1
without="softcuda cannot be built"
announce="softcuda: compiling the emulated GPU, once; this takes a minute or two (the log is $build/build.log) ..."
failed="softcuda could not be compiled; the log is $build/build.log, SOFTCUDA=off does without it"
# shellcheck source=native/compile.sh
. "$root/native/compile.sh"

done_with_it() {
  if [ "${1:-}" = --into ]; then
    mkdir -p "$2"
    cp "$library" "$2/"
  fi
  exit 0
}

[ "${SOFTCUDA:-}" != off ] || cannot "it was switched off"
if is_fresh; then done_with_it "$@"; fi
[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || cannot "it is for Linux on x86-64 only; this is $(uname -s) on $(uname -m)"
want_compiler
[ -w "$build" ] || { [ ! -e "$build" ] && [ -w "$root" ]; } || cannot "$build cannot be written to"
[ "${1:-}" != --probe ] || exit 0

launcher=
if command -v ccache > /dev/null; then
  launcher=ccache
  export CCACHE_BASEDIR="$source" CCACHE_SLOPPINESS=pch_defines,time_macros
fi
compile -DSOFTCUDA_TESTS=OFF -DSOFTCUDA_WERROR=OFF -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher"
done_with_it "$@"
