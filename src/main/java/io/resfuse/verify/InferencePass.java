package io.resfuse.verify;

import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PixelScaling;
import io.resfuse.engine.PlanRequest;
import io.resfuse.tensor.TensorLayout;
import java.nio.FloatBuffer;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** An inference plan that gives arrays. Not thread-safe. */
final class InferencePass implements AutoCloseable {
  private final LoadedNetwork loaded;
  private final InferencePlan plan;
  private final String output;

  InferencePass(Subject subject, VerifyCase test, NetworkSpec network, Parameters parameters) {
    this(subject, test, network, parameters, null);
  }

  private InferencePass(
      Subject subject,
      VerifyCase test,
      NetworkSpec network,
      Parameters parameters,
      @Nullable PixelScaling scaling) {
    this.output = test.output();
    this.loaded = subject.engine().load(network, parameters, subject.precision());
    InferencePlan made;
    try {
      made = loaded.plan(test.request().withPixels(scaling));
    } catch (RuntimeException e) {
      loaded.close();
      throw e;
    }
    this.plan = made;
  }

  /** Runs once and closes. */
  static double[] once(
      Subject subject,
      VerifyCase test,
      NetworkSpec network,
      Parameters parameters,
      float[] images) {
    try (InferencePass run = new InferencePass(subject, test, network, parameters)) {
      return run.run(images);
    }
  }

  /** Runs once with every value that an operation writes as an output: in NCHW order, by name. */
  static Map<String, double[]> all(
      Subject subject, VerifyCase test, Parameters parameters, float[] images) {
    NetworkSpec network = test.network().withAllOutputs();
    Set<String> names = new LinkedHashSet<>();
    network.operations().forEach(operation -> names.add(operation.output().name()));
    PlanRequest request =
        new PlanRequest(test.batch(), test.height(), test.width(), TensorLayout.NCHW, names);
    Map<String, double[]> values = new LinkedHashMap<>();
    try (LoadedNetwork loaded = subject.engine().load(network, parameters, subject.precision());
        InferencePlan plan = loaded.plan(request)) {
      plan.input().put(0, images);
      names.forEach(name -> poison(plan.output(name)));
      plan.run();
      names.forEach(name -> values.put(name, toDoubles(plan.output(name))));
    }
    return values;
  }

  /** Runs once on pixels, in the order of images, rows, columns, channels, and closes. */
  static double[] ofPixels(
      Subject subject,
      VerifyCase test,
      NetworkSpec network,
      Parameters parameters,
      PixelScaling scaling,
      byte[] pixels) {
    try (InferencePass run = new InferencePass(subject, test, network, parameters, scaling)) {
      run.plan.pixels().put(0, pixels);
      return run.run();
    }
  }

  /** The output in NCHW order; elements that were not written are NaN. */
  double[] run(float[] images) {
    plan.input().put(0, images);
    return run();
  }

  private double[] run() {
    poison(plan.output(output));
    plan.run();
    return toDoubles(plan.output(output));
  }

  static void poison(FloatBuffer buffer) {
    for (int i = 0; i < buffer.capacity(); i++) {
      buffer.put(i, Float.NaN);
    }
  }

  static double[] toDoubles(FloatBuffer buffer) {
    double[] doubles = new double[buffer.capacity()];
    for (int i = 0; i < doubles.length; i++) {
      doubles[i] = buffer.get(i);
    }
    return doubles;
  }

  @Override
  public void close() {
    plan.close();
    loaded.close();
  }
}
