package io.resfuse.engine.cuda;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Value;

/**
 * How the image lies on the device.
 *
 * @param tensor its sizes, with the border of a stem where the first convolution is one
 * @param border rows and columns of zeros before the first pixel
 */
record StemImage(Activation tensor, int border) {
  static StemImage of(Shapes shapes, Layouts layouts) {
    Value image = shapes.network().input();
    for (Operation operation : shapes.network().operations()) {
      if (operation instanceof FusedConv conv
          && conv.input().equals(image)
          && layouts.of(conv).stem()) {
        return new StemImage(layouts.shape(conv, shapes).input(), conv.window().padding());
      }
    }
    return new StemImage(shapes.of(image), 0);
  }
}
