// Feeds the module loader with damaged PTX: whatever the text, loading must end with a module or an error code, never
// in a crash, a hang or (under ASan and UBSan) a bad access. The damage is deterministic: fuzz [seed [number of
// texts]]. fuzz --corpus FOLDER writes the undamaged texts into a folder, for libFuzzer to start from.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "../support/test.h"

using namespace test;

namespace {

// The modules whose kernels are damaged, of every kind of syntax that nvcc emits.
const char* const kSources[] = {"reductions", "scans",    "histograms", "control",     "printing", "warp", "atomics",
                                "memory",     "gemm_mma", "wmma",       "cooperative", "async",    "half", "locks"};

// Modules of one kernel each, so that damage is tried often: the declarations before the first kernel with one of the
// bodies.
std::vector<std::string> seeds() {
  std::vector<std::string> all;
  for (const char* name : kSources) {
    const std::string text = readFile(ptxFolder() + "/" + name + ".ptx");
    const std::string mark = ".visible .entry ";
    size_t at = text.find(mark);
    const std::string head = text.substr(0, at);
    while (at != std::string::npos) {
      const size_t next = text.find(mark, at + 1);
      const std::string body = text.substr(at, next == std::string::npos ? std::string::npos : next - at);
      if (head.size() + body.size() < 20000) all.push_back(head + body);
      at = next;
    }
  }
  return all;
}

class Damage {
 public:
  explicit Damage(unsigned seed) : random_(seed) {}

  std::string operator()(std::string text, const std::vector<std::string>& corpus) {
    const int steps = 1 + static_cast<int>(pick(4));
    for (int i = 0; i < steps && !text.empty(); i++) once(text, corpus);
    return text;
  }

 private:
  size_t pick(size_t below) { return below ? random_() % below : 0; }

  // A place where a token starts, mostly.
  size_t place(const std::string& text) {
    size_t at = pick(text.size());
    if (pick(4)) at = std::min(text.find_first_of(" \t,;.[]{}%+-", at), text.size() - 1);
    return at;
  }

  void once(std::string& text, const std::vector<std::string>& corpus) {
    static const char* const words[] = {";",
                                        "{",
                                        "}",
                                        "[",
                                        "]",
                                        "(",
                                        ")",
                                        ",",
                                        ".",
                                        "%",
                                        "@",
                                        "|",
                                        "!",
                                        "-1",
                                        "0",
                                        "1",
                                        "99999999999999999999",
                                        "0x",
                                        "0xffffffffffffffff",
                                        "0f",
                                        "0d7FF",
                                        "-9223372036854775808",
                                        "18446744073709551615",
                                        "\"",
                                        "/*",
                                        "*/",
                                        "//",
                                        ".reg .b32 %q<4000000000>;",
                                        ".shared .b8 big[2147483648];",
                                        ".local .b8 big[1073741824];",
                                        ".v4",
                                        ".pred",
                                        ".b128",
                                        ".f16x2",
                                        "%tid.x",
                                        "%envreg99",
                                        "$L__BB0_1",
                                        "bra $L__BB0_1;",
                                        "ret;",
                                        ".func f(",
                                        "call f, (f);",
                                        ".param .b8 p[4294967295]",
                                        ".align 3",
                                        ".align 0",
                                        ".align 1073741824",
                                        "1/0",
                                        "1%0",
                                        "1<<99",
                                        ".version",
                                        ".target",
                                        ".entry",
                                        ".loc 9 9 9",
                                        ".file 1",
                                        ".branchtargets",
                                        "\x00",
                                        "\xff",
                                        "\n\n",
                                        "generic(",
                                        "WARP_SZ",
                                        "_",
                                        "<",
                                        ">",
                                        "<1>",
                                        "{{{{{{{{",
                                        "((((((((",
                                        "--------"};
    const size_t at = place(text);
    const size_t length = std::min(1 + pick(pick(3) ? 12 : 400), text.size() - at);
    switch (pick(10)) {
      case 0: text.resize(at); break;
      case 1: text.erase(at, length); break;
      case 2: text.insert(at, words[pick(std::size(words))]); break;
      case 3: text.replace(at, length, words[pick(std::size(words))]); break;
      case 4: text[at] = static_cast<char>(random_()); break;
      case 5: text.insert(at, text.substr(pick(text.size()), length)); break;
      case 6: {
        const std::string& other = corpus[pick(corpus.size())];
        text.insert(at, other.substr(pick(other.size()), length * 4));
        break;
      }
      case 7: {  // a number becomes another
        const size_t digit = text.find_first_of("0123456789", at);
        if (digit != std::string::npos) text[digit] = static_cast<char>('0' + pick(10));
        break;
      }
      case 8: {  // a type becomes another
        static const char* const types[] = {".u8",  ".s16",  ".b32",  ".u32",    ".b64",    ".f32",   ".f64",
                                            ".f16", ".pred", ".bf16", ".tf32",   ".v2",     ".sat",   ".ftz",
                                            ".rn",  ".hi",   ".wide", ".global", ".shared", ".const", ".sync"};
        const size_t dot = text.find('.', at);
        if (dot != std::string::npos)
          text.replace(dot, std::min<size_t>(4, text.size() - dot), types[pick(std::size(types))]);
        break;
      }
      default: {  // two pieces change places
        const size_t b = pick(text.size());
        std::swap(text[at], text[b]);
      }
    }
  }

  std::mt19937 random_;
};

void load(const std::string& text) {
  CUmodule module = nullptr;
  char log[1024];
  int options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
  // the text ends in a terminating zero and at its heap block's end, so that ASan sees a read beyond it
  if (driver().moduleLoadDataEx(&module, text.c_str(), 2, options, values) == CUDA_SUCCESS)
    driver().moduleUnload(module);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 3 && std::string(argv[1]) == "--corpus") {
    int number = 0;
    for (const std::string& text : seeds())
      std::ofstream(std::string(argv[2]) + "/" + std::to_string(number++) + ".ptx") << text;
    return number > 0 ? 0 : 1;
  }
  const auto seed = static_cast<unsigned>(argc > 1 ? std::atoi(argv[1]) : 1);
  const int count = argc > 2 ? std::atoi(argv[2]) : 3000;
  setenv("SOFTCUDA_REPORT", "off", 0);
  const Context context;
  const auto corpus = seeds();
  std::printf("%zu kernels, seed %u, %d texts\n", corpus.size(), seed, count);
  for (const std::string& text : corpus) load(text);
  // cut off at every length, for the shortest
  const auto shortest = *std::min_element(
      corpus.begin(), corpus.end(), [](const std::string& a, const std::string& b) { return a.size() < b.size(); });
  for (size_t n = 0; n < shortest.size(); n++) load(shortest.substr(0, n));
  Damage damage(seed);
  Random random(seed);
  double slowest = 0;
  for (int i = 0; i < count; i++) {
    const std::string text = damage(corpus[random() % corpus.size()], corpus);
    if (const char* last = std::getenv("SOFTCUDA_FUZZ_LAST")) {  // to look at after a crash
      std::FILE* f = std::fopen(last, "w");
      if (f) std::fwrite(text.data(), 1, text.size(), f), std::fclose(f);
    }
    const auto start = std::chrono::steady_clock::now();
    load(text);
    slowest = std::max(slowest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::printf("slowest load: %.3f s\n", slowest);
  if (slowest > 10) throw Error("a text took more than ten seconds to load");
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "fuzz: %s\n", e.what());
  return 1;
}
