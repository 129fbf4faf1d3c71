/**
 * What engines have in common below {@link io.resfuse.engine.Engine}: the contract of plans ({@link
 * io.resfuse.engine.spi.AbstractInferencePlan}, {@link io.resfuse.engine.spi.AbstractTrainingPlan}:
 * their states, their checks and what they say), how long engines and networks live ({@link
 * io.resfuse.engine.spi.Lifetime}), which parameters and values have a gradient ({@link
 * io.resfuse.engine.spi.GradientFlow}), what an optimizer keeps ({@link
 * io.resfuse.engine.spi.OptimizerStates}), the memory of values by their lifetimes ({@link
 * io.resfuse.engine.spi.ArenaPlanner}), and several devices as one ({@link
 * io.resfuse.engine.spi.DeviceGroup}, {@link io.resfuse.engine.spi.ShardedTrainingPlan}, which
 * other processes may have shards of, too). Callers of engines need none of it. Uses {@code engine}
 * and {@code tensor}.
 */
@NullMarked
package io.resfuse.engine.spi;

import org.jspecify.annotations.NullMarked;
