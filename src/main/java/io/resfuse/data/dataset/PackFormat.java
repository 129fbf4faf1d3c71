package io.resfuse.data.dataset;

/**
 * The file of {@code resfuse pack}, version 1. Numbers are little-endian, checksums CRC-32C.
 *
 * <pre>
 * header, 64 bytes:
 *    0  8  89 52 46 50 41 43 4b 0a ("RFPACK")
 *    8  4  version
 *   12  4  0
 *   16  8  length of the file
 *   24  8  where the index begins
 *   32  8  length of the index
 *   40  4  checksum of the index
 *   44 16  0
 *   60  4  checksum of the 60 bytes before
 * pixels: picture after picture, (height, width, channel) of unsigned bytes
 * index:
 *    text  where the training pictures come from, then the same for the test pictures
 *    4     the shorter side to which larger pictures were shrunk; 0 if they were left as they were
 *    4     number of classes, then a text for each
 *    4     number of training pictures, then of test pictures (4), then for each, 28 bytes:
 *            8  where its pixels begin
 *            4  width
 *            4  height
 *            4  channels: 1 or 3
 *            4  class
 *            4  checksum of the pixels
 * text: 4 bytes for its length, then UTF-8
 * </pre>
 *
 * <p>Shrinking is Pillow's, bilinear, the longer side in proportion and rounded down: torchvision's
 * {@code Resize(side)}.
 */
final class PackFormat {
  /** As a little-endian number. */
  static final long MAGIC = 0x0a4b434150465289L;

  static final int VERSION = 1;
  static final int HEADER_BYTES = 64;
  static final int HEADER_CHECKSUM_AT = 60;
  static final int ENTRY_BYTES = 28;

  /** The most that one picture takes. */
  static final int MOST_PICTURE_BYTES = 1 << 30;

  private PackFormat() {}
}
