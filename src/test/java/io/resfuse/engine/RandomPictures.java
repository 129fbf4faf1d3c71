package io.resfuse.engine;

import io.resfuse.quantize.Pictures;
import java.nio.FloatBuffer;

/** Random images of a network. */
public record RandomPictures(NetworkSpec network, int count, int height, int width)
    implements Pictures {
  /** One of them. */
  public float[] image(int index) {
    return TestData.images(
        network.name() + "/picture" + index, network.input().channels() * height * width);
  }

  @Override
  public void write(int index, FloatBuffer target) {
    target.put(0, image(index));
  }
}
