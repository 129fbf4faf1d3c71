package io.resfuse.engine.cuda.internal.driver;

import java.lang.reflect.RecordComponent;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A C struct that a record mirrors: {@code long} components are pointers or {@code long long},
 * {@code int} and {@code float} are themselves, a record is its components in its place. Fields are
 * aligned to their size, and the struct's size to its largest field, as C has it.
 */
public final class StructLayout {
  private static final Map<Class<?>, StructLayout> KNOWN = new ConcurrentHashMap<>();

  private final Class<? extends Record> type;
  private final List<Field> fields;
  private final int size;

  /**
   * One field.
   *
   * @param name the component's
   * @param offset in bytes
   * @param type {@code long}, {@code int} or {@code float}
   */
  public record Field(String name, int offset, Class<?> type) {}

  private StructLayout(Class<? extends Record> type) {
    this.type = type;
    List<Field> found = new ArrayList<>();
    int end = collect(type, 0, found);
    this.fields = List.copyOf(found);
    int alignment = fields.stream().mapToInt(field -> bytes(field.type())).max().orElse(1);
    this.size = align(end, alignment);
  }

  /**
   * The layout of a record.
   *
   * @param type the record's class
   * @return its layout
   * @throws IllegalArgumentException if a component is of another type
   */
  public static StructLayout of(Class<? extends Record> type) {
    return KNOWN.computeIfAbsent(type, key -> new StructLayout(type));
  }

  private static int collect(Class<?> type, int start, List<Field> fields) {
    int offset = start;
    for (RecordComponent component : type.getRecordComponents()) {
      Class<?> part = component.getType();
      if (part.isRecord()) {
        offset = collect(part, offset, fields);
      } else {
        int bytes = bytes(part);
        offset = align(offset, bytes);
        fields.add(new Field(component.getName(), offset, part));
        offset += bytes;
      }
    }
    return offset;
  }

  private static int bytes(Class<?> type) {
    if (type == long.class) {
      return Long.BYTES;
    }
    if (type == int.class || type == float.class) {
      return Integer.BYTES;
    }
    throw new IllegalArgumentException("a struct of C cannot have a field of " + type);
  }

  private static int align(int offset, int alignment) {
    return (offset + alignment - 1) / alignment * alignment;
  }

  /**
   * Its size.
   *
   * @return bytes
   */
  public int size() {
    return size;
  }

  /**
   * Its fields.
   *
   * @return in their order, those of inner records among them
   */
  public List<Field> fields() {
    return fields;
  }

  /**
   * Writes a record as the struct.
   *
   * @param values of the layout's type
   * @return a direct buffer of the struct's size, little-endian
   */
  public ByteBuffer write(Record values) {
    ByteBuffer target = ByteBuffer.allocateDirect(size).order(ByteOrder.LITTLE_ENDIAN);
    write(values, target);
    return target;
  }

  /**
   * Writes a record as the struct.
   *
   * @param values of the layout's type
   * @param target at least of the struct's size, little-endian; written from its beginning
   */
  public void write(Record values, ByteBuffer target) {
    List<Object> flat = flatten(values);
    for (int i = 0; i < flat.size(); i++) {
      int offset = fields.get(i).offset();
      Object value = flat.get(i);
      if (value instanceof Long number) {
        target.putLong(offset, number);
      } else if (value instanceof Integer number) {
        target.putInt(offset, number);
      } else {
        target.putFloat(offset, (Float) value);
      }
    }
  }

  /**
   * Where a field lies.
   *
   * @param name the component's
   * @return bytes from the struct's beginning
   * @throws IllegalArgumentException if there is none of that name
   */
  public int offset(String name) {
    return fields.stream()
        .filter(field -> field.name().equals(name))
        .findFirst()
        .orElseThrow(
            () -> new IllegalArgumentException(type.getSimpleName() + " has no component " + name))
        .offset();
  }

  /**
   * The values by name, pointers in hexadecimal.
   *
   * @param struct as {@link #write} left it
   * @return one line
   */
  public String describe(ByteBuffer struct) {
    StringBuilder line = new StringBuilder(type.getSimpleName()).append('{');
    for (Field field : fields) {
      line.append(field.offset() == 0 ? "" : ", ").append(field.name()).append(' ');
      if (field.type() == long.class) {
        line.append("0x").append(Long.toHexString(struct.getLong(field.offset())));
      } else if (field.type() == int.class) {
        line.append(struct.getInt(field.offset()));
      } else {
        line.append(struct.getFloat(field.offset()));
      }
    }
    return line.append('}').toString();
  }

  private List<Object> flatten(Record values) {
    if (values.getClass() != type) {
      throw new IllegalArgumentException(
          "wanted a " + type.getSimpleName() + ", got a " + values.getClass().getSimpleName());
    }
    List<Object> flat = new ArrayList<>();
    flatten(values, flat);
    return flat;
  }

  private static void flatten(Record values, List<Object> flat) {
    for (RecordComponent component : values.getClass().getRecordComponents()) {
      try {
        component.getAccessor().setAccessible(true);
        Object value = component.getAccessor().invoke(values);
        if (value instanceof Record inner) {
          flatten(inner, flat);
        } else {
          flat.add(value);
        }
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException("a record hides its components", e);
      }
    }
  }
}
