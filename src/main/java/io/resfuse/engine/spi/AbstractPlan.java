package io.resfuse.engine.spi;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.PlanRequest;
import io.resfuse.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What plans for inference and for training have in common: they are open or closed, and have
 * images that come in and outputs that go out. Its public methods check what they are given and
 * whether the plan is open; what is protected and abstract does the work and need not check. Of a
 * closed plan, shapes, memory and what it was made for can still be asked. A plan has one owner at
 * a time; only {@link #close} may come from any thread, a cleaner's too: it waits for the call that
 * runs.
 */
public abstract class AbstractPlan implements OperationTimer, AutoCloseable {
  private final String description;
  private final NetworkSpec network;
  private final PlanRequest request;
  private final Map<String, Shape> shapes = new LinkedHashMap<>();
  private boolean closed;

  /**
   * An open plan.
   *
   * @param what "plan", with what kind it is of
   * @param network the whole network, or the part that leads to the outputs
   * @param request sizes and outputs
   */
  AbstractPlan(String what, NetworkSpec network, PlanRequest request) {
    this.description = "this " + what + " of " + network.name();
    this.network = network.restrictedTo(request.outputs());
    this.request = request;
    List<Shape> all = this.network.shapes(request.batch(), request.height(), request.width());
    this.network.outputs().forEach((name, value) -> shapes.put(name, all.get(value.id())));
  }

  // ---------------------------------------------------------------- what an engine does

  /**
   * Where the caller writes floats.
   *
   * @return the same buffer always; asked for only if the plan takes floats
   */
  protected abstract FloatBuffer inputBuffer();

  /**
   * Where the caller writes pixels. Engines that {@link io.resfuse.engine.Engine#takesPixels take
   * them} override it.
   *
   * @return the same buffer always; asked for only if the plan takes pixels
   */
  protected ByteBuffer pixelBuffer() {
    throw new AssertionError("an engine that takes no pixels has made a plan that does");
  }

  /**
   * Where the caller reads an output.
   *
   * @param name one of the plan's outputs
   * @return the same buffer always
   */
  protected abstract FloatBuffer outputBuffer(String name);

  /**
   * Times an operation, as {@link OperationTimer#seconds} says.
   *
   * @param operation its name; may be one that the plan does not have
   * @param coolCaches empties the CPU's caches
   * @return seconds
   * @throws IllegalArgumentException if the plan runs nothing for an operation of that name
   */
  protected abstract double time(String operation, Runnable coolCaches);

  /**
   * Names an operation's kernels, as {@link OperationTimer#implementations} says.
   *
   * @param operation its name; may be one that the plan does not have
   * @return none, for engines that have no such names
   * @throws IllegalArgumentException if the plan runs nothing for an operation of that name
   */
  protected List<String> kernels(String operation) {
    return List.of();
  }

  /** Frees what the plan holds. Called once. */
  protected abstract void release();

  // ---------------------------------------------------------------- what engines need

  /**
   * The part of the network that the plan runs.
   *
   * @return that which leads to the outputs
   */
  protected final NetworkSpec network() {
    return network;
  }

  /**
   * For public methods that an engine adds.
   *
   * @throws IllegalStateException if the plan is closed
   */
  protected final void checkOpen() {
    if (closed) {
      throw new IllegalStateException(description + " is closed");
    }
  }

  /**
   * For public methods that an engine adds.
   *
   * @param name of an output
   * @throws IllegalArgumentException if the plan has no such output
   */
  protected final void checkOutput(String name) {
    if (!shapes.containsKey(name)) {
      throw new IllegalArgumentException(
          "the plan has no output '" + name + "'; it has " + request.outputs());
    }
  }

  private void checkOnHost() {
    if (request.onDevice()) {
      throw new IllegalStateException(
          "this plan's input and outputs are on the device: use deviceInput() and deviceOutput()");
    }
  }

  /** What the last run has left for the next is no longer there. */
  void disturbed() {}

  // ---------------------------------------------------------------- what callers see

  /**
   * Where the caller writes the images, as floats.
   *
   * @return the same buffer always
   * @throws IllegalStateException if closed, or if the plan takes pixels
   */
  public final synchronized FloatBuffer input() {
    checkOpen();
    checkOnHost();
    if (request.scaling() != null) {
      throw new IllegalStateException("this plan takes pixels: write them to pixels()");
    }
    return inputBuffer();
  }

  /**
   * Where the caller writes the images, as pixels.
   *
   * @return the same buffer always
   * @throws IllegalStateException if closed, or if the plan takes floats
   */
  public final synchronized ByteBuffer pixels() {
    checkOpen();
    if (request.scaling() == null) {
      throw new IllegalStateException("this plan takes floats: write them to input()");
    }
    return pixelBuffer();
  }

  /**
   * Where the caller reads an output.
   *
   * @param name one of the plan's outputs
   * @return the same buffer always
   * @throws IllegalStateException if closed
   * @throws IllegalArgumentException if the plan has no such output
   */
  public final synchronized FloatBuffer output(String name) {
    checkOpen();
    checkOutput(name);
    checkOnHost();
    return outputBuffer(name);
  }

  /**
   * The shape of an output.
   *
   * @param name one of the plan's outputs
   * @return (batch, channels, height, width) whatever the layout, or (batch, channels)
   * @throws IllegalArgumentException if the plan has no such output
   */
  public final Shape outputShape(String name) {
    checkOutput(name);
    return shapes.get(name);
  }

  @Override
  public final synchronized double seconds(String operation, Runnable coolCaches) {
    checkOpen();
    disturbed();
    return time(operation, coolCaches);
  }

  @Override
  public final synchronized List<String> implementations(String operation) {
    checkOpen();
    return kernels(operation);
  }

  /** Frees the plan, once the call that runs is done. Idempotent. */
  @Override
  public final synchronized void close() {
    if (!closed) {
      closed = true;
      release();
    }
  }
}
