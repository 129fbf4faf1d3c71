package io.resfuse.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Sizes of memory as people write them: 800M is 800 times 2^20 bytes, 2G and 512K likewise. */
final class ByteSize implements ITypeConverter<Long> {
  private static final Pattern FORM = Pattern.compile("(\\d{1,12})(?:([KMGT])(?:iB|B)?|B)?");

  @Override
  public Long convert(String value) {
    Matcher matcher = FORM.matcher(value.trim().toUpperCase(Locale.ROOT).replace("IB", "iB"));
    if (!matcher.matches()) {
      throw wrong(value);
    }
    String unit = matcher.group(2);
    int shift = unit == null ? 0 : 10 * (1 + "KMGT".indexOf(unit));
    try {
      return Math.multiplyExact(Long.parseLong(matcher.group(1)), 1L << shift);
    } catch (ArithmeticException e) {
      throw wrong(value);
    }
  }

  private static TypeConversionException wrong(String value) {
    return new TypeConversionException(
        "'" + value + "' is no size; write bytes, or a number with K, M, G or T: 800M");
  }
}
