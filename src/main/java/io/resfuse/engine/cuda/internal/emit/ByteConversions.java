package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.BrokenImages;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.kernels.EncodeImages;
import io.resfuse.engine.cuda.internal.kernels.Recode;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.layout.StemImage;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.tensor.TensorLayout;

/** Adds the ways between floats and bytes to programs. */
public final class ByteConversions {
  private static final int THREADS = 256;

  /** Of an image that blocks look at each by itself, so that a single image does not wait long. */
  private static final int PARTS = 16;

  private final Emission emission;

  /** Whatever type the emission has. */
  public ByteConversions(Emission emission) {
    this.emission = emission.withType(ElementType.U8);
  }

  private Geometry over(long threads) {
    long blocks = Math.min((threads + THREADS - 1) / THREADS, emission.manyBlocks());
    return Geometry.linear(blocks, THREADS);
  }

  /** Floats to bytes. */
  public void encode(
      Program program, String label, Buffer floats, Buffer bytes, Encoding encoding) {
    recode(program, "encode", label, floats, bytes, bytes.bytes(), encoding.inverse(), encoding);
  }

  /** Bytes to floats. */
  public void decode(
      Program program, String label, Buffer bytes, Buffer floats, Encoding encoding) {
    recode(program, "decode", label, bytes, floats, bytes.bytes(), encoding.scale(), encoding);
  }

  private void recode(
      Program program,
      String kernel,
      String label,
      Buffer from,
      Buffer to,
      long elements,
      float factor,
      Encoding encoding) {
    program.launch(
        emission.typedKernel(kernel, Recode.class),
        label,
        over(elements / 4),
        at -> new Recode(at.of(from), at.of(to), elements, factor, encoding.zeroPoint()));
  }

  /** Images of the caller, floats or pixels, to bytes. */
  void encodeImages(
      Program program,
      Buffer host,
      ImageInput input,
      StemImage image,
      Encoding encoding,
      Buffer target) {
    Activation value = input.value();
    Activation tensor = image.tensor();
    program.launch(
        emission.typedKernel("encodeImages", EncodeImages.class),
        "images",
        over(target.bytes() / 16),
        at -> {
          long from = at.of(host);
          return new EncodeImages(
              from,
              at.of(target),
              input.takesPixels() ? from + input.scaleOffset() : 0,
              input.takesPixels() ? from + input.biasOffset() : 0,
              value.images(),
              value.channels(),
              value.height(),
              value.width(),
              tensor.pitch(),
              tensor.height(),
              tensor.width(),
              image.border(),
              image.border(),
              input.layout() == TensorLayout.NHWC ? 1 : 0,
              encoding.inverse(),
              encoding.zeroPoint());
        });
  }

  /** Which images of the caller are not finite, an int for each of their parts. */
  Buffer brokenImages(Program program, Buffer host, Activation images) {
    Buffer broken = program.timeline().activation((long) images.images() * PARTS * Integer.BYTES);
    long elements = images.hostBytes() / Float.BYTES / images.images();
    program.launch(
        emission.typedKernel("brokenImages", BrokenImages.class),
        "images",
        new Geometry(PARTS, images.images(), 1, THREADS, 1, 0),
        at -> new BrokenImages(at.of(host), 0, at.of(broken), elements, PARTS));
    return broken;
  }

  /** Makes NaN of the results of such images, floats as the caller reads them. */
  void spoilImages(Program program, String label, Buffer results, Activation shape, Buffer broken) {
    long elements = shape.hostBytes() / Float.BYTES / shape.images();
    long blocks = Math.min((elements + THREADS - 1) / THREADS, emission.manyBlocks());
    program.launch(
        emission.typedKernel("spoilImages", BrokenImages.class),
        label,
        new Geometry(blocks, shape.images(), 1, THREADS, 1, 0),
        at -> new BrokenImages(0, at.of(results), at.of(broken), elements, PARTS));
  }
}
