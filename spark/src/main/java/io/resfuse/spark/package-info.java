/**
 * ResNets over columns of pictures: {@link io.resfuse.spark.ResFuseTransformer}. Executors have one
 * engine each, which all their tasks share.
 */
package io.resfuse.spark;
