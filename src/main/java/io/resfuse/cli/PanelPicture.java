package io.resfuse.cli;

import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.util.function.Consumer;
import java.util.function.IntBinaryOperator;

/** A picture with a white panel at its right, on which something is written. */
final class PanelPicture {
  private PanelPicture() {}

  /**
   * Draws it.
   *
   * @param width of the picture
   * @param height of both
   * @param panelWidth of the panel
   * @param pixels red, green and blue of a pixel, 8 bits each, by column and row
   * @param panel draws on the panel, whose left upper corner is (0, 0)
   */
  static BufferedImage draw(
      int width, int height, int panelWidth, IntBinaryOperator pixels, Consumer<Graphics2D> panel) {
    BufferedImage canvas =
        new BufferedImage(width + panelWidth, height, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        canvas.setRGB(x, y, pixels.applyAsInt(x, y));
      }
    }
    Graphics2D graphics = canvas.createGraphics();
    try {
      graphics.setRenderingHint(
          RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
      graphics.translate(width, 0);
      graphics.setColor(Color.WHITE);
      graphics.fillRect(0, 0, panelWidth, height);
      graphics.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 13));
      panel.accept(graphics);
    } finally {
      graphics.dispose();
    }
    return canvas;
  }
}
