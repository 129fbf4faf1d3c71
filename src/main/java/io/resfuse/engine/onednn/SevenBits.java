package io.resfuse.engine.onednn;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Quantization;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Weights as the CPU can multiply them. Without VNNI, instructions add two products of bytes in 16
 * bits and cut off what does not fit: with weights of 7 bits all fit.
 */
final class SevenBits {
  private static final Logger log = LoggerFactory.getLogger(SevenBits.class);
  private static final Set<String> said = ConcurrentHashMap.newKeySet();

  private SevenBits() {}

  /** The integers of a network; of 7 bits where the CPU wants that, which is logged once. */
  static Quantization whereNeeded(NetworkSpec network, Parameters parameters) {
    Quantization integers = parameters.requireQuantization(network);
    InstructionSet set = InstructionSet.effective();
    if (set.hasByteProducts() || integers.isReduced()) {
      return integers;
    }
    String line =
        "onednn: the int8 weights of %s are rounded to 7 bits, since %s has no VNNI; quantised with --reduce-range on, they would be as exact as 7 bits can be"
            .formatted(network.name(), set);
    if (said.add(line)) {
      log.info(line);
    }
    return integers.reduced();
  }
}
