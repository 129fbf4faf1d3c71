#!/bin/sh
# Compiles the kernels of this folder to PTX, which is committed: naive_convolution.cu twice, and each wrong/NAME.patch, which makes one
# mistake in a copy of ../../cuda-kernels and names in its second line the kernel that is kept.
#
#   build.sh           compiles all
#   build.sh --check   compiles to a temporary folder, and fails where a patch does not apply or the committed PTX is not what nvcc
#                      makes. Without the nvcc that made it only the patches are tried. (Run by continuous integration.)
#
# NVCC names another nvcc.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
kernels=$(cd "$here/../../cuda-kernels" && pwd)
nvcc=$(command -v "${NVCC:-nvcc}" || true)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

case ${1:-} in
  "") [ -n "$nvcc" ] || { echo "examples/kernels/build.sh: no nvcc: put it on the PATH or name it by NVCC" >&2; exit 1; } ;;
  --check)
    recorded=$(sed -n 's/.*release .*, V\([0-9.]*\)$/\1/p' "$here/naive_convolution.ptx")
    if [ -z "$nvcc" ] || [ "$("$nvcc" --version | sed -n 's/.*, V\([0-9.]*\)$/\1/p')" != "$recorded" ]; then
      echo "examples/kernels/build.sh: there is no nvcc $recorded; that it makes the committed PTX was not checked" >&2
      nvcc=
    fi ;;
  *) echo "examples/kernels/build.sh: unknown argument $1; see the top of this file" >&2; exit 1 ;;
esac

# done_with NAME.ptx: compares it with the committed file, or takes its place.
if [ "${1:-}" = --check ]; then
  done_with() {
    cmp -s "$work/made.ptx" "$here/$1" || {
      echo "examples/kernels/build.sh: $1 is not what nvcc makes of its source; run build.sh" >&2
      status=1
    }
  }
else
  done_with() { cp "$work/made.ptx" "$here/$1"; }
fi

if [ -n "$nvcc" ]; then
  "$kernels/build.sh" --ptx "$here/naive_convolution.cu" "$work/made.ptx"
  done_with naive_convolution.ptx
  "$kernels/build.sh" --ptx "$here/naive_convolution.cu" "$work/made.ptx" -DWRONG_PADDING
  done_with wrong_padding.ptx
fi

for patch in "$here"/wrong/*.patch; do
  name=$(basename "$patch" .patch)
  copy=$work/$name
  mkdir "$copy"
  cp "$kernels"/*.cu "$kernels"/*.cuh "$copy"
  (cd "$copy" && git apply "$patch") || { echo "examples/kernels/build.sh: $name.patch does not apply" >&2; status=1; continue; }
  [ -n "$nvcc" ] || continue
  kernel=$(sed -n '2s/^kernel: \(.*\) of .*/\1/p' "$patch")
  module=$(sed -n '2s/^kernel: .* of \(.*\)$/\1/p' "$patch")
  "$kernels/build.sh" --ptx "$copy/$module" "$work/all.ptx"
  # That kernel alone, and what lies before the first.
  awk -v kernel="$kernel" '
    /^\/\/ .* has been demoted/ || /^[[:space:]]*\/\/ \.globl/ { next }
    /\.entry / { kept = $0 ~ ("\\.entry " kernel "\\(") ; inside = 1 }
    !inside || kept { print }
    /^}/ { inside = 0 }' "$work/all.ptx" > "$work/made.ptx"
  done_with "wrong/$name.ptx"
done
exit $status
