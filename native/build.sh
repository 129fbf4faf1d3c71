#!/bin/sh
# Builds softcuda, the CUDA driver that runs PTX on the CPU, for the jar. Maven calls it:
#   native/build.sh SOURCE BUILD CLASSES on|off
# puts libcuda.so.1 into CLASSES/natives/linux-x86_64, or says there in softcuda.txt why it is left out. The environment
# variable SOFTCUDA (on or off) goes before the argument. The first build takes minutes; ccache is used where it is.
set -eu
source=$1 build=$2 folder=$3/natives/linux-x86_64 wanted=${SOFTCUDA:-$4}

leave_out() {
  rm -f "$folder/libcuda.so.1"
  mkdir -p "$folder"
  echo "$1" > "$folder/softcuda.txt"
  echo "[WARNING] softcuda is left out of the build: $1" >&2
  exit 0
}

[ "$wanted" != off ] || leave_out "it was switched off"
[ -f "$source/CMakeLists.txt" ] || leave_out "its sources are not here"
[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || leave_out "it is packed for Linux on x86-64 only; this is $(uname -s) on $(uname -m)"
command -v cmake > /dev/null || leave_out "cmake was not found; install it: sudo apt-get install -y cmake g++"
[ -n "${CXX:-}" ] || command -v c++ > /dev/null || leave_out "no C++ compiler was found; install one: sudo apt-get install -y g++"

mkdir -p "$build" "$folder"
log=$build/build.log
launcher=
if command -v ccache > /dev/null; then
  launcher=ccache
  export CCACHE_BASEDIR="$source"
fi
{
  cmake -S "$source" -B "$build" -DCMAKE_BUILD_TYPE=Release -DSOFTCUDA_TESTS=OFF -DSOFTCUDA_WERROR=OFF \
    -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher" &&
    cmake --build "$build" --parallel "$(nproc)"
} > "$log" 2>&1 || {
  cat "$log" >&2
  echo "[ERROR] softcuda could not be built (the log is $log); SOFTCUDA=off leaves it out" >&2
  exit 1
}
rm -f "$folder/softcuda.txt"
cmp -s "$build/libcuda.so.1" "$folder/libcuda.so.1" || cp "$build/libcuda.so.1" "$folder/libcuda.so.1"
