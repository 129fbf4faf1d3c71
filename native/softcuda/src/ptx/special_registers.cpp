#include <unordered_map>

#include "ptx/ast.h"

namespace softcuda::ptx {
namespace {

using R = SpecialRegister;
using T = ops::Type;

const std::unordered_map<std::string_view, SpecialName>& table() {
  static const std::unordered_map<std::string_view, SpecialName> names = {
      {"%tid.x", {R::TidX, 0, T::U32}},
      {"%tid.y", {R::TidY, 0, T::U32}},
      {"%tid.z", {R::TidZ, 0, T::U32}},
      {"%tid.w", {R::Zero, 0, T::U32}},
      {"%ntid.x", {R::NtidX, 0, T::U32}},
      {"%ntid.y", {R::NtidY, 0, T::U32}},
      {"%ntid.z", {R::NtidZ, 0, T::U32}},
      {"%ntid.w", {R::One, 0, T::U32}},
      {"%ctaid.x", {R::CtaidX, 0, T::U32}},
      {"%ctaid.y", {R::CtaidY, 0, T::U32}},
      {"%ctaid.z", {R::CtaidZ, 0, T::U32}},
      {"%ctaid.w", {R::Zero, 0, T::U32}},
      {"%nctaid.x", {R::NctaidX, 0, T::U32}},
      {"%nctaid.y", {R::NctaidY, 0, T::U32}},
      {"%nctaid.z", {R::NctaidZ, 0, T::U32}},
      {"%nctaid.w", {R::One, 0, T::U32}},
      {"%laneid", {R::LaneId, 0, T::U32}},
      {"%warpid", {R::WarpId, 0, T::U32}},
      {"%nwarpid", {R::NwarpId, 0, T::U32}},
      {"%smid", {R::SmId, 0, T::U32}},
      {"%nsmid", {R::NsmId, 0, T::U32}},
      {"%gridid", {R::GridId, 0, T::U64}},
      {"%lanemask_eq", {R::LanemaskEq, 0, T::U32}},
      {"%lanemask_le", {R::LanemaskLe, 0, T::U32}},
      {"%lanemask_lt", {R::LanemaskLt, 0, T::U32}},
      {"%lanemask_ge", {R::LanemaskGe, 0, T::U32}},
      {"%lanemask_gt", {R::LanemaskGt, 0, T::U32}},
      {"%clock", {R::Clock, 0, T::U32}},
      {"%clock_hi", {R::ClockHi, 0, T::U32}},
      {"%clock64", {R::Clock64, 0, T::U64}},
      {"%globaltimer", {R::GlobalTimer, 0, T::U64}},
      {"%globaltimer_lo", {R::GlobalTimerLo, 0, T::U32}},
      {"%globaltimer_hi", {R::GlobalTimerHi, 0, T::U32}},
      {"%total_smem_size", {R::TotalSmemSize, 0, T::U32}},
      {"%aggr_smem_size", {R::AggrSmemSize, 0, T::U32}},
      {"%dynamic_smem_size", {R::DynamicSmemSize, 0, T::U32}},
      {"%reserved_smem_offset_begin", {R::ReservedSmemOffset, 0, T::B32}},
      {"%reserved_smem_offset_end", {R::ReservedSmemOffset, 1, T::B32}},
      {"%reserved_smem_offset_cap", {R::ReservedSmemOffset, 2, T::B32}},
      {"%reserved_smem_offset_0", {R::ReservedSmemOffset, 3, T::B32}},
      {"%reserved_smem_offset_1", {R::ReservedSmemOffset, 4, T::B32}},
      {"%current_graph_exec", {R::CurrentGraphExec, 0, T::U64}},
      // Without clusters a grid is a grid of clusters of one block.
      {"%is_explicit_cluster", {R::Zero, 0, T::Pred}},
      {"%clusterid.x", {R::CtaidX, 0, T::U32}},
      {"%clusterid.y", {R::CtaidY, 0, T::U32}},
      {"%clusterid.z", {R::CtaidZ, 0, T::U32}},
      {"%nclusterid.x", {R::NctaidX, 0, T::U32}},
      {"%nclusterid.y", {R::NctaidY, 0, T::U32}},
      {"%nclusterid.z", {R::NctaidZ, 0, T::U32}},
      {"%cluster_ctaid.x", {R::Zero, 0, T::U32}},
      {"%cluster_ctaid.y", {R::Zero, 0, T::U32}},
      {"%cluster_ctaid.z", {R::Zero, 0, T::U32}},
      {"%cluster_nctaid.x", {R::One, 0, T::U32}},
      {"%cluster_nctaid.y", {R::One, 0, T::U32}},
      {"%cluster_nctaid.z", {R::One, 0, T::U32}},
      {"%cluster_ctarank", {R::Zero, 0, T::U32}},
      {"%cluster_nctarank", {R::One, 0, T::U32}},
  };
  return names;
}

// prefix followed by a number below limit
bool numbered(std::string_view name, std::string_view prefix, uint32_t limit, uint8_t* index) {
  if (name.size() <= prefix.size() || name.size() > prefix.size() + 2 || name.substr(0, prefix.size()) != prefix)
    return false;
  uint32_t value = 0;
  for (char c : name.substr(prefix.size())) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  *index = static_cast<uint8_t>(value);
  return value < limit;
}

}  // namespace

bool findSpecial(std::string_view name, SpecialName* found) {
  const auto entry = table().find(name);
  if (entry != table().end()) {
    *found = entry->second;
    return true;
  }
  uint8_t index = 0;
  if (numbered(name, "%envreg", 32, &index)) {
    *found = {R::EnvReg, index, T::B32};
    return true;
  }
  if (numbered(name, "%pm", 8, &index)) {
    *found = {R::Pm, index, T::U32};
    return true;
  }
  return false;
}

}  // namespace softcuda::ptx
