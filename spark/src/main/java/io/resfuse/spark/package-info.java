/**
 * ResNets over columns of pictures: {@link io.resfuse.spark.ResFuseTransformer}, for which
 * executors have one engine each that all their tasks share, and {@link
 * io.resfuse.spark.ResFuseTrainer}, whose tasks train one network together.
 */
package io.resfuse.spark;
