package io.resfuse.engine.cuda.internal.layout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.kernels.Gather;
import io.resfuse.tensor.Shape;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Where weights lie and what taps meet, against definitions spelled out in loops. */
class ConvolutionShapeTest {
  private static ConvolutionShape shape(
      Window window, int in, int out, int groups, int height, int width, boolean stem) {
    WeightLayout weights = new WeightLayout(Packing.of(in, out, groups), window.kernel(), stem);
    Shape input = Shape.of(2, in, height, width);
    Shape output = Shape.of(2, out, window.outputSize(height), window.outputSize(width));
    return ConvolutionShape.of(
        "conv", window, weights, Activation.of(input), Activation.of(output));
  }

  /** Every pair of an output row and a tap must be met once, at the right input row. */
  @Test
  void residueClassesMeetEveryTapOnce() {
    for (int kernel = 1; kernel <= 5; kernel++) {
      for (int stride = 1; stride <= 4; stride++) {
        for (int dilation = 1; dilation <= 3; dilation++) {
          for (int padding = 0; padding <= 3; padding++) {
            int size = dilation * (kernel - 1) + 7;
            Window window = new Window(kernel, stride, padding, dilation);
            checkRows(shape(window, 8, 8, 1, size, size + 1, false));
          }
        }
      }
    }
  }

  private static void checkRows(ConvolutionShape shape) {
    Window window = shape.window();
    Map<Integer, Set<String>> met = new HashMap<>();
    Set<Integer> pixels = new HashSet<>();
    int tapElements = window.kernel() * shape.weights().packing().outputs();
    for (ConvolutionShape.ResidueClass part : shape.inputGradient()) {
      if (part.column() != 0) {
        continue;
      }
      Gather gather = part.gather();
      for (int i = 0; i < gather.gridHeight(); i++) {
        int row = part.row() + i * window.stride();
        assertThat(pixels.add(row)).as("row %d is written once", row).isTrue();
        for (int t = 0; t < gather.tapRows(); t++) {
          int output = i + gather.rowOffset() + t * gather.rowStep();
          int tap = (part.weightOffset() + t * part.weightRowStep()) / tapElements;
          if (output >= 0 && output < shape.output().height()) {
            met.computeIfAbsent(row, key -> new HashSet<>()).add(output + "/" + tap);
          }
        }
      }
    }
    boolean columnsMeet = !shape.inputGradient().get(0).isEmpty();
    assertThat(pixels).hasSize(shape.value().height());
    for (int row = 0; columnsMeet && row < shape.value().height(); row++) {
      Set<String> expected = new HashSet<>();
      for (int output = 0; output < shape.output().height(); output++) {
        for (int tap = 0; tap < window.kernel(); tap++) {
          if (output * window.stride() + tap * window.dilation() - window.padding() == row) {
            expected.add(output + "/" + tap);
          }
        }
      }
      assertThat(met.getOrDefault(row, Set.of())).as("%s, row %d", window, row).isEqualTo(expected);
    }
  }

  @Test
  void packsAreTheSmallestThatAreWideEnough() {
    assertThat(Packing.of(128, 128, 32)).isEqualTo(new Packing(4, 32, 32, 4, 4, 8));
    assertThat(Packing.of(1024, 1024, 32)).isEqualTo(new Packing(32, 32, 32, 32, 32, 1));
    assertThat(Packing.of(64, 64, 64)).isEqualTo(new Packing(2, 32, 32, 1, 1, 32));
    assertThat(Packing.of(6, 9, 3)).isEqualTo(new Packing(1, 8, 16, 2, 3, 3));
    assertThat(Packing.of(3, 64, 1)).isEqualTo(new Packing(1, 8, 64, 3, 64, 1));
  }

  /** No two weights share a place, and none lies in the padding. */
  @Test
  void weightsHavePlacesOfTheirOwn() {
    for (WeightLayout layout :
        new WeightLayout[] {
          new WeightLayout(Packing.of(5, 7, 1), 3, false),
          new WeightLayout(Packing.of(128, 64, 32), 3, false),
          new WeightLayout(Packing.of(6, 9, 3), 2, false),
          new WeightLayout(Packing.of(3, 16, 1), 7, true),
        }) {
      Packing packing = layout.packing();
      Set<Integer> places = new HashSet<>();
      int outputs = packing.groupOutputs() * packing.groupsPerPack() * packing.packs();
      for (int o = 0; o < outputs; o++) {
        for (int i = 0; i < packing.groupChannels(); i++) {
          for (int r = 0; r < layout.kernel(); r++) {
            for (int s = 0; s < layout.kernel(); s++) {
              int place = layout.index(o, i, r, s);
              assertThat(places.add(place)).isTrue();
              assertThat(place / layout.pitch()).as("row of output %d", o).isEqualTo(o);
              int channel = place % layout.pitch() % layout.channels();
              assertThat(channel).isLessThan(layout.validChannels());
              assertThat(o / layout.groupOutputs())
                  .as("the kernels' mask of groups")
                  .isEqualTo(
                      (o / packing.outputs() * layout.channels() + channel)
                          / layout.groupChannels());
            }
          }
        }
      }
      assertThat((long) places.size()).isLessThanOrEqualTo(layout.elements());
    }
  }

  /** What a row of taps of a stem reads stays in the image's row and begins at 16 bytes. */
  @Test
  void stemsReadWithinTheirBorder() {
    for (int kernel = 2; kernel <= 7; kernel++) {
      for (int padding = 0; padding < kernel; padding++) {
        for (int size = kernel; size < kernel + 9; size++) {
          Window window = new Window(kernel, 2, padding, 1);
          ConvolutionShape shape = shape(window, 3, 8, 1, size, size + 3, true);
          Activation image = shape.input();
          Gather gather = shape.forward();
          int pixels = gather.channels() / WeightLayout.STEM_PITCH;
          assertThat((gather.gridWidth() - 1) * 2 + pixels).isLessThanOrEqualTo(image.width());
          assertThat((gather.gridHeight() - 1) * 2 + kernel).isLessThanOrEqualTo(image.height());
          assertThat(image.width()).isGreaterThanOrEqualTo(size + 3 + padding);
          assertThat(image.width() * image.pitch() * 2 % 16).isZero();
        }
      }
    }
    Window stride2 = new Window(7, 2, 3, 1);
    assertThat(WeightLayout.canBeStem(3, 1, stride2, ElementType.F16)).isTrue();
    assertThat(WeightLayout.canBeStem(3, 1, new Window(3, 1, 1, 1), ElementType.F16)).isFalse();
    assertThat(WeightLayout.canBeStem(3, 1, new Window(3, 1, 1, 1), ElementType.F32)).isTrue();
    assertThat(WeightLayout.canBeStem(5, 1, stride2, ElementType.F16)).isFalse();
  }

  @Test
  void whatTheKernelsCannotDoIsRefused() {
    assertThatThrownBy(() -> shape(new Window(16, 1, 8, 1), 8, 8, 1, 20, 20, false))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("at most 15");
    Window window = new Window(1, 1, 0, 1);
    WeightLayout weights = new WeightLayout(Packing.of(8, 8, 1), 1, false);
    Activation huge = Activation.of(Shape.of(2048, 8, 1024, 1024));
    assertThatThrownBy(() -> ConvolutionShape.of("conv", window, weights, huge, huge))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("smaller batch");
  }
}
