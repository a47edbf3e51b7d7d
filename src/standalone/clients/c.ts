import type { DType } from '../../core/dtype.ts';
import { type ClientModel, describe, GENERATED, METHOD_COMMENTS } from './model.ts';

const types: Readonly<Record<DType, string>> = { f32: 'float', i32: 'int32_t', i8: 'int8_t', u8: 'uint8_t', bool: 'uint8_t' };

/** A C header: where the tensors lie in the module's memory, for hosts such as wasm2c, WAMR and wasm3. */
export function cHeader(
  { name, methods, separateWeights }: ClientModel,
  program: { readonly state: { readonly address: number; readonly bytes: number } },
): string {
  const upper = name.toUpperCase();
  const tensors = methods.flatMap(({ name: method, inputs, outputs }) => [
    `/* ${METHOD_COMMENTS[method]} Exported as "${method}". */`,
    ...[...inputs.map((tensor) => ({ tensor, kind: 'input' })), ...outputs.map((tensor) => ({ tensor, kind: 'output' }))].flatMap(
      ({ tensor, kind }) => {
        const prefix = `${upper}_${method}_${tensor.name}`.toUpperCase();
        return [
          `/* ${kind} ${tensor.index}: ${describe(tensor)}${kind === 'input' && tensor.optional ? '; has a value already' : ''} */`,
          `#define ${prefix}_ADDRESS ${tensor.address}u`,
          `#define ${prefix}_LENGTH ${tensor.length}u`,
          `static inline ${types[tensor.dtype]} *${name}_${method}_${tensor.name}(void *memory) {`,
          `  return (${types[tensor.dtype]} *)((uint8_t *)memory + ${prefix}_ADDRESS);`,
          '}',
          '',
        ];
      },
    ),
  ]);
  return `/* The model in ${name}.wasm. ${GENERATED}
 *
 * The module imports nothing and exports its memory, whose size never changes. Get the address of the memory from the host, write the
 * inputs, call the method, read the outputs. Functions below assume a little-endian host. */
#ifndef THIMBLE_${upper}_H
#define THIMBLE_${upper}_H

#include <stdint.h>

/* What abi_version() gives. */
#define ${upper}_ABI_VERSION 1

/* What input(method, index), output(method, index) and state(index) give the address of. dtype: 0 f32, 1 i32, 2 i8, 3 u8, 4 bool. */
#ifndef THIMBLE_TENSOR
#define THIMBLE_TENSOR
typedef struct thimble_tensor {
  uint32_t data;
  uint32_t bytes;
  uint32_t dtype;
  uint32_t rank;
  uint32_t shape;
  uint32_t name;
} thimble_tensor;
#endif

/* Everything that training and running change: copy the bytes to save it, overwrite them to restore it. */
#define ${upper}_STATE_ADDRESS ${program.state.address}u
#define ${upper}_STATE_BYTES ${program.state.bytes}u

${separateWeights ? `/* The contents of ${name}.weights belong at weights_data(), before anything runs. */\n\n` : ''}${tensors.join('\n')}
#endif
`;
}
