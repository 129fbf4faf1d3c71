package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.engine.cuda.SoftCuda;
import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.Driver;
import io.resfuse.engine.cuda.internal.driver.KernelModule;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What the jar has of kernels: PTX always, machine code where the build found nvcc. */
@ExtendWith(SoftCudaExtension.class)
class MachineCodeTest {
  private static final long MOST_BYTES = 10L << 20;
  private static final int FATBIN_MAGIC = 0xBA55ED50;
  private static final int CUBIN = 2;

  @Test
  void allKernelsTogetherAreSmall() throws IOException {
    long bytes = 0;
    try (Stream<Path> files = Files.list(Path.of("target/classes/kernels"))) {
      for (Path file : files.toList()) {
        ByteArrayOutputStream compressed = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(compressed)) {
          Files.copy(file, out);
        }
        bytes += compressed.size();
      }
    }
    assertThat(bytes).isBetween(1L, MOST_BYTES);
  }

  @Test
  void thereIsCodeForEveryArchitecture() {
    for (String file : Set.of("conv_f16", "batch_norm", "optimizer")) {
      byte[] code = KernelLibrary.machineCode(file);
      assumeTrue(code != null, "this build has no machine code; cuda-kernels/build.sh --fatbin");
      assertThat(architectures(ByteBuffer.wrap(code).order(ByteOrder.LITTLE_ENDIAN)))
          .as(file)
          .containsExactly(80, 86, 89, 90, 100, 120);
    }
    assertThat(KernelLibrary.machineCode("unknown")).isNull();
  }

  /** The sm numbers of the images of a fat binary, whose headers fatbinary.h describes. */
  private static Set<Integer> architectures(ByteBuffer code) {
    assertThat(code.getInt(0)).isEqualTo(FATBIN_MAGIC);
    Set<Integer> found = new TreeSet<>();
    int at = Short.toUnsignedInt(code.getShort(6));
    int end = at + (int) code.getLong(8);
    while (at < end) {
      assertThat(code.getShort(at)).isEqualTo((short) CUBIN);
      found.add(code.getInt(at + 28));
      at += code.getInt(at + 4) + (int) code.getLong(at + 8);
    }
    return found;
  }

  @Test
  void ptxIsCompiledWhereTheCodeIsOfAnotherDevice() {
    Driver.initialize(SoftCuda::lastReport);
    List<byte[]> codes = new ArrayList<>();
    codes.add(Arrays.copyOf(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1}, 64));
    byte[] ours = KernelLibrary.machineCode("loss");
    if (ours != null) {
      codes.add(ours);
    }
    try (Context context = new Context(Driver.devices().get(0))) {
      for (byte[] code : codes) {
        try (KernelModule module =
            new KernelModule(context, "loss", KernelLibrary.text("loss"), code)) {
          assertThat(module.isFromMachineCode()).isFalse();
          assertThat(module.kernel("softmaxCrossEntropy_f16", SoftmaxCrossEntropy.class))
              .isNotNull();
        }
      }
    }
  }
}
