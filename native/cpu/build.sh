#!/bin/sh
# Builds the kernels of the CPU engine, unless they are built and their sources have not changed:
#   native/cpu/build.sh FOLDER
# leaves FOLDER/PLATFORM/libresfuse-cpu.so (on macOS .dylib) for the jar. Maven calls it. Where they cannot be built, one
# line says why, and the exit code is 3: the engine does without them. CPU_KERNELS=off in the environment switches them off.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
source=$root/native/cpu
inputs="src CMakeLists.txt"
build=$root/target/cpu
library=
without="resfuse-cpu is not built, and the CPU engine does without it"
announce=
failed="resfuse-cpu could not be compiled; the log is $build/build.log, CPU_KERNELS=off does without it"
# shellcheck source=native/compile.sh
. "$root/native/compile.sh"

case $(uname -s) in
  Linux) platform=linux file=libresfuse-cpu.so ;;
  Darwin) platform=macosx file=libresfuse-cpu.dylib ;;
  *) cannot "it is for Linux and macOS only; this is $(uname -s)" ;;
esac
case $(uname -m) in
  x86_64 | amd64) platform=$platform-x86_64 ;;
  aarch64 | arm64) platform=$platform-arm64 ;;
  *) cannot "it is for x86-64 and arm64 only; this is $(uname -m)" ;;
esac

library=$build/$file

[ "${CPU_KERNELS:-}" != off ] || cannot "it was switched off"
if ! is_fresh; then
  want_compiler
  compile -DCPU_TESTS=OFF
fi
mkdir -p "$1/$platform"
cmp -s "$library" "$1/$platform/$file" || cp "$library" "$1/$platform/$file"
