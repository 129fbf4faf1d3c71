#!/bin/sh
# Builds the kernels of the CPU engine, unless they are built and their sources have not changed:
#   native/cpu/build.sh FOLDER
# leaves FOLDER/PLATFORM/libresfuse-cpu.so (on macOS .dylib) for the jar. Maven calls it. Where they cannot be built, one
# line says why, and the exit code is 3: the engine does without them. CPU_KERNELS=off in the environment switches them off.
set -eu
source=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$source/../.." && pwd)/target/cpu
# As old as the beginning of the last build that went well.
stamp=$build/built

cannot() {
  echo "resfuse-cpu is not built, and the CPU engine does without it: $1"
  exit 3
}

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

is_fresh() {
  [ -f "$build/$file" ] && [ -f "$stamp" ] &&
    [ -z "$(find "$source/src" "$source/CMakeLists.txt" -newer "$stamp" -print -quit)" ]
}

[ "${CPU_KERNELS:-}" != off ] || cannot "it was switched off"
if ! is_fresh; then
  command -v cmake > /dev/null || cannot "cmake was not found; install it: sudo apt-get install -y cmake g++"
  [ -n "${CXX:-}" ] || command -v c++ > /dev/null || cannot "no C++ compiler was found; install one: sudo apt-get install -y g++"
  mkdir -p "$build"
  # CMake refuses a folder that was moved, or copied with the checkout.
  grep -qsxF "CMAKE_HOME_DIRECTORY:INTERNAL=$source" "$build/CMakeCache.txt" || rm -rf "$build/CMakeCache.txt" "$build/CMakeFiles"
  touch "$stamp.new"
  {
    cmake -S "$source" -B "$build" -DCMAKE_BUILD_TYPE=Release -DCPU_TESTS=OFF && cmake --build "$build" --parallel
  } > "$build/build.log" 2>&1 || {
    tail -50 "$build/build.log"
    echo "resfuse-cpu could not be compiled; the log is $build/build.log, CPU_KERNELS=off does without it"
    exit 1
  }
  mv -f "$stamp.new" "$stamp"
fi
mkdir -p "$1/$platform"
cmp -s "$build/$file" "$1/$platform/$file" || cp "$build/$file" "$1/$platform/$file"
