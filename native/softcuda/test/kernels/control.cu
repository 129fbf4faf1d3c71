// Control flow: calls that are not inlined, recursion, function pointers, virtual functions, jump tables, loops that diverge.

// ---- recursion ----

__device__ __noinline__ int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
extern "C" __global__ void recursiveFibonacci(int* out) { out[threadIdx.x] = fibonacci(threadIdx.x % 15); }

__device__ __noinline__ int ackermann(int m, int n) {
  return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}
extern "C" __global__ void recursiveAckermann(int* out) { out[threadIdx.x] = ackermann(threadIdx.x % 3, threadIdx.x / 3); }

__device__ bool isOdd(unsigned n);
__device__ __noinline__ bool isEven(unsigned n) { return n == 0 ? true : isOdd(n - 1); }
__device__ __noinline__ bool isOdd(unsigned n) { return n == 0 ? false : isEven(n - 1); }
extern "C" __global__ void mutualRecursion(const unsigned* in, int* out) { out[threadIdx.x] = isEven(in[threadIdx.x]) ? 0 : 1; }

__device__ __noinline__ void quicksort(int* v, int low, int high) {
  if (low >= high) return;
  const int pivot = v[(low + high) / 2];
  int i = low, j = high;
  while (i <= j) {
    while (v[i] < pivot) i++;
    while (v[j] > pivot) j--;
    if (i <= j) {
      const int swap = v[i];
      v[i++] = v[j];
      v[j--] = swap;
    }
  }
  quicksort(v, low, j);
  quicksort(v, i, high);
}
// Each thread sorts a row of its own, copied to local memory.
extern "C" __global__ void recursiveQuicksort(int* rows, int n) {
  int local[64];
  int* row = rows + threadIdx.x * n;
  for (int i = 0; i < n; i++) local[i] = row[i];
  quicksort(local, 0, n - 1);
  for (int i = 0; i < n; i++) row[i] = local[i];
}

struct Big {
  double x[5];
  int tag;
  short s;
  char c;
};
__device__ __noinline__ Big rotated(Big b, int by) {
  if (by == 0) return b;
  Big r = b;
  for (int i = 0; i < 5; i++) r.x[i] = b.x[(i + 1) % 5];
  r.tag++, r.s -= 2, r.c = r.c + 3;
  return rotated(r, by - 1);
}
extern "C" __global__ void structsByValue(Big b, Big* out) { out[threadIdx.x] = rotated(b, threadIdx.x); }

// ---- function pointers ----

typedef float (*Function)(float);
__device__ __noinline__ float twice(float x) { return 2 * x; }
__device__ __noinline__ float square(float x) { return x * x; }
__device__ __noinline__ float negate(float x) { return -x; }
__device__ __noinline__ float inverse(float x) { return 1 / x; }
__device__ Function table[4] = {twice, square, negate, inverse};
extern "C" __global__ void functionPointers(const float* in, float* out) {
  Function f = table[threadIdx.x % 4];
  out[threadIdx.x] = f(f(in[threadIdx.x]));
}

__device__ __noinline__ int apply(int (*f)(int, int), int a, int b) { return f(a, b); }
extern "C" __global__ void functionPointerArguments(const int* in, int* out) {
  const int v = in[threadIdx.x];
  int (*f)(int, int) = v % 2 ? static_cast<int (*)(int, int)>([](int a, int b) { return a + b; }) : [](int a, int b) { return a * b; };
  out[threadIdx.x] = apply(f, v, 7);
}

// ---- virtual functions ----

struct Shape {
  __device__ virtual float area() const = 0;
  __device__ virtual int corners() const { return 0; }
  __device__ virtual ~Shape() {}
};
struct Circle : Shape {
  float r;
  __device__ explicit Circle(float r_) : r(r_) {}
  __device__ float area() const override { return 3 * r * r; }
};
struct Rectangle : Shape {
  float a, b;
  __device__ Rectangle(float a_, float b_) : a(a_), b(b_) {}
  __device__ float area() const override { return a * b; }
  __device__ int corners() const override { return 4; }
};
struct Square : Rectangle {
  __device__ explicit Square(float a_) : Rectangle(a_, a_) {}
  __device__ int corners() const override { return Rectangle::corners() * 10; }
};
__device__ __noinline__ float measure(const Shape& s) { return s.area() + s.corners(); }
extern "C" __global__ void virtualCalls(float* out) {
  const Circle circle(threadIdx.x);
  const Rectangle rectangle(threadIdx.x, 2);
  const Square square(threadIdx.x);
  const Shape* shapes[3] = {&circle, &rectangle, &square};
  out[threadIdx.x] = measure(*shapes[threadIdx.x % 3]);
}

// Objects on the device heap.
extern "C" __global__ void heapObjects(float* out) {
  Shape* s;
  switch (threadIdx.x % 3) {
    case 0: s = new Circle(threadIdx.x); break;
    case 1: s = new Rectangle(threadIdx.x, 3); break;
    default: s = new Square(threadIdx.x); break;
  }
  out[threadIdx.x] = measure(*s);
  delete s;
  int* array = static_cast<int*>(malloc(16 * sizeof(int)));
  for (int i = 0; i < 16; i++) array[i] = i * threadIdx.x;
  for (int i = 0; i < 16; i++) out[threadIdx.x] += array[i];
  free(array);
}

extern "C" __global__ void variableStack(const int* sizes, int* out) {
  const int n = sizes[threadIdx.x];
  int* a = static_cast<int*>(alloca(n * sizeof(int)));
  for (int i = 0; i < n; i++) a[i] = i * i;
  int sum = 0;
  for (int i = n - 1; i >= 0; i--) sum = sum * 3 + a[i];
  out[threadIdx.x] = sum;
}

// ---- branches ----

extern "C" __global__ void jumpTable(const int* in, int* out) {
  const int v = in[threadIdx.x];
  int r = 1;
  switch (v) {
    case 0: r = v + 17; break;
    case 1: r = v * 3; // falls through
    case 2: r ^= 0x55; break;
    case 3: r = __popc(v) << 7; break;
    case 4: r = -v; // falls through
    case 5: r -= 1000;
    case 6: r *= 5; break;
    case 7: r = v * v * v; break;
    case 8: for (int i = 0; i < v; i++) r = r * 3 + i; break;
    case 9: r = 99; break;
    case 11: r = 0x7fffffff; break;
    default: r = -1;
  }
  out[threadIdx.x] = r;
}

// Loops left early and continued, nested, with lanes leaving at different times.
extern "C" __global__ void divergentLoops(const int* in, int* out, int n) {
  const int t = blockIdx.x * blockDim.x + threadIdx.x;
  int result = 0;
  for (int i = 0; i < n; i++) {
    if (in[(t + i) % n] % 7 == 3) continue;
    int j = i;
    do {
      if ((j ^ t) % 11 == 5) goto next;
      result += j * (t % 5 + 1);
      if (result > 10000) break;
      j += 3;
    } while (j < n && in[j] != t % 10);
    if (result > 20000) return;  // out[] keeps its value
    result ^= i;
  next:;
  }
  out[t] = result;
}

// Collatz: each lane with a trip count of its own.
extern "C" __global__ void collatz(int* out) {
  unsigned n = blockIdx.x * blockDim.x + threadIdx.x + 1;
  int steps = 0;
  while (n != 1) {
    n = n % 2 ? 3 * n + 1 : n / 2;
    steps++;
  }
  out[blockIdx.x * blockDim.x + threadIdx.x] = steps;
}

// A flow graph with two entries to a loop.
extern "C" __global__ void irreducible(const int* in, int* out) {
  int v = in[threadIdx.x], count = 0;
  if (v & 1) goto middle;
top:
  v += 3;
  if (v > 100) goto done;
middle:
  v *= 2;
  count++;
  if (v % 5 == 0) goto top;
  if (v < 100) goto middle;
done:
  out[threadIdx.x] = v * 100 + count;
}

// Warps of which a part has returned still meet at barriers of the rest.
extern "C" __global__ void earlyReturn(int* out, int keep) {
  __shared__ int shared[128];
  if (threadIdx.x >= keep) return;
  shared[threadIdx.x] = threadIdx.x;
  __syncthreads();
  out[threadIdx.x] = shared[keep - 1 - threadIdx.x];
}

// Local arrays with dynamic indices, two-dimensional.
extern "C" __global__ void localArrays(const int* in, int* out) {
  int count[4][8] = {};
  for (int i = 0; i < 100; i++) {
    const int v = in[(threadIdx.x * 31 + i) % 1000];
    count[v & 3][v >> 2 & 7]++;
  }
  for (int i = 0; i < 32; i++) out[threadIdx.x * 32 + i] = count[i / 8][i % 8];
}

// Predicated and selected writes of all widths.
extern "C" __global__ void shortCircuit(const int* a, const int* b, const int* index, int* out, int n) {
  const int t = threadIdx.x;
  // index may lie outside: only the first condition keeps the second from reading there
  out[t] = index[t] >= 0 && index[t] < n && (a[index[t]] > 5 || b[index[t]] < -5) ? 1 : 0;
}
