export {
  neg_f32,
  abs_f32,
  exp_f32,
  log_f32,
  sqrt_f32,
  square_f32,
  reciprocal_f32,
  sign_f32,
  erf_f32,
  relu_f32,
  clip_f32,
  leaky_relu_f32,
  elu_f32,
  selu_f32,
  sigmoid_f32,
  tanh_f32,
  softplus_f32,
  softsign_f32,
  gelu_tanh_f32,
  silu_f32,
  hard_sigmoid_f32,
  hard_swish_f32,
  mish_f32,
  ceil_f32,
  floor_f32,
  round_f32,
  is_nan_f32,
  is_inf_f32,
} from './kernels/activation_f32';
export { gelu_f32 } from './kernels/gelu_f32';
export {
  relu_f32_grad,
  clip_f32_grad,
  leaky_relu_f32_grad,
  elu_f32_grad,
  selu_f32_grad,
  sigmoid_f32_grad,
  tanh_f32_grad,
  sqrt_f32_grad,
  erf_f32_grad,
  softplus_f32_grad,
  softsign_f32_grad,
  gelu_f32_grad,
  gelu_tanh_f32_grad,
  silu_f32_grad,
  hard_sigmoid_f32_grad,
  hard_swish_f32_grad,
  mish_f32_grad,
} from './kernels/activation_grad_f32';
export {
  add_f32,
  sub_f32,
  mul_f32,
  div_f32,
  min_f32,
  max_f32,
  equal_f32,
  greater_f32,
  greater_or_equal_f32,
  pow_f32,
  mod_f32,
  fmod_f32,
} from './kernels/binary_f32';
export {
  add_i32,
  sub_i32,
  mul_i32,
  div_i32,
  min_i32,
  max_i32,
  equal_i32,
  greater_i32,
  greater_or_equal_i32,
  pow_i32,
  mod_i32,
  fmod_i32,
  bitwise_and_i32,
  bitwise_or_i32,
  bitwise_xor_i32,
  shift_left_i32,
  shift_right_i32,
} from './kernels/binary_i32';
export {
  cast_f32_i32,
  cast_i32_f32,
  cast_f32_u8,
  cast_i32_u8,
  cast_f32_bool,
  cast_i32_bool,
  cast_u8_bool,
  cast_i8_i32,
  cast_u8_i32,
  cast_i8_f32,
  cast_u8_f32,
} from './kernels/cast';
export { conv2d_f32_flip_weights, conv2d_f32, conv2d_f32_grad_weight, conv2d_f32_grad_input } from './kernels/conv2d_f32';
export { conv2d_f32_columns } from './kernels/conv2d_columns_f32';
export { conv2d_f32_planar } from './kernels/conv2d_planar_f32';
export { cumulative_sum_f32, cumulative_prod_f32, cumulative_sum_i32, cumulative_prod_i32 } from './kernels/cumulative';
export { depthwise_conv2d_f32, depthwise_conv2d_f32_ordered } from './kernels/depthwise_f32';
export { depthwise_conv2d_f32_grad_input, depthwise_conv2d_f32_grad_weight } from './kernels/depthwise_grad_f32';
export { det_f32 } from './kernels/det_f32';
export { matmul_f32, matmul_f32_grad_weight, matmul_f32_grad_input, matmul_f32_batched, sum_rows_f32 } from './kernels/matmul_f32';
export {
  copy_bytes,
  fill_f32,
  fill_i32,
  strided_copy,
  strided_add_f32,
  gather_rows,
  gather_rows_grad,
  resize_f32,
  resize_f32_grad,
} from './kernels/move';
export { batch_norm_f32_stats, batch_norm_f32, batch_norm_f32_grad, moving_average_f32 } from './kernels/batch_norm_f32';
export { bias_rows_f32 } from './kernels/bias_rows_f32';
export { dropout_f32 } from './kernels/dropout_f32';
export { fake_quantize_f32, fake_quantize_f32_grad } from './kernels/fake_quantize_f32';
export { group_norm_f32, group_norm_f32_grad } from './kernels/group_norm_f32';
export { non_max_suppression_f32, soft_non_max_suppression_f32 } from './kernels/non_max_suppression_f32';
export { sgd_f32, momentum_f32, rmsprop_f32, adagrad_f32, adam_f32, clip_scale_f32, increment_i32 } from './kernels/optimizer_f32';
export { max_pool2d_f32, average_pool2d_f32, max_pool2d_f32_grad, average_pool2d_f32_grad } from './kernels/pool2d_f32';
export {
  reduce_sum_f32,
  reduce_squares_f32,
  reduce_max_f32,
  reduce_min_f32,
  reduce_prod_f32,
  argmax_f32,
  argmin_f32,
} from './kernels/reduce_f32';
export { reduce_sum_i32, reduce_max_i32, reduce_min_i32, reduce_prod_i32, argmax_i32, argmin_i32 } from './kernels/reduce_i32';
export {
  softmax_f32,
  log_softmax_f32,
  softmax_f32_grad,
  log_softmax_f32_grad,
  softmax_cross_entropy_f32,
  softmax_cross_entropy_f32_grad,
} from './kernels/softmax_f32';
export { roi_align_f32 } from './kernels/roi_align_f32';
export { rnn_f32, rnn_f32_grad, lstm_f32, lstm_f32_grad, gru_f32, gru_f32_grad } from './kernels/recurrent_f32';
export { gru_before_f32, gru_before_f32_grad } from './kernels/gru_before_f32';
export { rnn_f32_sequence, lstm_f32_sequence, gru_f32_sequence, gru_before_f32_sequence } from './kernels/recurrent_sequence_f32';
export { tree_ensemble_f32 } from './kernels/tree_ensemble_f32';
export {
  sin_f32,
  cos_f32,
  tan_f32,
  asin_f32,
  acos_f32,
  atan_f32,
  sinh_f32,
  cosh_f32,
  asinh_f32,
  acosh_f32,
  atanh_f32,
} from './kernels/trigonometry_f32';
export { where } from './kernels/where';
export { scatter_f32, scatter_i32 } from './kernels/scatter';
export { nonzero_f32, nonzero_i32 } from './kernels/nonzero';
export { top_k_f32, top_k_i32 } from './kernels/top_k';
export { unique_f32, unique_i32 } from './kernels/unique';
export { conv2d_f32_winograd } from './kernels/winograd_f32';
export { conv2d_s8 } from './kernels/conv2d_s8';
export { conv2d_s8_winograd } from './kernels/winograd_s8';
export { depthwise_conv2d_s8 } from './kernels/depthwise_s8';
export { linear_weights_f32 } from './kernels/linear_weights_f32';
export { round_rows_f32 } from './kernels/round_rows_f32';
export { linear_dynamic_s8 } from './kernels/linear_dynamic_s8';
export { dynamic_quantize_s8, linear_scaled_s8 } from './kernels/linear_scaled_s8';
export { quantize_rows_s8 } from './kernels/quantize_rows_s8';
export { conv2d_scaled_s8 } from './kernels/conv2d_scaled_s8';
export { depthwise_conv2d_scaled_s8 } from './kernels/depthwise_scaled_s8';
export { matmul_s8_batched } from './kernels/matmul_s8';
export { requantize_s8, quantize_s8, dequantize_s8, dequantize_s8_columns, lookup_u8 } from './kernels/requantize';
export { add_s8, mul_s8, max_s8, min_s8 } from './kernels/binary_s8';
export { max_pool2d_s8, average_pool2d_s8 } from './kernels/pool2d_s8';
export { softmax_s8 } from './kernels/softmax_s8';
export { log_softmax_s8 } from './kernels/log_softmax_s8';
export { layer_norm_s16 } from './kernels/layer_norm_s16';
export { l2_normalization_s8 } from './kernels/l2_normalization_s8';
export { strided_copy_u8, fill_u8, gather_rows_u8, resize_u8 } from './kernels/move_u8';
export { conv2d_s16 } from './kernels/conv2d_s16';
export { rescale_i32 } from './kernels/rescale_i32';
export { rescaled_product_i32 } from './kernels/rescaled_product_i32';
export { linear_rows_s8 } from './kernels/linear_rows_s8';
export { lstm_s8 } from './kernels/lstm_s8';
export { softmax_s16 } from './kernels/softmax_s16';
