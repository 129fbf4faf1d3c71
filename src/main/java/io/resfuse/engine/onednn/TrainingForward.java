package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.AveragePool;
import io.resfuse.engine.Operation.BatchNorm;
import io.resfuse.engine.Operation.BilinearResize;
import io.resfuse.engine.Operation.Concat;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.Value;
import io.resfuse.engine.onednn.Poolings.Pooling;
import io.resfuse.engine.onednn.TrainingWeights.Entry;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.jspecify.annotations.Nullable;

/** Adds the forward pass of each operation to a training plan. Not thread-safe. */
final class TrainingForward {
  private final Scope scope;
  private final int type;
  private final TrainingLayouts layouts;
  private final TrainingParts parts;
  private final TrainingWeights weights;
  private final WeightGradients gradients;
  private final Map<Operation, TrainingLayer> layers = new LinkedHashMap<>();
  private final Map<Linear, Buffer> linearWeights = new HashMap<>();
  private final List<BatchStatistics> statistics = new ArrayList<>();

  TrainingForward(TrainingLayouts layouts, TrainingParts parts, WeightGradients gradients) {
    this.scope = layouts.scope();
    this.type = layouts.type();
    this.layouts = layouts;
    this.parts = parts;
    this.weights = parts.weights();
    this.gradients = gradients;
  }

  /** What the backward pass of an operation needs; null if it was not added. */
  @Nullable TrainingLayer layer(Operation operation) {
    return layers.get(operation);
  }

  /** A linear layer's weights in the type of the products. */
  Buffer weightsOf(Linear linear) {
    return linearWeights.get(linear);
  }

  /** Those of all batch norms that train. */
  List<BatchStatistics> statistics() {
    return statistics;
  }

  void add(Operation operation, int time) {
    if (operation instanceof FusedConv conv) {
      forward(conv, time);
    } else if (operation instanceof MaxPool pool) {
      pool(pool, Pooling.of(pool), layouts.desc(pool.output()), time);
    } else if (operation instanceof AveragePool pool) {
      Pooling pooling = Pooling.of(pool, layouts.shape(pool.input()));
      pool(pool, pooling, layouts.desc(pool.output()), time);
    } else if (operation instanceof SqueezeExcite gating) {
      TrainingLayer layer = new TrainingLayer(null);
      layers.put(gating, layer);
      layer.gate = new GateSteps(parts, layouts, gating);
      layer.gate.forward(time);
    } else if (operation instanceof BilinearResize resize) {
      forward(resize, time);
    } else if (operation instanceof Concat concat) {
      forward(concat, time);
    } else if (operation instanceof GlobalAveragePool pool) {
      Pooling pooling = Pooling.ofAll(layouts.shape(pool.input()));
      pool(pool, pooling, layouts.pooled(pool.output()), time);
    } else if (operation instanceof SubsampledIdentity identity) {
      forward(identity, time);
    } else if (operation instanceof Linear linear) {
      forward(linear, time);
    } else {
      throw new EngineException("onednn: no implementation of " + operation.getClass());
    }
  }

  private void forward(FusedConv conv, int time) {
    dnnl_memory_desc target = layouts.desc(conv.output());
    FastConvolution fast = layouts.fast(conv);
    dnnl_primitive_desc desc = fast == null ? gradients.convolution(conv) : null;
    Entry weight = convolutionWeights(conv);
    TrainingLayer layer = new TrainingLayer(desc);
    layers.put(conv, layer);
    Buffer out = parts.valueOf(conv.output());
    Buffer y = conv.batchNorm() == null ? out : parts.arena(target);
    layer.y = y;
    Entry biasEntry = conv.bias() == null ? null : parts.parameter(conv.bias());
    Buffer bias = biasEntry == null ? null : biasEntry.master();
    BatchNorm norm = conv.batchNorm();
    BatchStatistics stats = norm == null ? null : statisticsOf(conv, norm);
    layer.statistics = stats;
    // Fast convolutions give the statistics of the batch, unless the norm's are frozen.
    boolean known = fast != null && parts.flow().takesBatchStatistics(conv);
    if (fast != null) {
      Buffer x = parts.valueOf(conv.input());
      FastSteps fastSteps = new FastSteps(scope, parts, conv, weight);
      fastSteps.forward(fast, x, bias, y, known ? stats : null, time);
    } else {
      direct(conv, desc, weight, biasEntry, y, time);
    }
    if (norm != null && stats != null) {
      normalise(conv, norm, stats, known, layer, target, y, out, time);
    }
    residualAndRelu(conv, layer, target, out, time);
  }

  private void direct(
      FusedConv conv,
      dnnl_primitive_desc desc,
      Entry weight,
      @Nullable Entry biasEntry,
      Buffer y,
      int time) {
    dnnl_memory_desc bias = layouts.bias(conv);
    Buffer packed = parts.packed(weight, PrimitiveDescs.weightsOf(desc));
    for (Steps steps : parts.forwards()) {
      Steps.Step step =
          steps
              .add(conv.name(), desc, time)
              .with(DNNL_ARG_SRC, layouts.desc(conv.input()), parts.valueOf(conv.input()))
              .with(DNNL_ARG_WEIGHTS, PrimitiveDescs.weightsOf(desc), packed)
              .with(DNNL_ARG_DST, layouts.desc(conv.output()), y);
      if (bias != null && biasEntry != null) {
        step.with(DNNL_ARG_BIAS, bias, biasEntry.master());
      }
    }
  }

  private void residualAndRelu(
      FusedConv conv, TrainingLayer layer, dnnl_memory_desc target, Buffer out, int time) {
    Value residual = conv.residual();
    if (layer.fused != null) {
      return;
    }
    if (residual != null) {
      dnnl_primitive_desc sum = Pointwise.add(scope, target, target, target, conv.relu());
      for (Steps steps : parts.forwards()) {
        steps
            .add(conv.name() + " + residual", sum, time)
            .with(DNNL_ARG_SRC_0, target, out)
            .with(DNNL_ARG_SRC_1, target, parts.valueOf(residual))
            .with(DNNL_ARG_DST, target, out);
      }
    } else if (conv.relu() && conv.batchNorm() == null) {
      dnnl_primitive_desc relu = Pointwise.relu(scope, dnnl_forward_training, target);
      for (Steps steps : parts.forwards()) {
        steps
            .add(conv.name() + " ReLU", relu, time)
            .with(DNNL_ARG_SRC, target, out)
            .with(DNNL_ARG_DST, target, out);
      }
    }
  }

  /** The master's layout is that in which the weights' gradient comes. */
  private Entry convolutionWeights(FusedConv conv) {
    dnnl_memory_desc plain =
        Dnnl.plainWeights(scope, conv.groups(), Descs.dims(conv.weight().shape()));
    dnnl_memory_desc layout = plain;
    if (parts.flow().trains(conv.weight())) {
      layout = gradients.of(conv).layout();
    }
    return weights.add(conv.weight(), plain, layout);
  }

  /** A batch norm's parameters, and room for its statistics. */
  private BatchStatistics statisticsOf(FusedConv conv, BatchNorm norm) {
    parts.parameter(norm.gamma());
    parts.parameter(norm.beta());
    Buffer mean = parts.parameter(norm.mean()).master();
    Buffer variance = parts.parameter(norm.variance()).master();
    boolean frozen = !parts.flow().takesBatchStatistics(conv);
    int channels = conv.output().channels();
    long bytes = Dnnl.bytes(Dnnl.vector(scope, channels));
    BatchStatistics stats =
        new BatchStatistics(
            norm,
            channels,
            layouts.shape(conv.output()).elements() / channels,
            frozen ? mean : weights.allocate(bytes),
            frozen ? variance : weights.allocate(bytes),
            mean,
            variance);
    if (!frozen) {
      statistics.add(stats);
    }
    return stats;
  }

  private void normalise(
      FusedConv conv,
      BatchNorm norm,
      BatchStatistics stats,
      boolean known,
      TrainingLayer layer,
      dnnl_memory_desc target,
      Buffer y,
      Buffer out,
      int time) {
    boolean frozen = !parts.flow().takesBatchStatistics(conv);
    boolean relu = conv.relu() && conv.residual() == null;
    int affine = dnnl_use_scale | dnnl_use_shift;
    int fused = affine | (relu ? dnnl_fuse_norm_relu : 0);
    layer.flags = fused | (frozen ? dnnl_use_global_stats : 0);
    dnnl_memory_desc vector = Dnnl.vector(scope, conv.output().channels());
    Entry gamma = weights.get(norm.gamma());
    Entry beta = weights.get(norm.beta());
    Shape shape = layouts.shape(conv.output());
    if (FusedNorm.canTake(layouts)) {
      Value residual = conv.residual();
      Buffer added = residual == null ? null : parts.valueOf(residual);
      layer.fused = new FusedNorm(scope, parts, layouts, conv, norm, stats);
      layer.fused.forward(y, out, added, known, time);
      return;
    }
    ChannelSlices slices = frozen ? null : ChannelSlices.of(scope, layouts.format(), type, shape);
    if (slices != null) {
      layer.sliced = new SlicedNorm(scope, parts, slices, norm, stats);
      layer.sliced.statistics(y, type, out, time);
    }
    int given = slices == null ? 0 : dnnl_use_global_stats;
    dnnl_primitive_desc training =
        BatchNorms.forward(
            scope, dnnl_forward_training, target, target, norm.epsilon(), layer.flags | given);
    layer.norm = training;
    Steps.Step step =
        parts
            .forward()
            .add(norm.gamma().name(), training, time)
            .with(DNNL_ARG_SRC, target, y)
            .with(DNNL_ARG_DST, target, out)
            .with(DNNL_ARG_MEAN, vector, stats.mean())
            .with(DNNL_ARG_VARIANCE, vector, stats.variance())
            .with(DNNL_ARG_SCALE, vector, gamma.master())
            .with(DNNL_ARG_SHIFT, vector, beta.master());
    if (relu) {
      dnnl_memory_desc workspace = PrimitiveDescs.workspaceOf(training);
      Buffer mask = parts.arena(workspace);
      layer.workspace = mask;
      step.with(DNNL_ARG_WORKSPACE, workspace, mask);
    }
    parts
        .evaluation()
        .add(
            norm.gamma().name(),
            BatchNorms.forward(
                scope,
                dnnl_forward_inference,
                target,
                target,
                norm.epsilon(),
                fused | dnnl_use_global_stats),
            time)
        .with(DNNL_ARG_SRC, target, y)
        .with(DNNL_ARG_DST, target, out)
        .with(DNNL_ARG_MEAN, vector, stats.runningMean())
        .with(DNNL_ARG_VARIANCE, vector, stats.runningVariance())
        .with(DNNL_ARG_SCALE, vector, gamma.master())
        .with(DNNL_ARG_SHIFT, vector, beta.master());
  }

  private void pool(Operation pool, Pooling pooling, dnnl_memory_desc target, int time) {
    Value in = pool.inputs().get(0);
    dnnl_primitive_desc desc =
        Poolings.forward(scope, dnnl_forward_training, pooling, layouts.desc(in), target);
    TrainingLayer layer = new TrainingLayer(desc);
    layers.put(pool, layer);
    dnnl_memory_desc workspace = PrimitiveDescs.workspaceOf(desc);
    if (Dnnl.bytes(workspace) > 0) {
      layer.workspace = parts.arena(workspace);
    }
    for (Steps steps : parts.forwards()) {
      Steps.Step step =
          steps
              .add(pool.name(), desc, time)
              .with(DNNL_ARG_SRC, layouts.desc(in), parts.valueOf(in))
              .with(DNNL_ARG_DST, target, parts.valueOf(pool.output()));
      if (layer.workspace != null) {
        step.with(DNNL_ARG_WORKSPACE, workspace, layer.workspace);
      }
    }
  }

  private void forward(BilinearResize resize, int time) {
    dnnl_memory_desc from = layouts.desc(resize.input());
    dnnl_memory_desc to = layouts.desc(resize.output());
    dnnl_primitive_desc desc = Maps.resize(scope, dnnl_forward_training, from, to);
    layers.put(resize, new TrainingLayer(desc));
    for (Steps steps : parts.forwards()) {
      steps
          .add(resize.name(), desc, time)
          .with(DNNL_ARG_SRC, from, parts.valueOf(resize.input()))
          .with(DNNL_ARG_DST, to, parts.valueOf(resize.output()));
    }
  }

  private void forward(Concat concat, int time) {
    List<dnnl_memory_desc> sources = concat.inputs().stream().map(layouts::desc).toList();
    dnnl_memory_desc target = layouts.desc(concat.output());
    dnnl_primitive_desc desc = Maps.concat(scope, sources, target);
    layers.put(concat, new TrainingLayer(desc));
    for (Steps steps : parts.forwards()) {
      Steps.Step step =
          steps
              .add(concat.name(), desc, time)
              .with(DNNL_ARG_DST, target, parts.valueOf(concat.output()));
      for (int i = 0; i < sources.size(); i++) {
        Buffer source = parts.valueOf(concat.inputs().get(i));
        step.with(DNNL_ARG_MULTIPLE_SRC + i, sources.get(i), source);
      }
    }
  }

  private void forward(SubsampledIdentity identity, int time) {
    dnnl_primitive_desc desc =
        Convolutions.forward(
            scope,
            dnnl_forward_training,
            layouts.desc(identity.input()),
            Dnnl.anyWeights(scope, type, 1, Descs.selectionDims(identity)),
            null,
            layouts.desc(identity.output()),
            Descs.selectionWindow(identity),
            Attributes.none(scope));
    layers.put(identity, new TrainingLayer(desc));
    Buffer selection = parts.selection(identity, PrimitiveDescs.weightsOf(desc));
    for (Steps steps : parts.forwards()) {
      steps
          .add(identity.name(), desc, time)
          .with(DNNL_ARG_SRC, layouts.desc(identity.input()), parts.valueOf(identity.input()))
          .with(DNNL_ARG_WEIGHTS, PrimitiveDescs.weightsOf(desc), selection)
          .with(DNNL_ARG_DST, layouts.desc(identity.output()), parts.valueOf(identity.output()));
    }
  }

  private void forward(Linear linear, int time) {
    long in = linear.input().channels();
    long out = linear.output().channels();
    Entry weight = parts.parameter(linear.weight());
    Entry bias = parts.parameter(linear.bias());
    Buffer matrix = parts.packed(weight, Dnnl.matrix(scope, type, out, in));
    dnnl_memory_desc transposed =
        Dnnl.strided(scope, type, new long[] {in, out}, new long[] {1, in});
    dnnl_memory_desc row = Dnnl.matrix(scope, Dnnl.F32, 1, out);
    dnnl_primitive_desc desc =
        MatrixProducts.of(
            scope, layouts.desc(linear.input()), transposed, row, layouts.desc(linear.output()));
    layers.put(linear, new TrainingLayer(desc));
    for (Steps steps : parts.forwards()) {
      steps
          .add(linear.name(), desc, time)
          .with(DNNL_ARG_SRC, layouts.desc(linear.input()), parts.valueOf(linear.input()))
          .with(DNNL_ARG_WEIGHTS, transposed, matrix)
          .with(DNNL_ARG_BIAS, row, bias.master())
          .with(DNNL_ARG_DST, layouts.desc(linear.output()), parts.valueOf(linear.output()));
    }
    linearWeights.put(linear, matrix);
  }
}
