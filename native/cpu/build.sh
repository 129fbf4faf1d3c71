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

want_library resfuse-cpu "${CPU_KERNELS:-}"
build_library "$1" -DCPU_TESTS=OFF
