package io.resfuse.benchmarks.peers;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.nn.pooling.Pool;
import ai.djl.training.GradientCollector;
import ai.djl.training.loss.Loss;
import io.resfuse.bench.Task;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Optimizer;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import java.util.HashMap;
import java.util.Map;

/** DJL on its PyTorch engine, with DJL's own functions. Batch norms are folded for inference. */
final class DjlPeer implements Peer {
  private static final Optimizer.Sgd SGD = Optimizer.Sgd.standard();

  private final Map<String, NDArray> parameters = new HashMap<>();
  private final Map<String, NDArray> momenta = new HashMap<>();
  private NDManager manager;
  private PeerTask task;
  private NetworkSpec spec;
  private NDArray images;
  private NDArray labels;
  private float[] answer;

  @Override
  public String describe() {
    return "DJL "
        + Engine.getDjlVersion()
        + ", PyTorch "
        + Engine.getEngine("PyTorch").getVersion();
  }

  @Override
  public void prepare(PeerTask given) {
    System.setProperty("ai.djl.pytorch.num_threads", Integer.toString(given.threads()));
    System.setProperty("ai.djl.offline", "true");
    task = given;
    spec = task.spec();
    manager = NDManager.newBaseManager("PyTorch");
    images = manager.create(task.images().toArray(), shape(task.images().shape()));
    labels = manager.create(task.classes());
    Parameters values = task.parameters();
    for (Operation operation : spec.operations()) {
      if (operation instanceof FusedConv conv && !task.training()) {
        FoldedConv folded = FoldedConv.of(conv, values);
        parameters.put(
            conv.name() + ".weight", manager.create(folded.weight(), shape(conv.weight().shape())));
        parameters.put(conv.name() + ".bias", manager.create(folded.bias()));
        continue;
      }
      for (ParameterSpec parameter : operation.parameters()) {
        NDArray array = manager.create(values.get(parameter).toArray(), shape(parameter.shape()));
        if (task.training() && parameter.isTrainable()) {
          array.setRequiresGradient(true);
          momenta.put(parameter.name(), array.zerosLike());
        }
        parameters.put(parameter.name(), array);
      }
    }
  }

  private static Shape shape(io.resfuse.tensor.Shape shape) {
    long[] dimensions = new long[shape.rank()];
    for (int i = 0; i < dimensions.length; i++) {
      dimensions[i] = shape.dimension(i);
    }
    return new Shape(dimensions);
  }

  @Override
  public void iterate() {
    try (NDManager scope = manager.newSubManager()) {
      NDArray batch = images.duplicate();
      batch.attach(scope);
      if (task.training()) {
        step(batch);
      } else {
        // Everything is computed when its values are there.
        answer = forward(batch).toFloatArray();
      }
    }
  }

  private void step(NDArray batch) {
    try (GradientCollector collector = manager.getEngine().newGradientCollector()) {
      NDArray logits = forward(batch);
      NDArray loss =
          Loss.softmaxCrossEntropyLoss().evaluate(new NDList(labels), new NDList(logits));
      collector.backward(loss);
      answer = logits.toFloatArray();
    }
    for (Map.Entry<String, NDArray> entry : momenta.entrySet()) {
      NDArray weight = parameters.get(entry.getKey());
      NDArray gradient = weight.getGradient();
      NDArray momentum = entry.getValue();
      ai.djl.ndarray.internal.NDArrayEx ex = weight.getNDArrayInternal();
      ex.sgdUpdate(
          new NDList(weight, gradient, momentum),
          new NDList(weight),
          (float) Task.LEARNING_RATE,
          (float) SGD.weightDecay(),
          1,
          -1,
          (float) SGD.momentum(),
          true);
      gradient.close();
    }
  }

  private NDArray forward(NDArray batch) {
    NDArray[] values = new NDArray[spec.values().size()];
    values[spec.input().id()] = batch;
    for (Operation operation : spec.operations()) {
      NDArray in = values[operation.inputs().get(0).id()];
      NDArray out;
      if (operation instanceof FusedConv conv) {
        out = conv(conv, in, conv.residual() == null ? null : values[conv.residual().id()]);
      } else if (operation instanceof MaxPool pool) {
        Window w = pool.window();
        out = Pool.maxPool2d(in, pair(w.kernel()), pair(w.stride()), pair(w.padding()), false);
      } else if (operation instanceof GlobalAveragePool) {
        out = Pool.globalAvgPool2d(in);
      } else if (operation instanceof Linear linear) {
        out =
            ai.djl.nn.core.Linear.linear(
                    in,
                    parameters.get(linear.weight().name()),
                    parameters.get(linear.bias().name()))
                .singletonOrThrow();
      } else if (operation instanceof SubsampledIdentity identity) {
        int stride = identity.stride();
        int before = identity.channelsBefore();
        int after = identity.output().channels() - identity.input().channels() - before;
        NDArray subsampled = in.get(":,:,::" + stride + ",::" + stride);
        out = subsampled.pad(new Shape(0, 0, 0, 0, before, after), 0);
      } else {
        throw new IllegalStateException(operation.name());
      }
      values[operation.output().id()] = out;
    }
    return values[spec.output("logits").id()];
  }

  private NDArray conv(FusedConv conv, NDArray in, NDArray residual) {
    Window w = conv.window();
    NDArray out =
        Conv2d.conv2d(
                in,
                parameters.get(conv.name() + ".weight"),
                parameters.get(conv.name() + ".bias"),
                pair(w.stride()),
                pair(w.padding()),
                pair(w.dilation()),
                conv.groups())
            .singletonOrThrow();
    if (task.training()) {
      Operation.BatchNorm bn = conv.batchNorm();
      out =
          BatchNorm.batchNorm(
                  out,
                  parameters.get(bn.mean().name()),
                  parameters.get(bn.variance().name()),
                  parameters.get(bn.gamma().name()),
                  parameters.get(bn.beta().name()),
                  1,
                  (float) (1 - bn.momentum()),
                  (float) bn.epsilon(),
                  true)
              .singletonOrThrow();
    }
    if (residual != null) {
      out = out.add(residual);
    }
    return conv.relu() ? Activation.relu(out) : out;
  }

  private static Shape pair(int value) {
    return new Shape(value, value);
  }

  @Override
  public float[] answer() {
    return answer;
  }

  @Override
  public void close() {
    if (manager != null) {
      manager.close();
    }
  }
}
