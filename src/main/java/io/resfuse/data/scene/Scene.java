package io.resfuse.data.scene;

import io.resfuse.data.image.Image;
import io.resfuse.detect.BoxList;

/**
 * A picture of several garments, and what is where in it.
 *
 * @param picture three channels
 * @param map one channel: 0 on the ground, 1 + the garment's class on a garment
 * @param owners one channel: 0 on the ground, 1 + the number of the garment that is seen
 * @param garments by number: the box around what is seen of each, its class, the pixels that are
 *     seen as its area
 */
public record Scene(Image picture, Image map, Image owners, BoxList garments) {}
