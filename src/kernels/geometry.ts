/** The fields of a record that describe a convolution. */
export const geometry = {
  batch: 'u32',
  inHeight: 'u32',
  inWidth: 'u32',
  inChannels: 'u32',
  outHeight: 'u32',
  outWidth: 'u32',
  outChannels: 'u32',
  kernelHeight: 'u32',
  kernelWidth: 'u32',
  strideY: 'u32',
  strideX: 'u32',
  dilationY: 'u32',
  dilationX: 'u32',
  padTop: 'i32',
  padLeft: 'i32',
  groups: 'u32',
} as const;

/** A convolution in numbers. */
export type Geometry = { readonly [Field in keyof typeof geometry]: number };
