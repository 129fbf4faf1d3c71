package io.resfuse.data.image;

import com.twelvemonkeys.imageio.plugins.webp.WebPImageReaderSpi;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.DataBufferByte;
import java.awt.image.IndexColorModel;
import java.awt.image.PixelInterleavedSampleModel;
import java.awt.image.Raster;
import java.io.IOException;
import java.util.Arrays;
import java.util.Iterator;
import javax.imageio.ImageReader;
import javax.imageio.spi.IIORegistry;
import javax.imageio.spi.ImageReaderSpi;
import org.jspecify.annotations.Nullable;

/**
 * The readers of the JDK and of TwelveMonkeys, and the samples of what they read. The JDK's own are
 * taken whatever other plug-ins an application has, so that the same file gives the same samples
 * everywhere.
 */
final class ImageIoReaders {
  private ImageIoReaders() {}

  private static final class Jdk {
    private static final ImageReaderSpi JPEG = find("jpeg");
    private static final ImageReaderSpi PNG = find("png");
    private static final ImageReaderSpi GIF = find("gif");
    private static final ImageReaderSpi BMP = find("bmp");

    private static ImageReaderSpi find(String format) {
      String start = "com.sun.imageio.plugins." + format + ".";
      Iterator<ImageReaderSpi> found =
          IIORegistry.getDefaultInstance()
              .getServiceProviders(
                  ImageReaderSpi.class,
                  provider -> provider.getClass().getName().startsWith(start),
                  false);
      if (!found.hasNext()) {
        throw new IllegalStateException("this JDK's java.desktop has no reader for " + format);
      }
      return found.next();
    }
  }

  private static final class Webp {
    private static final ImageReaderSpi PROVIDER = new WebPImageReaderSpi();
  }

  static ImageReader jpeg() throws IOException {
    return Jdk.JPEG.createReaderInstance();
  }

  static BufferedImage readPng(byte[] contents) throws IOException {
    return read(Jdk.PNG, contents, Integer.MAX_VALUE);
  }

  static BufferedImage readGif(byte[] contents) throws IOException {
    return read(Jdk.GIF, contents, Integer.MAX_VALUE);
  }

  static BufferedImage readBmp(byte[] contents) throws IOException {
    return read(Jdk.BMP, contents, Integer.MAX_VALUE);
  }

  /** The reader throws if it reads the byte of the index {@code most} or one after it. */
  static BufferedImage readWebp(byte[] contents, int most) throws IOException {
    return read(Webp.PROVIDER, contents, most);
  }

  private static BufferedImage read(ImageReaderSpi provider, byte[] contents, int most)
      throws IOException {
    ImageReader reader = provider.createReaderInstance();
    try {
      reader.setInput(new ByteArrayImageInputStream(contents, most), true, true);
      return reader.read(0);
    } finally {
      reader.dispose();
    }
  }

  /** Refuses a picture whose size is not what the header announced. */
  static void checkSize(Raster raster, int width, int height) throws IOException {
    if (raster.getWidth() != width || raster.getHeight() != height) {
      throw new IOException(
          "its header says %d x %d pixels, its data %d x %d"
              .formatted(width, height, raster.getWidth(), raster.getHeight()));
    }
  }

  /** The colours, without alpha, without colour management: (height, width, 3). */
  static byte[] rgb(BufferedImage image) {
    Raster raster = image.getRaster();
    ColorModel model = image.getColorModel();
    int width = raster.getWidth();
    int height = raster.getHeight();
    byte[] same = interleaved(raster, 3);
    if (same != null && !(model instanceof IndexColorModel)) {
      return same;
    }
    byte[] target = new byte[Math.multiplyExact(Math.multiplyExact(width, height), 3)];
    int bands = raster.getNumBands();
    int[] row = new int[width * bands];
    int at = 0;
    for (int y = 0; y < height; y++) {
      raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
      if (model instanceof IndexColorModel palette) {
        at = lookUp(row, palette, target, at);
      } else {
        at = scale(row, bands, raster.getSampleModel().getSampleSize(), target, at);
      }
    }
    return target;
  }

  /** The samples of one band as they are stored, indices of a palette for instance. */
  static byte[] samples(Raster raster) {
    int width = raster.getWidth();
    byte[] target = new byte[Math.multiplyExact(width, raster.getHeight())];
    int[] row = new int[width];
    int at = 0;
    for (int y = 0; y < raster.getHeight(); y++) {
      raster.getSamples(raster.getMinX(), raster.getMinY() + y, width, 1, 0, row);
      for (int sample : row) {
        target[at++] = (byte) sample;
      }
    }
    return target;
  }

  /** The alpha of a pixel by its samples. */
  interface Alpha {
    /**
     * The alpha of a pixel.
     *
     * @param samples of a row, as the file has them
     * @param at where the pixel's begin
     * @return 0 to 255
     */
    int of(int[] samples, int at);
  }

  /** The colours as {@link #rgb} has them, and alpha: (height, width, 4). */
  static byte[] rgba(BufferedImage image, Alpha alpha) {
    byte[] colours = rgb(image);
    Raster raster = image.getRaster();
    int width = raster.getWidth();
    int bands = raster.getNumBands();
    byte[] target = new byte[Math.multiplyExact(colours.length / 3, 4)];
    int[] row = new int[width * bands];
    int from = 0;
    for (int y = 0; y < raster.getHeight(); y++) {
      raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
      for (int x = 0; x < width; x++) {
        System.arraycopy(colours, 3 * from, target, 4 * from, 3);
        target[4 * from + 3] = (byte) alpha.of(row, x * bands);
        from++;
      }
    }
    return target;
  }

  /** The raster's own array if it is (height, width, band) of bytes with nothing around it. */
  static byte @Nullable [] interleaved(Raster raster, int bands) {
    if (raster.getSampleModel() instanceof PixelInterleavedSampleModel model
        && raster.getDataBuffer() instanceof DataBufferByte buffer
        && raster.getNumBands() == bands
        && model.getPixelStride() == bands
        && model.getScanlineStride() == bands * raster.getWidth()
        && buffer.getNumBanks() == 1
        && buffer.getOffset() == 0
        && raster.getSampleModelTranslateX() == 0
        && raster.getSampleModelTranslateY() == 0
        && buffer.getData().length == bands * raster.getWidth() * raster.getHeight()) {
      int[] inOrder = new int[bands];
      Arrays.setAll(inOrder, band -> band);
      return Arrays.equals(model.getBandOffsets(), inOrder) ? buffer.getData() : null;
    }
    return null;
  }

  private static int lookUp(int[] indices, IndexColorModel palette, byte[] target, int start) {
    int at = start;
    for (int index : indices) {
      int colour = index < palette.getMapSize() ? palette.getRGB(index) : 0;
      target[at++] = (byte) (colour >> 16);
      target[at++] = (byte) (colour >> 8);
      target[at++] = (byte) colour;
    }
    return at;
  }

  private static int scale(int[] samples, int bands, int[] bits, byte[] target, int start) {
    int at = start;
    for (int pixel = 0; pixel < samples.length; pixel += bands) {
      for (int channel = 0; channel < 3; channel++) {
        int band = bands < 3 ? 0 : channel;
        target[at++] = (byte) to8Bits(samples[pixel + band], bits[band]);
      }
    }
    return at;
  }

  private static int to8Bits(int sample, int bits) {
    if (bits >= 8) {
      return sample >> (bits - 8);
    }
    return sample * 255 / ((1 << bits) - 1);
  }
}
