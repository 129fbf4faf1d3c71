package io.resfuse.cli;

import io.resfuse.data.image.Image;
import io.resfuse.data.image.PngEncoder;
import io.resfuse.platform.Printable;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;

/**
 * Draws a picture with the classes of its pixels in colours over it, and what they are beside it.
 */
final class SegmentPicture {
  private static final int LEAST_HEIGHT = 240;
  private static final int LEGEND = 240;
  private static final int MARGIN = 12;
  private static final int LINE = 20;

  private SegmentPicture() {}

  /**
   * The pixels of a class in a picture.
   *
   * @param index of the class
   * @param label of the class
   * @param pixels how many
   * @param share of the picture
   */
  record Part(int index, String label, long pixels, double share) {}

  /**
   * The contents of a PNG file. Small pictures are enlarged by a whole number; the background,
   * class 0, is left as it is.
   *
   * @param image the picture
   * @param map its classes
   * @param parts the largest first; those for which there is room are named
   */
  static byte[] png(Image image, Image map, List<Part> parts) throws IOException {
    int factor = Math.max(1, (LEAST_HEIGHT + image.height() - 1) / image.height());
    int width = factor * image.width();
    int height = factor * image.height();
    List<Part> named = parts.subList(0, Math.min(parts.size(), (height - MARGIN) / LINE));
    BufferedImage canvas =
        PanelPicture.draw(
            width,
            height,
            LEGEND,
            (x, y) -> blended(image, map, x / factor, y / factor),
            panel -> drawLegend(panel, named));
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    ImageIO.write(canvas, "png", png);
    return png.toByteArray();
  }

  private static int blended(Image image, Image map, int x, int y) {
    int number = map.sample(x, y, 0);
    int colour = 0;
    for (int channel = 0; channel < 3; channel++) {
      int sample = image.sample(x, y, image.channels() == 1 ? 0 : channel);
      int over = PngEncoder.colour(number) >> (16 - 8 * channel) & 0xff;
      colour = colour << 8 | (number == 0 ? sample : (sample + over) / 2);
    }
    return colour;
  }

  private static void drawLegend(Graphics2D graphics, List<Part> parts) {
    int y = MARGIN;
    for (Part part : parts) {
      graphics.setColor(new Color(PngEncoder.colour(part.index())));
      graphics.fillRect(MARGIN, y, 12, 12);
      graphics.setColor(new Color(0x222222));
      String percent = String.format(Locale.ROOT, "%.1f %%", part.share() * 100);
      graphics.drawString(percent + "  " + Printable.of(part.label()), MARGIN + 20, y + 11);
      y += LINE;
    }
  }
}
