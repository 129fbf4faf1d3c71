package io.resfuse.engine.cudnn;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.engine.EngineException;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Loads the real cuDNN for the tests of a class; without it they are skipped, and say so. */
public final class CudnnExtension implements BeforeAllCallback {
  @Override
  public void beforeAll(ExtensionContext context) {
    CudnnLibrary library = CudnnLibrary.ofThisMachine();
    try {
      library.find();
    } catch (EngineException e) {
      String reason = e.getMessage() + "; mvn -Pcudnn brings it";
      System.err.println("[WARNING] skipped: " + context.getDisplayName() + ": " + reason);
      assumeTrue(false, reason);
    }
    library.load();
  }
}
