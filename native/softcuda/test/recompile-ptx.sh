#!/bin/sh
# Compiles the tests' CUDA sources to the PTX that is committed beside them: `ptx/x.ptx` for `x.cu` in each folder named
# (default: all that have CUDA sources). With --check it writes nothing and fails where a committed file differs from what nvcc
# makes of its source.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
nvcc=${NVCC:-nvcc}
check=no
if [ "${1:-}" = --check ]; then check=yes; shift; fi
if ! command -v "$nvcc" >/dev/null 2>&1; then
  echo "recompile-ptx: no nvcc (put it on the PATH or name it by NVCC); the committed PTX stays as it is" >&2
  [ $check = yes ] && exit 77
  exit 1
fi
[ $# -gt 0 ] || set -- "$here/kernels" "$here/broken" "$here/../bench"
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
status=0
for folder in "$@"; do
  cd "$folder"
  for source in *.cu; do
    [ -e "$source" ] || continue
    name=${source%.cu}
    made=$temporary/$name.ptx
    # Line information, but no paths of the machine that compiled, nor their hashes in the names of internal symbols
    # (which also stand, as bytes, in the section of strings: it is left out of the comparison).
    "$nvcc" -ptx -arch=compute_80 -lineinfo -std=c++17 "$source" -o "$made"
    sed -i -E -e 's#^([[:space:]]*\.file[[:space:]]+[0-9]+[[:space:]]+")([^"]*/)?([^"/]+")#\1\3#' \
      -e 's#(_INTERNAL_|_GLOBAL__N__)[0-9a-f]{8}_#\100000000_#g' "$made"
    same=no
    if [ -e "ptx/$name.ptx" ]; then
      grep -v '^\.b8 ' "$made" >"$temporary/made"
      grep -v '^\.b8 ' "ptx/$name.ptx" >"$temporary/committed"
      cmp -s "$temporary/made" "$temporary/committed" && same=yes
    fi
    if [ $check = yes ]; then
      if [ $same = no ]; then
        echo "recompile-ptx: $folder/ptx/$name.ptx is not what $source compiles to" >&2
        status=1
      fi
    else
      mkdir -p ptx
      [ $same = yes ] || cp "$made" "ptx/$name.ptx"
    fi
  done
done
exit $status
