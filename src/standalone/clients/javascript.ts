import type { DType } from '../../core/dtype.ts';
import { type ClientModel, type ClientTensor, camel, describe, GENERATED, METHOD_COMMENTS, pascal } from './model.ts';

const arrays: Readonly<Record<DType, string>> = {
  f32: 'Float32Array',
  i32: 'Int32Array',
  i8: 'Int8Array',
  u8: 'Uint8Array',
  bool: 'Uint8Array',
};

/** An ES module with a class for the module; no dependencies. */
export function javascriptClient({ name, methods, separateWeights }: ClientModel): string {
  const members = methods.map((method) => {
    const parameter = (tensor: ClientTensor) =>
      ` * @param {${arrays[tensor.dtype]}} ${tensor.optional ? `[feeds.${camel(tensor.name)}]` : `feeds.${camel(tensor.name)}`} ${describe(tensor)}`;
    const outputs = method.outputs.map((tensor) => `${camel(tensor.name)}: ${arrays[tensor.dtype]}`).join(', ');
    const writes = method.inputs.map((tensor) => {
      const write = `this.#write(${method.number}, ${tensor.index}, ${arrays[tensor.dtype]}, ${tensor.length}, feeds.${camel(tensor.name)});`;
      return tensor.optional ? `    if (feeds.${camel(tensor.name)} !== undefined) ${write}` : `    ${write}`;
    });
    const reads = method.outputs.map(
      (tensor) => `      ${camel(tensor.name)}: this.#read(${method.number}, ${tensor.index}, ${arrays[tensor.dtype]}, ${tensor.length}),`,
    );
    return [
      '  /**',
      `   * ${METHOD_COMMENTS[method.name]}`,
      ...(method.inputs.length ? ['   * @param {object} feeds'] : []),
      ...method.inputs.map((tensor) => `  ${parameter(tensor)}`),
      `   * @returns {{ ${outputs} }} copies`,
      '   */',
      `  ${camel(method.name)}(${method.inputs.length ? 'feeds' : ''}) {`,
      ...writes,
      `    this.#exports.${method.name}();`,
      '    return {',
      ...reads,
      '    };',
      '  }',
      '',
    ].join('\n');
  });
  const weights = separateWeights
    ? `    if (weights.length !== exports.weights_bytes()) throw new RangeError(\`weights: \${weights.length} bytes, not \${exports.weights_bytes()}\`);
    new Uint8Array(exports.memory.buffer, exports.weights_data(), weights.length).set(weights);
`
    : '';
  const reset = separateWeights
    ? ''
    : `  /** Puts the state back to what the module was made with. */
  reset() {
    this.#exports.reset();
  }

`;
  return `// ${GENERATED}

/** The model in ${name}.wasm. */
export class ${pascal(name)} {
  #exports;

  /** @param {WebAssembly.Instance} instance */
  constructor(instance${separateWeights ? ', weights' : ''}) {
    const { exports } = instance;
    if (exports.abi_version() !== 1) throw new Error('${name}.wasm has another ABI than this client');
${weights}    this.#exports = exports;
  }

  /** @param {BufferSource | WebAssembly.Module} wasm the module or its bytes${separateWeights ? `\n   *  @param {Uint8Array} weights contents of ${name}.weights` : ''} */
  static async load(wasm${separateWeights ? ', weights' : ''}) {
    const module = wasm instanceof WebAssembly.Module ? wasm : await WebAssembly.compile(wasm);
    return new ${pascal(name)}(await WebAssembly.instantiate(module, {})${separateWeights ? ', weights' : ''});
  }

${members.join('\n')}
  /** Everything that training and running change: copy it to save it. A view, not a copy. */
  get state() {
    return new Uint8Array(this.#exports.memory.buffer, this.#exports.state_data(), this.#exports.state_bytes());
  }

  /** Puts back what \`state\` gave. */
  restore(bytes) {
    if (bytes.length !== this.#exports.state_bytes()) throw new RangeError(\`state: \${bytes.length} bytes, not \${this.#exports.state_bytes()}\`);
    this.state.set(bytes);
  }

${reset}  #write(method, index, Data, length, values) {
    if (values?.length !== length) throw new RangeError(\`input \${index}: \${values?.length} elements, not \${length}\`);
    this.#view(this.#exports.input(method, index), Data, length).set(values);
  }

  #read(method, index, Data, length) {
    return this.#view(this.#exports.output(method, index), Data, length).slice();
  }

  #view(tensor, Data, length) {
    const { buffer } = this.#exports.memory;
    return new Data(buffer, new DataView(buffer).getUint32(tensor, true), length);
  }
}
`;
}
