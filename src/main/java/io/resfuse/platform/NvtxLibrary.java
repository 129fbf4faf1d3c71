package io.resfuse.platform;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.opencl.User_func_Pointer;

/** The two functions of NVTX's library that {@link Nvtx} needs. Thread-safe. */
final class NvtxLibrary {
  private final Call push;
  private final Call pop;

  /** C strings, each kept. */
  private final Map<String, BytePointer> names = new ConcurrentHashMap<>();

  private NvtxLibrary(Call push, Call pop) {
    this.push = push;
    this.pop = pop;
  }

  /**
   * Loads it.
   *
   * @param file a path, or a name that the system's loader finds
   * @throws IOException if there is no folder to unpack JavaCPP to
   * @throws UnsatisfiedLinkError if it cannot be loaded, or is another library
   */
  static NvtxLibrary open(String file) throws IOException {
    NativeFiles.useForJavaCpp();
    Loader.load(org.bytedeco.opencl.global.OpenCL.class);
    Loader.loadGlobal(file);
    Pointer push = Loader.addressof("nvtxRangePushA");
    Pointer pop = Loader.addressof("nvtxRangePop");
    if (push == null || pop == null) {
      throw new UnsatisfiedLinkError("it has no nvtxRangePushA and nvtxRangePop");
    }
    return new NvtxLibrary(new Call(push), new Call(pop));
  }

  void push(String name) {
    push.call(names.computeIfAbsent(name, text -> new BytePointer(text)));
  }

  void pop() {
    pop.call((Pointer) null);
  }

  /**
   * A C function of one pointer, or of none: the argument is in a register that it does not read.
   * It is called through a class that was generated for one of OpenCL's callbacks, since JavaCPP
   * can call only what a class was generated for.
   */
  private static final class Call extends User_func_Pointer {
    private final PointerPointer<Pointer> slot;

    Call(Pointer function) {
      super((Pointer) null);
      slot = new PointerPointer<>(1);
      slot.put(0, function);
      address = slot.address();
    }
  }
}
