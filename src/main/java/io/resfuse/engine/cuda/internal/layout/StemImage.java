package io.resfuse.engine.cuda.internal.layout;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Value;

/**
 * How the image lies on the device.
 *
 * @param tensor its sizes, with the border of a stem where the first convolution is one, or as
 *     narrow as a library takes it
 * @param border rows and columns of zeros before the first pixel
 */
public record StemImage(Activation tensor, int border) {
  public static StemImage of(Shapes shapes, Layouts layouts) {
    Value image = shapes.network().input();
    for (Operation operation : shapes.network().operations()) {
      if (operation instanceof FusedConv conv && conv.input().equals(image)) {
        Activation value = shapes.of(image);
        int channels = layouts.of(conv).packing().channels();
        if (layouts.of(conv).stem()) {
          return new StemImage(layouts.shape(conv, shapes).input(), conv.window().padding());
        }
        if (channels == WeightLayout.STEM_PITCH && value.pitch() > channels) {
          return new StemImage(value.withPitch(channels), 0);
        }
      }
    }
    return new StemImage(shapes.of(image), 0);
  }
}
