// Which code makes a matrix product: this processor's kernels, the system's BLAS, or the bf16 kernel.
#pragma once
#include <string>

#include "kernels.h"

namespace touchstone {

// The product of g by what was chosen below.
void product(const Kernels& kernels, const GemmArgs& g);

// Settles whether the system's BLAS makes the large products: "off" for no, a library's path for that one, "" for the
// first that is found, if it proves clearly faster than our kernels (measured once, some 20 ms).
// Gives the library's name, or "" where it is not used; `error` says why a path cannot be.
std::string choose_blas(const Kernels& kernels, const std::string& request, std::string& error);

// Sets the choice aside, or takes it up again: a variant that is opened by name is to be seen itself.
void use_blas(bool use);

// Whether products round their inputs to bf16; false where the processor or the compiler cannot.
bool set_bf16(bool on);

// C (+)= A B with inputs rounded to bf16, sums in float32; null where it was not compiled or the processor lacks it.
typedef void (*Bf16Gemm)(const GemmArgs&);
Bf16Gemm bf16_gemm();

}  // namespace touchstone
