#include "machine/counters_report.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <mutex>
#include <set>

#include "machine/gpu_profiles.h"
#include "machine/options.h"

namespace softcuda::machine {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", c);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string number(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

struct TensorWork {
  std::map<std::string, uint64_t> flopByType;
};

TensorWork tensorWork(const Counters& counters, const Program& program) {
  TensorWork work;
  for (const auto& f : program.functions) {
    for (size_t pc = 0; pc < f->code.size(); ++pc) {
      const Instr& in = f->code[pc];
      if (in.cls != Class::Tensor || in.kind != Kind::LaneConverged) continue;
      const auto type = static_cast<ops::Type>(in.variant >> 8 & 0xff);  // of B, see ops::mmaVariant
      work.flopByType[std::string(ops::name(type))] += counters.issued[f->profileBase + pc] * in.extra;
    }
  }
  for (auto it = work.flopByType.begin(); it != work.flopByType.end();)
    it = it->second == 0 ? work.flopByType.erase(it) : std::next(it);
  return work;
}

double tensorPeak(const GpuProfile& gpu, const std::string& type) {
  if (type == "f64") return gpu.tensorFp64Tflops;
  if (type == "tf32") return gpu.tensorTf32Tflops;
  if (type == "f16" || type == "bf16") return gpu.tensorHalfTflops;
  if (type == "u4" || type == "s4") return gpu.tensorInt8Tops * 2;
  return gpu.tensorInt8Tops;
}

struct ClassCounts {
  uint64_t issued[static_cast<size_t>(Class::Count)] = {};
  uint64_t lanes[static_cast<size_t>(Class::Count)] = {};
  uint64_t total = 0, totalLanes = 0;
};

ClassCounts byClass(const Counters& counters, const Program& program) {
  ClassCounts counts;
  for (const auto& f : program.functions) {
    for (size_t pc = 0; pc < f->code.size(); ++pc) {
      const auto c = static_cast<size_t>(f->code[pc].cls);
      const uint64_t issued = counters.issued[f->profileBase + pc], lanes = counters.lanes[f->profileBase + pc];
      counts.issued[c] += issued;
      counts.lanes[c] += lanes;
      counts.total += issued;
      counts.totalLanes += lanes;
    }
  }
  return counts;
}

// The time that each unit of the GPU needs at its peak; the longest is the estimate. No latencies: a lower bound in most
// cases. Memory is charged with all that is accessed, as without caches: what of it the second-level cache serves depends
// on the launches before, which who asks for the counters knows.
std::string roofline(const GpuProfile& gpu, const Counters& counters, const ClassCounts& counts,
                     const TensorWork& tensor, const LaunchState& state, const KernelInfo& info, uint64_t blocks) {
  const Residency resident = residency(gpu, state.blockThreads, info.registers, state.sharedBytes);
  const double scale = counters.blocks == 0 ? 0 : static_cast<double>(blocks) / static_cast<double>(counters.blocks);
  const double busy = static_cast<double>(std::min<uint64_t>(gpu.multiprocessors, std::max<uint64_t>(blocks, 1)));
  const double perSecond = busy * gpu.clockGHz * 1e9;  // multiprocessor cycles
  auto lanes = [&](std::initializer_list<Class> classes, double lanesPerClock) {
    double warps = 0;
    for (Class c : classes) warps += static_cast<double>(counts.issued[static_cast<size_t>(c)]);
    return warps * 32 / lanesPerClock / perSecond;
  };
  double tensorSeconds = 0;
  bool tensorKnown = true;
  for (const auto& [type, flop] : tensor.flopByType) {
    const double peak = tensorPeak(gpu, type) * busy / gpu.multiprocessors;
    if (peak > 0) tensorSeconds += static_cast<double>(flop) / (peak * 1e12);
    else tensorKnown = false;
  }
  const double sharedWavefronts = static_cast<double>(counters.sharedLoadWavefronts + counters.sharedStoreWavefronts +
                                                      counters.sharedAtomicLanes / 32);
  const double bytes =
      32.0 * static_cast<double>(counters.globalLoadSectors + counters.globalStoreSectors + counters.atomicSectors);
  const double blockBytes =
      32.0 * static_cast<double>(counters.blockLoadSectors + counters.blockStoreSectors + counters.atomicSectors);
  struct {
    const char* name;
    double seconds;
  } limits[] = {
      {"memory", bytes / (gpu.memoryGBps * 1e9)},
      {"cache", blockBytes / (gpu.cacheGBps() * 1e9)},
      {"issue", static_cast<double>(counts.total) / 4 / perSecond},
      {"fp32", lanes({Class::Float32}, gpu.fp32Lanes)},
      {"fp16", lanes({Class::Float16}, gpu.halfLanes / 2.0)},
      {"fp64", lanes({Class::Float64}, gpu.fp64Lanes)},
      {"integer", lanes({Class::Integer}, gpu.int32Lanes)},
      {"special", lanes({Class::SpecialFunction}, gpu.specialLanes)},
      {"conversion", lanes({Class::Conversion}, gpu.conversionLanes)},
      {"shared", sharedWavefronts / perSecond},
      {"tensor", tensorSeconds},
  };
  std::string out = "{\"gpu\": " + quoted(gpu.name) +
                    ", \"residentBlocks\": " + std::to_string(resident.blocks) +
                    ", \"residentWarps\": " + std::to_string(resident.warps) +
                    ", \"maxWarps\": " + std::to_string(gpu.warps) + ", \"residencyLimit\": " + quoted(resident.limit) +
                    ", \"multiprocessors\": " + std::to_string(gpu.multiprocessors) +
                    ", \"memoryGBps\": " + number(gpu.memoryGBps) +
                    ", \"cacheBytes\": " + std::to_string(uint64_t{gpu.cacheMebibytes} << 20);
  const char* limit = "";
  double longest = 0;
  std::string parts;
  for (const auto& l : limits) {
    const double microseconds = l.seconds * scale * 1e6;
    if (microseconds > longest) {
      longest = microseconds;
      limit = l.name;
    }
    parts += std::string(parts.empty() ? "" : ", ") + "\"" + l.name + "\": " + number(microseconds);
  }
  out += ", \"estimateMicroseconds\": " + number(longest) + ", \"estimateLimit\": " + quoted(limit) +
         ", \"microsecondsByUnit\": {" + parts + "}";
  if (!tensorKnown) out += ", \"note\": \"this GPU has no tensor cores for a type that the kernel uses\"";
  return out + "}";
}

}  // namespace

std::string countersJson(const Counters& given, const LaunchState& state, const KernelInfo& info, uint64_t blocks) {
  Counters counters;
  counters.prepare(state.program->instructions);
  counters.add(given);
  const ClassCounts counts = byClass(counters, *state.program);
  const TensorWork tensor = tensorWork(counters, *state.program);
  auto triple = [](const std::array<uint32_t, 3>& v) {
    return "[" + std::to_string(v[0]) + ", " + std::to_string(v[1]) + ", " + std::to_string(v[2]) + "]";
  };
  std::string out = "{\"kernel\": " + quoted(info.name) + ", \"grid\": " + triple(state.launch.grid) +
                    ", \"block\": " + triple(state.launch.block);
  auto field = [&](const char* name, uint64_t value) {
    out += std::string(", \"") + name + "\": " + std::to_string(value);
  };
  field("blocks", blocks);
  field("blocksRun", counters.blocks);
  field("warpsRun", counters.warps);
  field("threadsRun", counters.threads);
  field("registers", info.registers);
  out += std::string(", \"registersEstimated\": ") + (info.registersEstimated ? "true" : "false");
  field("sharedBytes", state.sharedBytes);
  field("warpInstructions", counts.total);
  field("laneInstructions", counts.totalLanes);
  out += ", \"activeLaneFraction\": " + number(counts.total == 0 ? 0
                                                                 : static_cast<double>(counts.totalLanes) /
                                                                       (32.0 * static_cast<double>(counts.total)));
  out += ", \"warpInstructionsByClass\": {";
  bool first = true;
  for (size_t c = 0; c < static_cast<size_t>(Class::Count); ++c) {
    if (counts.issued[c] == 0) continue;
    out += std::string(first ? "" : ", ") + "\"" + name(static_cast<Class>(c)) +
           "\": " + std::to_string(counts.issued[c]);
    first = false;
  }
  out += "}";
  field("globalLoadSectors", counters.globalLoadSectors);
  field("globalLoadSectorsLeast", counters.globalLoadSectorsLeast);
  field("globalLoadBytes", counters.globalLoadBytes);
  field("globalStoreSectors", counters.globalStoreSectors);
  field("globalStoreSectorsLeast", counters.globalStoreSectorsLeast);
  field("globalStoreBytes", counters.globalStoreBytes);
  field("blockLoadSectors", counters.blockLoadSectors);
  field("blockLoadBytes", counters.blockLoadBytes);
  field("blockStoreSectors", counters.blockStoreSectors);
  field("blockStoreBytes", counters.blockStoreBytes);
  field("localSectors", counters.localSectors);
  field("sharedLoadWavefronts", counters.sharedLoadWavefronts);
  field("sharedLoadWavefrontsLeast", counters.sharedLoadWavefrontsLeast);
  field("sharedStoreWavefronts", counters.sharedStoreWavefronts);
  field("sharedStoreWavefrontsLeast", counters.sharedStoreWavefrontsLeast);
  field("globalAtomics", counters.atomicLanes);
  field("globalAtomicSectors", counters.atomicSectors);
  field("sharedAtomics", counters.sharedAtomicLanes);
  uint64_t tensorFlop = 0;
  for (const auto& entry : tensor.flopByType) tensorFlop += entry.second;
  field("tensorFlop", tensorFlop);
  out += ", \"tensorFlopByType\": {";
  first = true;
  for (const auto& [type, flop] : tensor.flopByType) {
    out += std::string(first ? "" : ", ") + quoted(type) + ": " + std::to_string(flop);
    first = false;
  }
  out += "}";
  field("barriers", counters.barriers);
  field("branches", counters.branches);
  field("divergentBranches", counters.divergentBranches);
  out += ", \"estimates\": [";
  first = true;
  for (const GpuProfile& gpu : kGpuProfiles) {
    out += (first ? "" : ", ") + roofline(gpu, counters, counts, tensor, state, info, blocks);
    first = false;
  }
  return out + "]}";
}

void appendToCountersFile(const std::string& json) {
  const std::string path = countersFile();
  if (path.empty()) return;
  static std::mutex mutex;
  static auto* begun = new std::set<std::string>();
  std::lock_guard lock(mutex);
  const bool fresh = begun->insert(path).second;  // a file of an earlier process is replaced
  std::FILE* file = std::fopen(path.c_str(), fresh ? "w+" : "r+");
  if (file == nullptr) {
    if (fresh) std::fprintf(stderr, "softcuda: SOFTCUDA_COUNTERS=%s cannot be written\n", path.c_str());
    return;
  }
  if (fresh) {
    std::fprintf(file, "[\n%s\n]\n", json.c_str());
  } else if (std::fseek(file, -3, SEEK_END) == 0) {  // before "\n]\n"
    std::fprintf(file, ",\n%s\n]\n", json.c_str());
  }
  std::fclose(file);
}

}  // namespace softcuda::machine
