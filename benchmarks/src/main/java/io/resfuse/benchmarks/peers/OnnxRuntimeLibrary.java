package io.resfuse.benchmarks.peers;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;

/**
 * ONNX Runtime's native library, held to the instruction set that {@code ONEDNN_MAX_CPU_ISA} names.
 *
 * <p>ONNX Runtime cannot be told to leave AVX-512 alone. It uses it where {@code xgetbv} says that
 * the operating system saves the wide registers, so each such instruction of a copy of the library
 * is replaced by one that says that it saves those of AVX2 only ({@code mov al, 7; nop}): what the
 * library does then is what it does on a CPU without AVX-512. The copy lasts as long as the
 * process.
 */
final class OnnxRuntimeLibrary {
  private static final String RESOURCE = "/ai/onnxruntime/native/linux-x64/libonnxruntime.so";
  private static final byte[] XGETBV = {0x0f, 0x01, (byte) 0xd0};
  // The same three bytes occur inside other instructions; before the real ones the register's
  // number is cleared (xor ecx, ecx), or its lower half is taken at once (mov eax, eax).
  private static final byte[] BEFORE = {0x31, (byte) 0xc9};
  private static final byte[] BEHIND = {(byte) 0x89, (byte) 0xc0};
  private static final byte[] AVX2_ONLY = {(byte) 0xb0, 0x07, (byte) 0x90};

  private OnnxRuntimeLibrary() {}

  /**
   * Prepares the library of this process; call it before anything else of ONNX Runtime.
   *
   * @return what was done, to be put behind the name of the library, or an empty text
   */
  static String restrict() {
    String most = System.getenv("ONEDNN_MAX_CPU_ISA");
    if (most == null || !most.toUpperCase(Locale.ROOT).startsWith("AVX2")) {
      return "";
    }
    try {
      Path folder = Files.createTempDirectory("onnxruntime-avx2-");
      Path library = folder.resolve("libonnxruntime.so");
      folder.toFile().deleteOnExit();
      library.toFile().deleteOnExit();
      Files.write(library, withoutAvx512());
      System.setProperty("onnxruntime.native.onnxruntime.path", library.toString());
      return " as AVX2";
    } catch (IOException e) {
      throw new IllegalStateException("ONNX Runtime's library cannot be copied: " + e, e);
    }
  }

  private static byte[] withoutAvx512() throws IOException {
    byte[] code;
    try (InputStream in = OnnxRuntimeLibrary.class.getResourceAsStream(RESOURCE)) {
      if (in == null) {
        throw new IOException("there is none for Linux on x86-64, which alone can be held to AVX2");
      }
      code = in.readAllBytes();
    }
    int places = 0;
    for (int at = BEFORE.length; at < code.length; at++) {
      if (is(XGETBV, code, at)
          && (is(BEFORE, code, at - BEFORE.length) || is(BEHIND, code, at + XGETBV.length))) {
        System.arraycopy(AVX2_ONLY, 0, code, at, AVX2_ONLY.length);
        places++;
      }
    }
    if (places == 0) {
      throw new IOException("nothing in it asks which registers the operating system saves");
    }
    return code;
  }

  private static boolean is(byte[] bytes, byte[] code, int at) {
    int end = at + bytes.length;
    return end <= code.length && Arrays.equals(code, at, end, bytes, 0, bytes.length);
  }
}
