package io.resfuse.engine.cuda.internal.driver;

import static jcuda.driver.JCudaDriver.cuModuleGetFunction;
import static jcuda.driver.JCudaDriver.cuModuleLoadDataJIT;
import static jcuda.driver.JCudaDriver.cuModuleUnload;

import io.resfuse.engine.EngineException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUjit_option;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JITOptions;
import org.jspecify.annotations.Nullable;

/** Loaded kernels. */
public final class KernelModule implements AutoCloseable {
  private static final int LOG_BYTES = 8192;

  private final Context context;
  private final String name;
  private final Map<String, PtxEntries.Entry> entries;
  private final CUmodule handle = new CUmodule();
  private final boolean fromMachineCode;
  private boolean closed;

  /**
   * Compiles PTX for the device.
   *
   * @param context where
   * @param name for messages
   * @param ptx the text
   * @throws EngineException if the driver cannot compile it, with what the compiler says
   */
  public KernelModule(Context context, String name, String ptx) {
    this(context, name, ptx, null);
  }

  /**
   * Loads machine code, or compiles the PTX that it was made of where the code is of other devices.
   *
   * @param context where
   * @param name for messages
   * @param ptx the text
   * @param machineCode a fat binary of the same kernels; null if there is none
   * @throws EngineException if the driver cannot compile the PTX, with what the compiler says
   */
  public KernelModule(Context context, String name, String ptx, byte @Nullable [] machineCode) {
    this.context = context;
    this.name = name;
    this.entries = PtxEntries.of(ptx);
    context.use();
    if (machineCode != null) {
      int result = cuModuleLoadDataJIT(handle, direct(machineCode), new JITOptions());
      this.fromMachineCode = result == CUresult.CUDA_SUCCESS;
      if (Driver.isFault(result)) {
        context.check(result, "loading the machine code of the kernels '" + name + "'");
      }
    } else {
      this.fromMachineCode = false;
    }
    if (!fromMachineCode) {
      compile(ptx);
    }
    context.acquired();
  }

  private void compile(String ptx) {
    JITOptions options = new JITOptions();
    options.putInt(CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, LOG_BYTES);
    options.putBytes(CUjit_option.CU_JIT_ERROR_LOG_BUFFER, new byte[LOG_BYTES]);
    Pointer text = direct((ptx + "\0").getBytes(StandardCharsets.UTF_8));
    int result = cuModuleLoadDataJIT(handle, text, options);
    if (result != CUresult.CUDA_SUCCESS) {
      String log = options.getString(CUjit_option.CU_JIT_ERROR_LOG_BUFFER).strip();
      context.check(
          result,
          "loading the kernels '"
              + name
              + "' on "
              + context.device()
              + (log.isEmpty() ? "" : " (" + log + ")"));
    }
  }

  /** A copy outside of the heap: on an array JCuda would stop the garbage collector meanwhile. */
  private static Pointer direct(byte[] content) {
    return Pointer.toBuffer(ByteBuffer.allocateDirect(content.length).put(content).flip());
  }

  /**
   * Where it comes from.
   *
   * @return whether the machine code was loaded, rather than the PTX compiled
   */
  public boolean isFromMachineCode() {
    return fromMachineCode;
  }

  /**
   * A kernel that takes one struct by value.
   *
   * @param <P> the record that mirrors the struct
   * @param function its name
   * @param parameters the record's class
   * @return the kernel, valid until this is closed
   * @throws EngineException if there is none of that name, or its struct has another size
   */
  public <P extends Record> Kernel<P> kernel(String function, Class<P> parameters) {
    PtxEntries.Entry entry = entries.get(function);
    if (entry == null) {
      throw new EngineException("the kernels '" + name + "' have no kernel named " + function);
    }
    StructLayout layout = StructLayout.of(parameters);
    if (entry.parameterBytes() != layout.size()) {
      throw new EngineException(
          "kernel "
              + function
              + " takes "
              + entry.parameterBytes()
              + " bytes, "
              + parameters.getSimpleName()
              + " has "
              + layout.size()
              + ": the kernels are not of this version; build them anew");
    }
    CUfunction handleOfFunction = new CUfunction();
    context.use();
    context.check(
        cuModuleGetFunction(handleOfFunction, handle, function), "looking for kernel " + function);
    return new Kernel<>(context, handleOfFunction, function, layout, entry.maxThreads());
  }

  /** Unloads it. Idempotent. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      context.use();
      context.released(cuModuleUnload(handle), "unloading the kernels " + name);
    }
  }
}
