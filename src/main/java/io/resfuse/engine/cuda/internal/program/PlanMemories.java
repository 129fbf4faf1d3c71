package io.resfuse.engine.cuda.internal.program;

import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import java.util.EnumMap;
import java.util.Map;

/** Allocates the device memory of a plan. */
public final class PlanMemories {
  private PlanMemories() {}

  /**
   * Allocates.
   *
   * @param resources own what is allocated
   * @param purpose who needs it, as the beginning of a sentence
   * @return by kind; what a plan keeps is zero at first
   */
  public static Map<Buffer.Kind, DeviceMemory> allocate(
      Context context,
      Resources resources,
      String purpose,
      long activations,
      long workspace,
      long kept) {
    Map<Buffer.Kind, DeviceMemory> memories = new EnumMap<>(Buffer.Kind.class);
    put(memories, Buffer.Kind.ACTIVATIONS, context, resources, purpose, activations);
    put(memories, Buffer.Kind.WORKSPACE, context, resources, purpose, workspace);
    put(memories, Buffer.Kind.PLAN, context, resources, purpose, kept);
    memories.get(Buffer.Kind.PLAN).fill(0);
    return memories;
  }

  private static void put(
      Map<Buffer.Kind, DeviceMemory> memories,
      Buffer.Kind kind,
      Context context,
      Resources resources,
      String purpose,
      long bytes) {
    DeviceMemory memory = new DeviceMemory(context, bytes, purpose);
    memories.put(kind, resources.own(memory, memory::close));
  }
}
