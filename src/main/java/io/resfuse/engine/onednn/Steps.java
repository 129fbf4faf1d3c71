package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_WEIGHTS;
import static org.bytedeco.dnnl.global.dnnl.dnnl_reorder;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.jspecify.annotations.Nullable;

/**
 * A list of primitives, and of loops between them, with the buffers they use, before these have
 * addresses. Not thread-safe.
 */
final class Steps {
  private final List<Entry> entries = new ArrayList<>();
  private final Set<Buffer> buffers;
  private long scratchBytes;

  /**
   * An empty list.
   *
   * @param buffers collects what the steps use
   */
  Steps(Set<Buffer> buffers) {
    this.buffers = buffers;
  }

  static Set<Buffer> noBuffers() {
    return new LinkedHashSet<>();
  }

  private record Argument(int index, dnnl_memory_desc desc, Buffer buffer, long offset)
      implements Implementation.Operand {}

  /** A primitive or a loop. */
  private sealed interface Entry permits Step, Loop {}

  /** Gives the floats of buffers their memory. */
  interface Memory {
    /** All of a buffer. */
    FloatBuffer floats(Buffer buffer);

    /** Where a buffer begins. */
    long address(Buffer buffer);
  }

  /** A loop of our own that is bound to memory once; running it must allocate nothing. */
  interface Body {
    /** Finds its buffers. */
    Runnable bind(Memory memory);
  }

  private record Loop(String name, @Nullable String implementation, Body body) implements Entry {}

  /** A primitive and its arguments. */
  final class Step implements Entry {
    private final String name;
    private final dnnl_primitive_desc desc;
    private final int time;
    private final List<Argument> arguments = new ArrayList<>();
    private boolean onZeros;

    private Step(String name, dnnl_primitive_desc desc, int time) {
      this.name = name;
      this.desc = desc;
      this.time = time;
    }

    Step with(int index, dnnl_memory_desc layout, Buffer buffer) {
      return with(index, layout, buffer, 0);
    }

    /** An argument that begins some bytes after the beginning of its buffer. */
    Step with(int index, dnnl_memory_desc layout, Buffer buffer, long offset) {
      arguments.add(new Argument(index, layout, buffer, offset));
      buffer.touch(time);
      buffers.add(buffer);
      return this;
    }

    /** Zeroes the scratch memory and the buffers of weights' gradients first. */
    Step onZeros() {
      onZeros = true;
      return this;
    }
  }

  /** Appends a primitive that runs at a time of the plan. */
  Step add(String name, dnnl_primitive_desc desc, int time) {
    Step step = new Step(name, desc, time);
    entries.add(step);
    scratchBytes = Math.max(scratchBytes, Dnnl.bytes(PrimitiveDescs.scratchOf(desc)));
    return step;
  }

  /** Appends a loop in Java that runs at a time of the plan. */
  void add(String name, int time, List<Buffer> used, Body body) {
    add(name, null, time, used, body);
  }

  /**
   * Appends a loop that runs at a time of the plan.
   *
   * @param implementation what reports call it; null if they need not name it
   */
  void add(String name, @Nullable String implementation, int time, List<Buffer> used, Body body) {
    for (Buffer buffer : used) {
      buffer.touch(time);
      buffers.add(buffer);
    }
    entries.add(new Loop(name, implementation, body));
  }

  /** What oneDNN has chosen for all steps but changes of layout. */
  List<Implementation> implementations() {
    List<Implementation> found = new ArrayList<>();
    for (Entry entry : entries) {
      if (entry instanceof Step step && PrimitiveDescs.kind(step.desc) != dnnl_reorder) {
        found.add(Implementation.of(step.name, step.desc, step.arguments));
      }
    }
    return found;
  }

  long scratchBytes() {
    return scratchBytes;
  }

  /** Where the regions begin. */
  record Bases(long arena, long weights, long host, long scratch) implements Memory {
    @Override
    public long address(Buffer buffer) {
      return buffer.address(arena, weights, host);
    }

    @Override
    public FloatBuffer floats(Buffer buffer) {
      return NativeMemory.floatsAt(address(buffer), buffer.bytes() / Float.BYTES);
    }
  }

  /**
   * Binds all steps.
   *
   * @param scope owns what is made
   * @param bases addresses
   * @param primitives made so far, by descriptor; steps of several lists share them
   */
  Command[] bind(Scope scope, Bases bases, Map<dnnl_primitive_desc, dnnl_primitive> primitives) {
    List<Command> commands = new ArrayList<>();
    for (Entry entry : entries) {
      if (entry instanceof Loop loop) {
        commands.add(new Command.Loop(loop.name, loop.implementation, loop.body.bind(bases)));
      } else if (entry instanceof Step step) {
        bind(step, scope, bases, primitives, commands);
      }
    }
    return commands.toArray(Command[]::new);
  }

  private static void bind(
      Step step,
      Scope scope,
      Bases bases,
      Map<dnnl_primitive_desc, dnnl_primitive> primitives,
      List<Command> commands) {
    if (step.onZeros) {
      commands.add(
          new Command.Zero(
              step.name, bases.scratch, Dnnl.bytes(PrimitiveDescs.scratchOf(step.desc))));
      for (Argument argument : step.arguments) {
        if (argument.index == DNNL_ARG_DIFF_WEIGHTS) {
          commands.add(
              new Command.Zero(step.name, bases.address(argument.buffer), argument.buffer.bytes()));
        }
      }
    }
    Command.Builder builder = new Command.Builder(scope, step.name);
    for (Argument argument : step.arguments) {
      builder.bind(argument.index, argument.desc, bases.address(argument.buffer) + argument.offset);
    }
    builder.scratch(step.desc, bases.scratch);
    dnnl_primitive primitive =
        primitives.computeIfAbsent(step.desc, desc -> Dnnl.primitive(scope, desc));
    commands.add(builder.build(primitive));
  }
}
