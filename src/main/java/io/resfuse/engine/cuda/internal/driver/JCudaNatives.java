package io.resfuse.engine.cuda.internal.driver;

import io.resfuse.engine.EngineException;
import io.resfuse.platform.NativeFiles;
import java.io.IOException;
import jcuda.JCudaVersion;
import jcuda.LibUtils;

/** Loads JCuda's libraries from where only this user can put them. Thread-safe. */
public final class JCudaNatives {
  private JCudaNatives() {}

  /**
   * Loads a library, or does nothing if JCuda has loaded it already.
   *
   * @param library {@code JCudaDriver} for example
   * @param initialize uses the class that loads it
   * @throws EngineException if it cannot be loaded from a safe place: what was found, and what to
   *     do
   * @throws UnsatisfiedLinkError if it is not on the class path, or what it needs is not there
   */
  public static void load(String library, Runnable initialize) {
    String name = LibUtils.createPlatformLibraryName(library + "-" + JCudaVersion.get());
    String resource = "/lib/" + LibUtils.createLibraryFileName(name);
    try {
      NativeFiles.loadJCuda(LibUtils.class, resource, initialize);
    } catch (IOException e) {
      throw new EngineException("JCuda cannot be loaded: " + e.getMessage(), e);
    }
  }
}
