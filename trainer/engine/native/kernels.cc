// One variant of all kernels: build.mjs compiles this file once for each, with VARIANT, VECTOR_BYTES and TILE_ROWS.
#include "attention.h"
#include "decode.h"
#include "elementwise.h"
#include "gemm.h"
#include "llama.h"
#include "rows.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

namespace touchstone {

const Kernels& JOIN(kernels_, VARIANT)() {
  static const Kernels table = {
      TEXT(VARIANT),
      VARIANT::gemm,
      VARIANT::finish_all,
      VARIANT::attention,
      VARIANT::attention_gradient,
      VARIANT::cached_attention,
      VARIANT::layer_norm,
      VARIANT::layer_norm_gradient,
      VARIANT::log_probs,
      VARIANT::log_probs_gradient,
      VARIANT::entropy,
      VARIANT::entropy_gradient,
      VARIANT::gather,
      VARIANT::scatter_add,
      VARIANT::binary,
      VARIANT::gelu_gradient,
      VARIANT::column_sums,
      VARIANT::sum_all,
      VARIANT::sum_of_squares,
      VARIANT::dropout,
      VARIANT::adamw,
      VARIANT::rms_norm,
      VARIANT::rms_norm_gradient,
      VARIANT::rotary,
      VARIANT::swiglu,
      VARIANT::swiglu_gradient,
      VARIANT::decode,
      VARIANT::pack_tensor,
  };
  return table;
}

}  // namespace touchstone
