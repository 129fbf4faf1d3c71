package io.resfuse.benchmarks.peers;

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
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.SGD;
import org.bytedeco.pytorch.SGDOptions;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * LibTorch 2.10 through JavaCPP, in either layout: channels-last is the one in which its
 * convolutions are fastest. Batch norms are folded for inference.
 */
final class LibTorchPeer implements Peer {
  private final boolean channelsLast;
  private final Map<String, Tensor> parameters = new HashMap<>();
  private PeerTask task;
  private NetworkSpec spec;
  private Tensor images;
  private Tensor labels;
  private SGD optimizer;
  private float[] answer;

  LibTorchPeer(boolean channelsLast) {
    this.channelsLast = channelsLast;
  }

  @Override
  public String describe() {
    return "LibTorch 2.10" + (channelsLast ? ", channels-last" : ", contiguous");
  }

  @Override
  public void prepare(PeerTask given) {
    task = given;
    spec = task.spec();
    torch.set_num_threads(task.threads());
    images = tensor(task.images().toArray(), shape(task.images().shape()));
    answer = new float[task.logits()];
    Parameters values = task.parameters();
    if (task.training()) {
      prepareTraining(values);
    } else {
      prepareInference(values);
    }
    parameters.values().forEach(org.bytedeco.javacpp.Pointer::retainReference);
  }

  private void prepareTraining(Parameters values) {
    TensorVector trainable = new TensorVector();
    for (ParameterSpec parameter : spec.parameters().values()) {
      Tensor tensor = tensor(values.get(parameter).toArray(), shape(parameter.shape()));
      if (parameter.isTrainable()) {
        tensor.set_requires_grad(true);
        trainable.push_back(tensor);
      }
      parameters.put(parameter.name(), tensor);
    }
    Optimizer.Sgd standard = Optimizer.Sgd.standard();
    SGDOptions options = new SGDOptions(Task.LEARNING_RATE);
    options.momentum().put(standard.momentum());
    options.weight_decay().put(standard.weightDecay());
    optimizer = new SGD(trainable, options);
    int[] classes = task.classes();
    long[] wide = new long[classes.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = classes[i];
    }
    labels =
        torch
            .from_blob(
                new LongPointer(wide),
                new long[] {wide.length},
                new TensorOptions(torch.ScalarType.Long))
            .clone();
  }

  private void prepareInference(Parameters values) {
    for (Operation operation : spec.operations()) {
      if (operation instanceof FusedConv conv) {
        FoldedConv folded = FoldedConv.of(conv, values);
        parameters.put(
            conv.name() + ".weight", tensor(folded.weight(), shape(conv.weight().shape())));
        parameters.put(
            conv.name() + ".bias", tensor(folded.bias(), new long[] {folded.bias().length}));
      } else {
        for (ParameterSpec parameter : operation.parameters()) {
          parameters.put(
              parameter.name(), tensor(values.get(parameter).toArray(), shape(parameter.shape())));
        }
      }
    }
  }

  private static long[] shape(io.resfuse.tensor.Shape shape) {
    long[] dimensions = new long[shape.rank()];
    for (int i = 0; i < dimensions.length; i++) {
      dimensions[i] = shape.dimension(i);
    }
    return dimensions;
  }

  private Tensor tensor(float[] values, long[] shape) {
    Tensor tensor = torch.from_blob(new FloatPointer(values), shape).clone();
    return channelsLast && shape.length == 4
        ? tensor.contiguous(torch.MemoryFormat.ChannelsLast)
        : tensor;
  }

  @Override
  @SuppressWarnings("try") // the scope frees what is made in it
  public void iterate() {
    try (PointerScope scope = new PointerScope();
        AutoGradMode mode = new AutoGradMode(task.training())) {
      Tensor logits = forward();
      if (task.training()) {
        optimizer.zero_grad();
        Tensor loss = torch.cross_entropy_loss(logits, labels);
        loss.backward();
        optimizer.step();
      }
      logits.contiguous().data_ptr_float().get(answer);
    }
  }

  private Tensor forward() {
    Tensor[] values = new Tensor[spec.values().size()];
    values[spec.input().id()] = images;
    for (Operation operation : spec.operations()) {
      Tensor in = values[operation.inputs().get(0).id()];
      Tensor out;
      if (operation instanceof FusedConv conv) {
        out = conv(conv, in, conv.residual() == null ? null : values[conv.residual().id()]);
      } else if (operation instanceof MaxPool pool) {
        Window w = pool.window();
        out =
            torch.max_pool2d(
                in,
                pair(w.kernel()),
                pair(w.stride()),
                pair(w.padding()),
                pair(w.dilation()),
                false);
      } else if (operation instanceof GlobalAveragePool) {
        out = torch.adaptive_avg_pool2d(in, 1, 1).flatten(1, -1);
      } else if (operation instanceof Linear linear) {
        out =
            torch.linear(
                in,
                parameters.get(linear.weight().name()),
                new TensorOptional(parameters.get(linear.bias().name())));
      } else if (operation instanceof SubsampledIdentity identity) {
        int before = identity.channelsBefore();
        int after = identity.output().channels() - identity.input().channels() - before;
        LongOptional all = new LongOptional();
        Tensor subsampled =
            in.slice(2, all, all, identity.stride()).slice(3, all, all, identity.stride());
        out = torch.pad(subsampled, 0, 0, 0, 0, before, after);
      } else {
        throw new IllegalStateException(operation.name());
      }
      values[operation.output().id()] = out;
    }
    return values[spec.output("logits").id()];
  }

  private Tensor conv(FusedConv conv, Tensor in, Tensor residual) {
    Window w = conv.window();
    Tensor bias = parameters.get(conv.name() + ".bias");
    Tensor out =
        torch.conv2d(
            in,
            parameters.get(conv.name() + ".weight"),
            bias == null ? new TensorOptional() : new TensorOptional(bias),
            pair(w.stride()),
            pair(w.padding()),
            pair(w.dilation()),
            conv.groups());
    if (task.training()) {
      Operation.BatchNorm bn = conv.batchNorm();
      out =
          torch.batch_norm(
              out,
              new TensorOptional(parameters.get(bn.gamma().name())),
              new TensorOptional(parameters.get(bn.beta().name())),
              new TensorOptional(parameters.get(bn.mean().name())),
              new TensorOptional(parameters.get(bn.variance().name())),
              true,
              bn.momentum(),
              bn.epsilon(),
              false);
    }
    if (residual != null) {
      out = out.add_(residual);
    }
    return conv.relu() ? out.relu_() : out;
  }

  private static long[] pair(int value) {
    return new long[] {value, value};
  }

  @Override
  public float[] answer() {
    return answer;
  }

  @Override
  public void close() {
    parameters.values().forEach(Tensor::close);
  }
}
