#!/usr/bin/env bash
# Plants the mistakes of test/mistakes.txt in softcuda, one at a time, and names those that its tests do not notice; then it
# fails:
#   native/softcuda/mutate.sh FOLDER [FIRST [LAST]]
# All are compiled into one build in FOLDER, and SOFTCUDA_MISTAKE chooses; FIRST and LAST are numbers of mistakes. For each, tests
# run until one fails: the one that noticed another mistake last, and so on, then the quickest. What takes ten times as long as
# without mistakes, and a minute more, counts as noticed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
rm -rf source
mkdir source
cp -r "$here"/{CMakeLists.txt,src,include,test,bench} source/

cat > source/mistake.h << 'END'
#pragma once
#ifdef __cplusplus
extern int softcudaMistake;
#endif
END
cat > source/src/machine/mistake.cpp << 'END'
#include <cstdlib>
int softcudaMistake = std::getenv("SOFTCUDA_MISTAKE") == nullptr ? 0 : std::atoi(std::getenv("SOFTCUDA_MISTAKE"));
END
perl -w -Mstrict - "$here/test/mistakes.txt" mistakes << 'END'
  my ($list, $names) = @ARGV;
  my $number = 0;
  open(my $in, '<', $list) or die "$list: $!";
  open(my $out, '>', $names) or die "$names: $!";
  while (my $line = <$in>) {
    next if $line =~ /^#|^\s*$/;
    my ($file, $old, $new) = $line =~ /^(\S+): \s*(.*?)\s* ==> \s*(.*?)\s*$/ or die "not a mistake: $line";
    $number++;
    my $path = "source/src/$file";
    open(my $source, '<', $path) or die "$path: $!";
    my $text = do { local $/; <$source> };
    close $source;
    my $at = index($text, $old);
    die "not there: $line" if $at < 0;
    die "there more than once: $line" if index($text, $old, $at + 1) >= 0;
    $new =~ s/\bMISTAKE\b/(softcudaMistake == $number)/g;
    substr($text, $at, length $old) = $new;
    open(my $to, '>', $path) or die "$path: $!";
    print $to $text;
    close $to;
    print $out "$file: $old\n";
  }
END

cmake -S source -B build -DSOFTCUDA_TESTS=ON -DSOFTCUDA_WERROR=OFF -DCMAKE_CXX_FLAGS="-w -include $PWD/source/mistake.h" > cmake.log
cmake --build build --parallel "$(nproc)" > build.log
cd build
ctest --output-on-failure > ../tests.log || {
  cat ../tests.log
  echo "the tests fail as it is"
  exit 1
}
# "name runs seconds", up to a line of dashes.
sed '/^---/,$d' Testing/Temporary/CTestCostData.txt | sort -k3 -g > ../times
notices() {
  local name seconds
  while read -r name runs seconds; do
    if ! SOFTCUDA_MISTAKE=$1 ctest -R "^$name\$" --timeout "$(awk "BEGIN { print int(60 + 10 * $seconds) }")" > ../last.log 2>&1; then
      echo "$name"
      { echo "$name $runs $seconds" && grep -v "^$name " ../times; } > ../times.next
      mv ../times.next ../times
      return
    fi
  done < ../times
}

unnoticed=0
number=0
tried=0
while IFS= read -r mistake; do
  number=$((number + 1))
  [ "$number" -ge "${2:-1}" ] && [ "$number" -le "${3:-$number}" ] || continue
  tried=$((tried + 1))
  by=$(notices "$number" < /dev/null)
  if [ -z "$by" ]; then
    echo "$number not noticed: $mistake"
    unnoticed=$((unnoticed + 1))
  else
    echo "$number by $by: $mistake"
  fi
done < ../mistakes
echo "$tried mistakes, $unnoticed of them not noticed"
[ "$unnoticed" -eq 0 ]
