// The language around the instructions: declarations, scopes, initialisers, addressing, calls, branches, predicates,
// barriers; and texts that must be refused with the line that is at fault.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <numeric>

#include "../support/test.h"

using namespace test;

namespace {

// A module of one kernel `k` with a parameter `out`; `declarations` stand before it, `body` has %out (its address) and
// %t (the thread).
std::string kernel(const std::string& body, const std::string& declarations = "") {
  return ".version 8.0\n.target sm_80\n.address_size 64\n" + declarations +
         "\n.visible .entry k(.param .u64 out)\n{\n.reg .b64 %out;\n.reg .b32 %t;\nld.param.u64 %out, [out];\nmov.u32 "
         "%t, %tid.x;\n" +
         body + "\n}\n";
}

void keep(const std::string& ptx) {
  if (const char* folder = std::getenv("SOFTCUDA_TEST_KEEP_PTX")) {
    static int number = 0;
    std::ofstream(std::string(folder) + "/language" + std::to_string(number++) + ".ptx") << ptx;
  }
}

template <typename T = uint32_t>
std::vector<T> results(const std::string& ptx, unsigned threads, size_t count, unsigned shared = 0) {
  keep(ptx);
  const Module m = Module::fromText(ptx);
  auto out = Buffer<T>::zeros(count);
  m.run("k", {1, threads, shared}, out);
  return out.download();
}

// Stores %r0 at out[t].
const char* const kStore = ".reg .b64 %at;\nmad.wide.u32 %at, %t, 4, %out;\nst.global.u32 [%at], %r0;\nret;";

std::vector<uint32_t> perThread(unsigned n, uint32_t (*f)(uint32_t)) {
  std::vector<uint32_t> v(n);
  for (unsigned t = 0; t < n; t++) v[t] = f(t);
  return v;
}

}  // namespace

TEST(language_loads_extend) {
  // bytes ff 80 7f 01 f0 f1 f2 f3
  const std::string data = ".global .align 8 .b8 data[8] = {0xff, 0x80, 0x7f, 1, 0xf0, 0xf1, 0xf2, 0xf3};";
  struct {
    const char* load;
    uint64_t value;
  } const cases[] = {
      {"ld.global.u8 %r, [data];", 0xff},
      {"ld.global.s8 %r, [data];", 0xffffffff},
      {"ld.global.b8 %r, [data+1];", 0x80},
      {"ld.global.s8 %r, [data+2];", 0x7f},
      {"ld.global.u16 %r, [data];", 0x80ff},
      {"ld.global.s16 %r, [data];", 0xffff80ff},
      {"ld.global.s16 %r, [data+2];", 0x017f},
      {"ld.global.u32 %r, [data+4];", 0xf3f2f1f0},
      {"ld.global.b16 %r, [data+6];", 0xf3f2},
      {"ld.volatile.global.u16 %r, [data+4];", 0xf1f0},
      {"ld.relaxed.gpu.global.s8 %r, [data+7];", 0xfffffff3},
      {"ld.acquire.sys.global.u32 %r, [data];", 0x017f80ff},
      {"ld.weak.global.u32 %r, [data];", 0x017f80ff},
      {"ld.global.ca.u32 %r, [data];", 0x017f80ff},
      {"ld.global.cg.u32 %r, [data];", 0x017f80ff},
      {"ld.global.cs.u32 %r, [data];", 0x017f80ff},
      {"ld.global.lu.u32 %r, [data];", 0x017f80ff},
      {"ld.global.cv.u32 %r, [data];", 0x017f80ff},
      {"ld.global.nc.u32 %r, [data];", 0x017f80ff},
      {"ld.global.nc.L1::no_allocate.L2::128B.u32 %r, [data];", 0x017f80ff},
      {"ld.global.L1::evict_last.u32 %r, [data];", 0x017f80ff},
      {".reg .b64 p; createpolicy.fractional.L2::evict_last.b64 p, 1.0; ld.global.L2::cache_hint.u32 %r, [data], p;",
       0x017f80ff},
      {".reg .b64 a; mov.u64 a, data; ld.global.u32 %r, [a+4];", 0xf3f2f1f0},
      {".reg .b64 a; mov.u64 a, data+8; ld.global.u32 %r, [a+-4];", 0xf3f2f1f0},
      {".reg .b64 a; mov.u64 a, data; cvta.global.u64 a, a; ld.u8 %r, [a+3];", 1},
      {"ldu.global.u32 %r, [data];", 0x017f80ff},
      {".reg .b32 x; ld.global.v2.u8 {%r, x}, [data+2]; mad.lo.u32 %r, x, 256, %r;", 0x017f},
      {".reg .b16 x<4>; ld.global.v4.s8 {x0, x1, x2, x3}, [data]; mov.b32 %r, {x0, x1};", 0xff80ffff},
      {".reg .b32 x; ld.global.v2.b32 {x, %r}, [data];", 0xf3f2f1f0},
      {".reg .b64 w; ld.global.b64 w, [data]; shr.u64 w, w, 28; cvt.u32.u64 %r, w;", 0x3f2f1f00},
      {".reg .f32 f; ld.global.f32 f, [data]; mov.b32 %r, f;", 0x017f80ff},
      {".reg .pred p; setp.eq.u32 p, %t, 99; mov.u32 %r, 7; @p ld.global.u32 %r, [data+1];", 7},
      {".reg .pred p; setp.eq.u32 p, %t, 99; mov.u32 %r, 7; @!p ld.global.u32 %r, [data];", 0x017f80ff},
  };
  for (const auto& c : cases) {
    const auto got =
        results(kernel(std::string(".reg .b32 %r;\n") + c.load + "\nst.global.u32 [%out], %r;\nret;", data), 1, 1);
    if (got[0] != c.value)
      throw Error(std::string(c.load) + " gives " + std::to_string(got[0]) + ", not " + std::to_string(c.value));
  }
}

TEST(language_mbarriers) {
  // 64 arrivals; those who come last try to wait, with and without a limit to their patience
  const std::string body =
      ".shared .align 8 .b64 m; .reg .pred p, q; .reg .b64 state; .reg .b32 %r<4>;\n"
      "setp.eq.u32 p, %t, 0;\n@p mbarrier.init.shared::cta.b64 [m], 64;\nbar.sync 0;\n"
      "mbarrier.arrive.shared.b64 state, [m];\n"
      "AGAIN: mbarrier.try_wait.shared.b64 q, [m], state, 1000;\n@!q bra AGAIN;\n"
      "mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 q, [m], 0;\nselp.u32 %r0, 1, 0, q;\n"
      "mbarrier.try_wait.parity.shared.b64 q, [m], 1;\nselp.u32 %r1, 2, 0, q;\nor.b32 %r0, %r0, %r1;\n";
  expectEqual("phase", results(kernel(body + kStore), 64, 64), std::vector<uint32_t>(64, 1));
}

TEST(language_stack) {
  // what is taken from the stack lies apart from what was taken before, until it is given back
  const std::string body =
      ".reg .b64 saved, first, second, third; .reg .b32 %r<4>; .reg .pred p;\n"
      "stacksave.u64 saved;\nadd.u32 %r1, %t, 4;\ncvt.u64.u32 first, %r1;\nalloca.u64 first, first, 16;\nalloca.u64 "
      "second, 64;\n"
      "st.local.u32 [first], %t;\nst.local.u32 [second], 77;\nst.local.u32 [second+60], 78;\nld.local.u32 %r0, "
      "[first];\nld.local.u32 %r2, [second];\nmad.lo.u32 %r0, %r0, 1000, %r2;\n"
      "stackrestore.u64 saved;\ncvt.u64.u32 third, %r1;\nalloca.u64 third, third, 16;\nsetp.ne.u64 p, first, "
      "third;\n@p mov.u32 %r0, 0;\n";
  expectEqual("values", results(kernel(body + kStore), 40, 40),
              perThread(40, [](uint32_t t) { return t * 1000 + 77; }));
}

TEST(language_stores_truncate) {
  const std::string init =
      ".reg .b32 %r<8>; .reg .b64 %w<4>; .reg .b16 %h<4>;\nmov.u32 %r0, 0x81828384; mov.u32 %r1, 0x91929394; mov.u64 "
      "%w0, 0xa1a2a3a4a5a6a7a8; mov.u16 %h0, 0xb1b2; mov.u16 %h1, 0xc1c2;\n";
  struct {
    const char* store;
    std::vector<uint32_t> expected;
  } const cases[] = {
      {"st.global.u8 [%out], %r0;", {0x84, 0, 0, 0}},
      {"st.global.s8 [%out+5], %w0;", {0, 0xa800, 0, 0}},
      {"st.global.b16 [%out+2], %r0;", {0x83840000, 0, 0, 0}},
      {"st.global.u16 [%out], %w0;", {0xa7a8, 0, 0, 0}},
      {"st.global.u32 [%out+12], %w0;", {0, 0, 0, 0xa5a6a7a8}},
      {"st.global.u64 [%out+8], %w0;", {0, 0, 0xa5a6a7a8, 0xa1a2a3a4}},
      {"st.global.v2.u32 [%out], {%r1, %r0};", {0x91929394, 0x81828384, 0, 0}},
      {"st.global.v4.u8 [%out+4], {%r0, %r1, %r0, 7};", {0, 0x07849484, 0, 0}},
      {"st.global.v4.b32 [%out], {1, 2, %r0, -1};", {1, 2, 0x81828384, 0xffffffff}},
      {"st.global.v2.b64 [%out], {%w0, 5};", {0xa5a6a7a8, 0xa1a2a3a4, 5, 0}},
      {"st.global.v4.u16 [%out], {%h0, %h1, %h1, %h0};", {0xc1c2b1b2, 0xb1b2c1c2, 0, 0}},
      {"st.volatile.global.u32 [%out], 0x12345678;", {0x12345678, 0, 0, 0}},
      {"st.release.gpu.global.u32 [%out], %r0;", {0x81828384, 0, 0, 0}},
      {"st.relaxed.sys.global.u16 [%out], %r0;", {0x8384, 0, 0, 0}},
      {"st.global.wt.u32 [%out], %r0;", {0x81828384, 0, 0, 0}},
      {"st.global.cs.v2.u32 [%out], {%r0, %r0};", {0x81828384, 0x81828384, 0, 0}},
      {"st.u8 [%out+1], %r0;", {0x8400, 0, 0, 0}},
      {"st.global.f32 [%out], 0f3F800000;", {0x3f800000, 0, 0, 0}},
      {"st.global.f64 [%out], 0d3FF0000000000000;", {0, 0x3ff00000, 0, 0}},
      {"st.global.L1::no_allocate.u32 [%out], %r0;", {0x81828384, 0, 0, 0}},
  };
  for (const auto& c : cases) expectEqual(c.store, results(kernel(init + c.store + "\nret;"), 1, 4), c.expected);
}

TEST(language_initialisers) {
  const std::string declarations =
      ".global .u32 a = 1 + 2 * 3;\n"
      ".global .s16 b[4] = {-1, 2, -3};\n"
      ".global .align 16 .u32 c[2][3] = {{1, 2, 3}, {4, 5}};\n"
      ".global .u64 pointer = generic(c)+8;\n"
      ".const .f32 f[2] = {1.5, 0f40000000};\n"
      ".global .f64 d = 0d400921FB54442D18;\n"
      ".const .align 4 .b8 text[] = {104, 105, 0, 1};\n"
      ".global .u64 table[2] = {generic(f), 7};\n"
      ".global .b8 partial[16] = {1, 2};\n"
      ".visible .global .align 8 .u32 zero[2];\n";
  const std::string body =
      ".reg .b32 %r; .reg .b64 %p;\n"
      "ld.global.u32 %r, [a]; st.global.u32 [%out], %r;\n"
      "ld.global.s16 %r, [b+4]; st.global.u32 [%out+4], %r;\n"
      "ld.global.u64 %p, [pointer]; ld.u32 %r, [%p]; st.global.u32 [%out+8], %r;\n"
      "ld.global.u32 %r, [c+12]; st.global.u32 [%out+12], %r;\n"
      "ld.global.u32 %r, [c+20]; st.global.u32 [%out+16], %r;\n"
      "ld.const.b32 %r, [f+4]; st.global.u32 [%out+20], %r;\n"
      "ld.global.u32 %r, [d+4]; st.global.u32 [%out+24], %r;\n"
      "ld.const.u32 %r, [text]; st.global.u32 [%out+28], %r;\n"
      "ld.global.u64 %p, [table]; ld.b32 %r, [%p]; st.global.u32 [%out+32], %r;\n"
      "ld.global.u32 %r, [partial]; st.global.u32 [%out+36], %r;\n"
      "ld.global.u32 %r, [zero+4]; st.global.u32 [%out+40], %r;\n"
      "ld.global.u16 %r, [b+6]; st.global.u32 [%out+44], %r;\nret;";
  expectEqual<uint32_t>("values", results(kernel(body, declarations), 1, 12),
                        {7, 0xfffffffd, 3, 4, 0, 0x40000000, 0x400921fb, 0x01006968, 0x3fc00000, 0x0201, 0, 0});
}

// Registers, labels and variables declared in a scope hide those outside.
TEST(language_scopes) {
  const std::string body =
      ".reg .b32 %r<3>, x;\n"
      "mov.u32 %r0, 1; mov.u32 x, 10;\n"
      "{\n  .reg .b32 x; .reg .b32 %r<2>;\n  mov.u32 x, 99; mov.u32 %r0, 98; bra SKIP; mov.u32 x, 97;\nSKIP:\n"
      "  {\n    .reg .b32 x;\n    bra SKIP;\n    trap;\nSKIP:\n    mov.u32 x, 96;\n  }\n"
      "  add.u32 %r2, x, 0;\n}\n"
      "bra SKIP;\ntrap;\nSKIP:\n"
      "add.u32 %r0, %r0, x; add.u32 %r0, %r0, %r2;\n";
  expectEqual<uint32_t>("sum", results(kernel(body + kStore), 1, 1), {110});
}

TEST(language_comments_and_spelling) {
  const std::string ptx =
      "// a comment\n/* another\n   one */ .version 7.5 /* 1 */ \n.target sm_80, texmode_independent // "
      "debug\n.address_size 64\n"
      ".file 1 \"x.cu\"\n"
      ".visible .entry k(\n\t.param .u64 .ptr .global .align 4 out\n)\n.maxntid 128, 1, 1\n.minnctapersm 2\n.pragma "
      "\"nounroll\";\n{\n"
      ".loc 1 3 5\n.reg.b64 \t%out;.reg .b32 $x_1,_y$2,%a<2>;\n"
      "ld.param.u64%out,[out];mov.u32 $x_1,0X1F;mov.u32 _y$2,0B11;add.s32 %a0,$x_1,_y$2;\n"
      "@!%never mov.u32 %a0, 5;\n"
      "st.global.u32[%out],%a0;ret;\n}\n.section .debug_str\n{\nname:\n.b8 99,99\n.b8 0\n.b32 name\n}\n";
  std::string text = ptx;
  text.replace(text.find("@!%never mov.u32 %a0, 5;\n"), 25, "");
  expectEqual<uint32_t>("sum", results(text, 1, 1), {34});
}

TEST(language_branch_table) {
  const std::string body =
      ".reg .b32 %r<3>;\nmov.u32 %r0, 7;\nmin.u32 %r1, %t, 3;\n"
      "table: .branchtargets L0, L1, L2, L1;\n"
      "brx.idx %r1, table;\n"
      "L0: mov.u32 %r0, 100; bra.uni END;\nL1: add.u32 %r0, %r0, %t; bra END;\nL2: mov.u32 %r0, 300;\nEND:\n";
  expectEqual("values", results(kernel(body + kStore), 40, 40), perThread(40, [](uint32_t t) {
                return t == 0 ? 100 : t == 2 ? 300 : 7 + t;
              }));
}

TEST(language_calls) {
  const std::string declarations =
      ".func (.reg .b32 r) twice(.reg .b32 x);\n"
      ".func (.param .b32 r) add3(.param .b32 a, .param .b32 b, .param .b32 c)\n{\n.reg .b32 %x<3>;\nld.param.b32 "
      "%x0, [a]; ld.param.b32 %x1, [b]; ld.param.b32 %x2, [c];\nadd.u32 %x0, %x0, %x1; add.u32 %x0, %x0, %x2;\n"
      "st.param.b32 [r], %x0;\nret;\n}\n"
      ".func (.reg .b32 r) twice(.reg .b32 x)\n{\nadd.u32 r, x, x;\nret;\n}\n"
      ".func (.param .align 8 .b8 r[16]) swap(.param .align 8 .b8 p[16])\n{\n.reg .b64 %x<2>;\nld.param.v2.b64 {%x0, "
      "%x1}, [p];\nst.param.b64 [r+0], %x1;\nst.param.b64 [r+8], %x0;\nret;\n}\n"
      ".func nothing()\n{\nret;\n}\n"
      ".func (.param .b32 r) factorial(.param .b32 n)\n{\n.reg .b32 %x<3>; .reg .pred p;\nld.param.b32 %x0, "
      "[n];\nsetp.lt.u32 p, %x0, 2;\n@p bra ONE;\nsub.u32 %x1, %x0, 1;\n{\n.param .b32 q;\n.param .b32 s;\n"
      "st.param.b32 [q], %x1;\ncall (s), factorial, (q);\nld.param.b32 %x2, [s];\n}\nmul.lo.u32 %x2, %x2, "
      "%x0;\nst.param.b32 [r], %x2;\nret;\nONE: st.param.b32 [r], 1;\nret;\n}\n";
  const std::string body =
      ".reg .b32 %r<8>; .reg .b64 %w<4>; .reg .b64 %f; .reg .pred %p;\n"
      "{\n.param .b32 p0, p1, p2, q;\nst.param.b32 [p0], %t;\nst.param.b32 [p1], 10;\nst.param.b32 [p2], 5;\ncall.uni "
      "(q), add3, (p0, p1, p2);\nld.param.b32 %r1, [q];\n}\n"
      "call (%r2), twice, (%r1);\n"
      "cvt.u64.u32 %w0, %r2; mov.u64 %w1, 1000;\n"
      "{\n.param .align 8 .b8 p[16];\n.param .align 8 .b8 q[16];\nst.param.v2.b64 [p], {%w0, %w1};\ncall (q), swap, "
      "(p);\nld.param.b64 %w2, [q];\nld.param.b64 %w3, [q+8];\n}\n"
      "call nothing;\n"
      "cvt.u32.u64 %r3, %w2; cvt.u32.u64 %r4, %w3; sub.u32 %r5, %r3, %r4;\n"
      // an indirect call, of lanes that differ
      "and.b32 %r6, %t, 1; setp.eq.u32 %p, %r6, 0;\nmov.u64 %f, factorial;\n"
      "@%p mov.u64 %f, factorial;\n"
      "and.b32 %r6, %t, 7;\n"
      "{\n.param .b32 p, q;\nst.param.b32 [p], %r6;\nproto: .callprototype (.param .b32 _) _ (.param .b32 _);\ncall "
      "(q), %f, (p), proto;\nld.param.b32 %r7, [q];\n}\n"
      "add.u32 %r0, %r5, %r7;\n";
  expectEqual("values", results(kernel(body + kStore, declarations), 64, 64), perThread(64, [](uint32_t t) {
                uint32_t f = 1;
                for (uint32_t i = 2; i <= t % 8; i++) f *= i;
                return 1000 - 2 * (t + 15) + f;
              }));
}

TEST(language_predicates) {
  const std::string body =
      ".reg .b32 %r<3>; .reg .pred %p<4>;\nmov.u32 %r0, 0;\n"
      "setp.lt.u32 %p0, %t, 10; setp.gt.u32 %p1, %t, 4; and.pred %p2, %p0, %p1; not.pred %p3, %p2;\n"
      "@%p2 mov.u32 %r0, 1;\n@!%p3 add.u32 %r0, %r0, 10;\n@%p3 mov.u32 %r0, %t;\n"
      "setp.eq.u32 %p0, %t, 20;\n@%p0 ret;\n@!%p2 add.u32 %r0, %r0, 1000;\n"
      "setp.eq.u32 %p0, %t, 21;\n@%p0 exit;\n"
      "mov.pred %p1, 1; @%p1 add.u32 %r0, %r0, 0;\nsetp.ne.u32 %p1, %r0, %r0; selp.u32 %r1, 5, 0, %p1; add.u32 %r0, "
      "%r0, %r1;\n";
  std::string text = body + kStore;
  const auto pos = text.find("mov.pred %p1, 1;");
  text.replace(pos, 16, "setp.eq.u32 %p1, 0, 0;");
  expectEqual("values", results(kernel(text), 32, 32), perThread(32, [](uint32_t t) {
                return t == 20 || t == 21 ? 0 : t > 4 && t < 10 ? 11 : t + 1000;
              }));
}

TEST(language_barriers) {
  // warps 0 and 1 produce, 2 and 3 consume, by bar.arrive and bar.sync with counts
  const std::string shared = ".shared .align 4 .b32 cells[128];\n";
  const std::string body =
      ".reg .b32 %r<4>; .reg .pred %p;\nmov.u32 %r1, cells; shl.b32 %r2, %t, 2; add.u32 %r1, %r1, %r2;\nmov.u32 %r0, "
      "0;\nsetp.ge.u32 %p, %t, 64;\n@%p bra CONSUME;\n"
      "mad.lo.u32 %r3, %t, 3, 1; st.shared.u32 [%r1], %r3;\nbar.arrive 3, 128;\nbar.sync 4, 128;\nld.shared.u32 %r0, "
      "[%r1+256];\nbra.uni END;\n"
      "CONSUME:\nbar.sync 3, 128;\nld.shared.u32 %r0, [%r1+-256];\nst.shared.u32 [%r1], %r0;\nbarrier.sync 4, "
      "128;\nEND:\n";
  expectEqual("values", results(kernel(body + kStore, shared), 128, 128),
              perThread(128, [](uint32_t t) { return t % 64 * 3 + 1; }));
  // reductions, over a part of the warps and over all; the barrier's number in a register
  const std::string reductions =
      ".reg .b32 %r<5>; .reg .pred %p<4>;\nand.b32 %r1, %t, 3; setp.eq.u32 %p0, %r1, 0;\n"
      "bar.red.popc.u32 %r0, 0, %p0;\nbar.red.and.pred %p1, 1, %p0;\nbarrier.red.or.pred %p2, 2, !%p0;\nmov.u32 %r2, "
      "5;\nbar.sync %r2;\nbarrier.cta.sync.aligned 6;\nbarrier.cta.red.popc.aligned.u32 %r3, 7, 128, %p0;\n"
      "selp.u32 %r4, 100, 0, %p1; add.u32 %r0, %r0, %r4; selp.u32 %r4, 1000, 0, %p2; add.u32 %r0, %r0, %r4; "
      "mad.lo.u32 %r0, %r3, 10000, %r0;\n";
  expectEqual("reductions", results(kernel(reductions + kStore), 128, 128), std::vector<uint32_t>(128, 321032));
}

TEST(language_warp_instructions) {
  const std::string body =
      ".reg .b32 %r<12>; .reg .pred %p<5>;\n"
      "shfl.sync.down.b32 %r1|%p0, %t, 5, 0x1f, -1;\nselp.u32 %r2, 1, 0, %p0;\n"
      "shfl.sync.up.b32 %r3|%p1, %t, 3, 0, 0xffffffff;\nselp.u32 %r4, 1, 0, %p1;\n"
      "shfl.sync.idx.b32 %r5|%p2, %t, 9, 0x181f, 0xffffffff;\n"  // segments of 8
      "shfl.sync.bfly.b32 %r6, %t, 1, 31, -1;\n"
      "setp.lt.u32 %p3, %t, 7;\nvote.sync.ballot.b32 %r7, %p3, -1;\nvote.sync.any.pred %p4, %p3, -1;\nselp.u32 %r8, "
      "1, 0, %p4;\n"
      "and.b32 %r9, %t, 1; match.any.sync.b32 %r10, %r9, -1;\nmatch.all.sync.b32 %r11|%p4, %r8, -1;\n"
      "redux.sync.add.u32 %r9, %t, -1;\n"
      "xor.b32 %r0, %r1, %r3; mad.lo.u32 %r0, %r2, 64, %r0; mad.lo.u32 %r0, %r4, 128, %r0; mad.lo.u32 %r0, %r5, 256, "
      "%r0; mad.lo.u32 %r0, %r6, 8192, %r0;\n"
      "add.u32 %r0, %r0, %r7; add.u32 %r0, %r0, %r8; add.u32 %r0, %r0, %r9; add.u32 %r0, %r0, %r10; add.u32 %r0, %r0, "
      "%r11;\n";
  expectEqual("values", results(kernel(body + kStore), 32, 32), perThread(32, [](uint32_t t) {
                const uint32_t down = t + 5 < 32 ? t + 5 : t, up = t >= 3 ? t - 3 : t;
                const uint32_t index = (t & 24) | (9 & 7);
                return (down ^ up) + 64 * (t + 5 < 32) + 128 * (t >= 3) + 256 * index + 8192 * (t ^ 1) + 0x7f + 1 +
                       496 + (t & 1 ? 0xaaaaaaaa : 0x55555555) + 0xffffffff;
              }));
}

TEST(language_atomics) {
  const std::string declarations = ".global .align 8 .b32 g[8];\n.shared .align 8 .b64 s[2];\n";
  struct {
    const char* text;  // leaves its result in %r0
    uint32_t expected;
  } const cases[] = {
      {"atom.global.add.u32 %r0, [g], 5; ld.global.u32 %r0, [g];", 5},
      {"atom.relaxed.gpu.global.add.s32 %r0, [g], -5; ld.global.u32 %r0, [g];", 0xfffffffb},
      {"atom.acq_rel.sys.global.exch.b32 %r0, [g], 9; atom.exch.b32 %r0, [%ga], 4;", 9},
      {"red.global.max.s32 [g], 7; red.release.cta.global.min.u32 [g], 3; ld.global.u32 %r0, [g];", 3},
      {"red.global.or.b32 [g], 0xf0; red.global.and.b32 [g], 0x30; red.global.xor.b32 [g], 1; ld.global.u32 %r0, [g];",
       0x31},
      {"atom.global.cas.b32 %r0, [g], 0, 77; atom.global.cas.b32 %r0, [g], 0, 88;", 77},
      {"st.global.u32 [g], 3; atom.global.inc.u32 %r0, [g], 3; ld.global.u32 %r0, [g];", 0},
      {"atom.global.dec.u32 %r0, [g], 3; ld.global.u32 %r0, [g];", 3},
      {"atom.global.add.f32 %r0, [g], 0f3FC00000; ld.global.u32 %r0, [g];", 0x3fc00000},
      {".reg .f64 d; atom.global.add.f64 d, [g], 0d3FF8000000000000; ld.global.u32 %r0, [g+4];", 0x3ff80000},
      {"mov.b32 %r1, 0x3c003e00; atom.global.add.noftz.f16x2 %r0, [g], %r1; ld.global.u32 %r0, [g];", 0x3c003e00},
      {".reg .b16 h; mov.b16 h, 0x4000; atom.global.add.noftz.f16 h, [g], h; ld.global.u32 %r0, [g];", 0x4000},
      {".reg .b16 h, x, y; mov.b16 x, 0; mov.b16 y, 0x1234; atom.global.cas.b16 h, [g+2], x, y; ld.global.u32 %r0, "
       "[g];",
       0x12340000},
      {".reg .b64 d; atom.global.max.s64 d, [g], 0x7000000000000000; ld.global.u32 %r0, [g+4];", 0x70000000},
      {".reg .b64 d; atom.global.cas.b64 d, [g], 0, -1; atom.global.exch.b64 d, [g], 1; cvt.u32.u64 %r0, d;",
       0xffffffff},
      {"st.shared.u64 [s], 0; atom.shared.add.u32 %r0, [s], 3; red.shared.add.u32 [s], 4; ld.shared.u32 %r0, [s];", 7},
      {".reg .b64 d; st.shared.u64 [s+8], 5; atom.shared.cas.b64 d, [s+8], 5, 6; ld.shared.u32 %r0, [s+8];", 6},
      {".reg .b64 d; st.shared.u64 [s], 5; atom.acquire.cta.shared.or.b64 d, [s], 8; ld.shared.u32 %r0, [s];", 13},
      {"membar.gl; membar.cta; membar.sys; fence.sc.gpu; fence.acq_rel.cta; mov.u32 %r0, 1;", 1},
  };
  for (const auto& c : cases) {
    const auto got =
        results(kernel(std::string(".reg .b32 %r<2>; .reg .b64 %ga; mov.u64 %ga, g; cvta.global.u64 %ga, %ga;\n") +
                           c.text + "\n" + kStore,
                       declarations),
                1, 1);
    if (got[0] != c.expected)
      throw Error(std::string(c.text) + " gives " + std::to_string(got[0]) + ", not " + std::to_string(c.expected));
  }
}

TEST(language_special_registers) {
  const std::string body =
      ".reg .b32 %r<4>; .reg .b64 %w; .reg .pred %p;\nmov.u32 %r0, %ntid.x; mov.u32 %r1, %nctaid.x; mad.lo.u32 %r0, "
      "%r1, 100, %r0;\n"
      "mov.u32 %r1, %warpid; mov.u32 %r1, %smid; mov.u32 %r1, %nsmid; mov.u64 %w, %gridid; mov.u32 %r1, %clock; "
      "mov.u32 %r1, %clock_hi; mov.u64 %w, %clock64; mov.u32 %r1, %globaltimer_lo; mov.u32 %r1, %globaltimer_hi;\n"
      "mov.u32 %r1, %pm0; mov.u32 %r1, %envreg0; mov.u32 %r1, %tid.z; add.u32 %r0, %r0, %r1; mov.u32 %r1, %ntid.y; "
      "mad.lo.u32 %r0, %r1, 1000, %r0; mov.u32 %r1, %ctaid.y; add.u32 %r0, %r0, %r1;\n"
      "mov.u32 %r1, WARP_SZ; mad.lo.u32 %r0, %r1, 10000, %r0;\nadd.u32 %r0, %r0, %laneid;\n"
      "isspacep.global %p, %out; selp.u32 %r1, 1, 0, %p; mad.lo.u32 %r0, %r1, 1000000, %r0;\n";
  std::string text = body + kStore;
  text.replace(text.find("add.u32 %r0, %r0, %laneid;"), 26, "mov.u32 %r1, %laneid; add.u32 %r0, %r0, %r1;");
  expectEqual("values", results(kernel(text), 64, 64),
              perThread(64, [](uint32_t t) { return 1000000 + 320000 + 1000 + 100 + 64 + t % 32; }));
}

TEST(language_asynchronous_copies) {
  const std::string declarations =
      ".global .align 16 .b32 g[8] = {1, 2, 3, 4, 5, 6, 7, 8};\n.shared .align 16 .b32 s[8];\n";
  const std::string body =
      ".reg .b32 %r<3>; .reg .b64 %ga; .reg .pred %p; mov.u64 %ga, g; mov.u32 %r1, s;\nst.shared.v4.u32 [s], {9, 9, "
      "9, 9}; st.shared.v4.u32 [s+16], {9, 9, 9, 9};\n"
      "cp.async.ca.shared.global [%r1], [%ga], 4;\ncp.async.ca.shared.global [%r1+8], [%ga+8], 8, "
      "4;\ncp.async.cg.shared.global.L2::128B [%r1+16], [%ga+16], 16;\n"
      "cp.async.commit_group;\ncp.async.wait_group 0;\n"
      "setp.eq.u32 %p, 1, 1;\ncp.async.ca.shared.global [s+4], [g+4], 4, %p;\ncp.async.wait_all;\n"
      ".reg .b64 %at; mad.wide.u32 %at, %t, 4, %out; mad.lo.u32 %r1, %t, 4, %r1; ld.shared.u32 %r0, [%r1]; "
      "st.global.u32 [%at], %r0;\nret;";
  // the last copy ignores its source: zeros
  std::string text = body;
  const auto one = results(kernel(text, declarations), 8, 8);
  // eight threads copy the same values to the same places
  expectEqual<uint32_t>("copied", one, {1, 0, 3, 0, 5, 6, 7, 8});
}

// What is no PTX is refused with its line; nothing is guessed.
TEST(language_refusals) {
  struct {
    const char* text;
    const char* why;
  } const bad[] = {
      {"frobnicate.u32 %r0, %r1;", "an unknown instruction"},
      {"add.u33 %r0, %r1, %r1;", "an unknown type"},
      {"add.fast.u32 %r0, %r1, %r1;", "an unknown modifier"},
      {"add.rn.u32 %r0, %r1, %r1;", "rounding of integers"},
      {"add.u32 %r0, %r1;", "an operand too few"},
      {"add.u32 %r0, %r1, %r1, %r1;", "an operand too many"},
      {"add.u32 %r0, %r1, %undeclared;", "an undeclared register"},
      {"add.u32 %r0, %r1, %p0;", "a predicate as a number"},
      {"add.u32 %r0, %r1, %w0;", "a register that is too wide"},
      {"mov.u64 %w0, %r0;", "a register that is too narrow"},
      {"bra NOWHERE;", "an undefined label"},
      {"ld.global.u32 %r0, [nothing];", "an undefined variable"},
      {"call missing, ();", "an undefined function"},
      {"@%r0 mov.u32 %r1, 1;", "a number as a predicate"},
      {"setp.zz.u32 %p0, %r0, %r1;", "an unknown comparison"},
      {"ld.global.v3.u32 {%r0, %r1, %r0}, [%w0];", "vectors of three"},
      {"cvt.u32.f32 %r0, %r1;", "a conversion without rounding"},
      {"shl.s32 %r0, %r1, 1;", "a shift of a signed type"},
      {"mma.sync.aligned.m16n8k16.row.col.f32.f16.bf16.f32 {%r0,%r0,%r0,%r0}, {%r0,%r0,%r0,%r0}, {%r0,%r0}, "
       "{%r0,%r0,%r0,%r0};",
       "mixed types of mma"},
      {"mma.sync.aligned.m16n8k17.row.col.f32.f16.f16.f32 {%r0,%r0,%r0,%r0}, {%r0,%r0,%r0,%r0}, {%r0,%r0}, "
       "{%r0,%r0,%r0,%r0};",
       "an unknown shape"},
      {"fma.f32 %r0, %r0, %r0, %r0;", "fma without rounding"},
      {"mov.u32 %r0, 0xgg;", "a malformed number"},
      {"mov.u32 %r0, %r1", "no semicolon"},
      {"mov.u32 %r0, \"text\";", "a string as an operand"},
      {"st.const.u32 [%w0], %r0;", "a store to constant memory"},
      {"bar.sync 16;", "a barrier that does not exist"},
      {"{ mov.u32 %r0, %r1;", "an open scope"},
      {"tex.2d.v4.f32.f32 {%r0,%r0,%r0,%r0}, [t, {%r0,%r0}];", "textures"},
      {"wgmma.fence.sync.aligned;", "an instruction of a later architecture"},
      {"mov.b32 {%r0, %r1}, %r0;", "vectors of the wrong width"},
      {".reg .b32 %r0;", "a register declared twice"},
  };
  for (const auto& b : bad) {
    const std::string ptx =
        kernel(std::string(".reg .b32 %r<2>; .reg .b64 %w<2>; .reg .pred %p<2>;\n") + b.text + "\nret;");
    const auto line = std::count(ptx.begin(), ptx.begin() + static_cast<long>(ptx.find(b.text)), '\n') + 1;
    keep(ptx);
    try {
      Module::fromText(ptx);
    } catch (const CudaError& e) {
      CHECK(e.code == CUDA_ERROR_INVALID_PTX);
      const std::string message = e.what();
      // an open end is noticed on a later line
      const bool later = std::string(b.why) == "no semicolon" || std::string(b.why) == "an open scope";
      if (!later && message.find("line " + std::to_string(line)) == std::string::npos)
        throw Error(std::string("the log for ") + b.why + " does not name line " + std::to_string(line) + ": " +
                    message);
      continue;
    }
    throw Error(std::string("accepted: ") + b.why + ": " + b.text);
  }
}

TEST(language_bad_modules) {
  for (const char* ptx :
       {"", "\n", "hello", ".version 8.0", ".version 8.0\n.target sm_80\n.address_size 32\n",
        ".version 99.0\n.target sm_80\n.address_size 64\n", ".version 8.0\n.target sm_999\n.address_size 64\n",
        ".target sm_80\n", ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(",
        ".version 8.0\n.target sm_80\n.address_size 64\n}}}}",
        ".version 8.0\n.target sm_80\n.address_size 64\n.global .u32 a[-1];",
        ".version 8.0\n.target sm_80\n.address_size 64\n.global .u32 a[99999999999999];",
        ".version 8.0\n.target sm_80\n.address_size 64\n.global .u32 a = {;",
        ".version 8.0\n.target sm_80\n.address_size 64\n.entry k() { .reg .b32 %r<99999999999>; ret; }",
        ".version 8.0\n.target sm_80\n.address_size 64\n.entry k() { ret; }\n.entry k() { ret; }",
        ".version 8.0\n.target sm_80\n.address_size 64\n.extern .func f(); .entry k() { call f, (); ret; }"}) {
    bool refused = false;
    try {
      Module::fromText(ptx);
    } catch (const CudaError&) {
      refused = true;
    }
    if (!refused) throw Error(std::string("accepted: ") + ptx);
  }
}
