import type { DType } from '../../core/dtype.ts';
import { type ClientModel, type ClientTensor, describe, GENERATED, METHOD_COMMENTS, pascal } from './model.ts';

const types: Readonly<Record<DType, string>> = { f32: 'f32', i32: 'i32', i8: 'i8', u8: 'u8', bool: 'u8' };

/** A Rust module for wasmtime. */
export function rustClient({ name, methods, separateWeights }: ClientModel): string {
  const parameter = ({ name: label, dtype, optional }: ClientTensor) =>
    optional ? `${label}: Option<&[${types[dtype]}]>` : `${label}: &[${types[dtype]}]`;
  const results = methods.map(({ name: method, outputs }) =>
    [
      '#[derive(Debug, Clone)]',
      `pub struct ${pascal(method)}Outputs {`,
      ...outputs.map((tensor) => `    /// ${describe(tensor)}\n    pub ${tensor.name}: Vec<${types[tensor.dtype]}>,`),
      '}',
    ].join('\n'),
  );
  const members = methods.map(({ name: method, number, inputs, outputs }) =>
    [
      `    /// ${METHOD_COMMENTS[method]}`,
      ...(inputs.length ? ['    ///'] : []),
      ...inputs.map(
        (tensor) => `    /// - \`${tensor.name}\`: ${describe(tensor)}${tensor.optional ? '; `None` keeps what the module has' : ''}`,
      ),
      `    pub fn ${method}(&mut self${inputs.map((tensor) => `, ${parameter(tensor)}`).join('')}) -> Result<${pascal(method)}Outputs> {`,
      ...inputs.map((tensor) => {
        const write = `self.write(${number}, ${tensor.index}, ${tensor.length}, ${tensor.optional ? 'values' : tensor.name})?;`;
        return tensor.optional ? `        if let Some(values) = ${tensor.name} {\n            ${write}\n        }` : `        ${write}`;
      }),
      `        self.run("${method}")?;`,
      `        Ok(${pascal(method)}Outputs {`,
      ...outputs.map((tensor) => `            ${tensor.name}: self.read(${number}, ${tensor.index}, ${tensor.length})?,`),
      '        })',
      '    }',
    ].join('\n'),
  );
  return `//! The model in ${name}.wasm, run by wasmtime. ${GENERATED}
#![allow(dead_code)]

use wasmtime::{Engine, Instance, Memory, Module, Result, Store};

${results.join('\n\n')}

/// An instance of the module.
pub struct ${pascal(name)} {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl ${pascal(name)} {
    /// Instantiates the module: \`wasm\` are the contents of ${name}.wasm${separateWeights ? `, \`weights\` those of ${name}.weights` : ''}.
    pub fn new(engine: &Engine, wasm: &[u8]${separateWeights ? ', weights: &[u8]' : ''}) -> Result<Self> {
        let module = Module::new(engine, wasm)?;
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let memory = instance
            .get_memory(&mut store, "memory")
            .ok_or_else(|| error("the module exports no memory".into()))?;
        let mut model = Self { store, instance, memory };
        if model.number("abi_version")? != 1 {
            return Err(error("${name}.wasm has another ABI than this client".into()));
        }
${separateWeights ? '        model.fill("weights", weights)?;\n' : ''}        Ok(model)
    }

${members.join('\n\n')}

    /// Everything that training and running change, as a copy.
    pub fn state(&mut self) -> Result<Vec<u8>> {
        let start = self.number("state_data")? as usize;
        let size = self.number("state_bytes")? as usize;
        Ok(self.memory.data(&self.store)[start..start + size].to_vec())
    }

    /// Puts back what \`state\` gave.
    pub fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.fill("state", state)
    }
${
  separateWeights
    ? ''
    : `
    /// Puts the state back to what the module was made with.
    pub fn reset(&mut self) -> Result<()> {
        self.run("reset")
    }
`
}
    fn run(&mut self, name: &str) -> Result<()> {
        let function = self.instance.get_typed_func::<(), ()>(&mut self.store, name)?;
        function.call(&mut self.store, ())
    }

    fn number(&mut self, name: &str) -> Result<u32> {
        let function = self.instance.get_typed_func::<(), u32>(&mut self.store, name)?;
        function.call(&mut self.store, ())
    }

    fn fill(&mut self, what: &str, data: &[u8]) -> Result<()> {
        let start = self.number(&format!("{what}_data"))? as usize;
        let size = self.number(&format!("{what}_bytes"))? as usize;
        if size != data.len() {
            return Err(error(format!("{what}: {} bytes, not {size}", data.len())));
        }
        self.memory.data_mut(&mut self.store)[start..start + size].copy_from_slice(data);
        Ok(())
    }

    fn data(&mut self, table: &str, method: u32, index: u32) -> Result<usize> {
        let function = self.instance.get_typed_func::<(u32, u32), u32>(&mut self.store, table)?;
        let tensor = function.call(&mut self.store, (method, index))? as usize;
        let bytes = &self.memory.data(&self.store)[tensor..tensor + 4];
        Ok(u32::from_le_bytes(bytes.try_into().expect("four bytes")) as usize)
    }

    fn write<T: Element>(&mut self, method: u32, index: u32, length: usize, values: &[T]) -> Result<()> {
        if values.len() != length {
            return Err(error(format!("input {index}: {} elements, not {length}", values.len())));
        }
        let start = self.data("input", method, index)?;
        let target = &mut self.memory.data_mut(&mut self.store)[start..start + length * T::BYTES];
        for (value, bytes) in values.iter().zip(target.chunks_exact_mut(T::BYTES)) {
            value.put(bytes);
        }
        Ok(())
    }

    fn read<T: Element>(&mut self, method: u32, index: u32, length: usize) -> Result<Vec<T>> {
        let start = self.data("output", method, index)?;
        let source = &self.memory.data(&self.store)[start..start + length * T::BYTES];
        Ok(source.chunks_exact(T::BYTES).map(T::get).collect())
    }
}

fn error(message: String) -> wasmtime::Error {
    wasmtime::Error::msg(message)
}

trait Element: Copy {
    const BYTES: usize;
    fn put(self, bytes: &mut [u8]);
    fn get(bytes: &[u8]) -> Self;
}

macro_rules! elements {
    ($($type:ty),*) => {$(
        impl Element for $type {
            const BYTES: usize = std::mem::size_of::<$type>();
            fn put(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }
            fn get(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().expect("the bytes of one element"))
            }
        }
    )*};
}

elements!(f32, i32, i8, u8);
`;
}
