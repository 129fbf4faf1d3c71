/**
 * What a plan is made of: steps on buffers without addresses, the time in which the buffers live,
 * and the memory and the graph that both become. Knows neither networks nor kernels. Internal: not
 * part of the published API.
 */
@NullMarked
package io.resfuse.engine.cuda.internal.program;

import org.jspecify.annotations.NullMarked;
