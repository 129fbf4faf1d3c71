package io.resfuse.cli;

import io.resfuse.engine.ConvolutionAlgorithm;
import io.resfuse.engine.EngineOptions;
import picocli.CommandLine.Option;

/** How engines compute: the same for commands of one engine and of several. */
final class CpuOptions {
  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Run on this many CPU threads (default: all cores).")
  private int threads;

  @Option(
      names = "--convolutions",
      paramLabel = "HOW",
      description =
          "Have engine onednn compute convolutions by 3x3 direct, fast (Winograd's algorithm), or auto:"
              + " each as suits its shape (default: ${DEFAULT-VALUE}).")
  private ConvolutionAlgorithm convolutions = ConvolutionAlgorithm.AUTO;

  @Option(
      names = "--batch-invariant",
      description =
          "Have inference compute the same bits for an image whatever batch it is in, which takes"
              + " longer.")
  private boolean batchInvariant;

  @Option(
      names = "--max-memory",
      paramLabel = "SIZE",
      converter = ByteSize.class,
      description =
          "Take at most so much of the device's memory for weights, activations and workspace, 800M or 2G for"
              + " example: inference runs parts of a batch one after the other where the whole does not fit"
              + " (default: all there is).")
  private long maxMemory;

  EngineOptions on(String device, boolean autotune) {
    return new EngineOptions(threads, device, autotune, convolutions, batchInvariant, maxMemory);
  }
}
