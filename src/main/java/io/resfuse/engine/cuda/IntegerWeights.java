package io.resfuse.engine.cuda;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.QuantizedWeights;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.emit.IntegerConvolutions;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.layout.HostWeights;
import io.resfuse.engine.cuda.internal.layout.Layouts;
import io.resfuse.engine.cuda.internal.layout.WeightLayout;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Region;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The weights of convolutions of integers on the device: signed bytes, and the numbers of {@link
 * QuantizedNetwork}'s formulas per channel. The zero point of an input is taken off the sums by a
 * correction per channel, which is the same for all pixels since padding has the zero point, too.
 */
final class IntegerWeights {
  private final QuantizedNetwork network;
  private final Layouts layouts;
  private final Map<String, IntegerConvolutions.Weights> weights = new LinkedHashMap<>();

  /**
   * Reserves memory.
   *
   * @param network all of it
   * @param layouts of its convolutions
   * @param region what is reserved in
   */
  IntegerWeights(QuantizedNetwork network, Layouts layouts, Region region) {
    this.network = network;
    this.layouts = layouts;
    for (Operation operation : network.network().operations()) {
      if (operation instanceof FusedConv conv && network.weights(conv) != null) {
        WeightLayout layout = layouts.of(conv);
        long vector = (long) layout.outputs() * Integer.BYTES;
        boolean shifted = zeroPoint(conv) != 0;
        weights.put(
            conv.name(),
            new IntegerConvolutions.Weights(
                region.add(layout.elements()),
                shifted ? region.add(Activation.CHANNEL_MULTIPLE_OF_BYTES) : null,
                shifted ? region.add(vector) : null,
                region.add(vector),
                region.add(vector),
                network.epilogue(conv).residual()));
      }
    }
  }

  private int zeroPoint(FusedConv conv) {
    Encoding encoding = network.encoding(conv.input());
    return encoding == null ? 0 : encoding.zeroPoint();
  }

  /** Whether a convolution is one of integers. */
  boolean has(FusedConv conv) {
    return weights.containsKey(conv.name());
  }

  /** Those of such a convolution. */
  IntegerConvolutions.Weights of(FusedConv conv) {
    return weights.get(conv.name());
  }

  /** Writes all of them. */
  void load(DeviceMemory memory) {
    for (Operation operation : network.network().operations()) {
      if (operation instanceof FusedConv conv && has(conv)) {
        load(memory, conv);
      }
    }
  }

  private void load(DeviceMemory memory, FusedConv conv) {
    QuantizedWeights integers = network.weights(conv);
    IntegerConvolutions.Weights target = of(conv);
    WeightLayout layout = layouts.of(conv);
    ByteBuffer packed = allocate(layout.elements());
    HostWeights.pack(layout, conv.weight().shape(), integers.weights(), packed);
    memory.write(target.weights().offset(), packed);
    QuantizedNetwork.Epilogue epilogue = network.epilogue(conv);
    write(memory, target.multiplier(), epilogue.multiplier());
    write(memory, target.bias(), epilogue.bias());
    Buffer padding = target.padding();
    Buffer corrections = target.corrections();
    if (padding != null && corrections != null) {
      int zeroPoint = zeroPoint(conv);
      ByteBuffer zeros = allocate(padding.bytes());
      while (zeros.hasRemaining()) {
        zeros.put((byte) zeroPoint);
      }
      memory.write(padding.offset(), zeros.flip());
      memory.write(corrections.offset(), corrections(integers, zeroPoint, corrections.bytes()));
    }
  }

  /** Per output channel what taking the zero point off each input changes in the sum. */
  private static ByteBuffer corrections(QuantizedWeights integers, int zeroPoint, long bytes) {
    ByteBuffer result = allocate(bytes);
    int channels = integers.scales().length;
    int each = integers.weights().length / channels;
    for (int c = 0; c < channels; c++) {
      int sum = 0;
      for (int i = 0; i < each; i++) {
        sum += integers.weights()[c * each + i];
      }
      result.putInt(c * Integer.BYTES, -zeroPoint * sum);
    }
    return result;
  }

  /** Values per channel; the padding's are zero. */
  private static void write(DeviceMemory memory, Buffer target, float[] values) {
    ByteBuffer floats = allocate(target.bytes());
    for (int i = 0; i < values.length; i++) {
      floats.putFloat(i * Float.BYTES, values[i]);
    }
    memory.write(target.offset(), floats);
  }

  private static ByteBuffer allocate(long bytes) {
    return ByteBuffer.allocateDirect(Math.toIntExact(bytes)).order(ByteOrder.LITTLE_ENDIAN);
  }
}
