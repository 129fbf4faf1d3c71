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
build=$root/target/softcuda
library=$build/libcuda.so.1
# As old as the beginning of the last build that went well.
stamp=$build/built

cannot() {
  echo "softcuda cannot be built: $1"
  exit 3
}

done_with_it() {
  if [ "${1:-}" = --into ]; then
    mkdir -p "$2"
    cp "$library" "$2/"
  fi
  exit 0
}

is_fresh() {
  [ -f "$library" ] && [ -f "$stamp" ] &&
    [ -z "$(find "$source/src" "$source/include" "$source/CMakeLists.txt" -newer "$stamp" -print -quit)" ]
}

[ "${SOFTCUDA:-}" != off ] || cannot "it was switched off"
if is_fresh; then done_with_it "$@"; fi
[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || cannot "it is for Linux on x86-64 only; this is $(uname -s) on $(uname -m)"
command -v cmake > /dev/null || cannot "cmake was not found; install it: sudo apt-get install -y cmake g++"
[ -n "${CXX:-}" ] || command -v c++ > /dev/null || cannot "no C++ compiler was found; install one: sudo apt-get install -y g++"
[ -w "$build" ] || { [ ! -e "$build" ] && [ -w "$root" ]; } || cannot "$build cannot be written to"
[ "${1:-}" != --probe ] || exit 0

mkdir -p "$build"
exec 9> "$build/build.lock"
flock 9
if is_fresh; then done_with_it "$@"; fi
log=$build/build.log
echo "softcuda: compiling the emulated GPU, once; this takes a minute or two (the log is $log) ..."
launcher=
if command -v ccache > /dev/null; then
  launcher=ccache
  export CCACHE_BASEDIR="$source" CCACHE_SLOPPINESS=pch_defines,time_macros
fi
# CMake refuses a folder that was moved, or copied with the checkout.
grep -qsxF "CMAKE_HOME_DIRECTORY:INTERNAL=$source" "$build/CMakeCache.txt" || rm -rf "$build/CMakeCache.txt" "$build/CMakeFiles"
touch "$stamp.new"
{
  cmake -S "$source" -B "$build" -DCMAKE_BUILD_TYPE=Release -DSOFTCUDA_TESTS=OFF -DSOFTCUDA_WERROR=OFF \
    -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher" &&
    cmake --build "$build" --parallel "$(nproc)"
} > "$log" 2>&1 9>&- || {
  tail -50 "$log"
  echo "softcuda could not be compiled; the log is $log, SOFTCUDA=off does without it"
  exit 1
}
mv -f "$stamp.new" "$stamp"
done_with_it "$@"
