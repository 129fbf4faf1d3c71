package io.resfuse.engine.cuda.internal.program;

import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.driver.Kernel;
import io.resfuse.engine.cuda.internal.driver.Launch;
import io.resfuse.engine.cuda.internal.driver.Stream;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Steps in their order, on buffers that have no addresses yet. Not thread-safe. */
public final class Program {
  private final Timeline timeline;
  private final List<Binder> binders = new ArrayList<>();

  public Program(Timeline timeline) {
    this.timeline = timeline;
  }

  /** Makes a step of a program that has memory. */
  private interface Binder {
    Step bind(Binding binding);
  }

  /** The struct of a kernel, made of the addresses of what the kernel reads and writes. */
  public interface Parameters<P extends Record> {
    P of(Addresses at);
  }

  /** Work of a library, made of the addresses of what it reads and writes. */
  public interface Call {
    Step of(Addresses at);
  }

  /** Something that a stream is given. */
  public interface Step {
    void issue(Stream stream);

    /** What it launches, or null for a copy. */
    default @Nullable Launch launch() {
      return null;
    }

    /** What it does for which operation, whose name comes first; empty for a copy. */
    default String label() {
      return "";
    }

    /** All buffers that it reads or writes, each once; none for a copy. */
    default Set<Buffer> buffers() {
      return Set.of();
    }

    /** The size of all buffers that it reads or writes, each once. */
    default long tensorBytes() {
      return buffers().stream().mapToLong(Buffer::bytes).sum();
    }
  }

  private record LaunchStep(@Override Launch launch, @Override Set<Buffer> buffers)
      implements Step {
    @Override
    public void issue(Stream stream) {
      stream.launch(launch);
    }

    @Override
    public String label() {
      return launch.label();
    }

    @Override
    public String toString() {
      return launch.toString();
    }
  }

  private record CallStep(@Override String label, Step work) implements Step {
    @Override
    public void issue(Stream stream) {
      work.issue(stream);
    }

    @Override
    public String toString() {
      return label;
    }
  }

  public Timeline timeline() {
    return timeline;
  }

  /**
   * Adds the launch of a kernel.
   *
   * @param kernel looked up when the program is bound
   * @param label what it does for which operation, whose name comes first
   * @param geometry of the launch
   * @param parameters of the kernel; what it asks for lives from the first to the last such step
   */
  public <P extends Record> void launch(
      Supplier<Kernel<P>> kernel, String label, Geometry geometry, Parameters<P> parameters) {
    launch(kernel, label, ready -> geometry, parameters);
  }

  /** The same, with a geometry that depends on the kernel. */
  public <P extends Record> void launch(
      Supplier<Kernel<P>> kernel,
      String label,
      Function<Kernel<P>, Geometry> geometry,
      Parameters<P> parameters) {
    Uses uses = new Uses(timeline.tick());
    parameters.of(uses);
    binders.add(
        binding -> {
          Kernel<P> ready = kernel.get();
          Launch launch = ready.launch(label, parameters.of(binding), geometry.apply(ready));
          return new LaunchStep(launch, uses.buffers());
        });
  }

  /**
   * Adds work of a library.
   *
   * @param label what it does for which operation, whose name comes first
   * @param call what it asks for lives from the first to the last such step
   */
  public void call(String label, Call call) {
    call.of(new Uses(timeline.tick()));
    binders.add(binding -> new CallStep(label, call.of(binding)));
  }

  /** A copy of a whole buffer of the host. */
  public void copyToDevice(HostBuffer source, Buffer target) {
    target.use(timeline.tick());
    binders.add(
        binding -> {
          DeviceMemory memory = binding.memory(target);
          return stream -> stream.copyToDevice(source.memory(), memory, target.offset());
        });
  }

  /** A copy to a whole buffer of the host. */
  public void copyToHost(Buffer source, HostBuffer target) {
    source.use(timeline.tick());
    binders.add(
        binding -> {
          DeviceMemory memory = binding.memory(source);
          return stream -> stream.copyToHost(memory, source.offset(), target.memory());
        });
  }

  boolean isEmpty() {
    return binders.isEmpty();
  }

  /** The steps with addresses. */
  public List<Step> bind(Binding binding) {
    List<Step> steps = new ArrayList<>();
    binders.forEach(binder -> steps.add(binder.bind(binding)));
    return steps;
  }
}
