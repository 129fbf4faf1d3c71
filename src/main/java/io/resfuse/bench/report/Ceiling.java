package io.resfuse.bench.report;

import io.resfuse.engine.Precision;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a device can do at most, as measured.
 *
 * @param competitor by whose means
 * @param place the device
 * @param precision of the product
 * @param bytesPerSecond of a large copy: bytes read and bytes written
 * @param flopPerSecond of a large product of matrices
 */
public record Ceiling(
    String competitor,
    String place,
    Precision precision,
    double bytesPerSecond,
    double flopPerSecond) {
  /**
   * The best of all engines on a device in a precision.
   *
   * @param all that were measured
   * @param competitor one of those on the device
   * @param precision of the product
   * @return null if none was measured
   */
  public static @Nullable Ceiling best(List<Ceiling> all, String competitor, Precision precision) {
    String place =
        all.stream()
            .filter(one -> one.competitor().equals(competitor))
            .map(Ceiling::place)
            .findFirst()
            .orElse("");
    return all.stream()
        .filter(one -> one.place().equals(place) && one.precision() == precision)
        .max(Comparator.comparingDouble(Ceiling::flopPerSecond))
        .orElse(null);
  }
}
