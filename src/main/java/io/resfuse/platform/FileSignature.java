package io.resfuse.platform;

import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What a file is by its first bytes, whether it is read here or not: so that messages can name what
 * somebody has rather than quote bytes. Stateless and thread-safe.
 */
public enum FileSignature {
  /** A network of ONNX. */
  ONNX("an ONNX model"),
  /** TensorFlow's SavedModel. */
  TENSORFLOW("a TensorFlow SavedModel"),
  /** TensorFlow Lite. */
  TF_LITE("a TensorFlow Lite model"),
  /** Apple's Core ML. */
  CORE_ML("a Core ML model"),
  /** Caffe. */
  CAFFE("a Caffe model or a frozen TensorFlow graph"),
  /** TensorRT. */
  TENSOR_RT("a TensorRT engine"),
  /** GGUF and GGML of llama.cpp. */
  GGUF("a GGUF model"),
  /** MXNet. */
  MXNET("MXNet's parameters"),
  /** NumPy's .npy. */
  NUMPY("a NumPy array (.npy)"),
  /** Any pickle. */
  PICKLE("a pickle, but not one of torch.save"),
  /** HDF5: Keras's weights among others. */
  HDF5("an HDF5 file (.h5)"),
  /** safetensors. */
  SAFETENSORS("a file of weights (safetensors)"),
  /** A JPEG picture. */
  JPEG("a JPEG picture"),
  /** A PNG picture. */
  PNG("a PNG picture"),
  /** A GIF picture. */
  GIF("a GIF picture"),
  /** A WebP picture. */
  WEBP("a WebP picture"),
  /** High Efficiency Image File: iPhones' pictures. */
  HEIC("a HEIC picture"),
  /** AV1 Image File. */
  AVIF("an AVIF picture"),
  /** Tagged Image File, big or not, and raw files of cameras that are built on it. */
  TIFF("a TIFF picture"),
  /** Raw files of cameras that have their own signature. */
  RAW("a camera's raw picture"),
  /** JPEG XL. */
  JPEG_XL("a JPEG XL picture"),
  /** JPEG 2000. */
  JPEG_2000("a JPEG 2000 picture"),
  /** Photoshop. */
  PSD("a Photoshop picture (PSD)"),
  /** Icons and cursors of Windows. */
  ICO("a Windows icon (ICO)"),
  /** Portable any map. */
  PNM("a Netpbm picture (PBM, PGM, PPM)"),
  /** OpenEXR. */
  EXR("an OpenEXR picture"),
  /** DirectDraw surface. */
  DDS("a DDS texture"),
  /** Quite OK Image. */
  QOI("a QOI picture"),
  /** DICOM. */
  DICOM("a DICOM picture"),
  /** FITS of astronomers. */
  FITS("a FITS picture"),
  /** Scalable vector graphics. */
  SVG("an SVG drawing"),
  /** PDF. */
  PDF("a PDF document"),
  /** PostScript. */
  POSTSCRIPT("a PostScript document"),
  /** MP4, QuickTime and their kin. */
  MP4("an MP4 or QuickTime film"),
  /** Matroska and WebM. */
  MATROSKA("a Matroska or WebM film"),
  /** AVI. */
  AVI("an AVI film"),
  /** A zip archive, which a PyTorch file is, too. */
  ZIP("a zip archive"),
  /** gzip. */
  GZIP("a gzip archive"),
  /** bzip2. */
  BZIP2("a bzip2 archive"),
  /** xz. */
  XZ("an xz archive"),
  /** Zstandard. */
  ZSTD("a Zstandard archive"),
  /** 7-Zip. */
  SEVEN_ZIP("a 7-Zip archive"),
  /** RAR. */
  RAR("a RAR archive"),
  /** tar. */
  TAR("a tar archive"),
  /** The pointer that Git LFS has in the place of a large file. */
  GIT_LFS("a Git LFS pointer, not the file itself"),
  /** HTML and XML. */
  HTML("a web page or XML"),
  /** JSON. */
  JSON("a JSON text"),
  /** Any other text. */
  TEXT("a text");

  private final String title;

  FileSignature(String title) {
    this.title = title;
  }

  /**
   * What it is.
   *
   * @return a noun with its article, for example {@code a HEIC picture}
   */
  public String title() {
    return title;
  }

  /**
   * What was found.
   *
   * @return the beginning of a message: {@code it is a HEIC picture}
   */
  public String found() {
    return (this == MXNET ? "it has " : "it is ") + title;
  }

  /**
   * Recognises a file.
   *
   * @param head its first bytes; 512 are enough, fewer may do
   * @return what it is, or null if its bytes say nothing
   */
  public static @Nullable FileSignature of(byte[] head) {
    if (head.length == 0) {
      return null;
    }
    Head bytes = new Head(new String(head, StandardCharsets.ISO_8859_1));
    FileSignature found = picture(bytes);
    if (found == null) {
      found = filmOrDocument(bytes);
    }
    if (found == null) {
      found = archive(bytes);
    }
    if (found == null) {
      found = model(bytes);
    }
    return found == null ? text(bytes.text) : found;
  }

  /** One character for each byte. */
  private record Head(String text) {
    boolean begins(String... signatures) {
      for (String signature : signatures) {
        if (text.startsWith(signature)) {
          return true;
        }
      }
      return false;
    }

    boolean has(int at, String signature) {
      return text.startsWith(signature, at);
    }
  }

  private static @Nullable FileSignature picture(Head head) {
    if (head.begins("\u00ff\u00d8\u00ff")) {
      return JPEG;
    }
    if (head.begins("\u0089PNG\r\n")) {
      return PNG;
    }
    if (head.begins("GIF8")) {
      return GIF;
    }
    if (head.begins("RIFF") && head.has(8, "WEBP")) {
      return WEBP;
    }
    if (head.begins("II*\0", "MM\0*", "II+\0", "MM\0+")) {
      return TIFF;
    }
    if (head.begins("FUJIFILMCCD-RAW", "IIRO", "IIRS", "IIU\0", "\0MRM")
        || head.has(4, "ftypcrx")) {
      return RAW;
    }
    if (head.begins("\u00ff\n", "\0\0\0\fJXL ")) {
      return JPEG_XL;
    }
    if (head.begins("\0\0\0\fjP  ", "\u00ffO\u00ffQ")) {
      return JPEG_2000;
    }
    if (head.begins("8BPS")) {
      return PSD;
    }
    if (head.begins("\0\0\1\0", "\0\0\2\0")) {
      return ICO;
    }
    if (head.text.matches("(?s)P[1-7]\\s.*")) {
      return PNM;
    }
    if (head.begins("v/1\1")) {
      return EXR;
    }
    if (head.begins("DDS ")) {
      return DDS;
    }
    if (head.begins("qoif")) {
      return QOI;
    }
    if (head.has(128, "DICM")) {
      return DICOM;
    }
    return head.begins("SIMPLE  =") ? FITS : null;
  }

  private static @Nullable FileSignature filmOrDocument(Head head) {
    if (head.has(4, "ftyp")) {
      if (head.has(8, "avif") || head.has(8, "avis")) {
        return AVIF;
      }
      // The general brand may be either's: those that it is compatible with decide.
      if (head.has(8, "he") || head.has(8, "mi") || head.has(8, "ms")) {
        return head.text.substring(0, Math.min(64, head.text.length())).contains("avif")
            ? AVIF
            : HEIC;
      }
      return MP4;
    }
    if (head.has(4, "moov") || head.has(4, "mdat")) {
      return MP4;
    }
    if (head.begins("\u001aE\u00df\u00a3")) {
      return MATROSKA;
    }
    if (head.begins("RIFF") && head.has(8, "AVI ")) {
      return AVI;
    }
    if (head.begins("%PDF")) {
      return PDF;
    }
    return head.begins("%!PS", "\u00c5\u00d0\u00d3\u00c6") ? POSTSCRIPT : null;
  }

  private static @Nullable FileSignature archive(Head head) {
    if (head.begins("PK\3\4", "PK\5\6")) {
      return ZIP;
    }
    if (head.begins("\u001f\u008b")) {
      return GZIP;
    }
    if (head.begins("BZh")) {
      return BZIP2;
    }
    if (head.begins("\u00fd7zXZ\0")) {
      return XZ;
    }
    if (head.begins("(\u00b5/\u00fd")) {
      return ZSTD;
    }
    if (head.begins("7z\u00bc\u00af'\u001c")) {
      return SEVEN_ZIP;
    }
    if (head.begins("Rar!\u001a\u0007")) {
      return RAR;
    }
    return head.has(257, "ustar") ? TAR : null;
  }

  private static @Nullable FileSignature model(Head head) {
    if (head.begins("\u0089HDF\r\n")) {
      return HDF5;
    }
    if (head.has(8, "{\"")) {
      return SAFETENSORS;
    }
    if (head.begins("\u0093NUMPY")) {
      return NUMPY;
    }
    if (head.has(4, "TFL3")) {
      return TF_LITE;
    }
    if (head.begins("GGUF", "lmgg", "ggml", "tjgg")) {
      return GGUF;
    }
    if (head.begins("ftrt", "ptrt")) {
      return TENSOR_RT;
    }
    if (head.begins("\u0012\1\0\0\0\0\0\0")) {
      return MXNET;
    }
    if (head.text.matches("(?s)\u0080[\1-\6].*")) {
      return PICKLE;
    }
    return protobuf(head);
  }

  /**
   * Messages of protocol buffers have no signature: fields and what is in them must do. ONNX begins
   * with its version, then the producer's name, a graph, opsets or the like; Core ML and a
   * SavedModel with a version and a message; a GraphDef and Caffe with field 1.
   */
  private static @Nullable FileSignature protobuf(Head head) {
    if (head.text.length() < 4) {
      return null;
    }
    if (head.text.matches("(?s)\n[\1-\u00ff][^\0]?[\n\\w/-].*") && hasControls(head.text)) {
      return CAFFE;
    }
    if (!head.text.matches("(?s)\b[\1-\u001f][\u0012\u001a\"(2:BrzJ].*")) {
      return head.text.matches("(?s)[:B\u0012][\1-\u00ff].*onnx.*") ? ONNX : null;
    }
    return head.text.charAt(2) == '\u0012' ? versioned(head) : ONNX;
  }

  /**
   * What has field 2 behind its version. ONNX's is a name. The others' is a message, which begins
   * with a message in field 1: Core ML's with a name in field 1 again, a SavedModel's with a list
   * of operators in field 2.
   */
  private static FileSignature versioned(Head head) {
    int content = behindLength(head.text, 3);
    if (!head.has(content, "\n")) {
      return ONNX;
    }
    boolean first = head.text.charAt(1) == '\1';
    return first && !head.has(behindLength(head.text, content + 1), "\n") ? TENSORFLOW : CORE_ML;
  }

  /** Where a field's content begins: all bytes of its length but the last are above 127. */
  private static int behindLength(String text, int at) {
    int end = at;
    while (end < text.length() && text.charAt(end) > '\u007f') {
      end++;
    }
    return end + 1;
  }

  private static boolean hasControls(String text) {
    return text.chars().anyMatch(c -> c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f');
  }

  private static @Nullable FileSignature text(String latin1) {
    String start = latin1.replaceFirst("^\u00ef\u00bb\u00bf", "").stripLeading();
    if (start.startsWith("version https://git-lfs")) {
      return GIT_LFS;
    }
    String lower = start.toLowerCase(Locale.ROOT);
    if (lower.startsWith("<svg") || (lower.startsWith("<") && lower.contains("<svg"))) {
      return SVG;
    }
    if (lower.startsWith("<")) {
      return HTML;
    }
    boolean begins = !start.isEmpty() && start.charAt(0) > ' ' && start.charAt(0) < '\u007f';
    if (!begins || hasControls(latin1)) {
      return null;
    }
    return start.startsWith("{") || start.startsWith("[") ? JSON : TEXT;
  }
}
