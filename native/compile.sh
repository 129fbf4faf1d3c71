# What the build scripts of native libraries share. Each sets these and reads this file:
#   source    the folder with CMakeLists.txt
#   inputs    what in it, separated by spaces, the library is built from
#   build     where it is built
#   library   the file that results
#   without   how a line begins that says why it cannot be built
#   announce  a line that is said when compiling begins; may be empty
#   failed    a line that is said where the compiler failed

# As old as the beginning of the last build that went well.
stamp=$build/built

cannot() {
  echo "$without: $1"
  exit 3
}

is_fresh() {
  [ -f "$library" ] && [ -f "$stamp" ] && (
    cd "$source"
    # shellcheck disable=SC2086
    [ -z "$(find $inputs -newer "$stamp" -print -quit)" ]
  )
}

want_compiler() {
  command -v cmake > /dev/null || cannot "cmake was not found; install it: sudo apt-get install -y cmake g++"
  [ -n "${CXX:-}" ] || command -v c++ > /dev/null || cannot "no C++ compiler was found; install one: sudo apt-get install -y g++"
}

# compile CMAKE_OPTION...: builds unless it is fresh. Processes wait for each other, but on macOS, which has no flock.
compile() {
  mkdir -p "$build"
  exec 9> "$build/build.lock"
  ! command -v flock > /dev/null || flock 9
  if is_fresh; then return; fi
  [ -z "$announce" ] || echo "$announce"
  # CMake refuses a folder that was moved, or copied with the checkout.
  grep -qsxF "CMAKE_HOME_DIRECTORY:INTERNAL=$source" "$build/CMakeCache.txt" || rm -rf "$build/CMakeCache.txt" "$build/CMakeFiles"
  touch "$stamp.new"
  {
    cmake -S "$source" -B "$build" -DCMAKE_BUILD_TYPE=Release "$@" &&
      cmake --build "$build" --parallel "$(getconf _NPROCESSORS_ONLN)"
  } > "$build/build.log" 2>&1 9>&- || {
    tail -50 "$build/build.log"
    echo "$failed"
    exit 1
  }
  mv -f "$stamp.new" "$stamp"
}

# want_library NAME SWITCH: what to build for the jar, and where; not if SWITCH is off.
want_library() {
  case $(uname -s) in
    Linux) platform=linux file=lib$1.so ;;
    Darwin) platform=macosx file=lib$1.dylib ;;
    *) cannot "it is for Linux and macOS only; this is $(uname -s)" ;;
  esac
  case $(uname -m) in
    x86_64 | amd64) platform=$platform-x86_64 ;;
    aarch64 | arm64) platform=$platform-arm64 ;;
    *) cannot "it is for x86-64 and arm64 only; this is $(uname -m)" ;;
  esac
  library=$build/$file
  [ "$2" != off ] || cannot "it was switched off"
}

# build_library FOLDER CMAKE_OPTION...: builds it unless it is fresh, and leaves FOLDER/PLATFORM/lib... for the jar.
build_library() {
  folder=$1/$platform
  shift
  if ! is_fresh; then
    want_compiler
    compile "$@"
  fi
  mkdir -p "$folder"
  cmp -s "$library" "$folder/$file" || cp "$library" "$folder/$file"
}
