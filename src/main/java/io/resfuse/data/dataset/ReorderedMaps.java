package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.image.Image;
import io.resfuse.platform.Printable;
import java.util.List;

/** Another data set with its classes at other numbers, matched by name. */
final class ReorderedMaps extends PicturesView<SegmentationDataset> implements SegmentationDataset {
  private final List<String> classes;

  /** By the other's number. */
  private final byte[] numbers = new byte[IGNORED + 1];

  ReorderedMaps(SegmentationDataset whole, List<String> classes) {
    super(whole);
    this.classes = List.copyOf(classes);
    List<String> others = whole.classes();
    for (int i = 0; i < others.size(); i++) {
      int number = classes.indexOf(others.get(i));
      if (number < 0) {
        throw new DataException(
            "%s: class '%s' is none of %s"
                .formatted(
                    Printable.of(whole.name()),
                    Printable.of(others.get(i)),
                    Printable.beginning(classes, 12)));
      }
      numbers[i] = (byte) number;
    }
    numbers[IGNORED] = (byte) IGNORED;
  }

  @Override
  public List<String> classes() {
    return classes;
  }

  @Override
  public Image map(int index) {
    Image map = whole.map(source(index));
    byte[] pixels = map.pixels().clone();
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = numbers[pixels[i] & 0xff];
    }
    return Image.grey(map.width(), map.height(), pixels);
  }
}
