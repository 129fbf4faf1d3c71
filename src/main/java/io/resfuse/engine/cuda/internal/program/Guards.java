package io.resfuse.engine.cuda.internal.program;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * Memory between the buffers of a plan that no step may write. Its bits are all ones, a NaN in
 * every type, and so are at first those of buffers that steps write before others read them:
 * results show what was read from there. Not thread-safe.
 */
public final class Guards {
  /** Behind each buffer, at least. */
  static final long BYTES = 4096;

  private static final byte ONES = -1;

  private final List<Buffer> buffers = new ArrayList<>();

  /**
   * Those of a plan.
   *
   * @param region what it keeps, guarded
   * @param timelines of its steps, guarded and planned
   */
  public Guards(Region region, Timeline... timelines) {
    buffers.addAll(region.buffers());
    for (Timeline timeline : timelines) {
      timeline.buffers().stream().filter(Buffer::isUsed).forEach(buffers::add);
    }
    buffers.sort(Comparator.comparingLong(Buffer::offset));
  }

  /**
   * Puts ones where no buffer is, and into all that is no part of what a plan keeps.
   *
   * @param memories by kind
   */
  public void fill(Map<Buffer.Kind, DeviceMemory> memories) {
    memories.get(Buffer.Kind.ACTIVATIONS).fill(ONES);
    memories.get(Buffer.Kind.WORKSPACE).fill(ONES);
    DeviceMemory kept = memories.get(Buffer.Kind.PLAN);
    ByteBuffer content = read(kept);
    forGaps(
        Buffer.Kind.PLAN,
        kept.bytes(),
        (begin, end) -> {
          for (int i = begin; i < end; i++) {
            content.put(i, ONES);
          }
        });
    kept.write(0, content);
  }

  /**
   * Looks at all that is no buffer.
   *
   * @param doing what the plan does, as the beginning of a sentence
   * @param memories by kind
   * @throws EngineException if something has been written there
   */
  public void check(String doing, Map<Buffer.Kind, DeviceMemory> memories) {
    for (Buffer.Kind kind :
        List.of(Buffer.Kind.ACTIVATIONS, Buffer.Kind.WORKSPACE, Buffer.Kind.PLAN)) {
      DeviceMemory memory = memories.get(kind);
      ByteBuffer content = read(memory);
      forGaps(
          kind,
          memory.bytes(),
          (begin, end) -> {
            for (int i = begin; i < end; i++) {
              if (content.get(i) != ONES) {
                throw new EngineException(
                    "%s wrote beyond a buffer: byte %d behind it is another, in %s"
                        .formatted(doing, i - begin, kind));
              }
            }
          });
    }
  }

  private static ByteBuffer read(DeviceMemory memory) {
    ByteBuffer content = ByteBuffer.allocateDirect(Math.toIntExact(memory.bytes()));
    memory.read(0, content);
    return content;
  }

  private interface Gap {
    void at(int begin, int end);
  }

  private void forGaps(Buffer.Kind kind, long bytes, Gap gap) {
    long end = 0;
    for (Buffer buffer : buffers) {
      if (buffer.kind() == kind) {
        gap.at((int) end, (int) buffer.offset());
        end = Math.max(end, buffer.offset() + buffer.bytes());
      }
    }
    gap.at((int) end, (int) bytes);
  }
}
