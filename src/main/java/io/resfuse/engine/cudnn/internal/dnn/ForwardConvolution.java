package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.library.PreparedConvolution;
import io.resfuse.engine.cuda.internal.library.PreparedConvolution.Addresses;
import io.resfuse.engine.cuda.internal.library.PreparedProduct.Tensors;

/**
 * The output of a convolution alone, nothing fused.
 *
 * @param product of which it is
 */
public record ForwardConvolution(ConvolutionProduct product) implements PreparedConvolution {
  @Override
  public boolean isFused() {
    return false;
  }

  @Override
  public long workspaceBytes() {
    return product.workspaceBytes();
  }

  @Override
  public void run(Stream stream, Addresses at) {
    product.run(stream, new Tensors(at.input(), at.weights(), at.output(), at.workspace()), false);
  }

  /** Destroys the descriptors. Idempotent. */
  @Override
  public void close() {
    product.close();
  }
}
