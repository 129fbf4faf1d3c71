package io.resfuse.spark;

import io.resfuse.data.DataException;
import io.resfuse.data.dataset.ClassNames;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.HashPartitioner;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.function.PairFlatMapFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;
import scala.Tuple2;

/**
 * The columns that a training reads, by their names.
 *
 * @param input pictures or their paths
 * @param label names or whole numbers
 * @param validation whether a row is for validation; empty for none
 * @param order by which rows are sorted; empty for none
 */
record TrainingColumns(String input, String label, String validation, String order) {
  private static final List<DataType> WHOLE_NUMBERS =
      List.of(DataTypes.ByteType, DataTypes.ShortType, DataTypes.IntegerType, DataTypes.LongType);

  boolean hasValidation() {
    return !validation.isEmpty();
  }

  private boolean hasOrder() {
    return !order.isEmpty();
  }

  /**
   * Checks that they are there and of types that can be read.
   *
   * @throws IllegalArgumentException that names the first which is not
   */
  void check(StructType schema) {
    PictureColumn.index(schema, input);
    require(schema, label, "labelCol", true, "names or whole numbers", DataTypes.StringType);
    if (hasValidation()) {
      require(
          schema,
          validation,
          "validationIndicatorCol",
          false,
          "true or false",
          DataTypes.BooleanType);
    }
    if (hasOrder()) {
      require(schema, order, "orderCol", true, "strings or whole numbers", DataTypes.StringType);
    }
  }

  private static void require(
      StructType schema,
      String name,
      String param,
      boolean numbers,
      String wanted,
      DataType other) {
    DataType type = PictureColumn.type(schema, name);
    if (!type.equals(other) && !(numbers && WHOLE_NUMBERS.contains(type))) {
      throw new IllegalArgumentException(
          "column '%s' is of type %s; %s are needed (%s)"
              .formatted(name, type.simpleString(), wanted, param));
    }
  }

  /** How pictures are read that are given by their paths; null if the column has the pictures. */
  PictureColumn paths(StructType schema, SerializableConfiguration configuration) {
    return schema.apply(input).dataType().equals(DataTypes.StringType)
        ? new PictureColumn(schema, input, configuration)
        : null;
  }

  /** The names that occur as labels, in their order. */
  List<String> classes(Dataset<?> dataset) {
    List<String> names = new ArrayList<>();
    for (Row row : dataset.select(label(dataset)).distinct().na().drop().collectAsList()) {
      names.add(row.getString(0));
    }
    if (names.isEmpty()) {
      throw new DataException("column '" + label + "' has no labels");
    }
    return ClassNames.sorted(names);
  }

  private Column label(Dataset<?> dataset) {
    return dataset.col(label).cast(DataTypes.StringType);
  }

  /** All rows for each worker, as {@link RowBytes} writes them. */
  JavaPairRDD<Integer, byte[]> rows(Dataset<?> dataset, List<String> classes, int workers) {
    List<Column> columns = new ArrayList<>();
    columns.add(dataset.col(input));
    columns.add(label(dataset));
    if (hasValidation()) {
      columns.add(dataset.col(validation));
    }
    if (hasOrder()) {
      columns.add(dataset.col(order));
    }
    return dataset
        .select(columns.toArray(new Column[0]))
        .javaRDD()
        .map(new RowBytes(classes, hasValidation(), hasOrder()))
        .flatMapToPair(new ForEach(workers))
        .partitionBy(new HashPartitioner(workers));
  }

  /** A copy for each worker. */
  private record ForEach(int workers) implements PairFlatMapFunction<byte[], Integer, byte[]> {
    @Override
    public Iterator<Tuple2<Integer, byte[]>> call(byte[] row) {
      return IntStream.range(0, workers).mapToObj(w -> new Tuple2<>(w, row)).iterator();
    }
  }
}
