# The operations are written as loops over 32 lanes for the compiler to vectorise. Neither flag changes a result:
# nothing reads errno or the floating-point exception flags. Sanitizers make the loops so long that optimising them takes many minutes.
file(GLOB SOFTCUDA_LEVEL_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/ops/levels/*.cpp)
foreach(source ${SOFTCUDA_LEVEL_SOURCES})
  set(optimisation -O3)
  if(SOFTCUDA_SANITIZE)
    set(optimisation -O1)
  elseif(source MATCHES "_scalar\\.cpp$")
    set(optimisation -O2)   # for machines that hardly exist any more: rather quick to build
  endif()
  set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS ${optimisation} -fno-math-errno -fno-trapping-math)
  if(source MATCHES "_avx512\\.cpp$")
    set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS -mprefer-vector-width=512)
  endif()
endforeach()
