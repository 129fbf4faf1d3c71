#!/bin/sh
# Builds softcuda with every compiler that is here, warnings being errors, and runs its tests, also under ASan and UBSan
# (by clang where it is here: it is quicker at that):
#   native/softcuda/check.sh [BUILD_FOLDER] [gcc|clang|sanitize ...]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/build}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- gcc clang sanitize

for kind; do
  case $kind in
    gcc) options="-DCMAKE_CXX_COMPILER=g++ -DCMAKE_BUILD_TYPE=Release" ;;
    clang) options="-DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=Release" ;;
    sanitize)
      options="-DCMAKE_BUILD_TYPE=RelWithDebInfo -DSOFTCUDA_SANITIZE=address,undefined"
      if command -v clang++ > /dev/null; then options="$options -DCMAKE_CXX_COMPILER=clang++"; fi
      ;;
    *) echo "unknown kind '$kind'; use gcc, clang or sanitize" >&2; exit 2 ;;
  esac
  if [ "$kind" = clang ] && ! command -v clang++ > /dev/null; then
    echo "== clang: left out, clang++ was not found"
    continue
  fi
  echo "== $kind"
  # shellcheck disable=SC2086
  cmake -S "$here" -B "$build/$kind" $options > /dev/null
  cmake --build "$build/$kind" --parallel "$(nproc)"
  ctest --test-dir "$build/$kind" --output-on-failure --parallel "$(nproc)"
done
