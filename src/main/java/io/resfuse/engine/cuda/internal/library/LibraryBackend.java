package io.resfuse.engine.cuda.internal.library;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.cuda.internal.backend.Backend;
import io.resfuse.engine.cuda.internal.backend.InferenceConvolutions;
import io.resfuse.engine.cuda.internal.backend.TrainingConvolutions;
import io.resfuse.engine.cuda.internal.backend.TrainingState;
import io.resfuse.engine.cuda.internal.emit.Emission;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.layout.Layouts;

/** A library; it may load kernels at their first use, which a graph cannot record. */
public final class LibraryBackend implements Backend {
  private final Library library;

  /**
   * A backend of a library.
   *
   * @param library for one precision
   */
  public LibraryBackend(Library library) {
    this.library = library;
  }

  @Override
  public Layouts layouts(NetworkSpec network, ElementType type, boolean narrowImage) {
    return Layouts.forLibrary(network, narrowImage);
  }

  @Override
  public boolean foldsScales() {
    return library.foldsScales();
  }

  @Override
  public boolean warmsUp() {
    return true;
  }

  @Override
  public InferenceConvolutions inference(Emission emission) {
    return new LibraryInference(library, emission, !library.foldsScales());
  }

  @Override
  public TrainingConvolutions training(TrainingState state) {
    return new LibraryTraining(library, state);
  }
}
