#!/bin/sh
# Builds the library for pictures, unless it is built and its sources have not changed:
#   JAVA_HOME=JDK native/pictures/build.sh FOLDER HEADERS
# leaves FOLDER/PLATFORM/libresfuse-pictures.so (on macOS .dylib) for the jar; HEADERS has the jpeglib.h of the libjpeg-turbo
# that will be loaded. Maven calls it. Where it cannot be built, one line says why, and the exit code is 3: pictures are
# decoded and resized in Java then. PICTURE_KERNELS=off in the environment switches it off.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
source=$root/native/pictures
inputs="src CMakeLists.txt"
build=$root/target/pictures
library=
without="resfuse-pictures is not built, and pictures are read more slowly"
announce=
failed="resfuse-pictures could not be compiled; the log is $build/build.log, PICTURE_KERNELS=off does without it"
# shellcheck source=native/compile.sh
. "$root/native/compile.sh"

want_library resfuse-pictures "${PICTURE_KERNELS:-}"
[ -f "${JAVA_HOME:-}/include/jni.h" ] || cannot "there is no include/jni.h in JAVA_HOME, '${JAVA_HOME:-}', which a JDK has"
[ -f "$2/jpeglib.h" ] || cannot "there is no jpeglib.h in $2"
build_library "$1" -DPICTURES_TESTS=OFF -DPICTURES_JNI="$JAVA_HOME/include" -DPICTURES_JPEG="$2"
