package io.resfuse.bench;

import io.resfuse.engine.PlanMemory;

/**
 * What a plan needs and what there is.
 *
 * @param plan by use, in bytes
 * @param place whose memory it is: {@code host}, or a device
 * @param available bytes that can be had there
 */
public record MemoryNeed(PlanMemory plan, String place, long available) {}
