import type { DType } from '../../core/dtype.ts';
import { type ClientModel, describe, GENERATED, METHOD_COMMENTS, pascal } from './model.ts';

const dtypes: Readonly<Record<DType, string>> = { f32: 'float32', i32: 'int32', i8: 'int8', u8: 'uint8', bool: 'bool_' };

/** A Python module for wasmtime and NumPy. */
export function pythonClient({ name, methods, separateWeights }: ClientModel): string {
  const results = methods.map(({ name: method, outputs }) =>
    [
      `class ${pascal(`${method}_outputs`)}(NamedTuple):`,
      ...outputs.map((tensor) => `    ${tensor.name}: np.ndarray\n    """${describe(tensor)}"""`),
    ].join('\n'),
  );
  const members = methods.map(({ name: method, number, inputs, outputs }) =>
    [
      `    def ${method}(self${inputs.map((tensor) => `, ${tensor.name}${tensor.optional ? '=None' : ''}`).join('')}) -> ${pascal(`${method}_outputs`)}:`,
      `        """${METHOD_COMMENTS[method]}`,
      '',
      ...inputs.map((tensor) => `        ${tensor.name}: ${describe(tensor)}`),
      '        """',
      ...inputs.map((tensor) => {
        const write = `self._write(${number}, ${tensor.index}, np.${dtypes[tensor.dtype]}, (${tensor.shape.map((n) => `${n},`).join(' ')}), ${tensor.name})`;
        return tensor.optional ? `        if ${tensor.name} is not None:\n            ${write}` : `        ${write}`;
      }),
      `        self._call("${method}")`,
      `        return ${pascal(`${method}_outputs`)}(`,
      ...outputs.map(
        (tensor) =>
          `            self._read(${number}, ${tensor.index}, np.${dtypes[tensor.dtype]}, (${tensor.shape.map((n) => `${n},`).join(' ')})),`,
      ),
      '        )',
    ].join('\n'),
  );
  return `"""The model in ${name}.wasm, run by wasmtime. ${GENERATED}"""

from typing import NamedTuple

import numpy as np
import wasmtime


${results.join('\n\n\n')}


class ${pascal(name)}:
    def __init__(self, wasm: bytes${separateWeights ? ', weights: bytes' : ''}, engine: wasmtime.Engine | None = None):
        """wasm: contents of ${name}.wasm${separateWeights ? `; weights: contents of ${name}.weights` : ''}"""
        engine = engine or wasmtime.Engine()
        self._store = wasmtime.Store(engine)
        instance = wasmtime.Instance(self._store, wasmtime.Module(engine, wasm), [])
        self._exports = instance.exports(self._store)
        self._memory = self._exports["memory"]
        if self._call("abi_version") != 1:
            raise ValueError("${name}.wasm has another ABI than this client")
${
  separateWeights
    ? `        if len(weights) != self._call("weights_bytes"):
            raise ValueError(f"weights: {len(weights)} bytes, not {self._call('weights_bytes')}")
        self._memory.write(self._store, weights, self._call("weights_data"))
`
    : ''
}
${members.join('\n\n')}

    @property
    def state(self) -> bytes:
        """Everything that training and running change, as a copy."""
        start = self._call("state_data")
        return bytes(self._memory.read(self._store, start, start + self._call("state_bytes")))

    def restore(self, state: bytes) -> None:
        """Puts back what \`state\` gave."""
        if len(state) != self._call("state_bytes"):
            raise ValueError(f"state: {len(state)} bytes, not {self._call('state_bytes')}")
        self._memory.write(self._store, state, self._call("state_data"))
${
  separateWeights
    ? ''
    : `
    def reset(self) -> None:
        """Puts the state back to what the module was made with."""
        self._call("reset")
`
}
    def _call(self, name, *arguments):
        return self._exports[name](self._store, *arguments)

    def _address(self, tensor):
        return int.from_bytes(self._memory.read(self._store, tensor, tensor + 4), "little")

    def _write(self, method, index, dtype, shape, values):
        data = np.ascontiguousarray(values, dtype=dtype)
        if data.size != np.prod(shape, dtype=int):
            raise ValueError(f"input {index} has shape {data.shape}, not {shape}")
        self._memory.write(self._store, data.tobytes(), self._address(self._call("input", method, index)))

    def _read(self, method, index, dtype, shape):
        start = self._address(self._call("output", method, index))
        size = int(np.prod(shape, dtype=int)) * np.dtype(dtype).itemsize
        return np.frombuffer(bytes(self._memory.read(self._store, start, start + size)), dtype).reshape(shape)
`;
}
