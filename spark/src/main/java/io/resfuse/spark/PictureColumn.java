package io.resfuse.spark;

import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.util.Arrays;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;

/**
 * A column of pictures: the bytes of their files, or their paths, in any file system that Hadoop
 * knows.
 */
final class PictureColumn implements Serializable {
  /** A picture's file is no larger. */
  private static final long MOST_BYTES = Integer.MAX_VALUE - 16;

  private final int index;
  private final boolean isPath;
  private final SerializableConfiguration configuration;

  /**
   * Finds a column.
   *
   * @throws IllegalArgumentException if there is none of that name, or its type is another
   */
  PictureColumn(StructType schema, String name, SerializableConfiguration configuration) {
    this.index = index(schema, name);
    this.isPath = schema.apply(name).dataType().equals(DataTypes.StringType);
    this.configuration = configuration;
  }

  /** The type of a column, of whatever it may be. */
  static DataType type(StructType schema, String name) {
    if (!Arrays.asList(schema.fieldNames()).contains(name)) {
      throw new IllegalArgumentException(
          "there is no column '" + name + "'; there are " + String.join(", ", schema.fieldNames()));
    }
    return schema.apply(name).dataType();
  }

  /** Where a column is, of one of the two types. */
  static int index(StructType schema, String name) {
    DataType type = type(schema, name);
    if (!type.equals(DataTypes.StringType) && !type.equals(DataTypes.BinaryType)) {
      throw new IllegalArgumentException(
          "column '"
              + name
              + "' is of type "
              + type.simpleString()
              + "; pictures are binary, the bytes of their files, or strings, their paths");
    }
    return schema.fieldIndex(name);
  }

  /**
   * A picture's bytes.
   *
   * @throws IOException if there are none, with a reason for people
   */
  byte[] read(Row row) throws IOException {
    if (row.isNullAt(index)) {
      throw new IOException("the picture is null");
    }
    return isPath ? read(row.getString(index)) : row.<byte[]>getAs(index);
  }

  /** The bytes of the file at a path. */
  byte[] read(String name) throws IOException {
    try {
      Path path = new Path(name);
      var system = path.getFileSystem(configuration.value());
      long length = system.getFileStatus(path).getLen();
      if (length > MOST_BYTES) {
        throw new IOException(name + " has " + length + " bytes, which is no picture's size");
      }
      try (InputStream in = system.open(path)) {
        return in.readAllBytes();
      }
    } catch (IllegalArgumentException e) {
      throw new IOException("'" + name + "' is no path: " + e.getMessage(), e);
    }
  }
}
