package io.resfuse.train.report;

import io.resfuse.data.dataset.Pictures;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageException;
import io.resfuse.data.image.PngEncoder;
import io.resfuse.data.image.Resampling;
import io.resfuse.report.Html;
import io.resfuse.train.Mistake;
import java.util.Base64;
import java.util.List;
import java.util.Locale;

/** The worst mistakes in a page, with their pictures as data. */
final class MistakePictures {
  private static final int LARGEST = 112;

  private MistakePictures() {}

  static String html(List<Mistake> mistakes, Pictures dataset) {
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

  private static String picture(Mistake mistake, Pictures dataset) {
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
    return "data:image/png;base64," + Base64.getEncoder().encodeToString(PngEncoder.opaque(small));
  }
}
