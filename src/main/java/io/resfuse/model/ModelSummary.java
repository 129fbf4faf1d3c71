package io.resfuse.model;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.AveragePool;
import io.resfuse.engine.Operation.BilinearResize;
import io.resfuse.engine.Operation.Concat;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What a network weighs: a row per operation and the sums. Parameters count what training changes;
 * running statistics are counted apart. One multiply-add is two FLOPs; only convolutions and linear
 * layers are counted, as papers do (their "FLOPs" are often multiply-adds: half of these).
 * Activation memory is that of every operation's float32 output, nothing shared.
 *
 * @param network its name
 * @param inputShape (batch, channels, height, width)
 * @param rows one per operation
 */
public record ModelSummary(String network, Shape inputShape, List<Row> rows) {
  /**
   * One operation.
   *
   * @param name torchvision's name
   * @param kind what it computes, {@code conv 3x3/2 + bn + relu}
   * @param output its result's shape
   * @param parameters trainable elements
   * @param buffers elements of running statistics
   * @param flops twice the multiply-adds
   * @param activationBytes of its output in float32
   * @param layer whether it counts in the depth: a convolution or linear layer, not a projection
   */
  public record Row(
      String name,
      String kind,
      Shape output,
      long parameters,
      long buffers,
      long flops,
      long activationBytes,
      boolean layer) {}

  /**
   * Copies the rows.
   *
   * @param network as in the record
   * @param inputShape as in the record
   * @param rows as in the record
   */
  public ModelSummary {
    rows = List.copyOf(rows);
  }

  /**
   * Summarises a network for one image.
   *
   * @param network any
   * @param height rows
   * @param width columns
   * @return its summary
   */
  public static ModelSummary of(NetworkSpec network, int height, int width) {
    List<Shape> shapes = network.shapes(1, height, width);
    List<Row> rows = new ArrayList<>();
    for (Operation operation : network.operations()) {
      long parameters = 0;
      long buffers = 0;
      for (ParameterSpec parameter : operation.parameters()) {
        if (parameter.isTrainable()) {
          parameters += parameter.shape().elements();
        } else {
          buffers += parameter.shape().elements();
        }
      }
      Shape output = shapes.get(operation.output().id());
      rows.add(
          new Row(
              operation.name(),
              kind(operation),
              output,
              parameters,
              buffers,
              flops(operation, output),
              output.elements() * Float.BYTES,
              isLayer(operation)));
    }
    return new ModelSummary(network.name(), shapes.get(network.input().id()), rows);
  }

  /**
   * The layers that the network's name counts.
   *
   * @return convolutions and linear layers, without projections
   */
  public int layers() {
    return (int) rows.stream().filter(Row::layer).count();
  }

  /**
   * Trainable elements.
   *
   * @return the published "number of parameters"
   */
  public long parameters() {
    return rows.stream().mapToLong(Row::parameters).sum();
  }

  /**
   * Elements of running statistics.
   *
   * @return means and variances
   */
  public long buffers() {
    return rows.stream().mapToLong(Row::buffers).sum();
  }

  /**
   * Twice the multiply-adds of convolutions and linear layers for one image.
   *
   * @return floating-point operations
   */
  public long flops() {
    return rows.stream().mapToLong(Row::flops).sum();
  }

  /**
   * Float32 outputs of all operations for one image.
   *
   * @return bytes
   */
  public long activationBytes() {
    return rows.stream().mapToLong(Row::activationBytes).sum();
  }

  private static boolean isLayer(Operation operation) {
    return operation instanceof Linear
        || (operation instanceof FusedConv && !operation.name().contains(".downsample."));
  }

  private static long flops(Operation operation, Shape output) {
    if (operation instanceof FusedConv conv) {
      Shape weight = conv.weight().shape();
      return 2L * output.elements() * (weight.elements() / weight.dimension(0));
    }
    if (operation instanceof SqueezeExcite gating) {
      return 4L * output.dimension(0) * gating.reduceWeight().shape().elements();
    }
    if (operation instanceof Linear linear) {
      return 2L * output.dimension(0) * linear.weight().shape().elements();
    }
    return 0;
  }

  private static String kind(Operation operation) {
    if (operation instanceof FusedConv conv) {
      StringBuilder kind = new StringBuilder("conv " + window(conv.window()));
      if (conv.window().dilation() > 1) {
        kind.append(" dilated ").append(conv.window().dilation());
      }
      if (conv.groups() > 1) {
        kind.append(" in ").append(conv.groups()).append(" groups");
      }
      kind.append(conv.batchNorm() == null ? "" : " + bn");
      kind.append(conv.residual() == null ? "" : " + add");
      kind.append(conv.relu() ? " + relu" : "");
      return kind.toString();
    }
    if (operation instanceof MaxPool pool) {
      return "max pool " + window(pool.window());
    }
    if (operation instanceof AveragePool pool) {
      return "average pool " + pool.size() + "x" + pool.size() + "/" + pool.size();
    }
    if (operation instanceof SqueezeExcite gating) {
      return "squeeze and excite by "
          + gating.reduced()
          + (gating.residual() == null ? "" : " + add")
          + (gating.relu() ? " + relu" : "");
    }
    if (operation instanceof SubsampledIdentity identity) {
      return "subsample /" + identity.stride() + ", pad channels";
    }
    if (operation instanceof BilinearResize) {
      return "resize bilinearly";
    }
    if (operation instanceof Concat concat) {
      return "concatenate " + concat.inputs().size();
    }
    return operation instanceof GlobalAveragePool ? "average pool" : "linear";
  }

  private static String window(Operation.Window window) {
    String size = window.kernel() + "x" + window.kernel();
    return window.stride() == 1 ? size : size + "/" + window.stride();
  }

  /** A table for a terminal. */
  @Override
  public String toString() {
    int nameWidth = rows.stream().mapToInt(row -> row.name().length()).max().orElse(4);
    int kindWidth = rows.stream().mapToInt(row -> row.kind().length()).max().orElse(4);
    String format = "%-" + nameWidth + "s  %-" + kindWidth + "s  %16s  %12s  %9s  %9s%n";
    StringBuilder table = new StringBuilder();
    table.append(
        String.format(
            Locale.ROOT, format, "name", "operation", "output", "parameters", "MFLOP", "act. MiB"));
    for (Row row : rows) {
      table.append(
          String.format(
              Locale.ROOT,
              format,
              row.name(),
              row.kind(),
              row.output(),
              String.format(Locale.ROOT, "%,d", row.parameters()),
              String.format(Locale.ROOT, "%,.1f", row.flops() / 1e6),
              String.format(Locale.ROOT, "%.2f", row.activationBytes() / 1048576.0)));
    }
    table.append(
        String.format(
            Locale.ROOT,
            "%s for %s: %d layers, %,d parameters (+ %,d running statistics), %.2f GFLOP (%.2f G"
                + " multiply-adds), %.1f MiB of activations%n",
            network,
            inputShape,
            layers(),
            parameters(),
            buffers(),
            flops() / 1e9,
            flops() / 2e9,
            activationBytes() / 1048576.0));
    return table.toString();
  }
}
