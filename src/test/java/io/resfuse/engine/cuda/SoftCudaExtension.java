package io.resfuse.engine.cuda;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.engine.EngineProvider.Availability;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Loads softcuda before a test class, or skips the class and says why. */
public final class SoftCudaExtension implements BeforeAllCallback {
  @Override
  public void beforeAll(ExtensionContext context) {
    Availability availability = SoftCuda.probe();
    if (!availability.available()) {
      System.err.println(
          "[WARNING] skipped: " + context.getDisplayName() + ": " + availability.detail());
    }
    assumeTrue(availability.available(), availability.detail());
    SoftCuda.load();
  }
}
