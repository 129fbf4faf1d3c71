package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.cuda.SoftCudaExtension;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** {@code resfuse verify --kernel} with the kernels of the examples. */
@ExtendWith(SoftCudaExtension.class)
class VerifyKernelTest {
  private static final Path EXAMPLES = Path.of("examples/kernels");

  @TempDir Path folder;

  private static Outcome verify(Path kernel) {
    return Outcome.of(
        "verify",
        "--device",
        "softcuda",
        "--kernel",
        kernel.toString(),
        "--shapes",
        EXAMPLES.resolve("shapes.yaml").toString());
  }

  @Test
  void aNaiveKernelPasses() {
    Outcome outcome = verify(EXAMPLES.resolve("naive_convolution.ptx"));
    assertThat(outcome.exitCode()).as(outcome.out() + outcome.err()).isZero();
    assertThat(outcome.err()).doesNotContain("no case ran");
    assertThat(outcome.out()).contains("6 cases, 0 failed");
  }

  @Test
  void aWrongKernelIsCaughtWithItsFirstWrongPixel() {
    Outcome outcome = verify(EXAMPLES.resolve("wrong_padding.ptx"));
    assertThat(outcome.exitCode()).isEqualTo(1);
    // What lies at no border is right: so are the convolutions of one pixel.
    assertThat(outcome.out())
        .contains("6 cases, 3 failed")
        .containsPattern("exact missed: out at \\(n=0, h=0, w=\\d, c=0\\): got -?\\d+, expected");
  }

  @Test
  void kernelsThatCannotTakeAPlaceAreRefused() throws Exception {
    Path file = folder.resolve("mine.ptx");
    String text = Files.readString(EXAMPLES.resolve("naive_convolution.ptx"));
    Files.writeString(file, text.replace("conv_f32_64x64", "conv_f32_63x64"));
    assertThat(verify(file).err()).contains("no kernel of ours is named conv_f32_63x64");
    Files.writeString(file, text.replace("conv_f32_64x64", "sumSlices"));
    Outcome otherStruct = verify(file);
    assertThat(otherStruct.exitCode()).as(otherStruct.out()).isEqualTo(1);
    Files.writeString(file, text.replaceAll("\\.maxntid.*", ""));
    assertThat(verify(file).err()).contains("needs __launch_bounds__");
    Files.writeString(file, "nothing");
    assertThat(verify(file).err()).contains("has no kernel").hasLineCount(1);
    assertThat(verify(folder.resolve("absent.ptx")).err()).contains("cannot be read");
    Outcome other =
        Outcome.of("verify", "--engine", "reference", "--kernel", EXAMPLES + "/wrong_padding.ptx");
    assertThat(other.err()).contains("takes no kernels").hasLineCount(1);
  }

  @Test
  void aKernelThatNoCaseRunsDoesNotPass() throws Exception {
    Path shapes = folder.resolve("shapes.yaml");
    Files.writeString(shapes, "[{op: maxpool, in: 8, kernel: 3, stride: 2, size: 9}]");
    Outcome outcome =
        Outcome.of(
            "verify",
            "--device",
            "softcuda",
            "--kernel",
            EXAMPLES.resolve("naive_convolution.ptx").toString(),
            "--shapes",
            shapes.toString());
    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.err()).contains("no case ran [conv_f32_128x128");
  }
}
