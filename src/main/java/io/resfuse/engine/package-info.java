/**
 * What callers know of engines: what a network is ({@link io.resfuse.engine.NetworkSpec}, a list of
 * fused operations), and how engines run it ({@link io.resfuse.engine.Engine}, {@link
 * io.resfuse.engine.LoadedNetwork}, {@link io.resfuse.engine.InferencePlan}, {@link
 * io.resfuse.engine.TrainingPlan}), within how much memory if they are told to, with how many other
 * processes ({@link io.resfuse.engine.Communicator}), and with which integers in int8 ({@link
 * io.resfuse.engine.QuantizedNetwork}). Uses {@code tensor} only; each engine lives in a package
 * below, and what they share in {@code io.resfuse.engine.spi}.
 */
@NullMarked
package io.resfuse.engine;

import org.jspecify.annotations.NullMarked;
