package io.resfuse.engine.cuda.program;

import io.resfuse.engine.cuda.driver.DeviceMemory;
import io.resfuse.engine.cuda.driver.Launch;
import io.resfuse.engine.cuda.driver.Stream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Steps in their order, on buffers that have no addresses yet. Not thread-safe. */
public final class Program {
  private final Timeline timeline;
  private final List<Binder> binders = new ArrayList<>();

  public Program(Timeline timeline) {
    this.timeline = timeline;
  }

  /** Makes a step once addresses are known. */
  public interface Binder {
    Step bind(Binding binding);
  }

  /** Makes a launch once addresses are known. */
  public interface Launcher {
    Launch bind(Binding binding);
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

    /** The size of all buffers that it reads or writes, each once. */
    default long tensorBytes() {
      return 0;
    }
  }

  private record LaunchStep(@Override Launch launch, @Override long tensorBytes) implements Step {
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

  private record Call(@Override String label, Step work) implements Step {
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

  /** A kernel, and all buffers that it reads or writes. */
  public void launch(Launcher launcher, @Nullable Buffer... used) {
    use(used);
    long bytes =
        Arrays.stream(used).filter(Objects::nonNull).distinct().mapToLong(Buffer::bytes).sum();
    binders.add(binding -> new LaunchStep(launcher.bind(binding), bytes));
  }

  /** Work of a library, and all buffers that it reads or writes. */
  public void call(String label, Binder binder, @Nullable Buffer... used) {
    use(used);
    binders.add(binding -> new Call(label, binder.bind(binding)));
  }

  /** A copy of a whole buffer of the host. */
  public void copyToDevice(HostBuffer source, Buffer target) {
    use(target);
    binders.add(
        binding -> {
          DeviceMemory memory = binding.memory(target);
          return stream -> stream.copyToDevice(source.memory(), memory, target.offset());
        });
  }

  /** A copy to a whole buffer of the host. */
  public void copyToHost(Buffer source, HostBuffer target) {
    use(source);
    binders.add(
        binding -> {
          DeviceMemory memory = binding.memory(source);
          return stream -> stream.copyToHost(memory, source.offset(), target.memory());
        });
  }

  private void use(@Nullable Buffer... used) {
    int now = timeline.tick();
    for (Buffer buffer : used) {
      if (buffer != null) {
        buffer.use(now);
      }
    }
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
