# The operations, a library of objects for each instruction-set level. They are written as loops over 32 lanes for the compiler to
# vectorise. Neither of the -fno flags changes a result: nothing reads errno or the floating-point exception flags. Compiling at -O3,
# which unrolls the loops, takes twice as long as at -O1: it is for the operations that kernels spend their time in. (-O2 would save a
# sixth of their compile time; with AVX2, simple operations on a part of the lanes would take up to four times as long.) Sanitizers
# make the loops so long that optimising them takes many minutes.
set(levels scalar)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND levels avx2 avx512)
endif()
set(options_avx2 ${SOFTCUDA_AVX2})
set(options_avx512 ${SOFTCUDA_AVX512} -mprefer-vector-width=512)
foreach(level ${levels})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/ops/levels/*_${level}.cpp)
  foreach(source ${sources})
    set(optimisation -O1 -ftree-vectorize)
    if(SOFTCUDA_SANITIZE OR (level STREQUAL scalar AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64"))
      set(optimisation -O1)   # scalar: for x86 machines that hardly exist any more
    elseif(source MATCHES "/(float|integer|mma|move)_[a-z0-9]+\\.cpp$")
      set(optimisation -O3)
    endif()
    set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS ${optimisation})
  endforeach()
  add_library(softcuda_ops_${level} OBJECT ${sources})
  target_link_libraries(softcuda_ops_${level} PUBLIC softcuda_flags)
  target_compile_options(softcuda_ops_${level} PRIVATE ${options_${level}} -fno-math-errno -fno-trapping-math)
  if(level STREQUAL scalar)
    softcuda_precompile(softcuda_ops_${level} <cstring> "${CMAKE_CURRENT_SOURCE_DIR}/src/ops/ops.h")
  else()
    softcuda_precompile(softcuda_ops_${level} <cstring> <immintrin.h> "${CMAKE_CURRENT_SOURCE_DIR}/src/ops/ops.h")
  endif()
  list(APPEND SOFTCUDA_OBJECTS softcuda_ops_${level})
endforeach()
