package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.QuantizedNetwork.Epilogue;
import io.resfuse.engine.onednn.Arguments.Argument;
import io.resfuse.engine.onednn.InferenceProgram.Primitive;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.jspecify.annotations.Nullable;

/**
 * Describes what an inference plan does with integers, by the formulas of {@link QuantizedNetwork}.
 * Not thread-safe; descriptors live in the scope it was given.
 */
final class IntegerPrimitives {
  private final Scope scope;
  private final ValuePlaces places;
  private final PackedWeights weights;
  private final Arguments arguments;

  IntegerPrimitives(Scope scope, ValuePlaces places, PackedWeights weights, Arguments arguments) {
    this.scope = scope;
    this.places = places;
    this.weights = weights;
    this.arguments = arguments;
  }

  /**
   * A convolution of integers, with what is fused into it.
   *
   * @param conv of that network, with integer weights
   * @param images that it is for
   */
  Primitive convolution(FusedConv conv, QuantizedNetwork integers, int images) {
    if (conv.residual() != null && !places.isInPlace(conv)) {
      throw new AssertionError("the residual of " + conv.name() + " is somebody else's, too");
    }
    Epilogue epilogue = integers.epilogue(conv);
    int zeroPoint = integers.encoding(conv.input()).zeroPoint();
    dnnl_primitive_attr attr =
        Attributes.ofIntegers(
            scope, epilogue.residual(), conv.relu(), conv.groups() > 1, zeroPoint != 0);
    dnnl_memory_desc perChannel = Dnnl.vector(scope, conv.output().channels());
    dnnl_primitive_desc desc =
        Convolutions.forward(
            scope,
            dnnl_forward_inference,
            arguments.desc(conv.input(), images),
            Dnnl.anyWeights(scope, Dnnl.S8, conv.groups(), Descs.dims(conv.weight().shape())),
            perChannel,
            arguments.desc(conv.output(), images),
            conv.window(),
            attr);
    dnnl_memory_desc layout = PrimitiveDescs.weightsOf(desc);
    List<Argument> all = new ArrayList<>();
    all.add(arguments.of(DNNL_ARG_SRC, conv.input(), images));
    all.add(
        arguments.weights(
            DNNL_ARG_WEIGHTS,
            layout,
            weights.integers(conv, integers.weights(conv).weights(), layout)));
    all.add(constants(DNNL_ARG_BIAS, conv.name() + " bias", perChannel, epilogue.bias()));
    all.add(
        constants(
            DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS,
            conv.name() + " multiplier",
            perChannel,
            epilogue.multiplier()));
    if (zeroPoint != 0) {
      all.add(zeroPoint(DNNL_ARG_SRC, zeroPoint));
    }
    all.add(arguments.of(DNNL_ARG_DST, conv.output(), images));
    return new Primitive(conv.name(), images, desc, all);
  }

  /**
   * From floats to integers or back, and from one layout into another.
   *
   * @param source encoding, or null for floats
   * @param target encoding, or null for floats; one of both is null
   */
  Primitive conversion(
      String name,
      int images,
      Argument from,
      Argument to,
      @Nullable Encoding source,
      @Nullable Encoding target) {
    return target == null
        ? conversion(name, images, from, to, DNNL_ARG_FROM, source.zeroPoint(), source.scale())
        : conversion(name, images, from, to, DNNL_ARG_TO, target.zeroPoint(), target.inverse());
  }

  private Primitive conversion(
      String name, int images, Argument from, Argument to, int coded, int zeroPoint, float factor) {
    dnnl_memory_desc one = Dnnl.vector(scope, 1);
    List<Argument> all = new ArrayList<>(List.of(from, to));
    all.add(constants(DNNL_ARG_ATTR_SCALES | DNNL_ARG_FROM, "factor " + factor, one, factor));
    if (zeroPoint != 0) {
      all.add(zeroPoint(coded, zeroPoint));
    }
    dnnl_primitive_attr attr = Attributes.scaling(scope, zeroPoint == 0 ? 0 : coded);
    return new Primitive(name, images, Pointwise.reorder(scope, from.desc(), to.desc(), attr), all);
  }

  private Argument constants(int index, String name, dnnl_memory_desc desc, float... values) {
    return arguments.weights(index, desc, weights.constants(name, desc, values));
  }

  /** A zero point as an argument; memory holds integers of 32 bits like floats. */
  private Argument zeroPoint(int of, int value) {
    dnnl_memory_desc one = Dnnl.desc(scope, Dnnl.S32, dnnl_a, 1);
    return constants(
        DNNL_ARG_ATTR_ZERO_POINTS | of, "zero point " + value, one, Float.intBitsToFloat(value));
  }
}
