package io.resfuse.engine;

import java.util.ArrayList;
import java.util.List;

/**
 * How pixels of 8 bits become a network's input: {@code fma(pixel, scale, bias)} per channel, in
 * float32.
 *
 * @param scale one per channel of the network
 * @param bias one per channel of the network
 */
public record PixelScaling(List<Float> scale, List<Float> bias) {
  /**
   * Copies the lists.
   *
   * @param scale one per channel of the network
   * @param bias one per channel of the network
   * @throws IllegalArgumentException if they are not of the same length
   */
  public PixelScaling {
    scale = List.copyOf(scale);
    bias = List.copyOf(bias);
    if (scale.size() != bias.size()) {
      throw new IllegalArgumentException(
          "a factor and a bias per channel are needed, got " + scale + " and " + bias);
    }
  }

  /**
   * That of {@code (pixel / divisor - mean) / std}, up to the rounding: factor and bias are found
   * in float64.
   *
   * @param divisor 255 for networks that take 0 to 1, else 1
   * @param mean one per channel
   * @param std one per channel, above 0
   * @return factors and biases
   */
  public static PixelScaling of(float divisor, List<Float> mean, List<Float> std) {
    List<Float> scale = new ArrayList<>();
    List<Float> bias = new ArrayList<>();
    for (int channel = 0; channel < mean.size(); channel++) {
      double deviation = std.get(channel);
      scale.add((float) (1 / (divisor * deviation)));
      bias.add((float) (-mean.get(channel) / deviation));
    }
    return new PixelScaling(scale, bias);
  }

  /**
   * The network's input for a pixel.
   *
   * @param channel of the network
   * @param pixel 0 to 255
   * @return the float, as engines compute it
   */
  public float value(int channel, int pixel) {
    return Math.fma((float) pixel, scale.get(channel), bias.get(channel));
  }

  /**
   * The number of channels.
   *
   * @return at least 0
   */
  public int channels() {
    return scale.size();
  }
}
