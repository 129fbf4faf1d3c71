/**
 * Pictures and data sets, in four packages: {@code image} decodes and prepares, {@code augment}
 * changes at random, {@code dataset} knows pictures and their labels, {@code loader} makes batches
 * of them; each uses those before it. Here is what all share. Uses {@code tensor} and {@code
 * platform} only.
 */
@NullMarked
package io.resfuse.data;

import org.jspecify.annotations.NullMarked;
