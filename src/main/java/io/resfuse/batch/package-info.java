/**
 * Dynamic batching: many threads submit single images, a {@link io.resfuse.batch.Batcher} runs them
 * in batches.
 */
@NullMarked
package io.resfuse.batch;

import org.jspecify.annotations.NullMarked;
