package io.resfuse.cli;

import io.resfuse.data.DataException;
import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.dataset.PictureFiles;
import io.resfuse.data.dataset.Split;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.data.image.Preprocessor;
import io.resfuse.data.image.Reduction;
import io.resfuse.platform.FileNames;
import io.resfuse.quantize.Pictures;
import io.resfuse.quantize.QuantizationException;
import io.resfuse.tensor.TensorLayout;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/**
 * Pictures of a folder, or the training pictures of a data set; of more than are wanted, some at
 * even distances. Thread-safe.
 */
final class CalibrationPictures implements Pictures {
  private final Source source;
  private final int count;
  private final int all;
  private final Preprocessing preprocessing;
  private final ThreadLocal<Preprocessor> preprocessors;

  /** Gives a picture. */
  private interface Source {
    Image image(int index, PixelScratch scratch, Reduction needed);
  }

  private CalibrationPictures(Source source, int all, int most, Preprocessing preprocessing) {
    this.source = source;
    this.all = all;
    this.count = Math.min(all, most);
    this.preprocessing = preprocessing;
    this.preprocessors = ThreadLocal.withInitial(preprocessing::newPreprocessor);
  }

  /**
   * Looks what is there.
   *
   * @param name a folder with pictures somewhere below it, or a data set
   * @param most how many are wanted
   * @param problems told of folders that cannot be read
   */
  static CalibrationPictures of(
      String name, int most, Preprocessing preprocessing, Consumer<DataException> problems) {
    Path path = FileNames.path(name);
    if (Files.isDirectory(path)) {
      List<Path> files = PictureFiles.in(path, problems);
      if (!files.isEmpty()) {
        ImageDecoder decoder = new ImageDecoder();
        return new CalibrationPictures(
            (i, scratch, needed) -> decoder.read(files.get(i), scratch, needed),
            files.size(),
            most,
            preprocessing);
      }
    }
    try {
      Dataset data = DataChoice.open(name, Split.TRAIN);
      return new CalibrationPictures(data::image, data.size(), most, preprocessing);
    } catch (DataException e) {
      if (Files.isDirectory(path)) {
        throw new QuantizationException(
            FileNames.shown(path)
                + ": no pictures ("
                + String.join(", ", PictureFiles.ENDINGS)
                + ") and no data set are in this folder; give one with pictures like those to come");
      }
      throw e;
    }
  }

  @Override
  public int count() {
    return count;
  }

  @Override
  public int height() {
    return preprocessing.cropHeight();
  }

  @Override
  public int width() {
    return preprocessing.cropWidth();
  }

  @Override
  public void write(int index, FloatBuffer target) {
    Image image =
        source.image(
            (int) ((long) index * all / count), new PixelScratch(), preprocessing.wholePictures());
    preprocessors.get().write(image, target, 0, TensorLayout.NCHW);
  }
}
