package io.resfuse.benchmarks.peers;

import io.resfuse.bench.report.Workload;
import io.resfuse.engine.Engine;
import io.resfuse.engine.Precision;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/** The peers that there are. */
enum PeerKind {
  ONNXRUNTIME("ONNX Runtime, CPU provider", OnnxRuntimePeer::new),
  LIBTORCH("LibTorch, channels-last", () -> new LibTorchPeer(true)),
  LIBTORCH_CONTIGUOUS("LibTorch, contiguous", () -> new LibTorchPeer(false)),
  DJL("DJL on PyTorch", DjlPeer::new),
  ONEDNN_SPINNING("engine onednn, always spinning", SpinningPeer::new);

  private final String description;
  private final Supplier<Peer> constructor;

  PeerKind(String description, Supplier<Peer> constructor) {
    this.description = description;
    this.constructor = constructor;
  }

  static PeerKind of(String name) {
    return Arrays.stream(values()).filter(kind -> kind.toString().equals(name)).findFirst().get();
  }

  /** What it is, without loading anything of it. */
  String description() {
    return description;
  }

  /** What its process finds in its environment. */
  Map<String, String> environment() {
    return this == ONEDNN_SPINNING ? Map.of("GOMP_SPINCOUNT", SpinningPeer.SPIN_COUNT) : Map.of();
  }

  Peer open() {
    return constructor.get();
  }

  /** In int8 what has kernels for that, and is asked for it; else in fp32. */
  Precision precision(Workload workload) {
    return this == ONNXRUNTIME && workload.precision() == Precision.INT8
        ? Precision.INT8
        : Precision.FP32;
  }

  /** Whether, in int8, its additions take bytes: {@link OnnxRuntimePeer#write} says why. */
  boolean roundsSums(Workload workload) {
    return precision(workload) == Precision.INT8;
  }

  Optional<String> whyNot(Workload workload) {
    if (workload.precision() == Precision.FP64) {
      return Optional.of("peers run in fp32, which is coarser");
    }
    return this == ONNXRUNTIME && workload.mode() == Engine.Mode.TRAINING
        ? Optional.of("its Java package has no training")
        : Optional.empty();
  }

  /** As options write it. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
