package io.resfuse.cli;

import io.resfuse.engine.Engine;
import io.resfuse.weights.ModelFile;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;

/**
 * A model file and an engine, opened side by side: one reads a file, the other loads native
 * libraries.
 *
 * @param file the model
 * @param engine what it runs on; owned
 */
record Opened(ModelFile file, Engine engine) implements AutoCloseable {
  static Opened of(ModelChoice model, EngineChoice choice) {
    return of(model::open, choice);
  }

  /** The same with a model that is changed or checked when it has been read. */
  static Opened of(Supplier<ModelFile> model, EngineChoice choice) {
    CompletableFuture<Engine> engine = CompletableFuture.supplyAsync(choice::open);
    ModelFile file;
    try {
      file = model.get();
    } catch (RuntimeException e) {
      try {
        engine.join().close();
      } catch (CompletionException second) {
        e.addSuppressed(second);
      }
      throw e;
    }
    try {
      return new Opened(file, engine.join());
    } catch (CompletionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw e;
    }
  }

  @Override
  public void close() {
    engine.close();
  }
}
