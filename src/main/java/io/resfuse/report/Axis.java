package io.resfuse.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * From numbers to places along an axis, with round ticks. Immutable.
 *
 * @param low the smallest number shown, in logarithms to the base 10 if they are shown
 * @param high the largest, above low
 * @param log whether distances are ratios
 */
public record Axis(double low, double high, boolean log) {
  /**
   * An axis that holds numbers.
   *
   * @param values any; on a logarithmic axis only those above 0 count
   * @param log whether distances are ratios
   * @return with some margin; from 0 to 1 if no number counts
   */
  public static Axis over(double[] values, boolean log) {
    double low = Double.POSITIVE_INFINITY;
    double high = Double.NEGATIVE_INFINITY;
    for (double value : values) {
      double shown = log ? Math.log10(value) : value;
      if (Double.isFinite(shown)) {
        low = Math.min(low, shown);
        high = Math.max(high, shown);
      }
    }
    if (low > high) {
      return new Axis(0, 1, log);
    }
    double margin = high > low ? 0.04 * (high - low) : Math.max(Math.abs(low) * 0.1, 0.5);
    return new Axis(low - margin, high + margin, log);
  }

  /** 0 at the low end, 1 at the high end; outside or NaN for what is not shown. */
  double place(double value) {
    return ((log ? Math.log10(value) : value) - low) / (high - low);
  }

  /** Two to eight round numbers. */
  List<Double> ticks() {
    if (!log) {
      return multiples(low, high, step(high - low));
    }
    if (high - low >= 2) {
      double step = Math.max(1, Math.ceil((high - low) / 6));
      return multiples(low, high, step).stream().map(power -> Math.pow(10, power)).toList();
    }
    List<Double> ticks = new ArrayList<>();
    for (double power = Math.floor(low); power <= high; power++) {
      for (int digit : new int[] {1, 2, 5}) {
        double tick = digit * Math.pow(10, power);
        if (place(tick) >= 0 && place(tick) <= 1) {
          ticks.add(tick);
        }
      }
    }
    double least = Math.pow(10, low);
    double most = Math.pow(10, high);
    return ticks.size() < 3 ? multiples(least, most, step(most - least)) : ticks;
  }

  private static List<Double> multiples(double from, double to, double step) {
    List<Double> multiples = new ArrayList<>();
    for (double at = Math.ceil(from / step) * step; at <= to; at += step) {
      multiples.add(Math.rint(at / step) * step);
    }
    return multiples;
  }

  private static double step(double range) {
    double raw = range / 5;
    double power = Math.pow(10, Math.floor(Math.log10(raw)));
    double digit = raw / power;
    return power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
  }

  /** A tick's text, with as many digits as tell it from its neighbours. */
  String label(double tick) {
    double size = Math.abs(tick);
    if (size == 0 || size < 1e-12 * (high - low)) {
      return "0";
    }
    if (size >= 1e5 || size < 1e-3) {
      String text = String.format(Locale.ROOT, "%.1e", tick);
      return text.replace(".0e", "e").replace("e+0", "e").replace("e-0", "e-").replace("e+", "e");
    }
    String text =
        log
            ? new BigDecimal(tick).round(new MathContext(3)).toPlainString()
            : String.format(Locale.ROOT, "%.4f", tick);
    return text.contains(".") ? text.replaceAll("0+$", "").replaceAll("\\.$", "") : text;
  }
}
