package io.resfuse.platform;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** First bytes of files, as the formats' own documents give them; \xNN is a byte. */
class FileSignatureTest {
  private static byte[] bytes(String text) {
    StringBuilder bytes = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      if (text.startsWith("\\x", i)) {
        bytes.append((char) Integer.parseInt(text.substring(i + 2, i + 4), 16));
        i += 3;
      } else {
        bytes.append(text.charAt(i));
      }
    }
    return bytes.toString().getBytes(StandardCharsets.ISO_8859_1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\\x08\\x07\\x12\\x07pytorch\\x1a\\x061.13.0:\\x00 | ONNX",
        "\\x08\\x0a\\x12\\x07pytorch\\x1a\\x052.9.0:\\x80\\x80 | ONNX",
        "\\x08\\x08\\x3a\\xff\\x01\\x0a\\x05 | ONNX",
        "\\x08\\x03\\x12\\x08onnx-caffe2 | ONNX",
        "\\x08\\x01\\x12\\xd0\\x05\\x0a\\x10 | TENSORFLOW",
        "\\x08\\x01\\x12\\xd0\\x96\\x99\\x02\\x0a\\x80\\x0a\\x12\\x10\\x0a\\x07 | TENSORFLOW",
        "\\x08\\x01\\x12\\x40\\x0a\\x10\\x0a\\x04data | CORE_ML",
        "\\x08\\x05\\x12\\x0a\\x0a\\x08\\x0a\\x04data | CORE_ML",
        "\\x08\\x08\\x12\\x0apytorch2.9 | ONNX",
        "\\x08\\x08\\x12\\x00:\\x0a\\x0a\\x08 | ONNX",
        "\\x08\\x05\\x12\\x40\\x0a\\x10\\x0a\\x05image | CORE_ML",
        "\\x1c\\x00\\x00\\x00TFL3\\x14 | TF_LITE",
        "GGUF\\x03\\x00\\x00\\x00 | GGUF",
        "\\x12\\x01\\x00\\x00\\x00\\x00\\x00\\x00 | MXNET",
        "\\x93NUMPY\\x01\\x00 | NUMPY",
        "\\x80\\x04\\x95\\x10\\x00 | PICKLE",
        "\\x89HDF\\x0d\\x0a\\x1a\\x0a | HDF5",
        "\\x40\\x00\\x00\\x00\\x00\\x00\\x00\\x00{\"x\":1} | SAFETENSORS",
        "\\xff\\xd8\\xff\\xe0 | JPEG",
        "\\x89PNG\\x0d\\x0a\\x1a\\x0a | PNG",
        "\\x00\\x00\\x00\\x18ftypheic\\x00\\x00\\x00\\x00mif1heic | HEIC",
        "\\x00\\x00\\x00\\x18ftypmif1\\x00\\x00\\x00\\x00mif1heic | HEIC",
        "\\x00\\x00\\x00\\x18ftypmif1\\x00\\x00\\x00\\x00mif1avif | AVIF",
        "\\x00\\x00\\x00\\x1cftypavif\\x00\\x00\\x00\\x00 | AVIF",
        "\\x00\\x00\\x00\\x18ftypmp42\\x00\\x00\\x00\\x00 | MP4",
        "\\x00\\x00\\x00\\x14ftypqt\\x20\\x20\\x00\\x00 | MP4",
        "\\x00\\x00\\x00\\x18ftypcrx\\x20\\x00\\x00 | RAW",
        "II*\\x00\\x08\\x00\\x00\\x00 | TIFF",
        "MM\\x00*\\x00\\x00\\x00\\x08 | TIFF",
        "II+\\x00\\x08\\x00 | TIFF",
        "\\xff\\x0a\\x7f | JPEG_XL",
        "\\x00\\x00\\x00\\x0cJXL\\x20\\x0d\\x0a | JPEG_XL",
        "\\x00\\x00\\x00\\x0cjP\\x20\\x20\\x0d\\x0a | JPEG_2000",
        "8BPS\\x00\\x01 | PSD",
        "\\x00\\x00\\x01\\x00\\x01\\x00 | ICO",
        "P6\\x0a640\\x20480 | PNM",
        "%PDF-1.7 | PDF",
        "%!PS-Adobe | POSTSCRIPT",
        "<svg\\x20xmlns= | SVG",
        "<?xml\\x20version='1.0'?>\\x0a<svg\\x20width='1'> | SVG",
        "<!DOCTYPE\\x20html><html> | HTML",
        "\\x1aE\\xdf\\xa3\\x01 | MATROSKA",
        "RIFF\\x00\\x00\\x00\\x00AVI\\x20LIST | AVI",
        "RIFF\\x00\\x00\\x00\\x00WEBPVP8 | WEBP",
        "PK\\x03\\x04\\x14 | ZIP",
        "\\x1f\\x8b\\x08\\x00 | GZIP",
        "7z\\xbc\\xaf\\x27\\x1c | SEVEN_ZIP",
        "Rar!\\x1a\\x07\\x00 | RAR",
        "(\\xb5/\\xfd\\x04 | ZSTD",
        "version\\x20https://git-lfs.github.com/spec/v1 | GIT_LFS",
        "{\"a\":\\x20[1]} | JSON",
        "hello\\x20world | TEXT",
      })
  void namesFormats(String head, FileSignature expected) {
    assertThat(FileSignature.of(bytes(head))).isEqualTo(expected);
    byte[] padded = Arrays.copyOf(bytes(head), 512);
    if (expected != FileSignature.JSON && expected != FileSignature.TEXT) {
      assertThat(FileSignature.of(padded)).isEqualTo(expected);
    }
  }

  @Test
  void isSilentAboutTheRest() {
    assertThat(FileSignature.of(new byte[0])).isNull();
    assertThat(FileSignature.of(new byte[600])).isNull();
    assertThat(FileSignature.of(bytes("\\x01\\x02\\x03\\x04\\x05\\x06\\x07"))).isNull();
    assertThat(FileSignature.of(bytes("a"))).isEqualTo(FileSignature.TEXT);
    byte[] tar = new byte[512];
    System.arraycopy("ustar".getBytes(StandardCharsets.US_ASCII), 0, tar, 257, 5);
    tar[0] = 'x';
    assertThat(FileSignature.of(tar)).isEqualTo(FileSignature.TAR);
  }
}
