#include <algorithm>

#include "../support/capture.h"
#include "../support/test.h"

using namespace test;

TEST(printing_formats) {
  const std::string text = captured(STDOUT_FILENO, [] { Module("printing").run("printAll", {1, 32}); });
  const std::string expected =
      "plain\n"
      "-42 17 3000000000 beef BEEF 10 z %\n"
      "-1234567890123456789 12345678901234567890 feedfacecafebeef -5\n"
      "1.500000 -2.250000e+10 1e-05 3.142       2.50|2.50      |+7.0 0x1p-1\n"
      "one and two|     right|left  |\n"
      "   42|42   |00042|+42| 42|0xff|    42\n"
      "1.000000 -0.000000 -3 -4\n"
      "[block zero] (nil)\n";
  if (text != expected) throw Error("printed\n" + text + "instead of\n" + expected);
}

TEST(printing_each_thread) {
  const std::string text = captured(STDOUT_FILENO, [] { Module("printing").run("printEach", {3, 50}); });
  std::vector<std::string> lines, expected;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  for (int b = 0; b < 3; b++)
    for (int t = 0; t < 50; t++) expected.push_back("block " + std::to_string(b) + " thread " + std::to_string(t));
  std::sort(lines.begin(), lines.end());
  std::sort(expected.begin(), expected.end());
  CHECK(lines == expected);
}

TEST(printing_result) {
  std::vector<int> got;
  captured(STDOUT_FILENO, [&] {
    Buffer<int> out(2);
    Module("printing").run("printResult", {1, 1}, out);
    got = out.download();
  });
  // CUDA's printf answers the number of arguments
  expectEqual<int>("results", got, {3, 0});
}

TEST(printing_assert) {
  Buffer<int> in(randomIntegers<int>(128, 0, 99));
  Module m("printing");
  m.run("assertBelow", {2, 64}, in, 100);
  CUresult result = CUDA_SUCCESS;
  const std::string text = captured(STDERR_FILENO, [&] { result = m.tryRun("assertBelow", {2, 64}, in, 5); });
  CHECK(result == CUDA_ERROR_ASSERT);
  CHECK(text.find("printing.cu:") != std::string::npos);
  CHECK(text.find("Assertion `v < limit` failed") != std::string::npos);
  CHECK(text.find("block: [") != std::string::npos && text.find("thread: [") != std::string::npos);
  // sticky: the context is lost
  CHECK(driver().ctxSynchronize() == CUDA_ERROR_ASSERT);
  CUdeviceptr p = 0;
  CHECK(driver().memAlloc(&p, 4) == CUDA_ERROR_ASSERT);
}

TEST(printing_trap) {
  Module m("printing");
  m.run("trapAt", {1, 64}, 64);
  const std::string text =
      captured(STDERR_FILENO, [&] { CHECK(m.tryRun("trapAt", {1, 64}, 40) == CUDA_ERROR_LAUNCH_FAILED); });
}
