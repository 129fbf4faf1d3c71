package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_WEIGHTS;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_WEIGHTS;

import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/**
 * What oneDNN has chosen for a step of a plan. Its descriptors must live as long as it is asked.
 *
 * @param step its label
 * @param name oneDNN's, {@code jit:avx2} or {@code ref:any}
 * @param operands of the primitive
 */
record Implementation(String step, String name, List<? extends Operand> operands) {
  /** An argument of a primitive. */
  interface Operand {
    /** By which oneDNN knows it, {@code DNNL_ARG_SRC} for example. */
    int index();

    /** Its layout. */
    dnnl_memory_desc desc();
  }

  static Implementation of(
      String step, dnnl_primitive_desc desc, List<? extends Operand> operands) {
    return new Implementation(step, PrimitiveDescs.implementation(desc), operands);
  }

  /** Whether it is one of oneDNN's reference loops, which are slow. */
  boolean isSlow() {
    return PrimitiveDescs.isReference(name);
  }

  /** How much there is to do, roughly: multiplications, or elements where there are no weights. */
  long work() {
    long elements = 0;
    long perElement = 1;
    for (Operand operand : operands) {
      long[] dims = Dnnl.dims(operand.desc());
      long product = LongStream.of(dims).reduce(1, (a, b) -> a * b);
      if (operand.index() == DNNL_ARG_WEIGHTS || operand.index() == DNNL_ARG_DIFF_WEIGHTS) {
        perElement = product / dims[0];
      } else {
        elements = Math.max(elements, product);
      }
    }
    return elements * perElement;
  }
}
