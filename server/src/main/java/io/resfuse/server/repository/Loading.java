package io.resfuse.server.repository;

import io.resfuse.batch.BatchOptions;
import io.resfuse.engine.Engine;
import io.resfuse.engine.Precision;
import org.jspecify.annotations.Nullable;

/**
 * How models are brought into the memory, where their own configuration does not say.
 *
 * @param engine all run on it; not owned
 * @param precision of the computation; null for the engine's usual one
 * @param batching how batches are formed
 */
public record Loading(Engine engine, @Nullable Precision precision, BatchOptions batching) {}
