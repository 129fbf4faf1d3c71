package io.resfuse.benchmarks.peers;

import io.resfuse.bench.Competitor;
import io.resfuse.bench.CompetitorProvider;
import io.resfuse.engine.EngineOptions;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;

/** Brings ONNX Runtime, LibTorch and DJL to {@code resfuse bench}. Stateless. */
public final class PeerProvider implements CompetitorProvider {
  @Override
  public Set<String> names() {
    return Arrays.stream(PeerKind.values()).map(PeerKind::toString).collect(Collectors.toSet());
  }

  @Override
  public Competitor open(String name, EngineOptions options) {
    return new PeerCompetitor(PeerKind.of(name), options.effectiveThreads());
  }
}
