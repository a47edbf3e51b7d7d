/** The WASI command that is linked into modules: assembly/wasi. */
export const commandBytes = async (): Promise<Uint8Array<ArrayBuffer>> => (await import('../../dist/standalone/wasi.wasm')).default;
