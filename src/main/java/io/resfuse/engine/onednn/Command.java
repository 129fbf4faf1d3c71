package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SCRATCHPAD;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_execute;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.onednn.NativeMemory.Address;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.dnnl.dnnl_exec_arg_t;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.javacpp.Pointer;
import org.jspecify.annotations.Nullable;

/** One step of a plan with all its arguments bound. Running it allocates nothing. */
interface Command {
  /**
   * Runs it to its end.
   *
   * @param stream the plan's
   */
  void run(dnnl_stream stream);

  /**
   * Runs those of an operation, by {@link OperationTimer#stepsOf}.
   *
   * @param network that they are of
   * @param operation its name
   * @param commands of a plan
   * @param stream the plan's
   * @param coolCaches called before
   * @return seconds
   */
  static double seconds(
      NetworkSpec network,
      String operation,
      List<Command> commands,
      dnnl_stream stream,
      Runnable coolCaches) {
    List<Command> chosen = OperationTimer.stepsOf(network, operation, commands, Command::toString);
    coolCaches.run();
    long begin = System.nanoTime();
    for (Command command : chosen) {
      command.run(stream);
    }
    return (System.nanoTime() - begin) / 1e9;
  }

  /**
   * The names of the implementations of an operation, by {@link OperationTimer#stepsOf}, each once:
   * oneDNN's, and our own.
   *
   * @param network that the commands are of
   * @param operation its name
   * @param commands of a plan
   */
  static List<String> implementations(
      NetworkSpec network, String operation, List<Command> commands) {
    return OperationTimer.stepsOf(network, operation, commands, Command::toString).stream()
        .map(Command::implementation)
        .filter(Objects::nonNull)
        .distinct()
        .toList();
  }

  /** What reports call it: oneDNN's name of a primitive, ours of a kernel; null for the rest. */
  default @Nullable String implementation() {
    return null;
  }

  /** Its label, which begins with the name of the operation or parameter that it works for. */
  @Override
  String toString();

  /** A oneDNN primitive with its arguments. */
  final class Primitive implements Command {
    private final String name;
    private final dnnl_primitive primitive;
    private final dnnl_exec_arg_t arguments;
    private final int count;

    private Primitive(Builder builder, dnnl_primitive primitive) {
      this.name = builder.name;
      this.primitive = primitive;
      this.count = builder.count;
      this.arguments = builder.scope.ownAllocated(new dnnl_exec_arg_t(count));
      for (int i = 0; i < count; i++) {
        arguments.position(i).arg(builder.indices[i]).memory(builder.memories[i]);
      }
      arguments.position(0);
    }

    @Override
    public void run(dnnl_stream stream) {
      int status = dnnl_primitive_execute(primitive, stream, count, arguments);
      if (status != 0) {
        Dnnl.check(status, "running " + name);
      }
    }

    @Override
    public String implementation() {
      return PrimitiveDescs.implementation(primitive);
    }

    /** The arguments by their indices; for tests. */
    Map<Integer, dnnl_memory> memories() {
      Map<Integer, dnnl_memory> memories = new LinkedHashMap<>();
      for (int i = 0; i < count; i++) {
        dnnl_exec_arg_t argument = arguments.getPointer(i);
        memories.put(argument.arg(), argument.memory());
      }
      return memories;
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /** Zeroes memory. */
  final class Zero implements Command {
    private final String name;
    private final Pointer start;
    private final long bytes;

    Zero(String name, long address, long bytes) {
      this.name = name;
      this.start = new Address(address);
      this.bytes = bytes;
    }

    @Override
    public void run(dnnl_stream stream) {
      Pointer.memset(start, 0, bytes);
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /** A loop of our own. */
  record Loop(String name, @Nullable String implementation, Runnable body) implements Command {
    @Override
    public void run(dnnl_stream stream) {
      body.run();
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /** Binds arguments to a primitive. Not thread-safe. */
  final class Builder {
    private static final int MAX_ARGUMENTS = 12;

    private final Scope scope;
    private final String name;
    private final int[] indices = new int[MAX_ARGUMENTS];
    private final dnnl_memory[] memories = new dnnl_memory[MAX_ARGUMENTS];
    private int count;

    Builder(Scope scope, String name) {
      this.scope = scope;
      this.name = name;
    }

    Builder bind(int index, dnnl_memory_desc desc, long address) {
      indices[count] = index;
      memories[count++] = Dnnl.memory(scope, desc, address);
      return this;
    }

    /** Binds the scratch memory that the primitive wants, if any. */
    Builder scratch(dnnl_primitive_desc desc, long address) {
      dnnl_memory_desc wanted = PrimitiveDescs.scratchOf(desc);
      return Dnnl.bytes(wanted) == 0 ? this : bind(DNNL_ARG_SCRATCHPAD, wanted, address);
    }

    Command build(dnnl_primitive primitive) {
      return new Primitive(this, primitive);
    }
  }
}
