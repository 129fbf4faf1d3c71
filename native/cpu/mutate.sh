#!/usr/bin/env bash
# Plants one mistake at a time in the kernels, and names those that the tests here do not notice; then it fails:
#   native/cpu/mutate.sh FOLDER
# builds in FOLDER, some ten seconds for each mistake. They are planted in the portable kernels, whose source is that of all
# instruction sets.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"

# The kernels whose test should notice, a file of src/, and what sed changes there.
mistakes() {
  cat << 'END'
winograd winograd_transforms.h s/even_a = d4 - 2.0f/even_a = d4 - 2.001f/
winograd winograd_transforms.h s/row = at.row - 1 + i;/row = at.row + i;/
winograd winograd_transforms.h s/at.column + 5 <= x.width/at.column + 4 <= x.width/
winograd winograd_transforms.h s/row >= 0 && row < x.height/row >= 0 \&\& row < x.height - 1/
winograd winograd_transforms.h s/= 0.5f \* sum_a + 2.0f/= 0.501f * sum_a + 2.0f/
winograd winograd_transforms.h s/odd_b = kB \* e1/odd_b = kA * e1/
winograd winograd_transforms.h s/at.row + 4 <= dout.height/at.row + 3 <= dout.height/
winograd winograd_transforms.h s/column < dout.width/column < dout.width - 1/
winograd winograd_kernels.inc s/i < 4 && at.row + i < a.height/i < 3 \&\& at.row + i < a.height/
winograd winograd_kernels.inc s/value = y\[j\] + bias/value = y[j]/
winograd winograd_kernels.inc s/value += Vectors<W>::load(residual/value -= Vectors<W>::load(residual/
winograd winograd_kernels.inc s/a.relu ? Vectors<W>::relu(value) : value/value/
winograd winograd_kernels.inc s/first += shifts + wide/first += shifts/
winograd winograd_kernels.inc s/shift \* (wide + wide + shifts)/shift * (wide + shifts)/
winograd winograd_kernels.inc s/count = static_cast<double>(height \* width)/count = 16/
winograd winograd_kernels.inc s/near = total(all) \* static_cast<float>(1 \/ count)/near{}/
winograd winograd_kernels.inc s/sums.second += Doubles::load(from + a.out_channels)/sums.second += Doubles::load(from)/
winograd winograd_kernels.inc s/strip < tiles.strips; strip++/strip < tiles.strips - 1; strip++/
winograd winograd_kernels.inc s/\/ pixels - mean \* mean;/\/ pixels;/
winograd winograd_kernels.inc s/std::max<int64_t>(kRows, tiles.unit)/kRows/
winograd winograd_kernels.inc s/t += count;/t += count + 1;/
winograd winograd_kernels.inc s/if (!first) {/if (false) {/
winograd winograd_kernels.inc s/(out \/ W + p)/(out \/ W)/
winograd winograd_kernels.inc s/\* (thread + 1) \/ threads : tiles.total/* (thread + 1) \/ threads - 1 : tiles.total/
winograd winograd_kernels.inc s/tiles.own ? 0 : thread/tiles.own ? 1 : thread/
winograd winograd_kernels.inc s/(stop - panel \* chunks) \* kRows)/(stop - panel * chunks) * kRows - 1)/
winograd winograd_kernels.inc s/std::min(tiles.together, end - first)/std::min(tiles.together, end - first - 1)/
winograd winograd_kernels.inc s/c \/ tiles.depth \* tiles.depth/0/
winograd winograd_gradient.inc s/std::min(tiles.block_channels, a.in/std::min(tiles.block_channels - 1, a.in/
winograd winograd_kernels.inc s/a.rotated ? -W : W/W/
winograd winograd_kernels.inc s/g2 + (kB \/ 6) \* g1/g2 - (kB \/ 6) * g1/
winograd winograd_gradient.inc s/first ? s\[i\]\[p\] : /true ? s[i][p] : /
winograd winograd_gradient.inc s/if (pairs < block.outs)/if (pairs < 0)/
winograd winograd_gradient.inc s/block.out + c);/block.out);/
winograd winograd_gradient.inc s/block.in + c);/block.in);/
winograd winograd_gradient.inc s/std::min(kSliceTiles, last - tile)/std::min(kSliceTiles - 1, last - tile)/
winograd winograd_gradient.inc s/run == begin, to/true, to/
winograd winograd_gradient.inc s/chunk < tiles.chunks;/chunk < std::max<int64_t>(1, tiles.chunks - 1);/
winograd winograd_gradient.inc s/a.accumulate ? to + sum/a.accumulate ? sum/
winograd winograd_gradient.inc s/sum_a \* (2.0/sum_a * (2.001/
winograd winograd_gradient.inc s/+ m\[5\];/- m[5];/
winograd tiles.h s/size.height + 3/size.height + 2/
winograd tiles.h s/36 \* apart(together \* 2/30 * apart(together * 2/
winograd tiles.h s/second_cache \/ 4 \/ weights/second_cache \/ weights/
winograd tiles.h s/tiles <= kFewTiles/tiles < kFewTiles/
winograd tiles.h s/second_cache \/ 8 \* 5/second_cache \/ 8/
winograd tiles.h s/strips = statistics ? units() : 0;/strips = statistics ? units() - 1 : 0;/
winograd tiles.h s/unit = statistics ? kStripTiles : 1;/unit = 1;/
winograd tiles.h s/own_tiles <= own_channels/own_tiles > own_channels/
norm norm_kernels.inc s/sums.second\[pair\] += v \* v/sums.second[pair] += v/
norm norm_kernels.inc s/if (row < rows) {/if (false) {/
norm norm_kernels.inc s/- mean \* mean;/;/
norm norm_kernels.inc s/(v - c.mean)/(v)/
norm norm_kernels.inc s/dgamma \/ deviation);/dgamma);/
norm norm_kernels.inc s/a.accumulate != 0 ? a.dbeta/a.accumulate == 0 ? a.dbeta/
gate gate_kernels.inc s/first = i % per_block \* kPiece/first = i % per_block * kWidth/
gate gate_kernels.inc s/block \* width \* pixels + first/block * width + first/
gate gate_kernels.inc s/sums\[v\] += V::widen(V::load(x/sums[v] = V::widen(V::load(x/
gate gate_kernels.inc s/static_cast<double>(a.pixels));/static_cast<double>(a.pixels + 1));/
gate gate_kernels.inc s/for (; i < count; i++) {/for (; false; i++) {/
gate gate_kernels.inc s/sum < 0 ? 0 : sum;/sum;/
gate gate_kernels.inc s/a.b2\[c\] + dot/dot/
gate gate_kernels.inc s/std::exp(-logit)/std::exp(logit)/
gate gate_kernels.inc s/V::store(dout + at, dz);/V::load(dout + at);/
gate gate_kernels.inc s/gate \* (1 - gate) \* sums/gate * sums/
gate gate_kernels.inc s/dhidden\[r\] = hidden\[r\] > 0/dhidden[r] = hidden[r] >= 0/
gate gate_kernels.inc s/dmean\[c\] \/= pixels/dmean[c] *= pixels/
gate gate_kernels.inc s/ + shifts\[v\]);/);/
gate gate_kernels.inc s/a.accumulate != 0 ? bias\[o\] : 0/bias[o]/
gate gate_kernels.inc s/(a.accumulate != 0 ? at : 0.0f)/at/
gate gate_kernels.inc s/n \* inputs + i + v/i + v/
gate gate_kernels.inc s/\[n \* outputs + o\];/[o];/
END
}

compile() {
  "${CXX:-c++}" -std=gnu++17 -O1 -w -Wno-psabi "$@"
}

# object SOURCES NAME: compiles one file there.
object() {
  local options=()
  case $2 in
    *_avx2) options=(-mavx2 -mfma) ;;
    *_avx512) options=(-mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl) ;;
  esac
  compile "${options[@]}" -c "$1/$2.cpp" -o "$1/$2.o"
}

rm -rf whole
cp -r "$here/src" whole
sources=(library gate_portable norm_portable winograd_portable)
[ "$(uname -m)" != x86_64 ] || sources+=(gate_avx2 gate_avx512 norm_avx2 norm_avx512 winograd_avx2 winograd_avx512)
for name in "${sources[@]}"; do
  object whole "$name"
done
for kernels in gate norm winograd; do
  compile -I whole -c "$here/test/${kernels}_test.cpp" -o "$kernels.o"
  compile "$kernels.o" whole/*.o -o whole/test
  whole/test > /dev/null || {
    echo "the tests of $kernels fail as it is"
    exit 1
  }
done

unnoticed=0
while read -r kernels file change; do
  rm -rf mistaken
  cp -r whole mistaken
  sed -i "$change" "mistaken/$file"
  if cmp -s "whole/$file" "mistaken/$file"; then
    echo "nothing to change: $file $change"
    exit 1
  fi
  object mistaken library
  object mistaken "${kernels}_portable"
  test=$kernels.o
  # Tests look into headers, too.
  if [[ $file == *.h ]]; then
    test=mistaken.o
    compile -I mistaken -c "$here/test/${kernels}_test.cpp" -o "$test"
  fi
  compile "$test" mistaken/*.o -o mistaken/test
  if STOP_AT_FAILURE=1 timeout 300 mistaken/test > /dev/null 2>&1; then
    echo "not noticed: $file $change"
    unnoticed=$((unnoticed + 1))
  fi
done < <(mistakes)
echo "$(mistakes | wc -l) mistakes, $unnoticed of them not noticed"
[ "$unnoticed" -eq 0 ]
