package io.resfuse.verify;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.engine.cuda.CudaProvider;
import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.engine.cuda.internal.driver.StructLayout;
import io.resfuse.engine.cuda.internal.kernels.UserKernels;
import io.resfuse.verify.Check.Status;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Kernels of ours with a mistake that no layer of a ResNet shows, each caught by a case of {@link
 * EdgeCases} or {@link TrainingCases}. A mistake is an instruction that changes a field of the
 * kernel's struct where the PTX has read it (a stride of at most 2, no epsilon), or a word of the
 * PTX that is another.
 */
@ExtendWith(SoftCudaExtension.class)
class PlantedMistakesTest {
  private static final Path PTX = Path.of("cuda-kernels/ptx");
  private static final String STRUCTS = "io.resfuse.engine.cuda.internal.kernels.";
  private static final Pattern LOAD =
      Pattern.compile(
          "ld\\.param\\.(?:v(\\d)\\.)?\\w(\\d+) +\\t?(\\S.*), \\[(\\S+?)(?:\\+(-?\\d+))?];");
  private static final Pattern BASE =
      Pattern.compile(
          "(?:mov\\.b64|add\\.s64) +\\t?(%rd\\d+), (\\w+_param_0|%rd\\d+)(?:, (\\d+))?;");

  private static Engine reference;

  @TempDir Path folder;

  @BeforeAll
  static void open() {
    reference = Engines.open("reference", EngineOptions.defaults());
  }

  @AfterAll
  static void close() {
    reference.close();
  }

  @ParameterizedTest(name = "{0} {2}: {3}")
  @CsvSource(
      delimiter = '|',
      value = {
        // The module, the kernels, the field and what becomes of it; the case, and its rung.
        "optimizer  | sgd_f16 | OptimizerStep.stored | mov.b64 $, 0 | weights: | NEXT",
        "optimizer  | adam_f16 | OptimizerStep.stored | mov.b64 $, 0 | adamw: | NEXT",
        "optimizer  | sgd_f16 | OptimizerStep.nesterov | mov.u32 $, 0 | nesterov: | UPDATE",
        "optimizer  | squaredNorm | SquaredNorm.elements | sub.s64 $, $, 4 | weights: | GRADIENTS",
        "optimizer  | sumSlices | SumSlices.slices | min.s32 $, $, 4 | 128x64, 9 slices: | EXACT",
        "loss       | softmaxCrossEntropy_f16 | SoftmaxCrossEntropy.targets | mov.b64 $, 0"
            + " | loss 2310 | LOSS",
        "loss       | softmaxCrossEntropy_f16 | SoftmaxCrossEntropy.classes | min.s32 $, $, 2048"
            + " | loss 2310 | LOSS",
        "loss       | softmaxCrossEntropy_f16 | SoftmaxCrossEntropy.inverseCounted"
            + " | mov.f32 $, 0f3E800000 | loss 2310 | LOSS",
        "batch_norm | batchNormFold | BatchNormFold.epsilon | mov.f32 $, 0f00000000"
            + " | faint: | NEXT",
        "batch_norm | batchNormFold | BatchNormFold.convolutionBias | mov.b64 $, 0"
            + " | groups 3 bias | NEXT",
        "batch_norm | batchNormMerge | BatchNormMerge.tilesPerGroup | min.s32 $, $, 32"
            + " | many rows, merged: | STATISTICS",
        "batch_norm | batchNormFinalize | BatchNormFinalize.tiles | min.s32 $, $, 32"
            + " | many rows: | FORWARD",
        "batch_norm | batchNormFinalize | BatchNormFinalize.epsilon | mov.f32 $, 0f00000000"
            + " | faint: | FORWARD",
        "batch_norm | batchNormBackwardReduce_f16 | BatchNormBackwardReduce.rows"
            + " | and.b32 $, $, -256 | many rows, merged: | EXACT",
        "batch_norm | batchNormBackwardFinalize | BatchNormBackwardFinalize.blocks"
            + " | min.s32 $, $, 32 | many rows, merged: | EXACT",
        "batch_norm | batchNormApply_f16 | BatchNormApply.rows | min.s32 $, $, 2048"
            + " | many rows, merged: | FORWARD",
        "batch_norm | batchNormBackwardApplyBoth_f16 | BatchNormBackwardApplyBoth.rows"
            + " | min.s32 $, $, 75 | junction of 128x128 | GRADIENTS",
        "pooling    | averagePool_f16 | AveragePool.pixels | min.s32 $, $, 8"
            + " | avgpool 264 | FORWARD",
        "pooling    | averageSquares_f16 | AverageSquares.width | min.s32 $, $, 21"
            + " | meanpool 3x3/3 264 | FORWARD",
        "pooling    | averageSquaresBackward_f16 | AverageSquares.height | min.s32 $, $, 4"
            + " | meanpool 3x3/3 264 | GRADIENTS",
        "gate       | gateHidden | GateHidden.slices | min.s32 $, $, 1 | squeeze 264 | EXACT",
        "gate       | gateHiddenBackward | GateHiddenBackward.slices | min.s32 $, $, 1"
            + " | squeeze 264 | EXACT",
        "gate       | gateScale_f16 | GateScale.relu | mov.u32 $, 0 | squeeze 264 | EXACT",
        "gate       | gateWeightGradient | GateWeightGradient.accumulate | mov.u32 $, 0"
            + " | squeeze 21 | GRADIENTS",
        "layout     | packBytes_f16 | Pack.left | mov.u32 $, 0 | conv 7x7/2 | INFERENCE",
        // What is written beyond the weights, and read by nobody.
        "layout     | cast_f16 | Cast.elements | add.s64 $, $, 4 | conv 1x1 8>1032 | FORWARD",
        "conv_f16   | conv_f16_ | Convolution.rowStep | min.s32 $, $, 2 | dilated 3 | EXACT",
        "conv_f16   | conv_f16_ | Convolution.rowStride | min.s32 $, $, 2 | conv 5x5/3 | EXACT",
        "conv_f16   | conv_f16_ | Convolution.epsilon | mov.f32 $, 0f00000000 | faint: | FORWARD",
        "conv_f16   | conv_f16_ | Convolution.momentum | mov.f32 $, 0f00000000"
            + " | many rows: | STATISTICS",
        "conv_f16   | conv_f16_ | Convolution.channels | min.s32 $, $, 512"
            + " | conv 1x1 520 | EXACT",
        "conv_f16   | conv_f16_ | Convolution.mask | mov.u32 $, 0 | junction of 128x64 | GRADIENTS",
        "conv_f16   | conv_f16_ | Convolution.addedMean | add.s64 $, $, 32"
            + " | junction of 128x64 | GRADIENTS",
        "conv_f16   | conv_f16_ | Convolution.residualStride | mov.u32 $, 1"
            + " | adamw: | GRADIENTS",
        "wgrad_f16  | wgrad_f16_ | WeightGradient.rowStep | min.s32 $, $, 2 | dilated 3 | EXACT",
        "wgrad_f16  | wgrad_f16_ | WeightGradient.rowStride | min.s32 $, $, 2"
            + " | conv 1x1/3 | EXACT",
        "wgrad_f16  | wgrad_f16_ | WeightGradient.images | min.s32 $, $, 8 | dilated 3 | EXACT",
      })
  void aWrongFieldIsCaught(
      String module, String kernels, String field, String change, String name, Rung rung)
      throws Exception {
    String[] part = field.split("\\.", -1);
    int offset =
        StructLayout.of(Class.forName(STRUCTS + part[0]).asSubclass(Record.class)).offset(part[1]);
    assertCaught(planted(module, kernels, offset, change), name, rung);
  }

  @ParameterizedTest(name = "{0}: {1}")
  @CsvSource(
      delimiter = '|',
      value = {
        // NaN is no longer larger than anything.
        "pooling | setp\\.nan\\.f32 | setp.ne.f32 | maxpool 2x2/3 | SPECIAL",
        // -1 is a label.
        "loss | (setp\\.lt\\.s32.*), 0; | $1, -1; | loss 11 | LOSS",
      })
  void aWrongInstructionIsCaught(
      String module, String instruction, String other, String name, Rung rung) throws Exception {
    String text = Files.readString(PTX.resolve(module + ".ptx"));
    String planted = text.replaceAll(instruction, other);
    assertThat(planted).isNotEqualTo(text);
    assertCaught(planted, name, rung);
  }

  /** What a block keeps of its first row tile's statistics is forgotten at its second. */
  @Test
  void statisticsOfOneTileAloneAreCaught() throws Exception {
    Pattern remainder = Pattern.compile("rem\\.s32 +\\t?(%r\\d+), ");
    List<String> lines = new ArrayList<>(Files.readAllLines(PTX.resolve("conv_f16.ptx")));
    int planted = 0;
    String tileOfBlock = "";
    for (int i = 0; i < lines.size(); i++) {
      Matcher matcher = remainder.matcher(lines.get(i));
      if (matcher.find()) {
        tileOfBlock = matcher.group(1);
      } else if (lines.get(i).contains("setp.lt.s32")
          && lines.get(i).endsWith(" " + tileOfBlock + ", 1;")) {
        lines.set(i, lines.get(i).replace(", 1;", ", 2;"));
        planted++;
      }
    }
    assertThat(planted).as("kernels").isGreaterThanOrEqualTo(8);
    assertCaught(String.join("\n", lines), "128x128, 1 slices:", Rung.STATISTICS);
  }

  /** Adds an instruction after each that reads a field of some kernels' structs. */
  private static String planted(String module, String kernels, int offset, String change)
      throws Exception {
    List<String> lines = new ArrayList<>();
    boolean inside = false;
    int planted = 0;
    Map<String, Integer> bases = new HashMap<>();
    for (String line : Files.readAllLines(PTX.resolve(module + ".ptx"))) {
      lines.add(line);
      Matcher entry = Pattern.compile("\\.entry (\\w+)\\(").matcher(line);
      if (entry.find()) {
        inside = entry.group(1).startsWith(kernels);
        bases.clear();
        bases.put(entry.group(1) + "_param_0", 0);
      }
      Matcher base = BASE.matcher(line);
      if (inside && base.find() && bases.containsKey(base.group(2))) {
        int by = base.group(3) == null ? 0 : Integer.parseInt(base.group(3));
        bases.put(base.group(1), bases.get(base.group(2)) + by);
      }
      Matcher load = LOAD.matcher(line);
      if (inside && load.find() && bases.containsKey(load.group(4))) {
        int bytes = Integer.parseInt(load.group(2)) / 8;
        int at = load.group(5) == null ? 0 : Integer.parseInt(load.group(5));
        String[] registers = load.group(3).replaceAll("[{}\\s]", "").split(",", -1);
        int index = (offset - bases.get(load.group(4)) - at) / bytes;
        boolean isIt = offset == bases.get(load.group(4)) + at + index * bytes;
        if (isIt && index >= 0 && index < registers.length) {
          lines.add("\t" + change.replace("$", registers[index]) + ";");
          planted++;
        }
      }
    }
    assertThat(planted).as("places where the field is read").isPositive();
    return String.join("\n", lines) + "\n";
  }

  private void assertCaught(String ptx, String name, Rung rung) throws Exception {
    Path file = folder.resolve("planted.ptx");
    Files.writeString(file, ptx);
    try (Engine engine =
        new CudaProvider().open(new EngineOptions(0, "softcuda"), UserKernels.read(file))) {
      List<VerifyCase> cases = new ArrayList<>(EdgeCases.of(engine));
      cases.addAll(TrainingCases.all());
      VerifyCase test =
          cases.stream().filter(one -> one.name().contains(name)).findFirst().orElseThrow();
      Map<Rung, Check> checks = new Ladder(reference).verify(engine, Precision.FP16, test);
      assertThat(checks.get(rung).status()).as("%s: %s", test, checks).isEqualTo(Status.MISSED);
    }
  }
}
