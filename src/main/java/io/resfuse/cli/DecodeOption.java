package io.resfuse.cli;

import io.resfuse.data.image.Decoding;
import picocli.CommandLine.Option;

/** How a command decodes the JPEGs that it makes smaller. */
final class DecodeOption {
  static final String DESCRIPTION =
      "How JPEGs are decoded: exact, or scaled, at the smallest eighths of their size that are enough for what they"
          + " are resized to: faster for large ones, with slightly other pixels (default: exact).";

  @Option(names = "--decode", paramLabel = "HOW", description = DESCRIPTION)
  private Decoding decoding = Decoding.EXACT;

  Decoding decoding() {
    return decoding;
  }
}
