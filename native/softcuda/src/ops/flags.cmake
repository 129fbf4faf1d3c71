# The operations are written as loops over 32 lanes for the compiler to vectorise. Neither of the -fno flags changes a result: nothing
# reads errno or the floating-point exception flags. Compiling at -O3, which unrolls the loops, takes twice as long as at -O1: it is for
# the operations that kernels spend their time in. (-O2 would save a sixth of their compile time; with AVX2, simple operations on a
# part of the lanes would take up to four times as long.) Sanitizers make the loops so long that optimising them takes many minutes.
file(GLOB SOFTCUDA_LEVEL_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/ops/levels/*.cpp)
foreach(source ${SOFTCUDA_LEVEL_SOURCES})
  set(optimisation -O1 -ftree-vectorize)
  if(SOFTCUDA_SANITIZE OR (source MATCHES "_scalar\\.cpp$" AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64"))
    set(optimisation -O1)   # scalar: for x86 machines that hardly exist any more
  elseif(source MATCHES "/(float|integer|mma|move)_[a-z0-9]+\\.cpp$")
    set(optimisation -O3)
  endif()
  set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS ${optimisation} -fno-math-errno -fno-trapping-math)
  set_property(SOURCE ${source} PROPERTY SKIP_PRECOMPILE_HEADERS ON)
  if(source MATCHES "_avx512\\.cpp$")
    set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS -mprefer-vector-width=512)
  endif()
endforeach()
