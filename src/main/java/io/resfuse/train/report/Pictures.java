package io.resfuse.train.report;

import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageException;
import io.resfuse.data.image.Resampling;
import io.resfuse.report.Html;
import io.resfuse.train.Mistake;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;

/** Pictures in a page, as data. */
final class Pictures {
  private static final int LARGEST = 112;

  private Pictures() {}

  static String html(List<Mistake> mistakes, Dataset dataset) {
    StringBuilder text = new StringBuilder("<div class=\"pictures\">\n");
    for (Mistake mistake : mistakes) {
      text.append("<div>").append(picture(mistake, dataset)).append("<b>");
      text.append(Html.escaped(dataset.classes().get(mistake.label())));
      text.append("</b>, seen as <b>");
      text.append(Html.escaped(dataset.classes().get(mistake.predicted())));
      text.append(
          String.format(
              Locale.ROOT, "</b> (%.0f%%)</div>\n", 100 * mistake.predictedProbability()));
    }
    return text.append("</div>\n").toString();
  }

  private static String picture(Mistake mistake, Dataset dataset) {
    try {
      return "<img alt=\""
          + Html.escaped(dataset.describe(mistake.sample()))
          + "\" src=\""
          + dataUri(dataset.image(mistake.sample()))
          + "\"/>";
    } catch (ImageException e) {
      return "";
    }
  }

  /** A picture as a PNG of at most {@link #LARGEST} pixels a side. */
  static String dataUri(Image image) {
    int longest = Math.max(image.width(), image.height());
    Image small = image;
    if (longest > LARGEST) {
      small =
          image.resized(
              Math.max(1, image.width() * LARGEST / longest),
              Math.max(1, image.height() * LARGEST / longest),
              Resampling.BILINEAR);
    }
    int type = small.channels() == 1 ? BufferedImage.TYPE_BYTE_GRAY : BufferedImage.TYPE_INT_RGB;
    BufferedImage drawn = new BufferedImage(small.width(), small.height(), type);
    for (int y = 0; y < small.height(); y++) {
      for (int x = 0; x < small.width(); x++) {
        if (small.channels() == 1) {
          drawn.getRaster().setSample(x, y, 0, small.sample(x, y, 0));
        } else {
          int rgb =
              small.sample(x, y, 0) << 16 | small.sample(x, y, 1) << 8 | small.sample(x, y, 2);
          drawn.setRGB(x, y, rgb);
        }
      }
    }
    try {
      ByteArrayOutputStream png = new ByteArrayOutputStream();
      ImageIO.write(drawn, "png", png);
      return "data:image/png;base64," + Base64.getEncoder().encodeToString(png.toByteArray());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
