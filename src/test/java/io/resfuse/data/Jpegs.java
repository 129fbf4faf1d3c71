package io.resfuse.data;

import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.Resampling;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;

/** Pictures as JPEGs of any size, as cameras write them: 4:2:0, quality 90. */
public final class Jpegs {
  private Jpegs() {}

  /** Writes a picture, resized, as a JPEG. */
  public static Path write(Path picture, int width, int height, Path file) throws IOException {
    Image image = new ImageDecoder().read(picture).resized(width, height, Resampling.BICUBIC);
    BufferedImage copy = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    byte[] pixels = image.pixels();
    for (int i = 0; i < width * height; i++) {
      int red = pixels[3 * i] & 0xff;
      int green = pixels[3 * i + 1] & 0xff;
      copy.setRGB(i % width, i / width, red << 16 | green << 8 | (pixels[3 * i + 2] & 0xff));
    }
    ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
    ImageWriteParam quality = writer.getDefaultWriteParam();
    quality.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
    quality.setCompressionQuality(0.9f);
    try (ImageOutputStream stream = ImageIO.createImageOutputStream(file.toFile())) {
      writer.setOutput(stream);
      writer.write(null, new IIOImage(copy, null, null), quality);
    } finally {
      writer.dispose();
    }
    return file;
  }
}
