package io.resfuse.engine.cuda.internal.library;

import io.resfuse.engine.cuda.internal.backend.InferenceConvolutions;
import io.resfuse.engine.cuda.internal.emit.Convolutions;
import io.resfuse.engine.cuda.internal.emit.Emission;
import io.resfuse.engine.cuda.internal.emit.Normalizations;
import io.resfuse.engine.cuda.internal.emit.Operand;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.layout.ConvolutionShape;
import io.resfuse.engine.cuda.internal.layout.Packing;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Resources;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Convolutions by a library. What follows a convolution is a pass of ours in place, {@code
 * [relu](sum * scale + bias + residual)}, where the library does not do that, too. Not thread-safe.
 */
final class LibraryInference implements InferenceConvolutions {
  private final Library library;
  private final Emission emission;
  private final boolean scaled;
  private final Resources resources = new Resources();

  /**
   * Convolutions of a program.
   *
   * @param scaled whether results are scaled; if not, all scales are 1
   */
  LibraryInference(Library library, Emission emission, boolean scaled) {
    this.library = library;
    this.emission = emission;
    this.scaled = scaled;
  }

  /** A library may read a residual after it has begun to write the result. */
  @Override
  public boolean canTakeResidualsPlace() {
    return false;
  }

  @Override
  public void add(
      Program program,
      ConvolutionShape shape,
      Operand input,
      Buffer weights,
      Convolutions.Epilogue epilogue,
      Buffer output) {
    PreparedConvolution prepared = prepare(shape, epilogue);
    Buffer tensor = input.tensor();
    Buffer workspace = workspace(program, prepared.workspaceBytes());
    program.call(
        shape.name() + " forward",
        at -> {
          PreparedConvolution.Addresses tensors =
              new PreparedConvolution.Addresses(
                  at.of(tensor),
                  at.of(weights),
                  at.of(epilogue.scale()),
                  at.of(epilogue.bias()),
                  at.of(epilogue.residual()),
                  at.of(output),
                  at.of(workspace));
          return stream -> prepared.run(stream, tensors);
        });
    if (!prepared.isFused()) {
      finish(program, shape, epilogue, output);
    }
  }

  private PreparedConvolution prepare(ConvolutionShape shape, Convolutions.Epilogue epilogue) {
    PreparedConvolution prepared =
        library.prepare(sizes(shape, scaled, epilogue.residual() != null, epilogue.relu()));
    return resources.own(prepared, prepared::close);
  }

  /** A convolution as a library sees it. */
  static Library.Convolution sizes(
      ConvolutionShape shape, boolean scaled, boolean residual, boolean relu) {
    Packing packing = shape.weights().packing();
    Activation in = shape.input();
    return new Library.Convolution(
        shape.name(),
        shape.window(),
        packing.packs(),
        in.images(),
        in.height(),
        in.width(),
        packing.packs() * packing.channels(),
        shape.weights().outputs(),
        scaled,
        residual,
        relu);
  }

  /** Scratch memory of a step; null for none. */
  static @Nullable Buffer workspace(Program program, long bytes) {
    return bytes == 0 ? null : program.timeline().workspace(bytes);
  }

  private void finish(
      Program program, ConvolutionShape shape, Convolutions.Epilogue epilogue, Buffer output) {
    Operand.Affine affine =
        new Operand.Affine(
            Objects.requireNonNull(epilogue.scale()),
            Objects.requireNonNull(epilogue.bias()),
            epilogue.relu());
    Buffer residual = epilogue.residual();
    new Normalizations(emission)
        .apply(
            program,
            shape.name() + " batch norm",
            shape.output(),
            new Operand(output, affine),
            residual == null ? null : Operand.plain(residual),
            output,
            null);
  }

  @Override
  public void close() {
    resources.close();
  }
}
