package io.resfuse.cli;

import io.resfuse.Prediction;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.Resampling;
import io.resfuse.platform.Printable;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;

/** Draws a picture with what it shows beside it, as bars. */
final class PredictionPicture {
  private static final int HEIGHT = 240;
  private static final int BARS = 330;
  private static final int MARGIN = 16;

  private PredictionPicture() {}

  /**
   * Writes a PNG.
   *
   * @param image the picture
   * @param predictions best first; the first seven are drawn
   * @param target where
   */
  static void write(Image image, List<Prediction> predictions, Path target) throws IOException {
    int width = Math.max(1, Math.round((float) image.width() * HEIGHT / image.height()));
    Image small = image.resized(width, HEIGHT, Resampling.BILINEAR);
    List<Prediction> shown = predictions.subList(0, Math.min(7, predictions.size()));
    BufferedImage canvas =
        PanelPicture.draw(
            width, HEIGHT, BARS, (x, y) -> rgb(small, x, y), panel -> drawBars(panel, shown));
    // Not by ImageIO's own way to files, which makes text of their names.
    try (OutputStream stream = Files.newOutputStream(target)) {
      ImageIO.write(canvas, "png", stream);
    }
  }

  private static int rgb(Image image, int x, int y) {
    int red = image.sample(x, y, 0);
    int green = image.sample(x, y, image.channels() == 1 ? 0 : 1);
    int blue = image.sample(x, y, image.channels() == 1 ? 0 : 2);
    return red << 16 | green << 8 | blue;
  }

  private static void drawBars(Graphics2D graphics, List<Prediction> predictions) {
    int step = (HEIGHT - MARGIN) / predictions.size();
    int y = MARGIN;
    for (Prediction prediction : predictions) {
      graphics.setColor(new Color(0x222222));
      String percent = String.format(Locale.ROOT, "%.1f %%", prediction.probability() * 100);
      String label = Printable.of(prediction.label().replace('_', ' '));
      graphics.drawString(percent + "  " + label, MARGIN, y + 10);
      graphics.setColor(new Color(0xdddddd));
      graphics.fillRect(MARGIN, y + 15, BARS - 2 * MARGIN, 8);
      graphics.setColor(new Color(0x2a6fbb));
      int length = (int) Math.round((BARS - 2 * MARGIN) * prediction.probability());
      graphics.fillRect(MARGIN, y + 15, length, 8);
      y += step;
    }
  }
}
