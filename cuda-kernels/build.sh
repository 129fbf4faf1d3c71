#!/bin/sh
# Compiles the kernels: each NAME.cu of this folder to ptx/NAME.ptx, which is committed, for compute_80.
#
#   build.sh             compiles what has changed since ptx/manifest.txt was written, and writes it
#   build.sh --all       compiles everything
#   build.sh --check     compiles everything to a temporary folder and fails where the committed files are not what nvcc makes of
#                        the sources, where a kernel spills registers, or uses more than limits.txt allows. Without nvcc only the
#                        hashes of sources and PTX are compared with the manifest. (Run by continuous integration.)
#   build.sh --fatbin    makes fatbin/NAME-HASH.fatbin from the PTX: machine code for sm_80, 86, 89, 90, 100 and 120, which Maven packs
#                        into the jar where it is, so that drivers need not compile. HASH is the first 16 digits of the PTX's SHA-256
#                        in the manifest: machine code of another version is not found. Files that are there are kept.
#   build.sh --fatbin FOLDER ARCHITECTURE...   the same into FOLDER, of the architectures named (90 for sm_90) and no others
#   build.sh --lineinfo FOLDER   compiles with line information into FOLDER, for softcuda's reports and for profilers
#   build.sh --ptx FILE.cu FILE.ptx [NVCC-OPTION...]   compiles another file in the same way, for 'resfuse verify --kernel'
#
# NVCC names another nvcc; ptxas and fatbinary are taken from beside it, or from the PATH.
#
# The committed PTX has no line information (it would double its size) and asks for the lowest PTX version that its instructions
# need, 7.0 for all of sm_80's (CUDA 11.0, driver 450): nvcc writes its own version there, which older drivers refuse.
# Beside each PTX lies what ptxas says of it for sm_80 (NAME.ptx.ptxas), where softcuda looks for the number of registers.
set -eu
LC_ALL=C
export LC_ALL
here=$(cd "$(dirname "$0")" && pwd)
from=$(pwd)
cd "$here"
architectures="80 86 89 90 100 120"
versions="7.0 7.1 7.2 7.3 7.4 7.5 7.6 7.7 7.8 8.0 8.1 8.2 8.3 8.4 8.5 8.6 8.7 8.8 9.0"
most_bytes=10485760
manifest=ptx/manifest.txt

die() {
  echo "cuda-kernels/build.sh: $*" >&2
  exit 1
}

nvcc=$(command -v "${NVCC:-nvcc}" || true)
tool() {
  beside=$(dirname "$(readlink -f "$nvcc")")/$1
  if [ -x "$beside" ]; then echo "$beside"; else command -v "$1" || die "no $1 beside $nvcc nor on the PATH"; fi
}
need_nvcc() {
  [ -n "$nvcc" ] || die "no nvcc: put it on the PATH or name it by NVCC. The committed PTX stays as it is."
  ptxas=$(tool ptxas)
  compiler=$("$nvcc" --version | sed -n 's/.*, V\([0-9.]*\)$/\1/p')
}

# The files of this folder that NAME.cu is made of, sorted: itself, and what it includes.
sources() {
  files=$1.cu
  new=$files
  while [ -n "$new" ]; do
    found=$(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' $new | sort -u)
    new=
    for file in $found; do
      case " $files " in *" $file "*) ;; *) files="$files $file" new="$new $file" ;; esac
    done
  done
  printf '%s\n' $files | sort
}
hash_of() { sha256sum "$1" | cut -d ' ' -f 1; }

# The lines of the manifest that say what NAME is made of.
source_lines() {
  for file in $(sources "$1"); do echo "source $1 $file $(hash_of "$file")"; done
}

# make_ptx SOURCE TARGET WORK [NVCC-OPTION...]: PTX of the lowest version, which is then in $made, and what ptxas says (WORK.log).
make_ptx() {
  source=$1 target=$2 work_name=$3
  shift 3
  "$nvcc" -ptx -arch=compute_80 -std=c++17 "$@" "$source" -o "$work_name.raw"
  # A hint, the only thing that would ask for a later version.
  sed '/^[[:space:]]*\.pragma[[:space:]]*"used_bytes_mask/d' "$work_name.raw" > "$work_name.nvcc"
  made=
  for version in $versions; do
    sed "s/^\.version .*/.version $version/" "$work_name.nvcc" > "$target"
    if "$ptxas" -v -arch=sm_80 "$target" -o "$work_name.cubin" > "$work_name.log" 2>&1; then made=$version; break; fi
  done
  [ -n "$made" ] || { cat "$work_name.log" >&2; die "ptxas does not take the PTX of $source"; }
}

# compile NAME FOLDER: PTX, ptxas's report, and the manifest's lines (FOLDER/NAME.lines).
compile() {
  name=$1 folder=$2
  make_ptx "$name.cu" "$folder/$name.ptx" "$folder/$name" --Werror all-warnings
  grep -E "Compiling entry|Function properties|spill|Used" "$folder/$name.log" > "$folder/$name.ptx.ptxas"
  {
    echo "module $name $(hash_of "$folder/$name.ptx") $made"
    source_lines "$name"
    awk -v module="$name" '
      /Compiling entry function/ { split($0, part, "\047"); kernel = part[2] }
      /bytes stack frame/ { spill = $5 + $9 }
      /Used [0-9]+ registers/ {
        shared = 0
        for (i = 2; i <= NF; ++i) if ($i ~ /^smem/) shared = $(i - 2)
        for (i = 2; i <= NF; ++i) if ($i == "Used") registers = $(i + 1)
        print "kernel " module " " kernel " " registers " " spill " " shared
      }' "$folder/$name.ptx.ptxas" | sort
  } > "$folder/$name.lines"
  rm -f "$folder/$name.raw" "$folder/$name.nvcc" "$folder/$name.log" "$folder/$name.cubin"
}

header() {
  cat << END
# What build.sh compiled, and from what. Modules:  module NAME SHA256-OF-PTX PTX-VERSION
# their sources:  source NAME FILE SHA256   and kernels, for sm_80:  kernel NAME KERNEL REGISTERS BYTES-SPILLED BYTES-OF-STATIC-SHARED-MEMORY
nvcc $1
END
}

# Spills, and more registers than the first matching line of limits.txt allows.
check_limits() {
  awk '
    NR == FNR { if ($1 !~ /^#/ && NF == 2) { pattern[++n] = $1; most[n] = $2 } next }
    $1 == "kernel" {
      if ($5 > 0) { print "kernel " $3 " of " $2 ".cu spills " $5 " bytes of registers"; bad = 1 }
      for (i = 1; i <= n; ++i) {
        expression = pattern[i]
        gsub(/\*/, ".*", expression)
        if ($3 ~ "^" expression "$") {
          if ($4 > most[i]) { print "kernel " $3 " of " $2 ".cu uses " $4 " registers; limits.txt allows " most[i]; bad = 1 }
          break
        }
      }
      if (i > n) { print "kernel " $3 " of " $2 ".cu matches no line of limits.txt"; bad = 1 }
    }
    END { exit bad }' limits.txt "$1" >&2
}

names=$(for file in *.cu; do echo "${file%.cu}"; done)
mode=${1:-changed}
case $mode in
  changed | --all | --check | --fatbin | --lineinfo | --ptx) ;;
  *) die "unknown argument $mode; see the top of this file" ;;
esac

if [ "$mode" = --lineinfo ]; then
  need_nvcc
  [ $# = 2 ] || die "--lineinfo FOLDER"
  for name in $names; do
    "$nvcc" -ptx -arch=compute_80 -std=c++17 -lineinfo "$name.cu" -o "$2/$name.ptx"
  done
  exit
fi

if [ "$mode" = --ptx ]; then
  need_nvcc
  [ $# -ge 3 ] || die "--ptx FILE.cu FILE.ptx [NVCC-OPTION...]"
  shift
  cd "$from"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  own=$1 result=$2
  shift 2
  make_ptx "$own" "$result" "$work/own" "$@"
  exit
fi

if [ "$mode" = --fatbin ]; then
  need_nvcc
  fatbinary=$(tool fatbinary)
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  folder=fatbin
  if [ $# -gt 1 ]; then
    [ $# -gt 2 ] || die "--fatbin FOLDER ARCHITECTURE..."
    folder=$(cd "$from" && mkdir -p "$2" && cd "$2" && pwd)
    shift 2
    architectures=$*
  fi
  mkdir -p "$folder"
  wanted=
  for name in $names; do
    target=$folder/$name-$(hash_of "ptx/$name.ptx" | cut -c 1-16).fatbin
    wanted="$wanted $target"
    [ -f "$target" ] && continue
    images=
    for architecture in $architectures; do
      "$ptxas" -arch="sm_$architecture" "ptx/$name.ptx" -o "$work/$architecture.cubin"
      images="$images --image3=kind=elf,sm=$architecture,file=$work/$architecture.cubin"
    done
    # Not compressed: the jar is, and drivers before 12.4 cannot read Zstandard.
    "$fatbinary" --64 --compress-mode=none --create="$work/fatbin" $images
    mv "$work/fatbin" "$target"
  done
  for file in "$folder"/*.fatbin; do
    case "$wanted " in *" $file "*) ;; *) rm -f "$file" ;; esac
  done
  bytes=0
  for file in ptx/*.ptx "$folder"/*.fatbin; do bytes=$((bytes + $(gzip -c "$file" | wc -c))); done
  echo "cuda-kernels: $bytes bytes in the jar, of $most_bytes"
  [ "$bytes" -le "$most_bytes" ] || die "the kernels are too large for the jar"
  exit
fi

if [ "$mode" = --check ]; then
  status=0
  [ -f "$manifest" ] || die "no $manifest; run build.sh"
  {
    for name in $names; do
      echo "module $name $(if [ -f "ptx/$name.ptx" ]; then hash_of "ptx/$name.ptx"; fi)"
      source_lines "$name"
    done
  } > "${TMPDIR:-/tmp}/resfuse-hashes.$$"
  grep -E "^(module|source) " "$manifest" | sed -E 's/^(module [^ ]+ [^ ]+) .*/\1/' | cmp -s - "${TMPDIR:-/tmp}/resfuse-hashes.$$" || {
    grep -E "^(module|source) " "$manifest" | sed -E 's/^(module [^ ]+ [^ ]+) .*/\1/' | diff - "${TMPDIR:-/tmp}/resfuse-hashes.$$" >&2 || true
    echo "cuda-kernels/build.sh: sources or PTX are not what the manifest says (above); run build.sh" >&2
    status=1
  }
  rm -f "${TMPDIR:-/tmp}/resfuse-hashes.$$"
  check_limits "$manifest" || status=1
  if [ -z "$nvcc" ]; then
    echo "cuda-kernels/build.sh: there is no nvcc; that it makes the committed PTX of the sources was not checked" >&2
    exit $status
  fi
  need_nvcc
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  recorded=$(sed -n 's/^nvcc //p' "$manifest")
  { header "$compiler"; for name in $names; do compile "$name" "$work"; cat "$work/$name.lines"; done; } > "$work/manifest.txt"
  check_limits "$work/manifest.txt" || status=1
  if [ "$compiler" != "$recorded" ]; then
    echo "cuda-kernels/build.sh: nvcc $compiler is not $recorded, which made the committed PTX; they were not compared" >&2
    exit $status
  fi
  for file in ptx/*.ptx ptx/*.ptxas "$manifest"; do
    cmp -s "$file" "$work/${file#ptx/}" || {
      echo "cuda-kernels/build.sh: $file is not what nvcc makes of the sources; run build.sh" >&2
      status=1
    }
  done
  exit $status
fi

need_nvcc
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p ptx
touch "$manifest"
for name in $names; do
  grep -E "^(module|source|kernel) $name " "$manifest" > "$work/$name.lines" || true
  if [ "$mode" = changed ] && [ "$(sed -n 's/^nvcc //p' "$manifest")" = "$compiler" ] && [ -f "ptx/$name.ptx" ] &&
    [ "$(source_lines "$name")" = "$(grep "^source " "$work/$name.lines")" ] &&
    [ "$(sed -n 's/^module [^ ]* \([^ ]*\) .*/\1/p' "$work/$name.lines")" = "$(hash_of "ptx/$name.ptx")" ]; then
    continue
  fi
  echo "cuda-kernels: $name.cu" >&2
  compile "$name" "$work"
  mv "$work/$name.ptx" "$work/$name.ptx.ptxas" ptx/
done
for file in ptx/*.ptx; do
  name=$(basename "$file" .ptx)
  [ -f "$name.cu" ] || rm -f "$file" "$file.ptxas"
done
{ header "$compiler"; for name in $names; do cat "$work/$name.lines"; done; } > "$work/manifest.txt"
mv "$work/manifest.txt" "$manifest"
chmod 644 "$manifest"
check_limits "$manifest"
