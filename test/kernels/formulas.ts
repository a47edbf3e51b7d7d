// Float64 formulas of the element-wise kernels and their slopes.

/** Error function: Maclaurin series below 3, continued fraction (Lentz) of erfc above. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (!(a < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  if (a < 3) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-20 * Math.abs(sum); n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  return Math.sign(x) * (1 - erfc(a));
}

/** 1 - erf(x), for x >= 0.5 to full relative precision. */
export function erfc(x: number): number {
  if (x < 2) return 1 - erf(x);
  let fraction = 0;
  for (let n = 120; n > 0; n--) fraction = n / 2 / (x + fraction);
  return Math.exp(-x * x) / ((x + fraction) * Math.sqrt(Math.PI));
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const cdf = (x: number) => (x < 0 ? 0.5 * erfc(-x / Math.SQRT2) : 0.5 * (1 + erf(x / Math.SQRT2)));
const pdf = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
const inner = (x: number) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
const SELU = { alpha: Math.fround(1.6732632423543772), beta: Math.fround(1.0507009873554805) };
const SIXTH = Math.fround(1 / 6);
const ramp = (x: number, alpha: number, beta: number) => Math.min(Math.max(alpha * x + beta, 0), 1);

export interface UnaryReference {
  readonly f: (x: number) => number;
  readonly alpha?: number;
  readonly beta?: number;
}

export const unary = {
  neg_f32: { f: (x) => -x },
  abs_f32: { f: Math.abs },
  exp_f32: { f: Math.exp },
  log_f32: { f: Math.log },
  sqrt_f32: { f: Math.sqrt },
  square_f32: { f: (x) => x * x },
  reciprocal_f32: { f: (x) => 1 / x },
  sign_f32: { f: (x) => (Number.isNaN(x) ? 0 : Math.sign(x)) },
  erf_f32: { f: erf },
  relu_f32: { f: (x) => Math.max(x, 0) },
  clip_f32: { f: (x) => Math.min(Math.max(x, -1), 1.5), alpha: -1, beta: 1.5 },
  leaky_relu_f32: { f: (x) => (x > 0 ? x : x * 0.125), alpha: 0.125 },
  elu_f32: { f: (x) => (x > 0 ? x : 0.75 * Math.expm1(x)), alpha: 0.75 },
  selu_f32: { f: (x) => SELU.beta * (x > 0 ? x : SELU.alpha * Math.expm1(x)), ...SELU },
  sigmoid_f32: { f: sigmoid },
  tanh_f32: { f: Math.tanh },
  softplus_f32: { f: softplus },
  softsign_f32: { f: (x) => x / (1 + Math.abs(x)) },
  gelu_f32: { f: (x) => x * cdf(x) },
  gelu_tanh_f32: { f: (x) => x * sigmoid(2 * inner(x)) },
  silu_f32: { f: (x) => x * sigmoid(x) },
  hard_sigmoid_f32: { f: (x) => ramp(x, SIXTH, 0.5), alpha: SIXTH, beta: 0.5 },
  hard_swish_f32: { f: (x) => x * ramp(x, SIXTH, 0.5), alpha: 3, beta: 6 },
  mish_f32: { f: (x) => x * Math.tanh(softplus(x)) },
  ceil_f32: { f: Math.ceil },
  floor_f32: { f: Math.floor },
  round_f32: { f: (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x)) },
  sin_f32: { f: Math.sin },
  cos_f32: { f: Math.cos },
  tan_f32: { f: Math.tan },
  asin_f32: { f: Math.asin },
  acos_f32: { f: Math.acos },
  atan_f32: { f: Math.atan },
  sinh_f32: { f: Math.sinh },
  cosh_f32: { f: Math.cosh },
  asinh_f32: { f: Math.asinh },
  acosh_f32: { f: Math.acosh },
  atanh_f32: { f: Math.atanh },
} satisfies Record<string, UnaryReference>;

export interface GradReference extends UnaryReference {
  /** df/dx at the input. */
  readonly slope: (x: number) => number;
  /** Whether the kernel takes the output in place of the input. */
  readonly fromOutput?: boolean;
}

const mishGate = (x: number) => Math.tanh(softplus(x));

export const gradients = {
  relu_f32_grad: { ...unary.relu_f32, slope: (x) => (x > 0 ? 1 : 0), fromOutput: true },
  clip_f32_grad: { ...unary.clip_f32, slope: (x) => (x > -1 && x < 1.5 ? 1 : 0), fromOutput: true },
  leaky_relu_f32_grad: { ...unary.leaky_relu_f32, slope: (x) => (x > 0 ? 1 : 0.125) },
  elu_f32_grad: { ...unary.elu_f32, slope: (x) => (x > 0 ? 1 : 0.75 * Math.exp(x)) },
  selu_f32_grad: { ...unary.selu_f32, slope: (x) => SELU.beta * (x > 0 ? 1 : SELU.alpha * Math.exp(x)) },
  sigmoid_f32_grad: { ...unary.sigmoid_f32, slope: (x) => sigmoid(x) * sigmoid(-x), fromOutput: true },
  tanh_f32_grad: { ...unary.tanh_f32, slope: (x) => 1 - Math.tanh(x) ** 2, fromOutput: true },
  sqrt_f32_grad: { ...unary.sqrt_f32, slope: (x) => 0.5 / Math.sqrt(x), fromOutput: true },
  erf_f32_grad: { ...unary.erf_f32, slope: (x) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) },
  softplus_f32_grad: { ...unary.softplus_f32, slope: sigmoid },
  softsign_f32_grad: { ...unary.softsign_f32, slope: (x) => 1 / (1 + Math.abs(x)) ** 2 },
  gelu_f32_grad: { ...unary.gelu_f32, slope: (x) => cdf(x) + x * pdf(x) },
  gelu_tanh_f32_grad: {
    ...unary.gelu_tanh_f32,
    slope: (x) => {
      const t = Math.tanh(inner(x));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
    },
  },
  silu_f32_grad: { ...unary.silu_f32, slope: (x) => sigmoid(x) * (1 + x * sigmoid(-x)) },
  hard_sigmoid_f32_grad: { ...unary.hard_sigmoid_f32, slope: (x) => (Math.abs(x) < 3 ? SIXTH : 0) },
  hard_swish_f32_grad: { ...unary.hard_swish_f32, alpha: SIXTH, beta: 0.5, slope: (x) => (x >= 3 ? 1 : x <= -3 ? 0 : 2 * SIXTH * x + 0.5) },
  mish_f32_grad: { ...unary.mish_f32, slope: (x) => mishGate(x) + x * (1 - mishGate(x) ** 2) * sigmoid(x) },
} satisfies Record<string, GradReference>;
