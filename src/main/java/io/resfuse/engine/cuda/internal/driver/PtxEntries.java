package io.resfuse.engine.cuda.internal.driver;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What PTX text says about its kernels, without a driver. */
public final class PtxEntries {
  private static final Pattern ENTRY =
      Pattern.compile("\\.entry\\s+([A-Za-z_$][\\w$]*)\\s*\\(([^)]*)\\)([^{]*)\\{");
  private static final Pattern PARAMETER =
      Pattern.compile("\\.param\\s+(?:\\.align\\s+\\d+\\s+)?\\.(\\w+)\\s+[\\w$]+(?:\\[(\\d+)\\])?");
  private static final Pattern MAX_THREADS = Pattern.compile("\\.maxntid\\s+(\\d+)");

  /**
   * A kernel.
   *
   * @param parameterBytes the size of its only parameter; -1 if it has not exactly one
   * @param maxThreads the most threads per block that it was compiled for; 0 if it does not say
   */
  public record Entry(int parameterBytes, int maxThreads) {}

  private PtxEntries() {}

  /**
   * The kernels of a module.
   *
   * @param ptx its text
   * @return by name, in the text's order
   */
  public static Map<String, Entry> of(String ptx) {
    Map<String, Entry> entries = new LinkedHashMap<>();
    Matcher entry = ENTRY.matcher(ptx);
    while (entry.find()) {
      Matcher threads = MAX_THREADS.matcher(entry.group(3));
      entries.put(
          entry.group(1),
          new Entry(
              parameterBytes(entry.group(2)),
              threads.find() ? Integer.parseInt(threads.group(1)) : 0));
    }
    return entries;
  }

  private static int parameterBytes(String parameters) {
    Matcher parameter = PARAMETER.matcher(parameters);
    if (!parameter.find()) {
      return -1;
    }
    String type = parameter.group(1);
    String length = parameter.group(2);
    int bits = Integer.parseInt(type.substring(1));
    int bytes = bits / 8 * (length == null ? 1 : Integer.parseInt(length));
    return parameter.find() ? -1 : bytes;
  }
}
