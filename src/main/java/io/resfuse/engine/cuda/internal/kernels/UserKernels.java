package io.resfuse.engine.cuda.internal.kernels;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.cuda.internal.driver.PtxEntries;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;

/**
 * Kernels of a user's PTX that take the place of ours of the same names: given the same struct (see
 * {@code cuda-kernels/parameters.cuh}) and launched with the same grid. Thread-safe.
 */
public final class UserKernels {
  private final String name;
  private final String ptx;
  private final Set<String> entries;
  private final Set<String> unused;

  private UserKernels(String name, String ptx, Set<String> entries) {
    this.name = name;
    this.ptx = ptx;
    this.entries = entries;
    this.unused = new TreeSet<>(entries);
  }

  /**
   * No kernels: all are ours.
   *
   * @return one that replaces nothing
   */
  public static UserKernels none() {
    return new UserKernels("", "", Set.of());
  }

  /**
   * Reads PTX.
   *
   * @param file its text
   * @return its kernels
   * @throws EngineException if it cannot be read, has no kernel, or one that is not named as one of
   *     ours or does not say how many threads a block has
   */
  public static UserKernels read(Path file) {
    String text;
    try {
      text = Files.readString(file);
    } catch (IOException e) {
      throw new EngineException("the kernels of " + file + " cannot be read: " + e, e);
    }
    return of(file.toString(), text);
  }

  /**
   * Takes PTX.
   *
   * @param name of the file, for messages
   * @param text of it
   * @return its kernels
   * @throws EngineException as {@link #read} does
   */
  public static UserKernels of(String name, String text) {
    Set<String> entries = new TreeSet<>();
    PtxEntries.of(text)
        .forEach(
            (kernel, entry) -> {
              if (KernelLibrary.compiledRegisters(kernel) == 0) {
                throw new EngineException(
                    name
                        + ": no kernel of ours is named "
                        + kernel
                        + "; 'resfuse kernels' shows the names that a network uses");
              }
              if (entry.maxThreads() == 0) {
                throw new EngineException(
                    name + ": kernel " + kernel + " needs __launch_bounds__: threads per block");
              }
              entries.add(kernel);
            });
    if (entries.isEmpty()) {
      throw new EngineException(name + " has no kernel; give it PTX, as 'nvcc -ptx' writes it");
    }
    return new UserKernels(name, text, entries);
  }

  /** The file's name, for messages. */
  String name() {
    return name;
  }

  String ptx() {
    return ptx;
  }

  /** Whether a kernel is replaced; it counts as used from then on. */
  synchronized boolean replaces(String kernel) {
    unused.remove(kernel);
    return entries.contains(kernel);
  }

  /** Whether a kernel is among them. */
  boolean contains(String kernel) {
    return entries.contains(kernel);
  }

  /** Whether there are none. */
  boolean isEmpty() {
    return entries.isEmpty();
  }

  /**
   * What no program has asked for so far.
   *
   * @return names of its kernels
   */
  public synchronized Set<String> unused() {
    return new TreeSet<>(unused);
  }

  /**
   * Whether nothing of it has run.
   *
   * @return true also where there is nothing
   */
  public synchronized boolean isUnused() {
    return unused.size() == entries.size();
  }
}
