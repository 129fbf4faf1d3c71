package io.resfuse.engine.cuda;

import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.layout.HostWeights;
import io.resfuse.engine.cuda.internal.layout.ParameterSpace;
import io.resfuse.engine.cuda.internal.layout.WeightLayout;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.tensor.HostTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/** Copies parameters, gradients and optimizer state between the device's layout and the host's. */
final class DeviceParameters {
  private final DeviceMemory memory;

  DeviceParameters(DeviceMemory memory) {
    this.memory = memory;
  }

  /** Reads a parameter's part of an array of floats. */
  void read(ParameterSpace.Entry entry, Buffer array, HostTensor target) {
    ByteBuffer bytes = allocate(entry);
    memory.read(ParameterSpace.part(array, entry).offset(), bytes);
    FloatBuffer packed = bytes.asFloatBuffer();
    WeightLayout layout = entry.layout();
    if (layout == null) {
      target.buffer().put(packed.slice(0, target.buffer().capacity()));
    } else {
      HostWeights.unpack(layout, entry.spec().shape(), packed, target.buffer());
    }
  }

  /** Writes a parameter's part of an array of floats, its padding as zeros. */
  void write(ParameterSpace.Entry entry, HostTensor source, Buffer array) {
    ByteBuffer bytes = allocate(entry);
    FloatBuffer packed = bytes.asFloatBuffer();
    WeightLayout layout = entry.layout();
    if (layout == null) {
      packed.put(source.buffer());
    } else {
      HostWeights.pack(layout, entry.spec().shape(), source.buffer(), packed::put);
    }
    memory.write(ParameterSpace.part(array, entry).offset(), bytes);
  }

  private static ByteBuffer allocate(ParameterSpace.Entry entry) {
    return ByteBuffer.allocateDirect(Math.toIntExact(entry.elements() * Float.BYTES))
        .order(ByteOrder.LITTLE_ENDIAN);
  }
}
