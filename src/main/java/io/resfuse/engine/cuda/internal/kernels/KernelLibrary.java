package io.resfuse.engine.cuda.internal.kernels;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.Kernel;
import io.resfuse.engine.cuda.internal.driver.KernelModule;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The kernels of this jar, loaded when they are first asked for. Thread-safe. Closing it makes its
 * kernels unusable.
 */
public final class KernelLibrary implements AutoCloseable {
  private static final String FOLDER = "/kernels/";

  /** Of a PTX file's hash, in the name of the machine code that was made of it. */
  private static final int HASH_DIGITS = 16;

  private static final String MANIFEST = resource("manifest.txt");
  private static final Map<String, String> FILES = new HashMap<>();
  private static final Map<String, Integer> REGISTERS = new HashMap<>();
  private static final Map<String, String> HASHES = new HashMap<>();

  static {
    for (String line : MANIFEST.lines().toList()) {
      String[] words = line.split(" ", -1);
      switch (words[0]) {
        case "kernel" -> {
          FILES.put(words[2], words[1]);
          REGISTERS.put(words[2], Integer.parseInt(words[3]));
        }
        case "module" -> HASHES.put(words[1], words[2]);
        default -> {}
      }
    }
  }

  private final Context context;
  private final boolean machineCode;
  private final UserKernels userKernels;
  private final @Nullable KernelLibrary owner;
  private final Map<String, KernelModule> modules = new HashMap<>();
  private final Map<String, Kernel<?>> kernels = new HashMap<>();

  /**
   * Loads nothing yet. Kernels will be compiled from PTX.
   *
   * @param context where kernels are loaded
   */
  public KernelLibrary(Context context) {
    this(context, false);
  }

  /**
   * Loads nothing yet.
   *
   * @param context where kernels are loaded
   * @param machineCode whether to load machine code where this jar has it for the device, which
   *     saves the driver compiling the PTX; softcuda runs PTX only
   */
  public KernelLibrary(Context context, boolean machineCode) {
    this(context, machineCode, UserKernels.none());
  }

  /**
   * Loads nothing yet.
   *
   * @param context where kernels are loaded
   * @param machineCode as above
   * @param userKernels what takes the place of kernels of this jar
   */
  public KernelLibrary(Context context, boolean machineCode, UserKernels userKernels) {
    this(context, machineCode, userKernels, null);
  }

  private KernelLibrary(
      Context context,
      boolean machineCode,
      UserKernels userKernels,
      @Nullable KernelLibrary owner) {
    this.context = context;
    this.machineCode = machineCode;
    this.userKernels = userKernels;
    this.owner = owner;
  }

  /**
   * The same kernels with others in the place of some. Files are loaded once for both.
   *
   * @param others what takes their place
   * @return to be closed before this
   */
  public KernelLibrary replacing(UserKernels others) {
    return new KernelLibrary(context, machineCode, others, this);
  }

  /**
   * The file of a kernel, as the manifest says.
   *
   * @param kernel its name
   * @return the name of the PTX file, without its ending
   * @throws EngineException if there is none of that name
   */
  private static String fileOf(String kernel) {
    String file = FILES.get(kernel);
    if (file == null) {
      throw new EngineException("there is no kernel " + kernel + " in this build");
    }
    return file;
  }

  /**
   * The text of a PTX file.
   *
   * @param file its name, without its ending
   * @return the text
   * @throws EngineException if it is not in this build
   */
  static String text(String file) {
    return resource(file + ".ptx");
  }

  private static String resource(String file) {
    byte[] content = optionalResource(file);
    if (content == null) {
      throw new EngineException(
          "the CUDA kernels '" + file + "' are not in this build; build the project anew");
    }
    return new String(content, StandardCharsets.UTF_8);
  }

  private static byte @Nullable [] optionalResource(String file) {
    try (InputStream in = KernelLibrary.class.getResourceAsStream(FOLDER + file)) {
      return in == null ? null : in.readAllBytes();
    } catch (IOException e) {
      throw new EngineException("the CUDA kernels '" + file + "' cannot be read: " + e, e);
    }
  }

  /** The machine code made of a PTX file of this version; null if it is not in this build. */
  static byte @Nullable [] machineCode(String file) {
    String hash = HASHES.get(file);
    return hash == null
        ? null
        : optionalResource(file + "-" + hash.substring(0, HASH_DIGITS) + ".fatbin");
  }

  /**
   * The PTX of all kernels.
   *
   * @return the texts of the files
   */
  public static List<String> texts() {
    return HASHES.keySet().stream().sorted().map(KernelLibrary::text).toList();
  }

  /**
   * Which changes of an instruction of these kernels change no result, and why.
   *
   * @return a list in the form that {@code docs/verify.md} describes
   */
  public static String explainedMutants() {
    return resource("mutants.txt");
  }

  /**
   * What tells these kernels from those of other versions.
   *
   * @return the manifest of the PTX, with the hashes of all files
   */
  public static String manifest() {
    return MANIFEST;
  }

  /**
   * The registers per thread that ptxas gave a kernel on sm_80 when the PTX was made.
   *
   * @param kernel its name
   * @return as the manifest of the PTX says; 0 if it does not
   */
  public static int compiledRegisters(String kernel) {
    return REGISTERS.getOrDefault(kernel, 0);
  }

  /**
   * The kernels of a type, and those that are the same for all types.
   *
   * @param type of tensors
   * @return their names
   */
  public static Set<String> names(ElementType type) {
    Set<String> names = new TreeSet<>();
    for (String name : FILES.keySet()) {
      List<String> words = List.of(name.split("_", -1));
      boolean hasType =
          Arrays.stream(ElementType.values()).anyMatch(one -> words.contains(one.suffix()));
      if (!hasType || words.contains(type.suffix())) {
        names.add(name);
      }
    }
    return names;
  }

  /** The kernels that have been launched. */
  public synchronized Set<String> run() {
    Set<String> names = new TreeSet<>();
    kernels.forEach(
        (name, kernel) -> {
          if (kernel.hasRun()) {
            names.add(name);
          }
        });
    return names;
  }

  /**
   * A kernel by its whole name.
   *
   * @param <P> its struct
   * @param name as in the PTX
   * @param parameters the record of its struct
   * @return the kernel
   * @throws EngineException if there is none, or it does not fit the record or the device
   */
  public synchronized <P extends Record> Kernel<P> get(String name, Class<P> parameters) {
    Kernel<?> known = kernels.get(name);
    if (known == null) {
      known = module(name).kernel(name, parameters);
      kernels.put(name, known);
    }
    return known.of(parameters);
  }

  private KernelModule module(String kernel) {
    if (userKernels.replaces(kernel)) {
      return userModule();
    }
    return file(fileOf(kernel));
  }

  private synchronized KernelModule file(String name) {
    return owner != null
        ? owner.file(name)
        : modules.computeIfAbsent(
            name,
            file ->
                new KernelModule(
                    context, file, text(file), machineCode ? machineCode(file) : null));
  }

  private KernelModule userModule() {
    return modules.computeIfAbsent(
        "user's " + userKernels.name(), file -> new KernelModule(context, file, userKernels.ptx()));
  }

  /** Whether the user has a kernel of this name, which then takes the place of ours. */
  public boolean isUsers(String kernel) {
    return userKernels.contains(kernel);
  }

  /**
   * Loads the user's kernels before any is asked for, if there are any.
   *
   * @throws EngineException if the device cannot load them
   */
  public synchronized void loadUserKernels() {
    if (!userKernels.isEmpty()) {
      userModule();
    }
  }

  /**
   * The variant of a kernel for an element type.
   *
   * @param <P> its struct
   * @param name without the type
   * @param type of its tensors
   * @param parameters the record of its struct
   * @return the kernel
   */
  public <P extends Record> Kernel<P> get(String name, ElementType type, Class<P> parameters) {
    return get(name + "_" + type.suffix(), parameters);
  }

  /**
   * A kernel for the forward pass and the gradient of the input.
   *
   * @param type of its tensors
   * @param tile per block
   * @param normalised whether its input is normalised on the way in
   * @return the kernel
   */
  public Kernel<Convolution> convolution(ElementType type, Tile tile, boolean normalised) {
    return get("conv_" + tiled(type, tile, normalised), Convolution.class);
  }

  /**
   * A kernel for the forward pass in integers.
   *
   * @param tile per block
   * @return the kernel
   */
  public Kernel<IntegerConvolution> integerConvolution(Tile tile) {
    return get("conv_" + tiled(ElementType.U8, tile, false), IntegerConvolution.class);
  }

  /**
   * A kernel for the gradient of the weights.
   *
   * @param type of its tensors
   * @param tile per block
   * @param normalised whether its input is normalised on the way in
   * @return the kernel
   */
  public Kernel<WeightGradient> weightGradient(ElementType type, Tile tile, boolean normalised) {
    return get("wgrad_" + tiled(type, tile, normalised), WeightGradient.class);
  }

  private static String tiled(ElementType type, Tile tile, boolean normalised) {
    return type.suffix() + "_" + tile + (normalised ? "_norm" : "");
  }

  /** Unloads everything. Idempotent. */
  @Override
  public synchronized void close() {
    kernels.clear();
    modules.values().forEach(KernelModule::close);
    modules.clear();
  }
}
