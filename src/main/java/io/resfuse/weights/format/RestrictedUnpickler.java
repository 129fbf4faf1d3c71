package io.resfuse.weights.format;

import io.resfuse.tensor.DataType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.razorvine.pickle.Opcodes;
import net.razorvine.pickle.Unpickler;
import org.jspecify.annotations.Nullable;

/**
 * Unpickles what {@code torch.save} writes: an allow-list of opcodes, and of the callables that
 * make tensors. Whatever else a pickle names or calls becomes an {@link OpaqueObject}: no class is
 * looked up and nothing is called, in Python's or Java's sense. Lengths are checked against the
 * input before anything is allocated, nothing recurses, and the number of opcodes is limited.
 * Results are maps, lists, arrays (tuples), strings, numbers, {@link TorchTensor}, {@link
 * TorchStorage} and {@link OpaqueObject}. One use per pickle.
 */
final class RestrictedUnpickler extends Unpickler {
  /** ResNet-152 with optimizer state needs a tenth of it. */
  private static final int MAX_OPCODES = 1_000_000;

  private static final int MAX_NAME = 1000;
  private static final int MAX_INTEGER_BYTES = 64;

  private static final Map<String, DataType> STORAGES =
      Map.of(
          "DoubleStorage", DataType.FLOAT64,
          "FloatStorage", DataType.FLOAT32,
          "HalfStorage", DataType.FLOAT16,
          "BFloat16Storage", DataType.BFLOAT16,
          "LongStorage", DataType.INT64,
          "IntStorage", DataType.INT32,
          "ShortStorage", DataType.INT16,
          "CharStorage", DataType.INT8,
          "ByteStorage", DataType.UINT8,
          "BoolStorage", DataType.BOOL);

  private static final Callable TENSOR = RestrictedUnpickler::tensor;

  private final PickleInput in;
  private final Map<String, TorchStorage> storages = new LinkedHashMap<>();
  private int opcodes;

  RestrictedUnpickler(PickleInput in) {
    this.in = in;
  }

  /** The bytes of one or more pickles; knows how many are left. */
  static final class PickleInput extends java.io.InputStream {
    private final ByteBuffer bytes;

    PickleInput(ByteBuffer bytes) {
      this.bytes = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    int position() {
      return bytes.position();
    }

    @Override
    public int read() {
      return bytes.hasRemaining() ? bytes.get() & 0xff : -1;
    }

    @Override
    public int read(byte[] into, int offset, int length) {
      if (!bytes.hasRemaining()) {
        return length == 0 ? 0 : -1;
      }
      int count = Math.min(length, bytes.remaining());
      bytes.get(into, offset, count);
      return count;
    }

    /** The unsigned integer that comes next, without taking it. */
    long peek(int width) {
      if (bytes.remaining() < width) {
        return Long.MAX_VALUE;
      }
      int at = bytes.position();
      return switch (width) {
        case 1 -> bytes.get(at) & 0xff;
        case 4 -> bytes.getInt(at) & 0xffffffffL;
        default -> bytes.getLong(at);
      };
    }

    String line() throws IOException {
      StringBuilder line = new StringBuilder();
      for (int c = read(); c != '\n'; c = read()) {
        if (c < 0 || line.length() > MAX_NAME) {
          throw new IOException("a name in the pickle does not end");
        }
        line.append((char) c);
      }
      return line.toString();
    }
  }

  /** A callable that may occur; what it makes of its arguments. */
  @FunctionalInterface
  private interface Callable {
    @Nullable Object call(@Nullable Object[] arguments);
  }

  /** The class of a storage. */
  private record StorageType(DataType type) {}

  /** Something in the pickle is not allowed; the message names it. */
  static final class RefusedException extends RuntimeException {
    RefusedException(String message) {
      super(message);
    }
  }

  /** Reads one pickle. */
  @Nullable Object load() throws IOException {
    return load(in);
  }

  /** All storages that the pickle names, by key. */
  Map<String, TorchStorage> storages() {
    return storages;
  }

  @Override
  protected Object dispatch(short key) throws IOException {
    if (++opcodes > MAX_OPCODES) {
      throw new RefusedException("a pickle of more than " + MAX_OPCODES + " steps");
    }
    switch (key) {
      case Opcodes.BINUNICODE, Opcodes.BINBYTES, Opcodes.BINSTRING ->
          checkLength(4, Long.MAX_VALUE);
      case Opcodes.BINUNICODE8, Opcodes.BINBYTES8, Opcodes.BYTEARRAY8, Opcodes.FRAME ->
          checkLength(8, Long.MAX_VALUE);
      case Opcodes.SHORT_BINUNICODE, Opcodes.SHORT_BINBYTES, Opcodes.SHORT_BINSTRING ->
          checkLength(1, Long.MAX_VALUE);
      case Opcodes.LONG1 -> checkLength(1, MAX_INTEGER_BYTES);
      case Opcodes.LONG4 -> checkLength(4, MAX_INTEGER_BYTES);
      case Opcodes.PROTO,
          Opcodes.STOP,
          Opcodes.MARK,
          Opcodes.POP,
          Opcodes.POP_MARK,
          Opcodes.DUP,
          Opcodes.NONE,
          Opcodes.NEWTRUE,
          Opcodes.NEWFALSE,
          Opcodes.BININT,
          Opcodes.BININT1,
          Opcodes.BININT2,
          Opcodes.BINFLOAT,
          Opcodes.EMPTY_TUPLE,
          Opcodes.TUPLE,
          Opcodes.TUPLE1,
          Opcodes.TUPLE2,
          Opcodes.TUPLE3,
          Opcodes.EMPTY_LIST,
          Opcodes.LIST,
          Opcodes.BINGET,
          Opcodes.LONG_BINGET,
          Opcodes.BINPUT,
          Opcodes.LONG_BINPUT,
          Opcodes.MEMOIZE,
          Opcodes.BINPERSID -> {
        // The library's own handling is safe.
      }
      default -> {
        return dispatchOwn(key);
      }
    }
    return super.dispatch(key);
  }

  /** Opcodes whose handling in the library would look up classes, call, or hash hostile keys. */
  private Object dispatchOwn(short key) throws IOException {
    switch (key) {
      case Opcodes.EMPTY_DICT -> stack.add(new LinkedHashMap<String, Object>());
      case Opcodes.SETITEM -> {
        Object value = stack.pop();
        Object name = stack.pop();
        put(stack.peek(), name, value);
      }
      case Opcodes.SETITEMS -> {
        List<Object> items = stack.pop_all_since_marker();
        for (int i = 0; i + 1 < items.size(); i += 2) {
          put(stack.peek(), items.get(i), items.get(i + 1));
        }
      }
      case Opcodes.EMPTY_SET -> stack.add(new ArrayList<>());
      case Opcodes.APPEND -> {
        Object item = stack.pop();
        addAll(stack.peek(), Collections.singletonList(item));
      }
      case Opcodes.APPENDS, Opcodes.ADDITEMS -> {
        List<Object> items = stack.pop_all_since_marker();
        addAll(stack.peek(), items);
      }
      case Opcodes.FROZENSET -> stack.add(stack.pop_all_since_marker());
      case Opcodes.GLOBAL -> stack.add(global(in.line(), in.line()));
      case Opcodes.STACK_GLOBAL -> {
        Object name = stack.pop();
        Object module = stack.pop();
        stack.add(global(string(module), string(name)));
      }
      case Opcodes.REDUCE, Opcodes.NEWOBJ -> {
        Object arguments = stack.pop();
        stack.add(call(stack.pop(), arguments));
      }
      case Opcodes.NEWOBJ_EX -> {
        stack.pop(); // arguments by keyword
        Object arguments = stack.pop();
        stack.add(call(stack.pop(), arguments));
      }
      case Opcodes.INST -> {
        OpaqueObject.Type type = new OpaqueObject.Type(name(in.line(), in.line()));
        stack.add(call(type, stack.pop_all_since_marker().toArray()));
      }
      case Opcodes.OBJ -> {
        List<Object> parts = stack.pop_all_since_marker();
        stack.add(call(parts.get(0), parts.subList(1, parts.size()).toArray()));
      }
      // Of an OrderedDict it is _metadata (versions of modules), of a tensor what users hang on it:
      // not needed.
      case Opcodes.BUILD -> {
        Object state = stack.pop();
        if (stack.peek() instanceof OpaqueObject object) {
          object.setState(state);
        } else if (!(stack.peek() instanceof Map || stack.peek() instanceof TorchTensor)) {
          throw new RefusedException("a pickle that sets attributes of " + describe(stack.peek()));
        }
      }
      default ->
          throw new RefusedException(
              String.format("the pickle opcode 0x%02x, which torch.save does not write", key));
    }
    return NO_RETURN_VALUE;
  }

  private void checkLength(int width, long limit) throws IOException {
    long length = in.peek(width);
    if (length < 0 || length > limit || length > in.bytes.remaining() - width) {
      throw new IOException(
          "a string or number of "
              + Long.toUnsignedString(length)
              + " bytes in the pickle, which has "
              + in.bytes.remaining()
              + " left");
    }
  }

  /** What a call gives: what makes tensors is done here, the rest is not done at all. */
  private static @Nullable Object call(@Nullable Object callable, @Nullable Object arguments) {
    if (!(arguments instanceof Object[] array)) {
      throw new RefusedException("a pickle that calls something with " + describe(arguments));
    }
    if (callable instanceof Callable known) {
      return known.call(array);
    }
    if (callable instanceof OpaqueObject.Type type) {
      // Python's own helpers make an object of the class that they are given.
      boolean helper = type.name().startsWith("copyreg.") || type.name().startsWith("copy_reg.");
      if (helper && array.length > 0 && array[0] instanceof OpaqueObject.Type made) {
        return new OpaqueObject(made.name());
      }
      return new OpaqueObject(type.name());
    }
    if (callable instanceof OpaqueObject made) {
      return new OpaqueObject(made.type());
    }
    throw new RefusedException("a pickle that calls " + describe(callable));
  }

  /** Entries with keys other than strings and numbers hold no tensors that could be named. */
  private static void put(Object dict, @Nullable Object key, @Nullable Object value) {
    Object items = dict instanceof OpaqueObject object ? object.items() : dict;
    if (!(items instanceof Map)) {
      throw new RefusedException("a pickle that sets items of " + describe(dict));
    }
    if (key instanceof String || key instanceof Integer || key instanceof Long) {
      @SuppressWarnings("unchecked")
      Map<String, @Nullable Object> map = (Map<String, @Nullable Object>) items;
      map.put(key.toString(), value);
    }
  }

  /** Elements of opaque objects (a deque's) are of no use. */
  private static void addAll(Object list, List<Object> items) {
    if (list instanceof OpaqueObject) {
      return;
    }
    @SuppressWarnings("unchecked")
    List<Object> target = (List<Object>) list;
    target.addAll(items);
  }

  private static Object global(String module, String name) {
    DataType type = STORAGES.get(name);
    if (type != null && (module.equals("torch") || module.equals("torch.cuda"))) {
      return new StorageType(type);
    }
    return switch (name(module, name)) {
      case "collections.OrderedDict" -> (Callable) RestrictedUnpickler::orderedDict;
      case "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor" -> TENSOR;
      case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state" ->
          (Callable) arguments -> arguments[0];
      // A tensor of a subclass, or with attributes: (how to make a tensor, class, arguments,
      // state).
      case "torch._tensor._rebuild_from_type_v2" ->
          (Callable)
              arguments ->
                  arguments[0] == TENSOR
                      ? tensor((Object[]) arguments[2])
                      : new OpaqueObject(name(module, name));
      case "torch.Size" -> (Callable) arguments -> arguments[0];
      default -> new OpaqueObject.Type(name(module, name));
    };
  }

  private static String name(String module, String name) {
    return module + "." + name;
  }

  private static Object orderedDict(@Nullable Object[] arguments) {
    Map<String, @Nullable Object> dict = new LinkedHashMap<>();
    if (arguments.length > 0 && arguments[0] instanceof List<?> pairs) {
      for (Object pair : pairs) {
        List<?> entry = pair instanceof Object[] array ? Arrays.asList(array) : (List<?>) pair;
        put(dict, entry.get(0), entry.get(1));
      }
    }
    return dict;
  }

  private static Object tensor(@Nullable Object[] arguments) {
    if (arguments[0] instanceof OpaqueObject storage) {
      return storage;
    }
    return new TorchTensor(
        (TorchStorage) arguments[0],
        integer(arguments[1]),
        integers(arguments[2]),
        integers(arguments[3]));
  }

  /** {@code ("storage", type, key, location, elements[, (view key, offset, elements)])}. */
  @Override
  protected Object persistentLoad(Object id) {
    if (!(id instanceof Object[] tuple) || tuple.length < 5 || !"storage".equals(tuple[0])) {
      throw new RefusedException("a persistent id that is no storage, " + describe(id));
    }
    if (tuple[1] instanceof OpaqueObject.Type type) {
      return new OpaqueObject(type.name());
    }
    if (!(tuple[1] instanceof StorageType storage)) {
      throw new RefusedException("a storage of the type " + describe(tuple[1]));
    }
    String key = tuple[2] instanceof String s ? s : String.valueOf(integer(tuple[2]));
    TorchStorage whole = new TorchStorage(key, storage.type(), 0, integer(tuple[4]));
    TorchStorage other = storages.putIfAbsent(key, whole);
    if (whole.elements() < 0 || (other != null && !other.equals(whole))) {
      throw new RefusedException("a storage '" + printable(key) + "' that contradicts itself");
    }
    if (tuple.length > 5 && tuple[5] instanceof Object[] view) {
      long offset = integer(view[1]);
      long elements = integer(view[2]);
      if (offset < 0 || elements < 0 || offset > whole.elements() - elements) {
        throw new RefusedException("a view outside of its storage " + printable(key));
      }
      return new TorchStorage(key, storage.type(), offset, elements);
    }
    return whole;
  }

  private static long integer(@Nullable Object value) {
    if (value instanceof Integer || value instanceof Long) {
      return ((Number) value).longValue();
    }
    throw new RefusedException("a pickle with " + describe(value) + " for a number");
  }

  private static long[] integers(@Nullable Object value) {
    List<?> list = value instanceof Object[] tuple ? Arrays.asList(tuple) : (List<?>) value;
    return list.stream().mapToLong(RestrictedUnpickler::integer).toArray();
  }

  private static String string(@Nullable Object value) {
    if (value instanceof String text && text.length() <= MAX_NAME) {
      return text;
    }
    throw new RefusedException("a pickle with " + describe(value) + " for a name");
  }

  /** What an object is, without looking into it: it may be deep or hold itself. */
  static String describe(@Nullable Object object) {
    if (object == null) {
      return "None";
    }
    if (object instanceof String text) {
      return "the text '" + printable(text) + "'";
    }
    if (object instanceof Number) {
      return "the number " + object;
    }
    if (object instanceof Object[]) {
      return "a tuple";
    }
    if (object instanceof List) {
      return "a list";
    }
    if (object instanceof Map) {
      return "a dict";
    }
    if (object instanceof TorchTensor || object instanceof TorchStorage) {
      return "a tensor";
    }
    if (object instanceof OpaqueObject opaque) {
      return "an object that needs " + printable(opaque.type());
    }
    if (object instanceof OpaqueObject.Type type) {
      return "the class " + printable(type.name());
    }
    return "an object of another type";
  }

  static String printable(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    String shown = new String(bytes, 0, Math.min(bytes.length, 100), StandardCharsets.UTF_8);
    return shown.replaceAll("\\p{Cntrl}", "?") + (bytes.length > 100 ? "..." : "");
  }
}
